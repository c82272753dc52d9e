"""The synthetic tasks, in the image of NOSS.

Each maker fills one clip; sets.py decides which.
"""

from dataclasses import dataclass

import numpy as np

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora.synthetic.effects import Rng, breathe, fit, record, shake, tilt, wear_mask
from frill.corpora.synthetic.sounds import MAKERS, whispering
from frill.corpora.synthetic.voices import (
    TASK_LANGUAGES,
    Person,
    list_people,
    list_sentences,
    list_variants,
    make_person,
    pick,
    read_lines,
    say,
)

# So that a linear probe of log-mel statistics gets 40 to 70 %: room to tell representations apart.
# Measured at seed 0.
SNR_DB = {
    "keyword": (15, 35),
    "language": (15, 35),
    "speaker": (10, 30),
    "emotion": (20, 40),
    "mask": (20, 40),
    "human_sounds": (-5, 15),
}
CLIP_S = (1.5, 2.5)
KEYWORD_S = 1.0
KEYWORD_JITTER_S = 0.05
SPEAKERS = 24  # one of each variant, none of which is heard in the distillation set


@dataclass(frozen=True)
class Prosody:
    """How an emotion differs from a neutral voice.

    `pace` is a factor; `pitch` and `pitch_range` are offsets on eSpeak's 0..99 scales; `tilt_db` is
    dB an octave; `tremor` and `breath` are 0..1.
    """

    pace: float
    pitch: float
    pitch_range: float
    level_db: float
    tilt_db: float
    tremor: float
    breath: float

    def jitter(self, rng: Rng) -> "Prosody":
        """Draw one utterance's: nobody does it the same way twice, and the classes overlap."""
        return Prosody(
            self.pace * np.exp(rng.normal(0, 0.04)),
            self.pitch + rng.normal(0, 5),
            self.pitch_range + rng.normal(0, 8),
            self.level_db + rng.normal(0, 2),
            self.tilt_db + rng.normal(0, 0.7),
            max(0, self.tremor + rng.normal(0, 0.04)),
            max(0, self.breath + rng.normal(0, 0.05)),
        )


EMOTIONS = {
    "angry": Prosody(1.5, 10, 65, 3, 1.5, 0.0, 0.0),
    "disgust": Prosody(0.8, -15, 90, 0, -0.5, 0.3, 0.0),
    "fear": Prosody(1.3, 28, 20, -1, 0.5, 0.8, 0.2),
    "happy": Prosody(1.1, 28, 99, 2, 1.0, 0.0, 0.0),
    "neutral": Prosody(1.0, 0, 40, 0, 0.0, 0.0, 0.0),
    "sad": Prosody(0.55, -15, 10, -3, -1.5, 0.5, 0.2),
}


def express(
    who: Person,
    text: str,
    prosody: Prosody,
    rng: Rng,
    language: str = "en",
) -> np.ndarray:
    """Say `text` with the given prosody: float32 [samples], 16 kHz."""
    voice = say(who, text, language, prosody.pace, prosody.pitch, prosody.pitch_range)
    voice = shake(tilt(voice, prosody.tilt_db), prosody.tremor, rng.uniform(5, 8))
    return breathe(voice, rng, prosody.breath)


def _draw_size(rng: Rng) -> int:
    return round(rng.uniform(*CLIP_S) * SAMPLE_RATE_HZ)


def _fit_clip(voice: np.ndarray, rng: Rng) -> np.ndarray:
    return fit(voice, _draw_size(rng), rng)


@dataclass(frozen=True)
class Recording:
    """What a maker returns: int16 [samples], who is heard, and what they say or do."""

    samples: np.ndarray
    who: Person
    language: str
    said: str


def make_keyword(rng: Rng, label: str, split: str) -> Recording:
    """Record a command word in noise (Speech Commands).

    Synthetic: one pronunciation a word; voices differ in tract, pitch and pace.
    """
    who = pick(rng, list_people(split))
    pace = rng.uniform(0.8, 1.25)
    shift = rng.normal(0, 8)
    word = say(who, label, "en", pace, shift, rng.uniform(20, 80))
    return Recording(record(_centre(word, rng), rng, SNR_DB["keyword"]), who, "en", label)


def _centre(word: np.ndarray, rng: Rng) -> np.ndarray:
    """Place the word in the middle of a clip of KEYWORD_S, give or take KEYWORD_JITTER_S.

    Speech Commands' were cut so.
    """
    slack = round(KEYWORD_S * SAMPLE_RATE_HZ) - len(word)
    if slack < 0:
        return word[-slack // 2 :][: len(word) + slack]
    jitter = rng.uniform(-KEYWORD_JITTER_S, KEYWORD_JITTER_S) * SAMPLE_RATE_HZ
    before = int(np.clip(slack / 2 + jitter, 0, slack))
    return np.pad(word, (before, slack - before))


def make_language(rng: Rng, label: str, split: str) -> Recording:
    """Record a piece of a sentence (VoxForge).

    Synthetic: rules of pronunciation, and the same voices in every language.
    """
    who = pick(rng, list_people(split))
    text = pick(rng, list_sentences(label, split))
    voice = _say_calmly(rng, who, text, label)
    return Recording(record(_fit_clip(voice, rng), rng, SNR_DB["language"]), who, label, text)


def _say_calmly(rng: Rng, who: Person, text: str, language: str) -> np.ndarray:
    pace = rng.uniform(0.9, 1.15)
    shift = rng.normal(0, 5)
    return say(who, text, language, pace, shift, rng.uniform(35, 65))


def make_speaker(rng: Rng, label: str, split: str) -> Recording:
    """Record a piece of a sentence by one of 24 people (VoxCeleb).

    Synthetic: a person is a formant set, a tract, a pitch and a pace.
    """
    variant, number = label.rsplit("-", 1)
    who = make_person(variant, int(number))
    text = pick(rng, list_sentences("en", split))
    pace = rng.uniform(0.85, 1.2)
    shift = rng.normal(0, 10)
    voice = say(who, text, "en", pace, shift, rng.uniform(20, 80))
    return Recording(record(_fit_clip(voice, rng), rng, SNR_DB["speaker"]), who, "en", text)


def make_emotion(rng: Rng, label: str, split: str) -> Recording:
    """Record a piece of a sentence in one of six moods (CREMA-D).

    Synthetic: a mood is a Prosody, jittered so that moods overlap.
    """
    who = pick(rng, list_people(split))
    text = pick(rng, list_sentences("en", split))
    prosody = EMOTIONS[label].jitter(rng)
    voice = _fit_clip(express(who, text, prosody, rng), rng)
    samples = record(voice, rng, SNR_DB["emotion"], prosody.level_db)
    return Recording(samples, who, "en", text)


def make_mask(rng: Rng, label: str, split: str) -> Recording:
    """Record a piece of a sentence with or without a surgical mask (MASC).

    Synthetic: the mask is a filter, the microphone's channel another of much the same size. So it
    is not among the default's tasks: statistics of log-mel tell masks as well as a trained teacher.
    """
    who = pick(rng, list_people(split))
    text = pick(rng, list_sentences("de", split))
    voice = _say_calmly(rng, who, text, "de")
    if label == "mask":
        voice = wear_mask(voice, rng)
    samples = record(_fit_clip(voice, rng), rng, SNR_DB["mask"])
    return Recording(samples, who, "de", text)


def make_human_sound(rng: Rng, label: str, split: str) -> Recording:
    """Record a sound without words (ESC-50's human sounds).

    Synthetic: noise, pulses and resonances; laughs and whispers by eSpeak.
    """
    who = pick(rng, list_people(split))
    size = _draw_size(rng)
    if label == "whispering":
        sound = whispering(rng, who, size, split)
    else:
        sound = MAKERS[label](rng, who, size)
    return Recording(record(sound, rng, SNR_DB["human_sounds"]), who, "en", label)


UNHEARD = [*list_variants("validation"), *list_variants("test")]
SPEAKER_NAMES = [make_person(variant, 0).name for variant in UNHEARD[:SPEAKERS]]
TASKS = {  # name: (maker, labels)
    "keyword": (make_keyword, read_lines("keywords_en")),
    "language": (make_language, list(TASK_LANGUAGES)),
    "speaker": (make_speaker, SPEAKER_NAMES),
    "emotion": (make_emotion, list(EMOTIONS)),
    "mask": (make_mask, ["clear", "mask"]),
    "human_sounds": (make_human_sound, list(MAKERS)),
}

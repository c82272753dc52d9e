"""The six tasks of the synthetic default, in the image of NOSS. Each maker fills one clip; sets.py decides
which.
"""

from dataclasses import dataclass

import numpy as np

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora.synthetic.effects import breathe, fit, record, tilt, tremor, wear_mask
from frill.corpora.synthetic.espeak import Synthesizer
from frill.corpora.synthetic.sounds import MAKERS, whispering
from frill.corpora.synthetic.voices import (
    TASK_LANGUAGES,
    Person,
    lines,
    people,
    person,
    pick,
    say,
    sentences,
    variants,
)

# So that a linear probe of log-mel statistics gets 40 to 70 %: room to tell representations apart. Measured at seed 0.
SNR_DB = {
    "keyword": (15, 35),
    "language": (15, 35),
    "speaker": (10, 30),
    "emotion": (20, 40),
    "mask": (20, 40),
}
SNR_DB |= {"human_sounds": (-5, 15)}
CLIP_S = (1.5, 2.5)
KEYWORD_S, KEYWORD_JITTER_S = 1.0, 0.05
SPEAKERS = 24  # one of each variant
Rng = np.random.Generator


@dataclass(frozen=True)
class Prosody:
    """How an emotion differs from a neutral voice: factors, offsets on eSpeak's 0..99 scales, dB, dB an octave,
    0..1.
    """

    pace: float
    pitch: float
    pitch_range: float
    level_db: float
    tilt_db: float
    tremor: float
    breath: float

    def jittered(self, rng: Rng) -> "Prosody":
        """One utterance's: nobody does it the same way twice, and the classes overlap."""
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
    synthesizer: Synthesizer,
    who: Person,
    text: str,
    prosody: Prosody,
    rng: Rng,
    language: str = "en",
) -> np.ndarray:
    """`text` said with the given prosody: float32 [samples], 16 kHz."""
    voice = say(synthesizer, who, text, language, prosody.pace, prosody.pitch, prosody.pitch_range)
    return breathe(
        tremor(tilt(voice, prosody.tilt_db), prosody.tremor, rng.uniform(5, 8)), rng, prosody.breath
    )


def clip_size(rng: Rng) -> int:
    """Draw a length in samples."""
    return round(rng.uniform(*CLIP_S) * SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class Made:
    """What a maker returns: int16 [samples], who is heard, and what they say or do."""

    samples: np.ndarray
    who: Person
    language: str
    said: str


def keyword(synthesizer: Synthesizer, rng: Rng, label: str, split: str) -> Made:
    """A command word in noise (Speech Commands). Synthetic: one pronunciation a word; voices differ in tract, pitch and
    pace.
    """
    who = pick(rng, people(split))
    word = say(
        synthesizer, who, label, "en", rng.uniform(0.8, 1.25), rng.normal(0, 8), rng.uniform(20, 80)
    )
    return Made(record(_centred(word, rng), rng, SNR_DB["keyword"]), who, "en", label)


def _centred(word: np.ndarray, rng: Rng) -> np.ndarray:
    """The word in the middle of a clip of KEYWORD_S, give or take KEYWORD_JITTER_S, as Speech Commands' were cut."""
    slack = round(KEYWORD_S * SAMPLE_RATE_HZ) - len(word)
    if slack < 0:
        return word[-slack // 2 :][: len(word) + slack]
    jitter = rng.uniform(-KEYWORD_JITTER_S, KEYWORD_JITTER_S) * SAMPLE_RATE_HZ
    before = int(np.clip(slack / 2 + jitter, 0, slack))
    return np.pad(word, (before, slack - before))


def language(synthesizer: Synthesizer, rng: Rng, label: str, split: str) -> Made:
    """A piece of a sentence (VoxForge). Synthetic: rules of pronunciation, and the same voices in every language."""
    who, text = pick(rng, people(split)), pick(rng, sentences(label, split))
    voice = say(
        synthesizer, who, text, label, rng.uniform(0.9, 1.15), rng.normal(0, 5), rng.uniform(35, 65)
    )
    return Made(record(fit(voice, clip_size(rng), rng), rng, SNR_DB["language"]), who, label, text)


def speaker(synthesizer: Synthesizer, rng: Rng, label: str, split: str) -> Made:
    """A piece of a sentence by one of 24 people (VoxCeleb). Synthetic: a person is a formant set, a tract, a pitch and
    a pace.
    """
    variant, number = label.rsplit("-", 1)
    who, text = person(variant, int(number)), pick(rng, sentences("en", split))
    voice = say(
        synthesizer, who, text, "en", rng.uniform(0.85, 1.2), rng.normal(0, 10), rng.uniform(20, 80)
    )
    return Made(record(fit(voice, clip_size(rng), rng), rng, SNR_DB["speaker"]), who, "en", text)


def emotion(synthesizer: Synthesizer, rng: Rng, label: str, split: str) -> Made:
    """A piece of a sentence in one of six moods (CREMA-D). Synthetic: a mood is a Prosody, jittered so that moods
    overlap.
    """
    who, text = pick(rng, people(split)), pick(rng, sentences("en", split))
    prosody = EMOTIONS[label].jittered(rng)
    voice = express(synthesizer, who, text, prosody, rng)
    return Made(
        record(fit(voice, clip_size(rng), rng), rng, SNR_DB["emotion"], prosody.level_db),
        who,
        "en",
        text,
    )


def mask(synthesizer: Synthesizer, rng: Rng, label: str, split: str) -> Made:
    """A piece of a sentence with or without a surgical mask (MASC). Synthetic: the mask is a filter, the channel
    another.
    """
    who, text = pick(rng, people(split)), pick(rng, sentences("de", split))
    voice = say(
        synthesizer, who, text, "de", rng.uniform(0.9, 1.15), rng.normal(0, 5), rng.uniform(35, 65)
    )
    voice = wear_mask(voice, rng) if label == "mask" else voice
    return Made(
        record(fit(voice, clip_size(rng), rng), rng, SNR_DB["mask"], channel=2.0), who, "de", text
    )


def human_sounds(synthesizer: Synthesizer, rng: Rng, label: str, split: str) -> Made:
    """A sound without words (ESC-50's human sounds). Synthetic: noise, pulses and resonances; laughs and whispers by
    eSpeak.
    """
    who, size = pick(rng, people(split)), clip_size(rng)
    sound = (
        whispering(synthesizer, rng, who, size, split)
        if label == "whispering"
        else MAKERS[label](synthesizer, rng, who, size)
    )
    return Made(record(sound, rng, SNR_DB["human_sounds"]), who, "en", label)


SPEAKER_NAMES = [person(variant, 0).name for variant in variants("train")[:SPEAKERS]]
TASKS = {  # name: (maker, labels)
    "keyword": (keyword, lines("keywords_en")),
    "language": (language, list(TASK_LANGUAGES)),
    "speaker": (speaker, SPEAKER_NAMES),
    "emotion": (emotion, list(EMOTIONS)),
    "mask": (mask, ["clear", "mask"]),
    "human_sounds": (human_sounds, list(MAKERS)),
}

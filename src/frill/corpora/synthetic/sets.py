"""The embedded default's audio: a distillation set and six labelled tasks, spoken by eSpeak NG and shaped by a little
DSP.

It needs no download and stands in for AudioSet and NOSS: the same stages, the same questions (what was said, in which
language, by whom, in which mood, through what, and is it speech at all), none of the realism. Numbers measured on it
tell whether the pipeline works and how candidates rank on it, not how a model does on people.

    for clip in clips("distillation", seed=0, hours=2.5): ...
    for clip in clips("keyword", seed=0, clips=1200): ...

A clip depends on (seed, set, its index) only: a longer set begins with the shorter one, and two runs give the same
bytes.
"""

import math
import signal
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from zlib import crc32

import numpy as np

from frill.audio.clips import Clip
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora.synthetic.effects import fit, record, wear_mask
from frill.corpora.synthetic.espeak import Synthesizer
from frill.corpora.synthetic.sounds import MAKERS
from frill.corpora.synthetic.tasks import EMOTIONS, TASKS, Made, express
from frill.corpora.synthetic.voices import (
    OTHER_LANGUAGES,
    TASK_LANGUAGES,
    lines,
    person,
    pick,
    say,
    sentences,
    split_of,
    variants,
)

DISTILLATION = "distillation"
SETS = {  # name: what its test split has that its train split has not
    DISTILLATION: "",
    "keyword": "voices",
    "language": "voices and sentences",
    "speaker": "sentences",
    "emotion": "voices and sentences",
    "mask": "voices and sentences",
    "human_sounds": "voices",
}
DISTILLATION_HOURS = 2.5
TASK_CLIPS = 1200
DISTILLATION_S = (3.0, 8.0)
SPEECH_SNR_DB, SOUNDS_SNR_DB = (-5, 40), (-15, 40)  # wider than any task's
# What a distillation clip holds, and how often: the tasks' conditions, in their train splits' voices and texts.
CONTENTS = {"plain": 0.45, "expressive": 0.25, "words": 0.08, "whispering": 0.05, "sounds": 0.17}
LICENCE = "generated"  # nobody recorded it
BATCH = 64  # clips made before the next are handed out
MASKED = 0.15  # of the clips with a voice
UNLIKE_PEOPLE = (
    "klatt",
    "klatt4",
    "UniRobot",
    "robosoft5",
    "croak",
    "announcer",
    "RicishayMax",
    "Tweaky",
)  # in no task


def clips(
    set_name: str,
    seed: int,
    hours: float | None = None,
    clips: int | None = None,
    processes: int = 1,
    start: int = 0,
    start_samples: int = 0,
) -> Iterator[Clip]:
    """The clips of one of SETS, one after another, from number `start` on; those before it have `start_samples` together.

    `distillation` takes `hours` (default 2.5): clips of 3 to 8 s without label or split. A task takes `clips` (default
    1200): clips of 1.0 to 2.5 s, labels and splits (50/20/30 %) balanced exactly when `clips` is a multiple of ten
    times the labels. Raises ValueError (an unknown set, the other set's argument) and espeak.EspeakMissing.
    """
    if message := problem(set_name, "corpus" if set_name == DISTILLATION else "task", hours, clips):
        raise ValueError(message)
    if set_name == DISTILLATION:
        return _distillation(
            seed, DISTILLATION_HOURS if hours is None else hours, processes, start, start_samples
        )
    return _in_order(
        partial(_task_clip, set_name, seed),
        range(start, TASK_CLIPS if clips is None else clips),
        processes,
    )


def problem(set_name: str, use: str, hours: float | None, clips: int | None) -> str:
    """What is wrong with the request for a synthetic set, for the user to read; "" if nothing is."""
    if set_name not in SETS:
        return f"set = {set_name!r}: there is no such synthetic set; there are {', '.join(SETS)}"
    right_use = "corpus" if set_name == DISTILLATION else "task"
    if use != right_use:
        return f"use = {use!r}: the synthetic set {set_name!r} is for use: {right_use}; correct it"
    if hours is not None and set_name != DISTILLATION:
        return f"hours = {hours:g}: the synthetic set {set_name!r} is measured in clips; write clips instead"
    if clips is not None and set_name == DISTILLATION:
        return f"clips = {clips}: the synthetic set {set_name!r} is measured in hours; write hours instead"
    if clips is not None and clips < 10 * len(TASKS[set_name][1]):
        least = 10 * len(TASKS[set_name][1])
        return f"clips = {clips}: the synthetic set {set_name!r} needs {least} or more, ten for each label, so that every split has every label"
    return ""


def _rng(seed: int, set_name: str, index: int) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(set_name.encode()), index])


def _clip(set_name: str, index: int, made: Made, synthesizer: Synthesizer, **fields) -> Clip:
    source = f"espeak-ng {synthesizer.version}: {made.language}+{made.who.variant} '{made.said}'"
    return Clip(
        f"{set_name}-{index:05d}",
        made.samples,
        speaker=made.who.name,
        source=source,
        licence=LICENCE,
        **fields,
    )


def _task_clip(set_name: str, seed: int, index: int) -> Clip:
    synthesizer = Synthesizer()
    make, labels = TASKS[set_name]
    # One block has every label once and belongs to one split.
    block, position = divmod(index, len(labels))
    label, split = labels[position], split_of(block)
    made = make(synthesizer, _rng(seed, set_name, index), label, split)
    return _clip(set_name, index, made, synthesizer, label=label, split=split)


def _distillation(
    seed: int, hours: float, processes: int, start: int, start_samples: int
) -> Iterator[Clip]:
    left = round(hours * 3600 * SAMPLE_RATE_HZ) - start_samples
    # As many as are needed if each has the least length; those behind the last one are never made.
    most = math.ceil(max(0, left) / (DISTILLATION_S[0] * SAMPLE_RATE_HZ))
    for clip in _in_order(partial(_distillation_clip, seed), range(start, start + most), processes):
        yield clip
        left -= len(clip.samples)
        if left <= 0:
            return


def _in_order(make: Callable[[int], Clip], indices: range, processes: int) -> Iterator[Clip]:
    """make(index) for every index, on several processes. A clip depends on its index alone, so their number changes nothing."""
    if processes == 1:
        yield from map(make, indices)
        return
    before = signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # which they inherit: Ctrl-C is ours, and ends them without a stack trace of each
    try:
        pool = get_context("spawn").Pool(processes)
    finally:
        signal.signal(signal.SIGINT, before)
    with pool:
        for start in range(0, len(indices), BATCH):
            yield from pool.map(make, indices[start : start + BATCH], chunksize=8)


def _distillation_clip(seed: int, index: int) -> Clip:
    synthesizer = Synthesizer()
    made = _distillation_made(synthesizer, _rng(seed, DISTILLATION, index))
    return _clip(DISTILLATION, index, made, synthesizer)


def _distillation_made(synthesizer: Synthesizer, rng: np.random.Generator) -> Made:
    """One person, one language, one manner and one recording from beginning to end."""
    size = round(rng.uniform(*DISTILLATION_S) * SAMPLE_RATE_HZ)
    content = str(rng.choice(list(CONTENTS), p=list(CONTENTS.values())))
    variant = pick(rng, UNLIKE_PEOPLE if rng.random() < 0.1 else variants("train"))
    who = person(variant, 1000, rng)
    language = pick(rng, OTHER_LANGUAGES if rng.random() < 0.2 else TASK_LANGUAGES)
    if content == "sounds":
        kind = pick(rng, list(MAKERS))
        return Made(
            record(MAKERS[kind](synthesizer, rng, who, size), rng, SOUNDS_SNR_DB), who, "en", kind
        )
    if content == "words":
        language = "en"
    prosody = pick(rng, list(EMOTIONS.values())).jittered(rng) if content == "expressive" else None
    words = [f"{word}." for word in lines("keywords_en")]
    texts, text_s = (words, 0.6) if content == "words" else (sentences(language, "train"), 2.2)
    text = " ".join(pick(rng, texts) for _ in range(round(size / SAMPLE_RATE_HZ / text_s) + 1))
    if prosody:
        voice = express(synthesizer, who, text, prosody, rng, language)
    else:
        variant = pick(rng, ("whisper", "whisperf")) if content == "whispering" else None
        pace, shift, pitch_range = rng.uniform(0.85, 1.2), rng.normal(0, 6), rng.uniform(20, 80)
        voice = say(synthesizer, who, text, language, pace, shift, pitch_range, variant)
    voice = wear_mask(voice, rng) if rng.random() < MASKED else voice
    level_db = prosody.level_db if prosody else 0.0
    return Made(record(fit(voice, size, rng), rng, SPEECH_SNR_DB, level_db), who, language, content)

"""Synthetic audio: a distillation set and six labelled tasks.

eSpeak NG speaks them, and some DSP shapes them. They need no download and stand in for AudioSet and
NOSS: the same stages and the same questions, none of the realism. Numbers measured here tell
whether the pipeline works and how candidates rank on it, not how a model does on people.

    for clip in make_clips("distillation", seed=0, hours=2.5): ...
    for clip in make_clips("keyword", seed=0, clips=1200): ...

A clip depends on (seed, set, its index) only: a longer set begins with the shorter one, and two
runs give the same bytes.

The distillation set is labelled too, with the voice, the language and the kind of speech or sound,
for a teacher to learn from. Its voices and sentences are those of no validation or test clip.
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
from frill.corpora.synthetic.effects import Rng, fit, record, wear_mask
from frill.corpora.synthetic.espeak import read_version
from frill.corpora.synthetic.sounds import MAKERS
from frill.corpora.synthetic.tasks import EMOTIONS, TASKS, Recording, express
from frill.corpora.synthetic.voices import (
    OTHER_LANGUAGES,
    TASK_LANGUAGES,
    find_split,
    list_sentences,
    list_variants,
    make_person,
    pick,
    read_lines,
    say,
)

DISTILLATION = "distillation"
SETS = (DISTILLATION, *TASKS)
DISTILLATION_HOURS = 2.5
TASK_CLIPS = 1200
DISTILLATION_S = (3.0, 8.0)
# Wider than any task's.
SPEECH_SNR_DB = (-5, 40)
SOUNDS_SNR_DB = (-15, 40)
# What a distillation clip holds, and how often: the conditions of the tasks, with the voices
# and texts of their train splits.
CONTENTS = {"plain": 0.45, "expressive": 0.25, "words": 0.08, "whispering": 0.05, "sounds": 0.17}
LICENCE = "generated"  # nobody recorded it
BATCH = 64  # clips made before the next are handed out
MASKED = 0.3  # of the clips with a voice
# In no task.
UNLIKE_PEOPLE = (
    "klatt", "klatt4", "UniRobot", "robosoft5", "croak", "announcer", "RicishayMax", "Tweaky",
)  # fmt: skip


def make_clips(
    set_name: str,
    seed: int,
    hours: float | None = None,
    clips: int | None = None,
    processes: int = 1,
    start: int = 0,
    start_samples: int = 0,
) -> Iterator[Clip]:
    """Return the clips of one of SETS, one after another, from number `start` on.

    Those before it have `start_samples` together. `distillation` takes `hours` (default 2.5): clips
    of 3 to 8 s without a split. A task takes `clips` (default 1200), of 1.0 to 2.5 s each.
    Its labels and splits (50/20/30 %) are balanced exactly when `clips` is a multiple of ten times
    the labels. Raises ValueError (an unknown set, the other set's argument) and EspeakMissing.
    """
    is_distillation = set_name == DISTILLATION
    if message := find_problem(set_name, "corpus" if is_distillation else "task", hours, clips):
        raise ValueError(message)
    if is_distillation:
        hours = DISTILLATION_HOURS if hours is None else hours
        return _make_distillation(seed, hours, processes, start, start_samples)
    indices = range(start, TASK_CLIPS if clips is None else clips)
    return _make_in_order(partial(_make_task_clip, set_name, seed), indices, processes)


def find_problem(set_name: str, use: str, hours: float | None, clips: int | None) -> str:
    """Return what is wrong with the request for a synthetic set, or ""."""
    if set_name not in SETS:
        return f"set = {set_name!r}: there is no such synthetic set; there are {', '.join(SETS)}"
    about = f"the synthetic set {set_name!r}"
    right_use = "corpus" if set_name == DISTILLATION else "task"
    if use != right_use:
        return f"use = {use!r}: {about} is for use: {right_use}; correct it"
    if hours is not None and set_name != DISTILLATION:
        return f"hours = {hours:g}: {about} is measured in clips; write clips instead"
    if clips is None:
        return ""
    if set_name == DISTILLATION:
        return f"clips = {clips}: {about} is measured in hours; write hours instead"
    least = 10 * len(TASKS[set_name][1])
    if clips < least:
        return (
            f"clips = {clips}: {about} needs {least} or more, ten for each label, "
            "so that every split has every label"
        )
    return ""


def _make_rng(seed: int, set_name: str, index: int) -> Rng:
    return np.random.default_rng([seed, crc32(set_name.encode()), index])


def _make_clip(set_name: str, index: int, recording: Recording, **fields) -> Clip:
    voice = f"{recording.language}+{recording.who.variant}"
    return Clip(
        f"{set_name}-{index:05d}",
        recording.samples,
        source=f"espeak-ng {read_version()}: {voice} '{recording.said}'",
        licence=LICENCE,
        **fields,
    )


def _make_task_clip(set_name: str, seed: int, index: int) -> Clip:
    make, labels = TASKS[set_name]
    # One block has every label once and belongs to one split.
    block, position = divmod(index, len(labels))
    label = labels[position]
    split = find_split(block)
    recording = make(_make_rng(seed, set_name, index), label, split)
    speaker = recording.who.name
    return _make_clip(set_name, index, recording, label=label, speaker=speaker, split=split)


def _make_distillation(
    seed: int, hours: float, processes: int, start: int, start_samples: int
) -> Iterator[Clip]:
    left = round(hours * 3600 * SAMPLE_RATE_HZ) - start_samples
    # As many as are needed if each has the least length; those behind the last one are never made.
    most = math.ceil(max(0, left) / (DISTILLATION_S[0] * SAMPLE_RATE_HZ))
    make = partial(_make_distillation_clip, seed)
    for clip in _make_in_order(make, range(start, start + most), processes):
        yield clip
        left -= len(clip.samples)
        if left <= 0:
            return


def _make_in_order(make: Callable[[int], Clip], indices: range, processes: int) -> Iterator[Clip]:
    """Yield make(index) for every index, made by several processes.

    A clip depends on its index alone, so their number changes nothing.
    """
    if processes == 1:
        yield from map(make, indices)
        return
    # The processes inherit this: Ctrl-C is ours, and ends them without a stack trace of each.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pool = get_context("spawn").Pool(processes)
    finally:
        signal.signal(signal.SIGINT, before)
    with pool:
        for start in range(0, len(indices), BATCH):
            yield from pool.map(make, indices[start : start + BATCH], chunksize=8)


def _make_distillation_clip(seed: int, index: int) -> Clip:
    recording, label = _record_distillation(_make_rng(seed, DISTILLATION, index))
    # What cannot be heard is no label: a sound has no language, nor has it or a whisper a voice.
    language = recording.language if recording.said in CONTENTS else ""
    speaker = recording.who.name if recording.said not in MAKERS else ""
    labels = {"label": label, "speaker": speaker, "language": language}
    return _make_clip(DISTILLATION, index, recording, **labels)


def _record_distillation(rng: Rng) -> tuple[Recording, str]:
    """Record one person, one language and one manner from beginning to end.

    The label that comes with it is the manner, the mood or the sound, and `mask` where one is worn.
    """
    size = round(rng.uniform(*DISTILLATION_S) * SAMPLE_RATE_HZ)
    content = str(rng.choice(list(CONTENTS), p=list(CONTENTS.values())))
    voices = UNLIKE_PEOPLE if rng.random() < 0.1 else list_variants("train")
    who = make_person(pick(rng, voices), 1000, rng)
    languages = OTHER_LANGUAGES if rng.random() < 0.2 else TASK_LANGUAGES
    language = pick(rng, languages)
    if content == "sounds":
        kind = pick(rng, list(MAKERS))
        sound = MAKERS[kind](rng, who, size)
        return Recording(record(sound, rng, SOUNDS_SNR_DB), who, "en", kind), kind
    pieces = list_sentences(language, "train")
    piece_s = 2.2
    if content == "words":
        language = "en"
        pieces = [f"{word}." for word in read_lines("keywords_en")]
        piece_s = 0.6
    label, prosody = content, None
    if content == "expressive":
        label = pick(rng, list(EMOTIONS))
        prosody = EMOTIONS[label].jitter(rng)
    count = round(size / SAMPLE_RATE_HZ / piece_s) + 1
    text = " ".join(pick(rng, pieces) for _ in range(count))
    if prosody:
        voice = express(who, text, prosody, rng, language)
    else:
        variant = pick(rng, ("whisper", "whisperf")) if content == "whispering" else None
        pace = rng.uniform(0.85, 1.2)
        shift = rng.normal(0, 6)
        pitch_range = rng.uniform(20, 80)
        voice = say(who, text, language, pace, shift, pitch_range, variant)
    if rng.random() < MASKED:
        voice = wear_mask(voice, rng)
        label += "+mask"
    level_db = prosody.level_db if prosody else 0.0
    samples = record(fit(voice, size, rng), rng, SPEECH_SNR_DB, level_db)
    return Recording(samples, who, language, content), label

"""Who speaks in the synthetic sets and what: invented people, texts, and the split each of them belongs to."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zlib import crc32

import numpy as np

from frill.corpora.synthetic.espeak import Synthesizer

# What no two splits may share (a variant, a sentence) belongs to the split at its index modulo 10: 50/20/30 %.
SPLIT_CYCLE = (
    "train", "test", "train", "validation", "train", "test", "train", "validation", "train", "test",
)  # fmt: skip
TASK_LANGUAGES = ("de", "en", "es", "fr", "it", "ru")
OTHER_LANGUAGES = ("fi", "nl", "pl", "pt", "sv", "tr")
# eSpeak NG's variants that sound like a person, in rows of one SPLIT_CYCLE each, women and men in every column's split.
VARIANTS = """
    m1    m2      f1     f2         Alex    Annie  m3      m4      Andrea f3
    f4    Lee     Mike   anika      linda   Andy   adam    Denis   f5     aunty
    Gene  belinda Mario  Diogo      grandma m5     Hugo    shelby  boris  grandpa
    m6    Nguyen  steph  david      Michael Alicia john    edward  quincy rob
    m7    robert  travis zac        pablo   m8     norbert michel  max    victor
    Marco iven3   ian    kaukovalta steph2  paul   pedro   miguel  sandro Henrique
""".split()
PEOPLE_PER_VARIANT = 3
REFERENCE_RATE_WPM = 175


@dataclass(frozen=True)
class Person:
    """A voice: an eSpeak NG variant with a vocal tract (factor on all frequencies), a pitch (0..99) and a pace
    (factor).
    """

    name: str
    variant: str
    tract: float
    pitch: float
    pace: float


def split_of(index: int) -> str:
    """The split of the variant, sentence or block of clips numbered `index`."""
    return SPLIT_CYCLE[index % len(SPLIT_CYCLE)]


def person(variant: str, number: int, rng: np.random.Generator | None = None) -> Person:
    """Person `number` of a variant: always the same one, unless `rng` draws somebody new."""
    rng = rng or np.random.default_rng([crc32(variant.encode()), number])
    return Person(
        f"{variant}-{number}",
        variant,
        rng.uniform(0.88, 1.14),
        rng.uniform(30, 70),
        rng.uniform(0.85, 1.2),
    )


@cache
def variants(split: str) -> list[str]:
    """The variants of a split."""
    return [variant for index, variant in enumerate(VARIANTS) if split_of(index) == split]


@cache
def people(split: str) -> list[Person]:
    """The people of a split; no two splits share a variant."""
    return [
        person(variant, number)
        for number in range(PEOPLE_PER_VARIANT)
        for variant in variants(split)
    ]


@cache
def lines(name: str) -> list[str]:
    """The lines of texts/NAME.txt."""
    return (
        files("frill.corpora.synthetic")
        .joinpath("texts", f"{name}.txt")
        .read_text("utf-8")
        .splitlines()
    )


@cache
def sentences(language: str, split: str) -> list[str]:
    """The split's sentences of a language; no two splits share one."""
    return [
        line
        for index, line in enumerate(lines(f"sentences_{language}"))
        if split_of(index) == split
    ]


def pick(rng: np.random.Generator, options):
    """One of `options`, as itself (Generator.choice would make it a NumPy scalar)."""
    return options[rng.integers(len(options))]


def say(
    synthesizer: Synthesizer,
    who: Person,
    text: str,
    language: str = "en",
    pace: float = 1.0,
    pitch_shift: float = 0.0,
    pitch_range: float = 50.0,
    variant: str | None = None,
) -> np.ndarray:
    """`text` in the person's voice: float32 [samples], 16 kHz, peak 1, without the silence around it."""
    samples = synthesizer.speak(
        text,
        "en-us" if language == "en" else language,
        who.variant if variant is None else variant,
        rate_wpm=round(np.clip(REFERENCE_RATE_WPM * who.pace * pace / who.tract, 80, 450)),
        pitch=round(np.clip(who.pitch + pitch_shift, 0, 99)),
        pitch_range=round(np.clip(pitch_range, 0, 99)),
        # Played faster, the same vocal tract is a shorter one; the pace was slowed in advance to make up for it.
        speed_up=who.tract,
    )
    samples = samples / np.abs(samples).max()
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1]

"""Who speaks in the synthetic sets and what: invented people, texts, and the split of each."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zlib import crc32

import numpy as np

from frill.corpora.synthetic.effects import Rng
from frill.corpora.synthetic.espeak import speak

# What no two splits may share (a variant, a sentence) belongs to the split at its index modulo 10.
# These are 50/20/30 %.
SPLIT_CYCLE = (
    "train", "test", "train", "validation", "train", "test", "train", "validation", "train", "test",
)  # fmt: skip
TASK_LANGUAGES = ("de", "en", "es", "fr", "it", "ru")
OTHER_LANGUAGES = ("fi", "nl", "pl", "pt", "sv", "tr")
# eSpeak NG's variants that sound like a person, in rows of one SPLIT_CYCLE each. Every column, and
# so every split, has women and men.
VARIANTS = """
    m1    m2      f1     f2         Alex    Annie  m3      m4      Andrea f3
    f4    Lee     Mike   anika      linda   Andy   adam    Denis   f5     aunty
    Gene  belinda Mario  Diogo      grandma m5     Hugo    shelby  boris  grandpa
    m6    Nguyen  steph  david      Michael Alicia john    edward  quincy rob
    m7    robert  travis zac        pablo   m8     norbert michel  max    victor
    Marco iven3   ian    kaukovalta steph2  paul   pedro   miguel  sandro Henrique
""".split()
PEOPLE_PER_VARIANT = 8
REFERENCE_RATE_WPM = 175


@dataclass(frozen=True)
class Person:
    """A voice: an eSpeak NG variant with its own vocal tract, pitch (0..99) and pace.

    `tract` is a factor on all frequencies, `pace` a factor on the rate of speech.
    """

    name: str
    variant: str
    tract: float
    pitch: float
    pace: float


def find_split(index: int) -> str:
    """Return the split of the variant, sentence or block of clips numbered `index`."""
    return SPLIT_CYCLE[index % len(SPLIT_CYCLE)]


def make_person(variant: str, number: int, rng: Rng | None = None) -> Person:
    """Return person `number` of a variant: always the same one, unless `rng` draws another."""
    rng = rng or np.random.default_rng([crc32(variant.encode()), number])
    tract = rng.uniform(0.88, 1.14)
    pitch = rng.uniform(30, 70)
    pace = rng.uniform(0.85, 1.2)
    return Person(f"{variant}-{number}", variant, tract, pitch, pace)


@cache
def list_variants(split: str) -> list[str]:
    """Return the variants of a split."""
    return [variant for index, variant in enumerate(VARIANTS) if find_split(index) == split]


@cache
def list_people(split: str) -> list[Person]:
    """Return the people of a split; no two splits share a variant."""
    people = []
    for number in range(PEOPLE_PER_VARIANT):
        people += [make_person(variant, number) for variant in list_variants(split)]
    return people


@cache
def read_lines(name: str) -> list[str]:
    """Return the lines of texts/NAME.txt."""
    path = files("frill.corpora.synthetic").joinpath("texts", f"{name}.txt")
    return path.read_text("utf-8").splitlines()


@cache
def list_sentences(language: str, split: str) -> list[str]:
    """Return the split's sentences of a language; no two splits share one."""
    lines = read_lines(f"sentences_{language}")
    return [line for index, line in enumerate(lines) if find_split(index) == split]


def pick(rng: Rng, options):
    """Return one of `options`, as itself (Generator.choice would make it a NumPy scalar)."""
    return options[rng.integers(len(options))]


def say(
    who: Person,
    text: str,
    language: str = "en",
    pace: float = 1.0,
    pitch_shift: float = 0.0,
    pitch_range: float = 50.0,
    variant: str | None = None,
) -> np.ndarray:
    """Say `text` in the person's voice: float32 [samples], 16 kHz, peak 1, no silence around it."""
    samples = speak(
        text,
        voice="en-us" if language == "en" else language,
        variant=who.variant if variant is None else variant,
        rate_wpm=round(np.clip(REFERENCE_RATE_WPM * who.pace * pace / who.tract, 80, 450)),
        pitch=round(np.clip(who.pitch + pitch_shift, 0, 99)),
        pitch_range=round(np.clip(pitch_range, 0, 99)),
        # Played faster, a vocal tract is a shorter one; the slower pace above makes up for it.
        speed_up=who.tract,
    )
    samples = samples / np.abs(samples).max()
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1]

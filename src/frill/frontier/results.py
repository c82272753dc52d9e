"""The types of results/frontier.json, and the functions that write and read the file.

Fields stand in the file's order. Intervals are [low, high] of 95 %. Quality is in points.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

Interval = list[float]


@dataclass(frozen=True)
class Difference:
    """Points against the teacher on one task, of the training that ships."""

    points: float
    interval: Interval


@dataclass(frozen=True)
class TaskDifferences:
    validation: Difference
    test: Difference


@dataclass(frozen=True)
class StudentResult:
    """A student: its spec, what was measured, and where it stands.

    Quality is the mean over its trainings; see frontier.quality. `quantisation_points` is what
    quantising did to the mean test accuracy, None for a file that is not quantised.
    """

    name: str
    backbone: str
    width: float
    pooling: str
    rank: int | None
    qat: int
    precision: str
    seeds: int
    status: str  # "ok" or "diverged"
    latency_ms: float
    latency_interval_ms: Interval | None  # None of fewer than six ratios
    latency_iqr_ms: list[float]
    latency_ratios: int  # how many ratios to the control the interval rests on
    file_bytes: int
    peak_memory_mib: float | None
    quality: float
    quality_interval: Interval
    quality_test: float
    quality_test_interval: Interval
    mean_test_accuracy: float
    seed_deviation: float | None  # None for one training
    seed_deviation_test: float | None
    tasks: dict[str, TaskDifferences]
    parity_min_cosine: float | None  # None of a student that diverged
    parity_relative_error: float | None
    quantisation_points: float | None
    parameters: int
    multiply_adds: int
    weight_bytes: int
    bottleneck_bytes: int
    validation_r2: float | None
    on_frontier: bool = False
    on_cautious_frontier: bool = False
    beaten_by: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return self.status == "ok"


@dataclass(frozen=True)
class ReferenceResult:
    """What students are compared with: the teacher, a control or a baseline."""

    name: str
    latency_ms: float | None  # None where it was not timed
    quality: float
    quality_interval: Interval
    quality_test: float
    quality_test_interval: Interval
    mean_test_accuracy: float


@dataclass(frozen=True)
class RunnerUp:
    """One of the next best students, and in words why it was not selected."""

    name: str
    quality: float
    latency_ms: float
    file_bytes: int
    reason: str


@dataclass(frozen=True)
class RankAgreement:
    """How alike two scoring protocols rank the models, by Kendall's tau-b of mean accuracies.

    `kendall_validation` compares the accuracies that decide, `kendall_best_test` the fast
    protocol's test accuracy with the card's best of all. Tasks that `fast` alone scored are
    `left_out`.
    """

    protocols: list[str]
    models: int
    kendall_validation: float | None  # None where one of them sees no difference
    kendall_best_test: float | None
    unconverged_settings: int
    settings: int
    left_out: list[str] = field(default_factory=list)  # tasks too large for the card's


@dataclass(frozen=True)
class Weight:
    """A standardised regression weight of one term (`width`, `rank=100`) of an axis."""

    term: str
    axis: str
    weight: float
    interval: Interval


@dataclass(frozen=True)
class Regression:
    """A regression of one outcome, or of its logarithm, on all axes at once."""

    r2: float
    students: int
    log: bool
    freedom: int
    weights: list[Weight]


@dataclass(frozen=True)
class Step:
    """One step of an axis, over pairs of students that are alike in all else: `to` against `from_`.

    Means over the pairs; intervals are None for a single pair.
    """

    axis: str
    from_: str | float  # "from" in the file
    to: str | float
    pairs: int
    quality_points: float
    quality_interval: Interval | None
    latency_ratio: float
    latency_ratio_interval: Interval | None
    bytes_ratio: float


@dataclass(frozen=True)
class Effects:
    """What each choice cost; `regression` by outcome, `notes` what it cannot say."""

    regression: dict[str, Regression]
    pairs: list[Step]
    notes: list[str]


@dataclass(frozen=True)
class Frontier:
    """All of results/frontier.json."""

    schema: int
    selected: str | None  # None if no student is within the budget
    reason: str
    runners_up: list[RunnerUp]
    over_budget: dict[str, str]  # student -> what it exceeds
    device: str
    synthetic: bool
    pooling: str
    rank_agreement: RankAgreement | None
    speakers_in_train_and_test: dict[str, int]
    students: list[StudentResult]
    references: list[ReferenceResult]
    effects: Effects

    @property
    def models(self) -> list[StudentResult | ReferenceResult]:
        return [*self.students, *self.references]

    @property
    def selected_student(self) -> StudentResult | None:
        return next((s for s in self.students if s.name == self.selected), None)


def as_dict(frontier: Frontier) -> dict:
    """Return the file's content."""
    return asdict(frontier, dict_factory=_file_keys)


def _file_keys(items: list[tuple[str, object]]) -> dict:
    return {key.removesuffix("_"): value for key, value in items}


def write_frontier(frontier: Frontier, path: Path) -> None:
    """Write the file. Raises ValueError for a NaN or an infinity, which JSON has no word for."""
    path.write_text(json.dumps(as_dict(frontier), indent=1, allow_nan=False) + "\n")


def read_frontier(path: Path) -> Frontier:
    content = json.loads(path.read_text())
    agreement = content["rank_agreement"]
    read = {
        "runners_up": [RunnerUp(**student) for student in content["runners_up"]],
        "rank_agreement": agreement and RankAgreement(**agreement),
        "students": [_read_student(student) for student in content["students"]],
        "references": [ReferenceResult(**model) for model in content["references"]],
        "effects": _read_effects(**content["effects"]),
    }
    return Frontier(**content | read)


def _read_student(content: dict) -> StudentResult:
    tasks = {}
    for task, parts in content["tasks"].items():
        tasks[task] = TaskDifferences(**{part: Difference(**d) for part, d in parts.items()})
    return StudentResult(**content | {"tasks": tasks})


def _read_effects(regression: dict, pairs: list[dict], notes: list[str]) -> Effects:
    regressions = {}
    for outcome, fit in regression.items():
        weights = [Weight(**weight) for weight in fit["weights"]]
        regressions[outcome] = Regression(**fit | {"weights": weights})
    steps = [Step(from_=step.pop("from"), **step) for step in pairs]
    return Effects(regressions, steps, notes)

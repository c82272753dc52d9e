"""Make one .tflite of your own labelled clips: a classifier on a finished model, measured.

AUDIO is a folder whose sub-folders are the labels, or the folder of a CSV's files.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from frill import tensorflow_setup
from frill.audio.clips import ClipStore
from frill.errors import UserError
from frill.head.clips import ROLES, Labelled, describe_short, read_labelled
from frill.head.make import Made, make_head
from frill.head.source import RELEASE, is_student, read_source
from frill.head.write import Paths, name_files, replace_files
from frill.noss.evaluate import TASKS
from frill.params.values import LARGEST

SPLITS = ("train", "validation", "test")
SHOWN_LABELS = 12  # more make no confusion on a terminal


def add_arguments(parser: ArgumentParser) -> None:
    audio = "a folder of audio whose sub-folders are the labels, or with --csv the files' folder"
    parser.add_argument("audio", nargs="?", type=Path, metavar="AUDIO", help=audio)
    task = "the clips of this task of params.yaml, in the place of AUDIO: data/task/TASK"
    parser.add_argument("--task", help=task)
    out = "the file to write; the others are named by it"
    parser.add_argument("--out", type=Path, required=True, metavar="NAME.tflite", help=out)
    model = f"the folder of a release ({RELEASE}), or of a trained student (models/students/NAME)"
    parser.add_argument("--model", type=Path, default=RELEASE, help=model)
    table = "a CSV of the files: file, label; where there are: speaker, split, fold, licence"
    parser.add_argument("--csv", type=Path, help=table)
    columns = (
        "the CSV's own names: file=path label=word (file, label, speaker, split, fold, licence)"
    )
    parser.add_argument("--columns", nargs="+", default=[], metavar="ROLE=COLUMN", help=columns)
    splits = "the CSV's own words for splits: train=train validation=dev test=test"
    parser.add_argument("--splits", nargs="+", default=[], metavar="SPLIT=WORD", help=splits)
    levels = "what sub-folders name, from AUDIO on: label, label speaker or speaker label (label)"
    parser.add_argument(
        "--levels", nargs="+", default=["label"], choices=["label", "speaker"], help=levels
    )
    labels = "only clips with one of these labels"
    parser.add_argument("--labels", nargs="+", help=labels)
    limit = "the share of files that may be unusable (0.02)"
    parser.add_argument("--rejected-limit", type=float, default=0.02, help=limit)
    seed = "draws folds where nothing says which clips test (17)"
    parser.add_argument("--seed", type=int, default=17, help=seed)


def run(**options) -> int:
    """Make the head and say how good it is."""
    given = Namespace(**options)
    if (given.audio is None) == (given.task is None):
        raise UserError(
            "give either AUDIO, a folder of labelled clips, or --task, one of params.yaml"
        )
    _check_options(given)
    paths = name_files(given.out)
    if is_student(given.model):
        tensorflow_setup.set_up(threads=1, seed=17, onednn=1)
    source = read_source(given.model)
    with replace_files(paths) as new, TemporaryDirectory(prefix="frill-") as folder:
        store, name, lines = _open_clips(given, Path(folder))
        for line in lines + describe_short(store.rows, name):
            print(line)
        made = make_head(store, name, source, new, given.seed)
    print("\n".join(describe(made, paths)))
    return 0


def _check_options(given: Namespace) -> None:
    """Raise UserError for an option that would do nothing, and for a number out of its range."""
    named = {
        "--csv": given.csv is not None,
        "--columns": bool(given.columns),
        "--splits": bool(given.splits),
        "--levels": given.levels != ["label"],
        "--labels": bool(given.labels),
    }
    of_csv = ("--columns", "--splits")
    for option in filter(named.get, named):
        if given.task is not None:
            raise UserError(
                f"{option} is about AUDIO: --task {given.task} has its labels and splits"
            )
        if given.csv is None and option in of_csv:
            raise UserError(f"{option} is about a CSV: give it by --csv, or leave {option} out")
        if given.csv is not None and option == "--levels":
            raise UserError("--levels is about sub-folders: with --csv, name columns by --columns")
    if not 0 <= given.rejected_limit < 1:
        limit = f"--rejected-limit {given.rejected_limit:g}"
        raise UserError(f"{limit}: expected a share of the files, 0 or more and under 1, as 0.02")
    if not 0 <= given.seed <= LARGEST:
        raise UserError(f"--seed {given.seed}: expected 0 to {LARGEST}")


def _open_clips(given: Namespace, work: Path) -> tuple[ClipStore, str, list[str]]:
    if given.task is not None:
        folder = TASKS / given.task
        if not (folder / "manifest.csv").exists():
            there = ", ".join(sorted(path.name for path in TASKS.glob("*"))) or "none"
            raise UserError(
                f"--task {given.task}: {folder} is not there (tasks with clips: {there}); "
                "run `make repro`, or give a folder of clips"
            )
        return ClipStore(folder), given.task, []
    labelled = Labelled(
        given.audio,
        given.csv,
        _read_columns(given.columns),
        _read_splits(given.splits),
        given.levels,
        given.labels,
        given.rejected_limit,
    )
    store, lines = read_labelled(labelled, work)
    return store, given.audio.resolve().name, lines


def _read_columns(pairs: list[str]) -> dict[str, str]:
    columns = {}
    for role, names in _read_pairs("--columns", pairs, ROLES).items():
        if len(names) > 1:
            raise UserError(
                f"--columns names {len(names)} for {role}: {', '.join(names)}; keep one"
            )
        columns[role] = names[0]
    return columns


def _read_splits(pairs: list[str]) -> dict[str, list[str]]:
    splits = _read_pairs("--splits", pairs, SPLITS)
    counts = Counter(word for words in splits.values() for word in words)
    for word, count in counts.items():
        if count > 1:
            raise UserError(f"--splits names the word {word} twice; keep it under one split")
    return splits


def _read_pairs(option: str, pairs: list[str], keys: tuple[str, ...]) -> dict[str, list[str]]:
    """Return KEY=VALUE pairs as a dict of lists. Raises UserError for others."""
    values: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key not in keys or not equals or not value:
            names = ", ".join(keys)
            raise UserError(f"{option} {pair}: expected NAME=VALUE, NAME one of {names}")
        values.setdefault(key, []).append(value)
    return values


def describe(made: Made, paths: Paths) -> list[str]:
    """Return what was made and how good it is, as lines."""
    measured, values = made.measured, made.values
    low, high = measured.interval
    unheard = "how many it never heard cannot be told: too few classes or clips"
    if measured.unheard:
        unheard = f"{measured.unheard.refused:.0f} % of clips of a class it never heard"
    latency = values["latency"]
    lines = [
        f"{paths.any_length}: {len(made.labels)} labels, fitted to {values['fitted_clips']} clips, "
        f"{made.setting}",
        f"  accuracy     {measured.accuracy:.1f} % (95 % interval {low:.1f} to {high:.1f}) of "
        f"{measured.clips} clips held out {values['held_out']}",
        f"  beside it    log-mel {measured.log_mel:.1f}, nearest neighbours "
        f"{measured.neighbours:.1f}, commonest class {measured.chance:.1f}",
        f"  recall       {measured.recall:.1f} %, the mean over classes",
        f"  calibration  off by {measured.calibration_error:.1f} points "
        f"({measured.uncalibrated_error:.1f} before), single windows "
        f"{measured.window_calibration_error:.1f}",
        f"  unknown      below {made.threshold:.3f}: {measured.known_refused:.0f} % of clips it "
        f"knows, {unheard}",
        f"  file         {values['file_bytes'] / 2**20:.1f} MiB, of 1 s "
        f"{values['second_bytes'] / 2**20:.1f}; the head is {values['head_bytes'] / 1024:.0f} KiB",
        f"  latency      {latency['latency_ms']:.2f} ms for 1 s on this machine, "
        f"{latency['ratio']:.3f} of the embedding alone",
        f"  parity       {values['parity']:.0e} from embedder and numpy, "
        f"{values['parity_clips']} clips",
    ]
    if shared := measured.speakers_in_train_and_test:
        lines.append(f"  speakers     {shared} in training and test: of new ones it says too much")
    if values["fewest"] < 50:
        lines.append(f"  few clips    {values['fewest']} of one class: believe the interval")
    lines += _draw_confusion(made)
    beside = (paths.second, paths.card, paths.json, paths.python, paths.kotlin, paths.sums)
    return lines + [f"Beside it: {', '.join(path.name for path in beside)}"]


def _draw_confusion(made: Made) -> list[str]:
    """Return true classes by answers, of few enough classes."""
    if len(made.labels) > SHOWN_LABELS:
        return []
    wide = max(map(len, made.labels))
    counts = [count for row in made.measured.confusion for count in row]
    cell = max(len(str(max(counts))), len(str(len(made.labels)))) + 1
    header = "".join(f"{number:>{cell}}" for number in range(1, len(made.labels) + 1))
    lines = [f"  {'':{wide + 4}}{header}   answers"]
    for number, (label, row) in enumerate(
        zip(made.labels, made.measured.confusion, strict=True), 1
    ):
        lines.append(
            f"  {number:>2} {label:<{wide}} {''.join(f'{count:>{cell}}' for count in row)}"
        )
    return lines

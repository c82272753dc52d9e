"""What is checked before anything long starts: params.yaml, and everything it names.

Also removes what params.yaml no longer names.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import ModuleType

from frill.audio.clips import Rejected
from frill.corpora import archive_members, audioset, files, folder, tfrecord
from frill.corpora.limits import enforce_limit
from frill.corpora.reading import find_unused, refuse_odd_names
from frill.corpora.shards import find_archives
from frill.corpora.synthetic import sets as synthetic
from frill.corpora.tfds import sources as tfds_sources
from frill.device.memory import can_measure_memory
from frill.device.phone.tools.download import locate_tool
from frill.device.phone.tools.tool_set import refuse_unknown_sums
from frill.errors import UserError
from frill.fingerprint import hash_code
from frill.noss.splits import SplitError, make_splits
from frill.params.audio import ArchivedSet, AudiosetSet, FilesSet, FolderSet
from frill.params.devices import AdbDevice, Device, HostDevice
from frill.params.schema import FRONTEND, TRAINS, Baseline, Params, Teacher
from frill.scratch import content_hash, text_hash, write_once
from frill.teacher import tfhub
from frill.teacher.load import is_python, open_teacher

OPENED = Path("scratch/opened")  # a file for each model that could be loaded


def check(params: Params) -> list[str]:
    """Return lines worth telling: files that will be skipped.

    Raises UserError with a line for each mistake.
    """
    mistakes = []
    notes = []

    def attempt(check_one: Callable, *arguments) -> None:
        try:
            notes.extend(check_one(*arguments) or [])
        except UserError as error:
            mistakes.append(str(error))

    attempt(_check_teacher, params.teacher)
    for name, spec in params.baselines.items():
        attempt(_check_baseline, name, spec)
    for name, device in params.devices.items():
        attempt(_check_tool, name, device)
    attempt(_check_budget, params)
    for name, spec in params.audio.espeak.items():
        message = synthetic.find_problem(spec.set, spec.use, spec.hours, spec.clips)
        if message:
            mistakes.append(f"params.yaml: audio.espeak.{name}: {message}")
    for name, spec in params.audio.tfds.items():
        message = tfds_sources.find_problem(name, spec)
        if message:
            mistakes.append(message)
    sources = {
        "folder": partial(_check_listed, "folder", folder),
        "files": partial(_check_listed, "files", files),
        "audioset": _check_audioset,
        "tfrecord": partial(_check_archives, "tfrecord", tfrecord.ends_early),
        "webdataset": partial(_check_archives, "webdataset", archive_members.ends_early),
    }
    for source, check_set in sources.items():
        for name, spec in getattr(params.audio, source).items():
            attempt(check_set, name, spec, params)
            attempt(refuse_odd_names, f"audio.{source}.{name}", spec.folder)
    if mistakes:
        raise UserError("\n".join(mistakes))
    return notes


def _check_teacher(teacher: Teacher) -> None:
    source = teacher.source
    if source == TRAINS:
        return
    key = f"params.yaml: teacher.source = {source!r}"
    if tfhub.is_handle(source):
        tfhub.fetch(source)
    path = tfhub.find_folder(source)
    if not path.exists():
        raise UserError(
            f"{key}: not there; give the folder of a SavedModel, a TF-Hub handle, a .py file "
            f"with the function `output`, or {TRAINS} to train one here"
        )
    if not is_python(source) and not Path(path, "saved_model.pb").is_file():
        raise UserError(
            f"{key}: holds no saved_model.pb; give the folder of a SavedModel, "
            f"or {TRAINS} to train one here"
        )
    _open_once(path, teacher.output, partial(open_teacher, path, teacher.output))


@cache
def _hash_loaders() -> str:
    return hash_code("frill.teacher.load", "frill.noss.baselines")


def _open_once(path: Path, output: str | None, load: Callable) -> None:
    """Load a model; once for each content, since its framework takes seconds to import."""
    name = text_hash(_hash_loaders(), content_hash(path), str(output))

    def load_and_note(new: Path) -> None:
        load()
        new.touch()

    write_once(OPENED / name, load_and_note)


def _check_tool(name: str, device: Device) -> None:
    """Check the tools of a phone before hours of training; what is fetched is left to the stage."""
    if not isinstance(device, AdbDevice):
        return
    key = f"devices.{name}"
    refuse_unknown_sums(device, key)
    own = {"tool": (device.tool, device.tool_sha256)}
    own["run_model"] = (device.run_model, device.run_model_sha256)
    for field, (path, sha256) in own.items():
        if path and "://" not in path:
            locate_tool(path, sha256, f"{key}.{field}")


def _check_budget(params: Params) -> None:
    budget_mib = params.selection.memory_mib
    on_host = isinstance(params.devices[params.selection.device], HostDevice)
    if budget_mib and on_host and not can_measure_memory():
        raise UserError(
            f"params.yaml: selection.memory_mib = {budget_mib:g}: memory is measured on Linux and "
            "on phones, not on this host; write none, or select on a phone"
        )


def _check_baseline(name: str, spec: Baseline) -> None:
    key = f"params.yaml: baselines.{name}.source = {spec.source!r}"
    path = Path(spec.source)
    if spec.kind == "saved_model":
        if not (path / "saved_model.pb").is_file():
            raise UserError(f"{key}: holds no saved_model.pb; give the folder of a SavedModel")
    elif not path.is_file():
        suffix = ".tflite" if spec.kind == "tflite" else ".py"
        raise UserError(f"{key}: no such file; give a {suffix} file")
    _open_once(path, spec.output, partial(_open_baseline, name, spec))


def _open_baseline(name: str, spec: Baseline) -> None:
    from frill.noss import baselines  # LiteRT, only where there is a baseline

    if spec.kind == "tflite":
        baselines.takes_windows(name, Path(spec.source))
    else:
        baselines.LOADERS[spec.kind](name, spec)


def _check_listed(
    source: str, loader: ModuleType, name: str, spec: FolderSet | FilesSet, params: Params
) -> list[str]:
    lines = []
    if spec.use == "task":
        place = f"audio.{source}.{name} ({getattr(spec, 'csv', spec.folder)})"
        rows = list(loader.read_rows(name, spec))
        _check_task(place, spec, rows, params)
        if unused := find_unused(Counter(row["split"] for row in rows if not row["fold"])):
            lines = [f"{name}: {unused}"]
    rejected, listed = loader.probe_files(name, spec)
    return lines + enforce_limit(name, rejected, listed, params.audio.rejected_limit)


def _check_audioset(name: str, spec: AudiosetSet, _params: Params) -> list[str]:
    missing, count, listed = audioset.find_missing(name, spec)
    key = f"audio.audioset.{name}.missing_limit"
    enforce_limit(name, missing, listed, spec.missing_limit, count, key)
    return [f"{name}: {count} of {listed} clips are not in {spec.folder}; skipped"] if count else []


def _check_archives(
    source: str, ends_early: Callable, name: str, spec: ArchivedSet, params: Params
) -> list[str]:
    paths = [path for path, _ in find_archives(source, name, spec)]
    cut = [Rejected(str(path), "ends early", "archive") for path in paths if ends_early(path)]
    return enforce_limit(name, cut, len(paths), params.audio.rejected_limit)


def _check_task(place: str, spec: FolderSet | FilesSet, listed: list[dict], params: Params) -> None:
    """Raise UserError if the task's rows cannot be scored: one class, an empty split.

    What the files hold is not known yet: they are taken as all different.
    """
    different = [row | {"sha256": str(number)} for number, row in enumerate(listed)]
    try:
        make_splits(different, params.noss.validation_share, params.seed)
    except SplitError as error:
        raise UserError(f"params.yaml: {place} {error}") from None
    empty = [row["file"] for row in listed if not row["label"]]
    if empty:
        raise UserError(
            f"{spec.csv}: {len(empty)} rows have no label in column {spec.columns.label!r}, "
            f"the first is {empty[0]}; fill it in"
        )


def link_teacher(source: str, link: Path) -> None:
    """Make `link` stand for the teacher's source, for DVC to depend on.

    It becomes a link to the SavedModel's folder or to the Python file, or a file with the word of
    the trainer.
    """
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    if source == TRAINS:
        link.write_text(f"{source}\n")
    else:
        link.symlink_to(tfhub.find_folder(source).resolve())


def remove_unnamed(params: Params) -> list[Path]:
    """Delete outputs of students, sets and devices that params.yaml no longer names.

    Stages that depend on whole folders must not see them. Returns what was deleted.
    """
    models = {*params.students, *params.references}
    timed = {*models, FRONTEND}
    keep = {
        "models/students/*": params.students,
        "models/tflite/*": params.students,
        "results/noss/*.json": models,
        "results/identity/*.json": params.devices,
        "results/latency/*": params.devices,
        "results/latency/*/*.json": timed,
        "data/corpus/*": params.audio.list_sets("corpus"),
        "data/task/*": params.audio.list_sets("task"),
    }
    removed = []
    for pattern, names in keep.items():
        suffix = ".json" if pattern.endswith(".json") else ""
        for path in Path().glob(pattern):
            if path.name.removesuffix(suffix) not in names:
                removed.append(path)
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return removed

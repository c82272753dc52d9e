"""What is looked at before anything long starts: params.yaml, and everything it names. Also removes what params.yaml names no longer."""

import shutil
from pathlib import Path

from frill.audio.clips import Rejected
from frill.corpora import archive_members, audioset, folder, tfrecord
from frill.corpora.limits import enforce_limit
from frill.corpora.shards import archives
from frill.corpora.synthetic import sets as synthetic
from frill.corpora.tfds import sources as tfds_sources
from frill.device.memory import measured_here
from frill.device.phone.tool_file import local_tool
from frill.errors import UserError
from frill.noss.splits import SplitError, splits
from frill.params.audio import ArchivedSet, AudiosetSet, FolderSet, TfrecordSet
from frill.params.devices import AdbDevice, Device, HostDevice
from frill.params.schema import TRAINS, Baseline, Params
from frill.teacher import tfhub


def check(params: Params) -> list[str]:
    """Raises UserError with one line for each mistake; returns lines worth telling (files that will be skipped)."""
    mistakes, notes = [], []
    try:
        _check_teacher(params.teacher.source)
    except UserError as error:
        mistakes.append(str(error))
    mistakes += [
        message
        for name, spec in params.baselines.items()
        if (message := _baseline_problem(name, spec))
    ]
    for name, device in params.devices.items():
        try:
            _check_tool(name, device)
        except UserError as error:
            mistakes.append(str(error))
    if message := _budget_problem(params):
        mistakes.append(message)
    for name, spec in params.audio.espeak.items():
        if message := synthetic.problem(spec.set, spec.use, spec.hours, spec.clips):
            mistakes.append(f"params.yaml: audio.espeak.{name}: {message}")
    for name, spec in params.audio.tfds.items():
        if message := tfds_sources.problem(name, spec):
            mistakes.append(message)
    sources = {
        "folder": _check_folder,
        "audioset": _check_audioset,
        "tfrecord": _check_archives,
        "webdataset": _check_archives,
    }
    for source, check_set in sources.items():
        for name, spec in getattr(params.audio, source).items():
            try:
                notes += check_set(name, spec, params)
            except UserError as error:
                mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return notes


def _check_teacher(source: str) -> None:
    if source == TRAINS:
        return
    key = f"params.yaml: teacher.source = {source!r}"
    if tfhub.is_handle(source):
        tfhub.fetch(source)
    if not Path(source).exists():
        raise UserError(
            f"{key}: no such folder; give that of a SavedModel, a TF-Hub handle, or {TRAINS} to train one here"
        )
    if not Path(source, "saved_model.pb").is_file():
        raise UserError(f"{key}: holds no saved_model.pb; give the folder of a SavedModel")


def _check_tool(name: str, device: Device) -> None:
    """A phone may come later, its tool is looked at now: hours of training come before it is needed. A URL is left to the stage."""
    if isinstance(device, AdbDevice) and "://" not in device.tool:
        local_tool(device.tool, device.tool_sha256, f"devices.{name}")


def _budget_problem(params: Params) -> str:
    selection = params.selection
    if (
        selection.memory_mib
        and isinstance(params.devices[selection.device], HostDevice)
        and not measured_here()
    ):
        return (
            f"params.yaml: selection.memory_mib = {selection.memory_mib:g}: memory is measured on Linux and on phones, not on this host; "
            "write none, or select on a phone"
        )
    return ""


def _baseline_problem(name: str, spec: Baseline) -> str:
    key, path = f"params.yaml: baselines.{name}.source = {spec.source!r}", Path(spec.source)
    if spec.kind == "saved_model" and not (path / "saved_model.pb").is_file():
        return f"{key}: holds no saved_model.pb; give the folder of a SavedModel"
    if spec.kind != "saved_model" and not path.is_file():
        return f"{key}: no such file; give a {'.tflite' if spec.kind == 'tflite' else '.py'} file"
    return ""


def _check_folder(name: str, spec: FolderSet, params: Params) -> list[str]:
    if spec.use == "task":
        _check_task(name, spec, list(folder.rows(name, spec)), params)
    rejected, listed = folder.probe_files(name, spec)
    return enforce_limit(name, rejected, listed, params.audio.rejected_limit)


def _check_audioset(name: str, spec: AudiosetSet, _params: Params) -> list[str]:
    missing, count, listed = audioset.find_missing(name, spec)
    enforce_limit(
        name, missing, listed, spec.missing_limit, count, f"audio.audioset.{name}.missing_limit"
    )
    return [f"{name}: {count} of {listed} clips are not in {spec.folder}; skipped"] if count else []


def _check_archives(name: str, spec: ArchivedSet, params: Params) -> list[str]:
    if isinstance(spec, TfrecordSet):
        source, ends_early = "tfrecord", tfrecord.ends_early
    else:
        source, ends_early = "webdataset", archive_members.ends_early
    found = [path for path, _ in archives(source, name, spec)]
    cut = [Rejected(str(path), "ends early", "archive") for path in found if ends_early(path)]
    return enforce_limit(name, cut, len(found), params.audio.rejected_limit)


def _check_task(name: str, spec: FolderSet, listed: list[dict], params: Params) -> None:
    """Raises UserError if the task's rows cannot be scored: one class, an empty split."""
    try:
        splits(listed, params.noss.validation_share, params.seed)
    except SplitError as error:
        raise UserError(f"params.yaml: audio.folder.{name} ({spec.csv}) {error}") from None
    if empty := [row["file"] for row in listed if not row["label"]]:
        raise UserError(
            f"{spec.csv}: {len(empty)} rows have no label in column {spec.columns.label!r}, the first is {empty[0]}; fill it in"
        )


def link_teacher(source: str, link: Path) -> None:
    """Make `link` stand for the teacher's source, for DVC to depend on.

    It becomes a link to the SavedModel's folder, or a file with the word of the trainer.
    """
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    if source == TRAINS:
        link.write_text(f"{source}\n")
    else:
        link.symlink_to(Path(source).resolve())


def remove_unnamed(params: Params) -> list[Path]:
    """Deletes outputs of students, sets and devices that params.yaml no longer names: stages that depend on whole folders must not see them."""
    models = {*params.students, *params.references}
    keep = {
        "models/students/*": params.students,
        "models/tflite/*": params.students,
        "results/noss/*.json": models,
        "results/identity/*.json": params.devices,
        "results/latency/*": params.devices,
        "results/latency/*/*.json": models,
        "data/corpus/*": params.audio.list_sets("corpus"),
        "data/task/*": params.audio.list_sets("task"),
    }
    removed = []
    for pattern, names in keep.items():
        suffix = ".json" if pattern.endswith(".json") else ""
        removed += [
            path for path in Path().glob(pattern) if path.name.removesuffix(suffix) not in names
        ]
    for path in removed:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return removed

"""Data sets of TensorFlow Datasets as clips: the seven tasks of the paper's benchmark, prepared once by TFDS in its own folder, then read as a stream.

Labels are the builder's class names; VoxCeleb1's classes, which TFDS numbers, get the names of their speakers back. Splits are the published ones.
"""

import shutil
import sys
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.waveform import to_16k, to_int16
from frill.corpora.tfds.sources import SOURCES, Source, data_dir, problem
from frill.corpora.tfds.unpack import unpack_zip
from frill.errors import UserError
from frill.params.audio import UNKNOWN, TfdsSet


def clips(name: str, spec: TfdsSet, start: int = 0) -> Iterator[Clip | Rejected]:
    """Every example of every split from number `start` on, in TFDS's order, which the files' names decide.

    Prepares the set first, with progress. Raises UserError.
    """
    if message := problem(name, spec):
        raise UserError(message)
    from frill import tensorflow_setup  # noqa: F401 - quiet, legacy Keras
    from frill.corpora.tfds import builders as tfds_builders

    source = SOURCES[spec.dataset]
    manual_dir = Path(spec.manual_dir).expanduser() if spec.manual_dir else None
    builder = tfds_builders.build(spec.dataset, source.version, data_dir(spec), manual_dir)
    if not builder.is_prepared():
        _prepare(name, spec, source, builder, manual_dir)
    _compare_with_published(name, spec, source, builder)
    licence = source.licence if spec.licence == UNKNOWN else spec.licence
    examples = (
        (split, example) for split in source.splits for example in _examples(builder, split)
    )
    for index, (split, example) in islice(enumerate(examples), start, None):
        yield _clip(f"{name}-{index:06d}", split, example, spec.dataset, builder, licence)


def _prepare(name: str, spec: TfdsSet, source: Source, builder, manual_dir: Path | None) -> None:
    import tensorflow_datasets as tfds

    downloads = Path(builder.data_dir_root) / "downloads"
    config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
    unpacked = None
    if source.unpack:
        archive = manual_dir / source.unpack
        facts = (
            archive.stat()
        )  # TFDS would know an unpacked archive by its name alone, and keep an old one
        unpacked = downloads / "frill" / f"{spec.dataset}-{facts.st_size}-{facts.st_mtime_ns}"
        config.extract_dir = unpacked
        unpack_zip(archive, unpacked / f"ZIP.{source.unpack}")  # where TFDS looks before it unpacks
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Couldn't find ff(mpeg|probe)"
            )  # pydub calls them for what is not WAV
            builder.download_and_prepare(download_dir=downloads, download_config=config)
    except UserError:
        raise
    except Exception as error:  # TFDS, pydub, requests and the disk all have their own kinds
        raise UserError(_failure(name, spec, source, error)) from error
    if unpacked:
        shutil.rmtree(unpacked)


def _failure(name: str, spec: TfdsSet, source: Source, error: Exception) -> str:
    text = " ".join(str(error).split())
    message = f"params.yaml: audio.tfds.{name}: TFDS could not prepare {spec.dataset}: {type(error).__name__}: {text}"
    if "ffmpeg" in text or "ffprobe" in text:
        return f"{message}; a file is not plain WAV, and pydub reads others by ffmpeg: get the file again, or install ffmpeg"
    return f"{message}; correct that, or download again: {source.how}"


def _compare_with_published(name: str, spec: TfdsSet, source: Source, builder) -> None:
    """TFDS's builder of VoxCeleb passes over files that are absent: another number of clips than published is worth a line on stderr."""
    for split, published in source.clips.items():
        if (found := builder.info.splits[split].num_examples) != published:
            print(
                f"{name}: {spec.dataset} has {found} clips in split {split}, published are {published}: results are not comparable",
                file=sys.stderr,
            )


def _examples(builder, split: str) -> Iterator[dict]:
    """One file after another, so that the order does not depend on the number of files read at once."""
    import tensorflow_datasets as tfds

    reading = tfds.ReadConfig(try_autocache=False, add_tfds_id=True, interleave_cycle_length=1)
    yield from tfds.as_numpy(
        builder.as_dataset(split=split, shuffle_files=False, read_config=reading)
    )


def _clip(
    name: str, split: str, example: dict, dataset: str, builder, licence: str
) -> Clip | Rejected:
    source = _text(example.get("file_name", example["tfds_id"]))
    samples, rate_hz = example["audio"], builder.info.features["audio"].sample_rate
    if not len(samples):
        return Rejected(source, "empty (no samples)", "empty")
    if samples.max() > 32767 or samples.min() < -32768:
        return Rejected(source, "has samples of more than 16 bits")
    scaled = to_int16(to_16k(samples.astype(np.float32) / np.float32(32768), rate_hz))
    label, speaker = "", _text(example.get("speaker_id", b""))
    if example["label"] >= 0:  # -1: hidden
        label = builder.info.features["label"].int2str(int(example["label"]))
    if dataset == "voxceleb":
        speaker = label = f"id1{int(label):04d}"
    is_fold = split.startswith("fold")
    return Clip(
        name,
        scaled,
        label,
        speaker,
        "" if is_fold else split,
        split.removeprefix("fold") if is_fold else "",
        source,
        licence,
    )


def _text(value: bytes) -> str:
    return value.decode()

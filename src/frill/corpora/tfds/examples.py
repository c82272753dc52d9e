"""Data sets of TensorFlow Datasets as clips: the seven tasks of the paper's benchmark.

TFDS prepares them once, in its own folder; then they are read as a stream. Labels are the builder's
class names. TFDS numbers VoxCeleb1's classes, which get the names of their speakers back. Splits
are the published ones.
"""

import shutil
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.waveform import to_16k, to_int16
from frill.corpora.reading import Read
from frill.corpora.tfds.sources import SOURCES, Source, find_data_dir, find_problem
from frill.corpora.tfds.unpack import unpack_zip
from frill.errors import UserError
from frill.params.audio import UNKNOWN, TfdsSet


def prepare_reads(name: str, spec: TfdsSet) -> Iterator[Read]:
    """Yield a read of every example, split by split, in TFDS's order.

    The files' names decide that order. Prepares the set first, with progress. Raises UserError.
    """
    if message := find_problem(name, spec):
        raise UserError(message)
    from frill import tensorflow_setup

    tensorflow_setup.import_tensorflow()
    from frill.corpora.tfds import builders as tfds_builders

    source = SOURCES[spec.dataset]
    manual_dir = Path(spec.manual_dir).expanduser() if spec.manual_dir else None
    builder = tfds_builders.build(spec.dataset, source.version, find_data_dir(spec), manual_dir)
    if not builder.is_prepared():
        _prepare(name, spec, source, builder, manual_dir)
    _compare_with_published(name, spec, source, builder)
    licence = source.licence if spec.licence == UNKNOWN else spec.licence
    index = 0
    for split in source.splits:
        for example in _read_examples(builder, split):
            clip = f"{name}-{index:06d}"
            yield partial(_read_clip, clip, split, example, spec.dataset, builder, licence)
            index += 1


def _prepare(name: str, spec: TfdsSet, source: Source, builder, manual_dir: Path | None) -> None:
    import tensorflow_datasets as tfds

    downloads = Path(builder.data_dir_root) / "downloads"
    config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
    unpacked = None
    if source.unpack:
        archive = manual_dir / source.unpack
        # TFDS would know an unpacked archive by its name alone, and keep an old one.
        stat = archive.stat()
        unpacked = downloads / "frill" / f"{spec.dataset}-{stat.st_size}-{stat.st_mtime_ns}"
        config.extract_dir = unpacked
        unpack_zip(archive, unpacked / f"ZIP.{source.unpack}")  # where TFDS looks before it unpacks
    try:
        with warnings.catch_warnings():
            # pydub calls them for what is not WAV.
            warnings.filterwarnings("ignore", message="Couldn't find ff(mpeg|probe)")
            builder.download_and_prepare(download_dir=downloads, download_config=config)
    except UserError:
        raise
    except Exception as error:  # TFDS, pydub, requests and the disk all have their own kinds
        raise UserError(_explain(name, spec, source, error)) from error
    if unpacked:
        shutil.rmtree(unpacked)


def _explain(name: str, spec: TfdsSet, source: Source, error: Exception) -> str:
    text = " ".join(str(error).split())
    message = (
        f"params.yaml: audio.tfds.{name}: TFDS could not prepare {spec.dataset}: "
        f"{type(error).__name__}: {text}"
    )
    if "ffmpeg" in text or "ffprobe" in text:
        return (
            f"{message}; a file is not plain WAV, and pydub reads others by ffmpeg: "
            "get the file again, or install ffmpeg"
        )
    return f"{message}; correct that, or download again: {source.how}"


def _compare_with_published(name: str, spec: TfdsSet, source: Source, builder) -> None:
    """Warn on stderr of another number of clips than published.

    TFDS's builder of VoxCeleb passes over files that are absent.
    """
    for split, published in source.clips.items():
        clips = builder.info.splits[split].num_examples
        if clips != published:
            print(
                f"{name}: {spec.dataset} has {clips} clips in split {split}, "
                f"published are {published}: results are not comparable",
                file=sys.stderr,
            )


def _read_examples(builder, split: str) -> Iterator[dict]:
    """Yield one file's after another's: the order does not depend on how many are read at once."""
    import tensorflow_datasets as tfds

    reading = tfds.ReadConfig(try_autocache=False, add_tfds_id=True, interleave_cycle_length=1)
    dataset = builder.as_dataset(split=split, shuffle_files=False, read_config=reading)
    yield from tfds.as_numpy(dataset)


def _read_clip(
    name: str, split: str, example: dict, dataset: str, builder, licence: str
) -> Clip | Rejected:
    source = example.get("file_name", example["tfds_id"]).decode()
    samples = example["audio"]
    features = builder.info.features
    if not len(samples):
        return Rejected(source, "empty (no samples)", "empty")
    if samples.max() > 32767 or samples.min() < -32768:
        return Rejected(source, "has samples of more than 16 bits")
    waveform = samples.astype(np.float32) / np.float32(32768)
    label = ""
    speaker = example.get("speaker_id", b"").decode()
    if example["label"] >= 0:  # -1: hidden
        label = features["label"].int2str(int(example["label"]))
    if dataset == "voxceleb":
        label = f"id1{int(label):04d}"
        speaker = label
    is_fold = split.startswith("fold")
    return Clip(
        name,
        to_int16(to_16k(waveform, features["audio"].sample_rate)),
        label=label,
        speaker=speaker,
        split="" if is_fold else split,
        fold=split.removeprefix("fold") if is_fold else "",
        source=source,
        licence=licence,
    )

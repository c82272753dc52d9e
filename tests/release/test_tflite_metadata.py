"""The metadata as MediaPipe's own reader sees it.

Its generated classes are taken out of its wheel, without OpenCV and the rest.
"""

import importlib.util
import subprocess
import sys
import zipfile

import pytest

from frill.release.tflite_metadata import ModelInfo, TensorInfo, add_metadata

WHEEL = "mediapipe==1.2.2"
SCHEMA = "mediapipe/tasks/metadata/metadata_schema_py_generated.py"
SAMPLES = TensorInfo("samples", "Mono audio", ("batch", "samples"), 16000, (-1.0, 1.0))
WINDOWS = TensorInfo("windows", "Log-mel", ("batch", "frames", "mel bands", "channel"))
EMBEDDING = TensorInfo("embedding", "A row for every 170 ms", ("windows", "values"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mediapipe")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"no package index with {WHEEL}: {done.stderr.strip().splitlines()[-1]}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        (folder / "schema.py").write_bytes(wheel.read(SCHEMA))
    spec = importlib.util.spec_from_file_location("schema", folder / "schema.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def buffers(model: bytes) -> dict[bytes, bytes]:
    """Return the model's metadata by its name."""
    from ai_edge_litert.schema_py_generated import Model

    parsed = Model.GetRootAs(model, 0)
    entries = [parsed.Metadata(i) for i in range(parsed.MetadataLength())]
    return {
        entry.Name(): parsed.Buffers(entry.Buffer()).DataAsNumpy().tobytes() for entry in entries
    }


def info(entry: TensorInfo) -> ModelInfo:
    return ModelInfo("frill", "An embedding", "1a2b", "Apache-2.0", entry, (EMBEDDING,))


def test_one_buffer_is_added_and_the_others_stay(pooling_models):
    model = pooling_models[0].read_bytes()
    before = buffers(model)
    after = buffers(add_metadata(model, info(WINDOWS)))
    assert after.keys() - before.keys() == {b"TFLITE_METADATA"}
    assert {name: after[name] for name in before} == before
    assert after[b"TFLITE_METADATA"][4:8] == b"M001"
    again = add_metadata(add_metadata(model, info(SAMPLES)), info(WINDOWS))
    assert buffers(again) == after  # replaced, not doubled


@pytest.mark.slow
@pytest.mark.parametrize("entry", [SAMPLES, WINDOWS])
def test_mediapipes_reader_reads_every_field(pooling_models, reader, entry):
    model = add_metadata(pooling_models[0].read_bytes(), info(entry))
    packed = buffers(model)[b"TFLITE_METADATA"]
    read = reader.ModelMetadataT.InitFromObj(reader.ModelMetadata.GetRootAs(packed, 0))
    assert (read.name, read.description, read.version) == (b"frill", b"An embedding", b"1a2b")
    assert (read.license, read.minParserVersion) == (b"Apache-2.0", b"1.3.0")
    (subgraph,) = read.subgraphMetadata
    (given,) = subgraph.inputTensorMetadata
    (gives,) = subgraph.outputTensorMetadata
    assert given.name.decode() == entry.name
    assert tuple(name.decode() for name in given.dimensionNames) == entry.dimensions
    assert gives.name == b"embedding" and gives.description == b"A row for every 170 ms"
    kind = given.content.contentPropertiesType
    if entry is WINDOWS:
        assert kind == reader.ContentProperties.FeatureProperties
        return
    assert kind == reader.ContentProperties.AudioProperties
    audio = given.content.contentProperties
    assert (audio.sampleRate, audio.channels) == (16000, 1)
    assert (list(given.stats.min), list(given.stats.max)) == ([-1], [1])

"""Latency of every backbone and width on this machine, float32 and int8, one thread.

    python benchmarks/latency.py [--widths 0.5 1.0 2.0] [--rounds 12]

It prints ms a window and multiply-adds a second. The ceiling is a large float32 matrix product
through the same runtime on the same thread, timed in the same alternation. Weights are random: they
do not change what is computed. Rounds alternate over all models, so a slow minute of the machine is
shared; figures are medians of a round's medians.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from frill import tensorflow_setup

tensorflow_setup.set_up(threads=2, seed=17, onednn=1)

import tensorflow as tf  # noqa: E402

from frill.device import timed_model  # noqa: E402
from frill.params.grid import AXES  # noqa: E402
from frill.progress import progress  # noqa: E402
from frill.students.build import StudentSpec, build, count  # noqa: E402
from frill.students.convert import convert  # noqa: E402

MATRIX = 1024  # 1024 x 1024 times 1024 x 1024: 1.07 G multiply-adds, 12 MB
ROUND_MS = 40.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backbones", nargs="+", default=AXES["backbone"])
    parser.add_argument("--widths", nargs="+", type=float, default=AXES["width"])
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files, multiply_adds = convert_all(arguments.backbones, arguments.widths, Path(folder))
        medians_ms = time_all(files, arguments.rounds)
    report(medians_ms, multiply_adds)


def convert_all(backbones: list[str], widths: list[float], folder: Path) -> tuple[dict, dict]:
    """Return the file of each (model, precision), and its multiply-adds."""
    product = ("matrix product", "float32")
    files = {product: folder / "matrix.tflite"}
    multiply_adds = {product: MATRIX**3}
    files[product].write_bytes(convert_product())
    calibration = np.random.default_rng(0).normal(-3, 2, (20, 96, 64)).astype(np.float32)
    cells = [(backbone, width) for backbone in backbones for width in widths]
    for backbone, width in progress(cells, "converting", len(cells), "student"):
        spec = StudentSpec(backbone, width, "gap", None, False)
        student = build(spec, None)
        for precision in ("float32", "int8"):
            key = (f"{backbone} {width:g}", precision)
            files[key] = folder / f"{backbone}_{width}_{precision}.tflite"
            files[key].write_bytes(convert(student, precision, False, calibration))
            multiply_adds[key] = count(spec)["multiply_adds"]
    return files, multiply_adds


def convert_product() -> bytes:
    """Return [1024, 1024] times a constant of the same shape, as a .tflite file."""
    weights = tf.random.normal([MATRIX, MATRIX])

    @tf.function(input_signature=[tf.TensorSpec([MATRIX, MATRIX])])
    def multiply(x):
        return {"product": x @ weights}

    functions = [multiply.get_concrete_function()]
    return tf.lite.TFLiteConverter.from_concrete_functions(functions).convert()


def time_all(files: dict, rounds: int) -> dict:
    """Return the median ms of every file, all of them in turn in every round."""
    timed = {key: timed_model.TimedModel(path, threads=1) for key, path in files.items()}
    for one in timed.values():
        one.time_round_ms(ROUND_MS)  # warm-up
    samples = {key: [] for key in timed}
    for _ in progress(range(rounds), "timing", rounds, "round"):
        for key, one in timed.items():
            samples[key].append(np.median(one.time_round_ms(ROUND_MS)))
    return {key: float(np.median(values)) for key, values in samples.items()}


def report(medians_ms: dict, multiply_adds: dict) -> None:
    ceiling = multiply_adds["matrix product", "float32"] / medians_ms["matrix product", "float32"]
    columns = f"{'float32':>10}{'int8':>10}{'float32/int8':>14}{'M multiply-adds':>17}"
    print(f"{'model':<16}{columns}{'G/s float32':>13}{'of the ceiling':>16}")
    for (name, precision), milliseconds in medians_ms.items():
        if precision != "float32":
            continue
        int8_ms = medians_ms.get((name, "int8"))
        quantised = f"{'':>24}"
        if int8_ms:
            quantised = f"{int8_ms:>7.3f} ms{milliseconds / int8_ms:>14.2f}"
        adds = multiply_adds[name, precision]
        rate = adds / milliseconds
        speed = f"{adds / 1e6:>17.1f}{rate / 1e6:>13.1f}{rate / ceiling:>16.0%}"
        print(f"{name:<16}{milliseconds:>7.3f} ms{quantised}{speed}")


if __name__ == "__main__":
    main()

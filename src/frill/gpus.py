"""The GPUs of this machine, without TensorFlow."""

import os
import shutil
import subprocess
from itertools import takewhile

VARIABLE = "CUDA_VISIBLE_DEVICES"  # what CUDA shows to a process


def list_gpus() -> list[str]:
    """Return the GPUs that a process of this one may use, as CUDA_VISIBLE_DEVICES names them.

    Without that variable they are as many as NVIDIA's driver lists; there may be no driver.
    """
    visible = os.environ.get(VARIABLE)
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        # CUDA reads up to the first that is none, such as -1.
        return list(takewhile(lambda name: name and not name.startswith("-"), names))
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))]

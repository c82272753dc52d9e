"""The selected student as others use it: release/."""

from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("release"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.release.write import write_release

    parity = write_release(settings, Path("release"))
    name, cosine = parity["student"], parity["min_cosine"]
    print(f"release: {name}; cosine with the scored file {cosine:.6f} or more")

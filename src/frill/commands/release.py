"""Write another student than the selected one as release/ has it: files, model card, examples."""

from argparse import ArgumentParser
from pathlib import Path

from frill.errors import UserError

# Of release/, as frill.release.make names them: importing that takes TensorFlow's seconds.
FILES = {
    "frill.tflite",
    "frill_1s.tflite",
    "frill_nofrontend.tflite",
    "saved_model",
    "example.py",
    "Frill.kt",
    "MODEL_CARD.md",
    "SHA256SUMS",
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--student", required=True, help="a name under `students` in params.yaml")
    out = "the folder to write; without it release_STUDENT"
    parser.add_argument("--out", type=Path, help=out)


def run(student: str, out: Path | None) -> int:
    from frill import tensorflow_setup
    from frill.params.load import load_params

    if not Path("results/frontier.json").exists():
        raise UserError("results/frontier.json: not there yet; run `make repro`")
    folder = out or Path(f"release_{student}")
    if folder.resolve() == Path("release").resolve():
        raise UserError(f"--out {out}: is the stage's own folder; name another")
    _check_empty(folder)
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.release.write import write_release

    parity = write_release(settings, folder, student)
    cosine = parity["min_cosine"]
    print(f"{folder.absolute()}: cosine with the scored file {cosine:.6f} or more")
    return 0


def _check_empty(folder: Path) -> None:
    """Raise UserError for a folder with other files than a release's.

    They would stand under its checksums, and a release that fails its comparison is removed whole.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}: is a file; name a folder")
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if others := sorted(there - FILES):
        raise UserError(
            f"--out {folder}: holds {others[0]}, which is not of a release; name another folder"
        )

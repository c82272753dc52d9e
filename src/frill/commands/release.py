"""Write another student than the selected one as release/ has it: files, model card, examples."""

from argparse import ArgumentParser
from pathlib import Path

from frill.errors import UserError


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
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.release.write import write_release

    parity = write_release(settings, folder, student)
    cosine = parity["min_cosine"]
    print(f"{folder.absolute()}: cosine with the scored file {cosine:.6f} or more")
    return 0

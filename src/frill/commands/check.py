"""Validate params.yaml and everything it names; print files that will be skipped."""

from pathlib import Path

from frill.errors import UserError


def run() -> int:
    from frill.check import check
    from frill.params.load import load_params

    params = load_params()
    for line in check(params):
        print(line)
    if not Path(".git").exists():
        raise UserError(f"{Path.cwd()} is not a git repository, which DVC needs: run `git init`")
    sets = sum(1 for _ in params.audio.walk_sets())
    print(
        f"{Path('params.yaml').absolute()}: all is well: {sets} sets of audio, the teacher "
        f"({params.teacher.source}), {len(params.students)} students, "
        f"{len(params.devices)} devices, {len(params.baselines)} baselines"
    )
    return 0

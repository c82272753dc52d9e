"""The `frill` command: what `make` calls."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from frill.errors import UserError
from frill.grid import AXES

FRONTIER = Path("results/frontier.json")
CONTROL = Path("models/controls/random_weights.tflite")


def main() -> None:
    parser = argparse.ArgumentParser(prog="frill", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (function, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        if name == "repro":
            command.add_argument("--preset", help="run presets/PRESET.yaml in its own worktree instead of params.yaml")
        if name == "benchmark":
            command.add_argument("model", type=Path, help="a .tflite file of one float32 input")
            command.add_argument("--device", help="a name under `devices` in params.yaml; without it the selection's")
            command.add_argument("--control", type=Path, default=CONTROL, help=f"the model it is timed in turns with ({CONTROL}, or itself)")
            command.add_argument("--json", type=Path, help="write all that was measured to this file")
        if name == "plan":
            command.add_argument(
                "--preset", help="plan presets/PRESET.yaml instead of params.yaml; what its unset $NAMEs would name is taken as published"
            )
            command.add_argument("--json", type=Path, help="write the plan and what was measured to this file")
        if name == "grid":
            for axis, values in AXES.items():
                command.add_argument(f"--{axis}", nargs="+", type=_value, default=values, help=" ".join(map(str, values)))
    arguments = vars(parser.parse_args())
    try:
        sys.exit(arguments.pop("function")(**arguments))
    except UserError as error:
        print(f"frill: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def check() -> int:
    """Validates params.yaml and everything it names; prints files that will be skipped."""
    from frill import check as checks
    from frill import params

    for line in checks.check(params.load()):
        print(line)
    return 0


def repro(preset: str | None) -> int:
    """check, then `dvc repro --keep-going`, then the frontier, the selection and the time of every stage."""
    if preset:
        from frill import presets

        return presets.run(preset)
    check()
    start = time.time()
    environment = os.environ | {"PYTHONPATH": str(Path("src").resolve()), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    code = subprocess.run([sys.executable, "-m", "dvc", "repro", "--keep-going"], env=environment).returncode
    from frill import show as shows

    print(f"\nTime and peak memory of the stages that ran\n{shows.stage_times(start)}\n")
    return show() or code if code == 0 else 1


def plan(preset: str | None, json: Path | None) -> int:
    """Prints what a run would take, stage by stage: audio, windows, disk, and time from speeds measured here in some seconds."""
    from frill.planning import command

    print(command.run(preset, json))
    return 0


def show() -> int:
    """Prints the frontier, the selection and where to look next."""
    from frill import elsewhere
    from frill import show as shows

    if not FRONTIER.exists():
        raise UserError(f"{FRONTIER}: not there yet; run `make repro`")
    frontier = json.loads(FRONTIER.read_text())
    print(shows.table(frontier, elsewhere.latencies_ms(frontier)))
    print(f"\n{shows.selection(frontier)}\n\n{shows.effects(frontier)}")
    print("\nNext: release/ is what ships, with its model card. reports/index.html has the picture. `make ui` compares runs in MLflow.")
    return 0


def grid(**axes: list) -> int:
    """Prints a grid of students as lines for params.yaml; without options FRILL's 144."""
    from frill import grid as grids

    print("\n".join(f"  {line}" for line in grids.lines(axes)))
    return 0


def _value(text: str) -> object:
    """As params.yaml would read it: numbers are numbers."""
    import yaml

    return yaml.safe_load(text)


def devices() -> int:
    """Lists the phones attached over adb, their state, and what the devices of params.yaml miss."""
    from frill import params
    from frill.device import listing

    for line in listing.report(params.load() if Path("params.yaml").exists() else None):
        print(line, flush=True)
    return 0


def benchmark(model: Path, device: str | None, control: Path, json: Path | None) -> int:
    """Times one .tflite file by hand on a device of params.yaml, in turns with a control model."""
    from frill.device import by_hand

    print(by_hand.benchmark(model, device, control, json))
    return 0


def clean() -> int:
    """Deletes scratch, logs and preset worktrees; `dvc gc -w` shrinks DVC's cache to what the workspace uses."""
    for path in (Path("scratch"), Path("logs"), Path("build"), Path("dist")):
        if path.exists():
            shutil.rmtree(path)
            print(f"removed {path}/")
    from frill import presets

    presets.remove_all()
    subprocess.run([sys.executable, "-m", "dvc", "gc", "--workspace", "--force"], check=False)
    return 0


COMMANDS = {
    "check": (check, check.__doc__),
    "plan": (plan, plan.__doc__),
    "repro": (repro, repro.__doc__),
    "show": (show, show.__doc__),
    "grid": (grid, grid.__doc__),
    "devices": (devices, devices.__doc__),
    "benchmark": (benchmark, benchmark.__doc__),
    "clean": (clean, clean.__doc__),
}

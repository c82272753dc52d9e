"""The `frill` command: finished models, and the pipeline that makes them (what `make` calls)."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from frill.errors import UserError
from frill.grid import AXES

FRONTIER = Path("results/frontier.json")
CONTROL = Path("models/controls/random_weights.tflite")
MODEL = Path("release/frill.tflite")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="frill",
        usage="frill COMMAND ...",
        description="Small, fast, non-semantic speech embeddings.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", help=argparse.SUPPRESS)
    for name, function in COMMANDS.items():
        command = commands.add_parser(name, prog=f"frill {name}", description=function.__doc__)
        command.set_defaults(function=function)
        if name == "embed":
            command.add_argument("audio", nargs="+", type=Path, metavar="AUDIO", help="an audio file, or a folder of them")
            command.add_argument(
                "-o", "--out", type=Path, required=True, help="the .npz file to write: by file a float32 array [time, D], and times_s"
            )
            command.add_argument("--model", type=Path, default=MODEL, help=f"a .tflite file of samples or of windows ({MODEL})")
            command.add_argument("--mean", action="store_true", help="one vector a file, [D]: the mean over time")
        if name == "demo":
            command.add_argument("--model", type=Path, help="a .tflite file of samples or of windows; without it the selected student's")
            command.add_argument("--port", type=int, default=8717, help="of 127.0.0.1 (8717); 0 takes a free one")
        if name in ("repro", "sweep"):
            command.add_argument("--preset", help="run presets/PRESET.yaml in its own worktree instead of params.yaml")
        if name == "sweep":
            command.add_argument("--address", help="of a Ray cluster; auto: the one this machine is part of. Without it this machine alone")
            command.add_argument("--jobs", type=int, help="stages at once, at most; without it as many as the cluster has room for")
        if name == "benchmark":
            command.add_argument("model", type=Path, help="a .tflite file of one float32 input")
            command.add_argument("--device", help="a name under `devices` in params.yaml; without it the selection's")
            command.add_argument("--control", type=Path, default=CONTROL, help=f"the model it is timed in turns with ({CONTROL}, or itself)")
            command.add_argument("--json", type=Path, help="write all that was measured to this file")
        if name == "plan":
            command.add_argument(
                "--preset", help="plan presets/PRESET.yaml instead of params.yaml; what its unset $NAMEs would name is taken as published"
            )
            command.add_argument("--json", type=Path, help="write the plan to this file")
        if name == "grid":
            for axis, values in AXES.items():
                command.add_argument(f"--{axis}", nargs="+", type=_value, default=values, help=" ".join(map(str, values)))
    arguments = vars(parser.parse_args())
    try:
        sys.exit(arguments.pop("function")(**arguments))
    except UserError as error:
        print(f"frill: {error}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] == "frill":
            raise
        extra = "sweep,pipeline" if error.name == "ray" else "pipeline"
        print(f"frill: this command needs the package {error.name}, which is not installed: uv pip install 'frill[{extra}]'", file=sys.stderr)
        sys.exit(1)
    except (OSError, MemoryError) as error:
        from frill.stage import ran_out

        if (reason := ran_out(error)) is None:
            raise
        print(f"frill: {reason}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def embed(audio: list[Path], out: Path, model: Path, mean: bool) -> int:
    """Embeds audio files of any format, rate and length with a finished model, into one .npz."""
    from frill import embed_files

    return embed_files.run(audio, out, model, mean)


def demo(model: Path | None, port: int) -> int:
    """Serves a page on this machine: record or drop a clip, see which labels of the tasks its embedding is nearest to."""
    from frill.demo import command

    return command.run(model, port)


def check() -> int:
    """Validates params.yaml and everything it names; prints files that will be skipped."""
    from frill import check as checks
    from frill import params

    for line in checks.check(params.load()):
        print(line)
    return 0


def verify() -> int:
    """Reads every output and every copy in DVC's cache again; what a disk has damaged is named and deleted, and made again by the next repro."""
    from frill import verify as verifying

    found = verifying.verify()
    for line in found.damaged:
        print(line)
    print(
        f"{found.files} files, {found.read_bytes / 2**20:.0f} MiB read: {len(found.damaged)} damaged"
        + ("; `make repro` makes them again" if found.damaged else "")
    )
    return 1 if found.damaged else 0


def repro(preset: str | None) -> int:
    """check, then `dvc repro --keep-going`, then the frontier, the selection and the time of every stage."""
    if preset:
        from frill import presets

        return presets.run(preset)
    from frill import stage, subcommand

    check()
    _ready_dvc()
    ran_before = len(stage.read_log())
    environment = os.environ | {"PYTHONPATH": str(Path("src").resolve()), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # An interrupted stage is a failed one to DVC, which would go on with the next.
    code = subcommand.call([sys.executable, "-m", "dvc", "repro", "--keep-going"], kill=True, env=environment)
    from frill import show as shows

    print(f"\nTime and peak memory of the stages that ran\n{shows.stage_times(ran_before)}\n")
    return show() or code if code == 0 else 1


def _ready_dvc() -> None:
    """What a kill may have cut off: DVC's own words for it say nothing of what to do. Raises UserError."""
    from frill import dvc_project, verify

    for lock in verify.LOCKS:
        verify.read_lock(lock)
    if dvc_project.mend_rwlock():
        print(f"{dvc_project.RWLOCK} was cut off by a kill: deleted")


def sweep(preset: str | None, address: str | None, jobs: int | None) -> int:
    """Trains, converts and scores students in parallel on a Ray cluster, those that are not up to date; repro then does the rest."""
    if preset:
        from frill import presets

        options = [*(["--address", address] if address else []), *(["--jobs", str(jobs)] if jobs is not None else [])]
        return presets.run(preset, "sweep", *options)
    from frill.sweep import command

    _ready_dvc()
    return command.run(address, jobs)


def plan(preset: str | None, json: Path | None) -> int:
    """Prints what a run would take, stage by stage: audio, windows, disk, and time by what earlier
    runs took (logs/stages.jsonl).
    """
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
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(text)


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
    """Deletes scratch, logs and preset worktrees; `dvc gc --workspace` shrinks DVC's cache to what the workspace uses, unless it lies outside of the project."""
    from frill import dvc_project, presets

    with dvc_project.alone():  # scratch is a running stage's
        for path in (Path("scratch"), Path("logs"), Path("build"), Path("dist")):
            if path.exists():
                shutil.rmtree(path)
                print(f"removed {path}/")
        presets.remove_all()
    cache = dvc_project.cache_folder()
    if cache.is_relative_to(Path.cwd().resolve()):
        subprocess.run([sys.executable, "-m", "dvc", "gc", "--workspace", "--force"], check=False)
    else:
        by_hand = "`dvc gc --workspace --projects FOLDER...`, with the folders of all others that use it, shrinks it"
        print(f"{cache} is outside of the project and other projects may share it, so it is left alone: {by_hand}")
    return 0


def _overview() -> str:
    """The commands by what they need, a line each: the first sentence of what each says of itself."""
    lines = []
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:"]
        for name, function in commands.items():
            text = " ".join(function.__doc__.split())
            lines += textwrap.wrap(text, 100, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13)
    return "\n".join([*lines[1:], "", "frill COMMAND --help says more of each."])


GROUPS = {
    "A finished model": {"embed": embed},
    "In a project's folder (uv pip install 'frill[pipeline]')": {
        "check": check,
        "plan": plan,
        "repro": repro,
        "sweep": sweep,
        "verify": verify,
        "show": show,
        "demo": demo,
        "grid": grid,
        "devices": devices,
        "benchmark": benchmark,
        "clean": clean,
    },
}
COMMANDS = {name: function for commands in GROUPS.values() for name, function in commands.items()}

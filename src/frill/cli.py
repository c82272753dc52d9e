"""The `frill` command: finished models, and the pipeline that makes them (what `make` calls).

A command is a module of frill.commands.
"""

import argparse
import ast
import os
import sys
import textwrap
from importlib import import_module
from pathlib import Path

from frill.errors import UserError

# By what they need.
GROUPS = {
    "A finished model": ["embed"],
    "In a clone, beside its params.yaml (make installs what this takes)": (
        "check params plan repro ui verify show demo release head".split()
        + "grid devices benchmark compare clean".split()
    ),
}
# These take --preset: they look at results, which a preset has in a workspace of its own.
OF_A_WORKSPACE = (
    "embed",
    "check",
    "verify",
    "show",
    "demo",
    "release",
    "head",
    "devices",
    "benchmark",
)
FOLDER = Path(__file__).with_name("commands")


def main() -> None:
    try:
        sys.exit(run(sys.argv[1:]))
    except UserError as error:
        _end(str(error))
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] == "frill":
            raise
        extra = "sweep,pipeline" if error.name == "ray" else "pipeline"
        _end(
            f"this command needs the package {error.name}, which is not installed: "
            f"in a clone of frill, uv pip install '.[{extra}]'"
        )
    except BrokenPipeError:  # whoever read, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, MemoryError) as error:
        from frill.workflow.stage import describe_exhaustion

        if (reason := describe_exhaustion(error)) is None:
            raise
        _end(reason)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(message: str) -> None:
    print(f"frill: {message}", file=sys.stderr)
    sys.exit(1)


def run(arguments: list[str]) -> int:
    """Run the command that `arguments` begin with and return its exit code.

    Only its own module is imported: `frill --help` and `frill embed` do without the pipeline's
    packages, and start fast.
    """
    parser = argparse.ArgumentParser(
        prog="frill",
        usage="frill COMMAND ...",
        description="Small, fast, non-semantic speech embeddings.",
        epilog=_list_commands(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS
    )
    for names in GROUPS.values():
        for name in names:
            summary = _read_summary(name)
            command = commands.add_parser(name, prog=f"frill {name}", description=summary)
            if arguments[:1] == [name]:
                chosen = command
                module = import_module(f"frill.commands.{name}")
                if hasattr(module, "add_arguments"):
                    module.add_arguments(command)
                if name in OF_A_WORKSPACE:
                    command.add_argument("--preset", help="of presets/PRESET.yaml's workspace")
    options = vars(parser.parse_args(arguments))
    command = options.pop("command")
    if command in OF_A_WORKSPACE and (preset := options.pop("preset")):
        for key, value in options.items():
            if value != chosen.get_default(key):  # a default is within the preset's workspace
                options[key] = _make_absolute(value)
        _enter(preset)
    return import_module(f"frill.commands.{command}").run(**options)


def _make_absolute(value: object) -> object:
    if isinstance(value, list):
        return [_make_absolute(each) for each in value]
    return value.absolute() if isinstance(value, Path) else value


def _enter(preset: str) -> None:
    """Go into a preset's worktree. Raises UserError for one that is unknown or never ran."""
    from frill.workflow import presets

    file = presets.find(preset)
    worktree = presets.WORKTREES / preset
    if not worktree.is_dir():
        raise UserError(f"{file} has not run here; run `make repro PRESET={preset}` first")
    os.chdir(worktree)


def _read_summary(name: str) -> str:
    """Return the first paragraph of the command's docstring in one line, without importing it."""
    docstring = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text("utf-8")))
    return " ".join(docstring.partition("\n\n")[0].split())


def _list_commands() -> str:
    """Return the commands by what they need, with what each says of itself."""
    lines = []
    for title, names in GROUPS.items():
        lines += ["", f"{title}:"]
        for name in names:
            lines += textwrap.wrap(
                _read_summary(name),
                100,
                initial_indent=f"  {name:<11}",
                subsequent_indent=" " * 13,
            )
    return "\n".join([*lines[1:], "", "frill COMMAND --help says more of each."])

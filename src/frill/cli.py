"""The `frill` command: finished models, and the pipeline that makes them (what `make` calls). A
command is a module of frill.commands.
"""

import argparse
import ast
import sys
import textwrap
from importlib import import_module
from pathlib import Path

from frill.errors import UserError

GROUPS = {  # by what they need
    "A finished model": ("embed",),
    "In a project's folder (uv pip install 'frill[pipeline]')": (
        "check",
        "plan",
        "repro",
        "sweep",
        "verify",
        "show",
        "demo",
        "grid",
        "devices",
        "benchmark",
        "clean",
    ),
}
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
            f"this command needs the package {error.name}, which is not installed: uv pip install 'frill[{extra}]'"
        )
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
    """Runs the command that `arguments` begin with and returns its exit code.

    Only its own module is imported: `frill --help` and `frill embed` do without the pipeline's
    packages, and start fast.
    """
    parser = argparse.ArgumentParser(
        prog="frill",
        usage="frill COMMAND ...",
        description="Small, fast, non-semantic speech embeddings.",
        epilog=_overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS
    )
    for names in GROUPS.values():
        for name in names:
            command = commands.add_parser(name, prog=f"frill {name}", description=_about(name))
            if arguments[:1] == [name]:
                _module(name).add_arguments(command)
    options = vars(parser.parse_args(arguments))
    return _module(options.pop("command")).run(**options)


def _module(name: str):
    return import_module(f"frill.commands.{name}")


def _about(name: str) -> str:
    """The first paragraph of the command's docstring in one line, read without importing it."""
    docstring = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text("utf-8")))
    return " ".join(docstring.partition("\n\n")[0].split())


def _overview() -> str:
    """The commands by what they need, with what each says of itself."""
    lines = []
    for title, names in GROUPS.items():
        lines += ["", f"{title}:"]
        for name in names:
            lines += textwrap.wrap(
                _about(name), 100, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13
            )
    return "\n".join([*lines[1:], "", "frill COMMAND --help says more of each."])

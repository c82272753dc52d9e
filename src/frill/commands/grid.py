"""Print a grid of students as lines for params.yaml; without options FRILL's 144."""

from argparse import ArgumentParser

from frill.params.grid import AXES, write_lines


def add_arguments(parser: ArgumentParser) -> None:
    for axis, values in AXES.items():
        shown = " ".join(map(str, values))
        parser.add_argument(f"--{axis}", nargs="+", type=_parse, default=values, help=shown)


def run(**axes: list) -> int:
    for line in write_lines(axes):
        print(f"  {line}")
    return 0


def _parse(text: str) -> object:
    """Return the value that params.yaml would have: numbers are numbers."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(text)

"""Prints a grid of students as lines for params.yaml; without options FRILL's 144."""

from argparse import ArgumentParser

from frill.students.grid import AXES, lines


def add_arguments(parser: ArgumentParser) -> None:
    for axis, values in AXES.items():
        parser.add_argument(
            f"--{axis}", nargs="+", type=_value, default=values, help=" ".join(map(str, values))
        )


def run(**axes: list) -> int:
    for line in lines(axes):
        print(f"  {line}")
    return 0


def _value(text: str) -> object:
    """As params.yaml would read it: numbers are numbers."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(text)

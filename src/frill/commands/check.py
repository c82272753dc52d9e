"""Validates params.yaml and everything it names; prints files that will be skipped."""

from argparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """Adds none: the command takes no options."""


def run() -> int:
    from frill.check import check
    from frill.params.load import load_params

    for line in check(load_params()):
        print(line)
    return 0

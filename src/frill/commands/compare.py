"""Say whether two records of `frill benchmark --report` differ beyond their intervals."""

from argparse import ArgumentParser
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("one", type=Path, help="a record")
    parser.add_argument("other", type=Path, help="the record it is compared with")


def run(one: Path, other: Path) -> int:
    from frill.device.compare import compare
    from frill.device.record import read_record

    print("\n".join(compare(read_record(one), read_record(other), (str(one), str(other)))))
    return 0

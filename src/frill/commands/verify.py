"""Reads every output and every copy in DVC's cache again; what a disk has damaged is named and
deleted, and made again by the next repro.
"""

from argparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """Adds none: the command takes no options."""


def run() -> int:
    from frill.workflow.verify import verify_files

    found = verify_files()
    for line in found.damaged:
        print(line)
    again = "; `make repro` makes them again" if found.damaged else ""
    print(
        f"{found.files} files, {found.read_bytes / 2**20:.0f} MiB read: {len(found.damaged)} damaged{again}"
    )
    return 1 if found.damaged else 0

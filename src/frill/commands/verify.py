"""Read every output and every copy in DVC's cache again; name and delete what a disk has damaged.
The next repro makes it again.
"""


def run() -> int:
    from frill.workflow.verify import verify_files

    verification = verify_files()
    damaged = verification.damaged
    for line in damaged:
        print(line)
    again = "; `make repro` makes them again" if damaged else ""
    read_mib = verification.read_bytes / 2**20
    print(f"{verification.files} files, {read_mib:.0f} MiB read: {len(damaged)} damaged{again}")
    return 1 if damaged else 0

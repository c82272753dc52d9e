"""Runs a command for a worker and kills all that it started as soon as the worker is gone.

    python -c TEXT_OF_THIS DESCRIPTOR COMMAND ...

The descriptor is a pipe's end for reading. The worker has the other end, which closes when it dies,
in whatever way. A command that outlived its worker would write to the clone beside the next try.
"""

import os
import signal
import subprocess
import sys
import threading


def end_with_the_worker() -> None:
    os.read(int(sys.argv[1]), 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_with_the_worker, daemon=True).start()
    sys.exit(subprocess.run(sys.argv[2:]).returncode)

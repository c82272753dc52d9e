"""Runs a command for a process and kills all that it started as soon as that process is gone.

    python -c TEXT_OF_THIS DESCRIPTOR COMMAND ...

The descriptor is a pipe's end for reading. The process has the other end, which closes when it
dies, in whatever way. A stage that outlived it would write beside the next try. The exit code of a
command that a signal killed is 128 more than the signal's number, as shells have it.
"""

import os
import signal
import subprocess
import sys
import threading


def end_with_the_process() -> None:
    os.read(int(sys.argv[1]), 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_with_the_process, daemon=True).start()
    code = subprocess.run(sys.argv[2:]).returncode
    sys.exit(code if code >= 0 else 128 - code)

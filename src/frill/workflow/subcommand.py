"""Commands that are run for the user, on the same terminal."""

import signal
import subprocess


def call(command: list[str], kill: bool, **options) -> int:
    """Run a command and return its exit code. `options` are Popen's.

    Ctrl-C reaches the command too; with `kill` it is killed then, at once. It has ended when
    KeyboardInterrupt is raised.
    """
    interrupted = False

    def on_ctrl_c(*_) -> None:
        nonlocal interrupted
        interrupted = True
        if kill:
            process.kill()

    with subprocess.Popen(command, **options) as process:
        before = signal.signal(signal.SIGINT, on_ctrl_c)
        try:
            code = process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt
    return code

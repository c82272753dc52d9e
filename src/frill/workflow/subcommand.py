"""Commands that are run for the user: on the same terminal, and git's."""

import signal
import subprocess
from pathlib import Path

from frill.errors import UserError


def call(command: list[str], **options) -> int:
    """Run a command and return its exit code. `options` are Popen's.

    Ctrl-C reaches the command too, and SIGTERM is handed on to it. It has ended when
    KeyboardInterrupt is raised.
    """
    interrupted = False

    def interrupt(number: int, _frame) -> None:
        nonlocal interrupted
        interrupted = True
        if number == signal.SIGTERM:  # whoever sends it knows this process only
            process.terminate()

    with subprocess.Popen(command, **options) as process:
        before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if interrupted:
        raise KeyboardInterrupt
    return code


def git(*arguments: str, cwd: Path = Path()) -> str:
    """Return what git prints, without blanks at its end. Raises UserError."""
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            f"git {arguments[0]}: {done.stderr.strip()}; "
            "presets and sweeps need the project to be a git checkout with a commit"
        )
    return done.stdout.rstrip()

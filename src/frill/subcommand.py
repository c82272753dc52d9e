"""Commands that are run for the user, on the same terminal."""

import subprocess


def call(command: list[str], grace_s: float, **options) -> int:
    """Its exit code. `options` are Popen's. Ctrl-C reaches the command too: it has `grace_s` to end by itself, is killed then, and is gone when KeyboardInterrupt is raised."""
    with subprocess.Popen(command, **options) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                pass
            finally:
                process.kill()
                process.wait()
            raise

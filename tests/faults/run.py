"""Tries every fault of docs/reliability.md on the miniature project and prints what came out.

    python tests/faults/run.py [NAME...]

Each takes some minutes. The reference is made once and kept in scratch/faults.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cases  # noqa: E402
import get_faketime  # noqa: E402
import servers  # noqa: E402
import small_disk  # noqa: E402
from disturbed import take  # noqa: E402
from pipeline_project import ROOT, Project, miniature  # noqa: E402

FOLDER = ROOT / "scratch/faults"


def disk_full(_project: Project, reference: Project) -> str:
    script = [sys.executable, small_disk.__file__, reference.folder, FOLDER / "disk/small"]
    printed = FOLDER / "disk/printed.jsonl"
    with printed.open("w") as file:
        assert subprocess.run([*small_disk.NAMESPACES, *script], stdout=file).returncode == 0
    *tried, end = map(json.loads, printed.read_text().splitlines())
    bad = [each for each in tried if each["trace"] or each["code"] != 0 and not each["said"]]
    assert not bad, bad
    through = [each["stage"] for each in tried if each["code"] == 0]
    ended = len(tried) - len(through)
    return (
        f"{len(tried)} runs: {ended} end with the sentence, {through} had room enough; then {end}"
    )


CASES = {
    "kill": cases.kill_in_every_stage,
    "interrupt": cases.interrupt,
    "disk": disk_full,
    "lock": cases.cut_lock,
    "flip": cases.flipped_bytes,
    "two": cases.two_at_once,
    "memory": cases.out_of_memory,
    "clock": cases.clock,
    "mlflow-locked": cases.mlflow_locked,
    "mlflow-damaged": cases.mlflow_damaged,
    "mlflow-server": servers.server_gone_and_back,
}


def main(names: list[str]) -> int:
    # A shell's background job ignores it, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    reference = FOLDER / "reference"
    whole = Project.at(reference) if reference.exists() else Project(reference, miniature())
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "dvc.lock")
    for name in ("src", "stages"):
        shutil.copytree(ROOT / name, reference / name, dirs_exist_ok=True, ignore=ignored)
    shutil.copy(ROOT / "dvc.yaml", reference)
    whole.repro()
    failed = 0
    for name in names or CASES:
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        begun = time.monotonic()
        extra = [get_faketime.get_faketime()] if name == "clock" else []
        try:
            result = CASES[name](take(whole, FOLDER / name / "frill"), whole, *extra)
        except AssertionError as error:
            result = f"FAILED: {error}"
            failed = 1
        print(f"{name} ({time.monotonic() - begun:.0f} s): {result}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Faults done to the miniature project, one function each.

It returns what was measured, and raises AssertionError if something else came out.
"""

import os
import random
import resource
import signal
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from subprocess import Popen

from disturbed import (
    Stage,
    assert_same,
    forget,
    kill_all,
    processes,
    running,
    runs,
    stages,
    untidy,
    wait,
)
from pipeline_project import Project

from frill.workflow import dvc_project

# A share of a stage's usual time; None: its process has ended, DVC stores what it wrote.
MOMENTS = (0.6, None)
INTERRUPTED = ("download_espeak@mask", "teacher", "distill@one", "evaluate@one", "release")
VICTIMS = (
    "data/corpus/speech/shard-00000.npy",
    "models/teacher/saved_model/variables/variables.data-00000-of-00001",
    "models/teacher/saved_model/saved_model.pb",
    "models/students/one/weights.npz",
    "models/tflite/one/model.tflite",
)


def kill_in_every_stage(project: Project, reference: Project) -> str:
    """Kill -9 DVC and all its processes in every stage of a project that never ran.

    Kills come in a stage's middle or at its end by turns. Each run goes on where the one before was
    killed.
    """
    forget(project)
    kills = 0
    passed = 0
    mended = 0
    for number, stage in enumerate(stages(reference)):
        for share in MOMENTS[number % 2 :: 2]:
            mended += dvc_project.mend_rwlock(project.folder)  # as frill repro does
            name = "track/dvc.yaml:track" if stage.name == "track" else stage.name
            dvc = project.start("dvc", "repro", name)
            wait_for_stage(project, stage, dvc)
            begun = time.monotonic()
            if share is None:
                wait(partial(is_over, project, stage), f"the end of {stage.name}")
            else:
                while dvc.poll() is None and time.monotonic() - begun < share * stage.seconds:
                    time.sleep(0.01)
            if dvc.poll() is None:
                kill_all(project)
                kills += 1
            else:
                assert dvc.returncode == 0, f"{stage.name}: {dvc.returncode}"
                passed += 1
            dvc.wait()
    mended += dvc_project.mend_rwlock(project.folder)
    project.repro()
    files = assert_same(project, reference)
    return (
        f"{kills} kills in {len(stages(reference))} stages ({passed} runs had ended before), "
        f"DVC's rwlock cut off {mended} times; {files} files and every MLflow run as undisturbed"
    )


def wait_for_stage(project: Project, stage: Stage, command: Popen) -> None:
    wait(lambda: running(project, stage) or command.poll() is not None, stage.name)


def is_over(project: Project, stage: Stage) -> bool:
    return running(project, stage) is None


def interrupt(project: Project, reference: Project, names: tuple[str, ...] = INTERRUPTED) -> str:
    """Press Ctrl-C in `make repro`, in the middle of a stage of every kind.

    That is SIGINT to the terminal's process group.
    """
    forget(project, *names)
    seconds = []
    importing = 0
    chosen = [stage for stage in stages(reference) if stage.name in names]
    for stage in chosen:
        log = project.folder.with_name("interrupted.log")
        with log.open("w") as file:
            frill = project.start("frill", "repro", stdout=file)
            wait_for_stage(project, stage, frill)
            assert frill.poll() is None, f"{stage.name} never ran: {log.read_text()[-800:]}"
            time.sleep(max(1.0, stage.seconds / 4))
            begun = time.monotonic()
            os.killpg(frill.pid, signal.SIGINT)
            end = f"the end after Ctrl-C in {stage.name}"
            wait(lambda frill=frill: frill.poll() is not None, end, 60)
        seconds.append(time.monotonic() - begun)
        text = log.read_text()
        assert frill.returncode != 0, f"{stage.name}: {text[-3000:]}"
        # A stage imports TensorFlow before it listens: then Python's own trace ends with this.
        is_pythons = text.rstrip().endswith("KeyboardInterrupt")
        assert "Traceback" not in text or is_pythons, f"{stage.name}: {text[-3000:]}"
        importing += text.count("Traceback")
        after = text.rpartition(f"Running stage '{stage.name}'")[2]
        assert "Running stage" not in after, (
            f"{stage.name}: went on with another stage: {after[-500:]}"
        )
        wait(lambda: not processes(project.folder), f"the end of what {stage.name} began", 15)
        assert not untidy(project), f"{stage.name}: {untidy(project)}"
    project.repro()
    files = assert_same(project, reference)
    return (
        f"{len(chosen)} stages, ended after {max(seconds):.1f} s at most; no process and no half "
        f"file left ({importing} while it imported, with Python's trace of that); then {files} "
        "files as undisturbed"
    )


def cut_lock(project: Project, reference: Project) -> str:
    """Cut dvc.lock off at six places, as a kill or a full disk leaves it while DVC writes."""
    lock = project.folder / "dvc.lock"
    whole = lock.read_bytes()
    places = random.Random(1)
    cuts = [0, *sorted(places.randrange(len(whole)) for _ in range(5))]
    counts = {"read as far as it goes": 0, "refused": 0}
    ran = 0
    for cut in cuts:
        lock.write_bytes(whole[:cut])
        done = project.run("frill", "repro")
        if done.returncode:
            counts["refused"] += 1
            assert "git checkout dvc.lock" in done.stdout, done.stdout[-1500:]
            assert "Traceback" not in done.stdout, done.stdout[-1500:]
            lock.write_bytes(whole)
            done = project.run("frill", "repro")
        else:
            counts["read as far as it goes"] += 1
        assert done.returncode == 0, done.stdout[-1500:]
        ran += done.stdout.count("Running stage")
        assert_same(project, reference)
    return (
        f"{len(cuts)} cuts: {counts}; {ran} stages ran again in all, "
        "the others came from the run-cache"
    )


def two_at_once(project: Project, reference: Project) -> str:
    """Run two `frill repro` at once in one folder."""
    forget(project, "distill@one")
    student = next(stage for stage in stages(reference) if stage.name == "distill@one")
    first = project.start("frill", "repro")
    wait_for_stage(project, student, first)
    second = project.run("frill", "repro")
    assert second.returncode != 0, second.stdout
    assert "Traceback" not in second.stdout, second.stdout
    assert first.wait() == 0
    assert_same(project, reference)
    return (
        f"the second ends with exit code {second.returncode}: {find_reason(second.stdout)!r}; "
        "the first ends as undisturbed"
    )


def flipped_bytes(project: Project, reference: Project) -> str:
    """Flip one bit of a shard, a SavedModel, a student's weights and a TFLite file.

    They are copies of what DVC's cache holds, then hard links into it. An ordinary write flips it,
    then it is done as a disk does it, with the file's time kept.
    """
    ran = []
    for victim in VICTIMS[::4]:
        flip(project.folder / victim, silently=False)
        ran.append(repaired(project, reference))
    project.run("dvc", "config", "cache.type", "hardlink")
    project.run("dvc", "checkout", "--relink")
    for victim in VICTIMS:
        assert (project.folder / victim).stat().st_nlink > 1, victim
        flip(project.folder / victim, silently=True)
    done = project.run("frill", "verify")
    assert done.returncode == 1, done.stdout
    for victim in VICTIMS:
        assert victim in done.stdout, done.stdout
    summary = done.stdout.splitlines()[-1]
    ran.append(repaired(project, reference))
    last = VICTIMS[-1]
    flip(project.folder / last, silently=False)
    done = project.run("frill", "repro")
    is_same = (project.folder / last).read_bytes() == (reference.folder / last).read_bytes()
    repro = "does not notice" if done.returncode == 0 and not is_same else "restores it"
    done = project.run("frill", "verify")
    assert done.returncode == 1, done.stdout
    assert last in done.stdout, done.stdout
    ran.append(repaired(project, reference))
    return (
        f"copies: repro alone restores both; links, {len(VICTIMS)} files: verify names all "
        f"({summary}), repro makes them again ({ran} stages ran); a write as root into a read-only "
        f"link: repro alone {repro}, verify does"
    )


def repaired(project: Project, reference: Project) -> int:
    done = project.run("frill", "repro")
    assert done.returncode == 0, done.stdout[-2000:]
    assert_same(project, reference)
    return done.stdout.count("Running stage")


def flip(path: Path, silently: bool) -> None:
    """Flip a bit of a file; if it is a hard link into DVC's cache, that is damaged too."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)[0]
        file.seek(before.st_size // 2)
        file.write(bytes([byte ^ 0x10]))
    path.chmod(before.st_mode)
    if silently:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def out_of_memory(project: Project, reference: Project) -> str:
    """Leave one student no more memory than it has after its imports, then kill it.

    The first is RLIMIT_AS on its process, the second SIGKILL, as Linux does.
    """
    forget(project, "distill@one", "evaluate@two")
    student = next(stage for stage in stages(reference) if stage.name == "distill@one")
    log = project.folder.with_name("memory.log")
    with log.open("w") as file:
        frill = project.start("frill", "repro", stdout=file)
        wait(lambda: running(project, student), student.name)
        pid = running(project, student)
        wait(lambda: "one:   0%" in log.read_text(), "its first step")
        limit = address_space(pid) + (16 << 20)
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        assert frill.wait() != 0
    text = log.read_text()
    # The first says nothing if the process was ended.
    lines = [find_reason(text, "distill@one: "), find_reason(text, "exited with")]
    assert "Traceback" not in text, text[-3000:]
    assert "distill.py one" in lines[1], text[-3000:]
    other = project.folder / "results/noss/two.json"
    assert other.exists(), "the other student has to be scored all the same"
    with log.open("w") as file:
        frill = project.start("frill", "repro", stdout=file)
        wait(lambda: running(project, student), student.name)
        os.kill(running(project, student), signal.SIGKILL)
        assert frill.wait() != 0
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]
    lines.append(find_reason(log.read_text(), "exited with"))
    project.repro()
    assert_same(project, reference)
    return f"that student fails, the other goes on: {lines}; with memory: as undisturbed"


def address_space(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def clock(project: Project, reference: Project, faketime: Path) -> str:
    """Set the wall clock ten years back, let it jump by years in mid-run, then date files anew.

    The clock is libfaketime's, the dates are 1980 and 2100.
    """
    # No scoring: after a jump back libfaketime refuses joblib's sleep (clock_nanosleep, EINVAL),
    # which no real clock does.
    forget(project, "download_espeak@mask", "targets", "distill@one", "convert@two")
    jumps = project.folder.with_name("clock")
    jumps.write_text("-10y")
    project.extra = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(jumps),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    log = project.folder.with_name("clock.log")
    with log.open("w") as file:
        repro = project.start("frill", "repro", stdout=file)
        jumped = 0
        while repro.poll() is None:
            time.sleep(2.5)
            jumped += 1
            jumps.write_text(("+10y", "-1d", "+20y", "-10y")[jumped % 4])
    assert repro.returncode == 0, log.read_text()[-3000:]
    project.extra = {}
    files = assert_same(project, reference)
    again = project.repro()
    assert again == ["track"], again
    for year in (1980, 2100):
        stamp = time.mktime((year, 1, 1, 0, 0, 0, 0, 0, 0))
        for name in ("src", "stages", "data", "models", "results", "params.yaml"):
            for path in [project.folder / name, *(project.folder / name).rglob("*")]:
                os.utime(path, (stamp, stamp))
        again = project.repro()
        assert again == ["track"], (year, again)
    return (
        f"{jumped} jumps in one run: {files} files as undisturbed; "
        "files dated 1980 and 2100: nothing runs again"
    )


def mlflow_locked(project: Project, reference: Project) -> str:
    """Lock mlflow.db as another program for as long as `track` runs.

    The lock is there before its first read, then before its first write.
    """
    results = []
    for lock, empty in (("exclusive", False), ("exclusive", True), ("immediate", True)):
        if empty:
            (project.folder / "mlflow.db").unlink()
            project.run("mlflow", "db", "upgrade", "sqlite:///mlflow.db")
        before = dump(project)
        with closing(sqlite3.connect(project.folder / "mlflow.db", isolation_level=None)) as other:
            other.execute(f"begin {lock}")
            begun = time.monotonic()
            done = project.run("python", "stages/track.py")
            seconds = time.monotonic() - begun
            other.execute("rollback")
        assert "Traceback" not in done.stdout, done.stdout
        assert dump(project) == before, done.stdout
        reason = find_reason(done.stdout)
        results.append(f"{seconds:.0f} s, exit code {done.returncode}, {reason!r}")
        done = project.run("python", "stages/track.py")
        assert done.returncode == 0, done.stdout
        assert_same(project, reference)
    return "; ".join(dict.fromkeys(results)) + "; afterwards every model once"


def dump(project: Project) -> list[tuple]:
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        return database.execute("select run_uuid, name, status from runs order by 1").fetchall()


def mlflow_damaged(project: Project, reference: Project) -> str:
    """Cut mlflow.db in half, then overwrite it."""
    database = project.folder / "mlflow.db"
    reasons = []
    whole = database.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a database" * 1000, b""):
        database.write_bytes(damaged)
        done = project.run("python", "stages/track.py")
        assert "Traceback" not in done.stdout, done.stdout
        reasons.append(find_reason(done.stdout))
        if done.returncode:
            database.unlink()
            done = project.run("python", "stages/track.py")
        assert done.returncode == 0, done.stdout
        assert sorted(runs(project)) == sorted(runs(reference))
    return f"{reasons}; deleted, it is filled again"


def find_reason(text: str, about: str = "") -> str:
    """Return the last line of a command's output that says what went wrong."""
    for line in reversed(text.splitlines()):
        if line.strip() and about in line and not line.startswith((">", "Running", "Stage")):
            return line.strip()
    return "(nothing)"

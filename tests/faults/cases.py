"""Faults done to the miniature project, one function each: it raises AssertionError where something else came out, and returns what was measured."""

import os
import random
import resource
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from disturbed import assert_same, forget, kill_all, processes, running, runs, stages, untidy, wait
from pipeline_project import Project

from frill.workflow import dvc_project

MOMENTS = (
    0.6,
    None,
)  # a share of a stage's usual time; None: its process has ended, DVC stores what it wrote


def kill_in_every_stage(project: Project, reference: Project) -> str:
    """Kill -9 of DVC and all its processes, in every stage of a project that never ran, in its middle or at its end by turns; each run goes on where the one before was killed."""
    forget(project)
    kills, passed, mended = 0, 0, 0
    for number, stage in enumerate(stages(reference)):
        for share in MOMENTS[number % 2 :: 2]:
            mended += dvc_project.mend_rwlock(project.folder)  # as frill repro does
            dvc = project.start(
                "dvc", "repro", "track/dvc.yaml:track" if stage.name == "track" else stage.name
            )
            wait(
                lambda dvc=dvc, stage=stage: running(project, stage) or dvc.poll() is not None,
                stage.name,
            )
            begun = time.monotonic()
            if share is None:
                wait(
                    lambda dvc=dvc, stage=stage: not running(project, stage),
                    f"the end of {stage.name}",
                )
            else:
                wait(
                    lambda dvc=dvc, begun=begun, s=stage, share=share: (
                        dvc.poll() is not None or time.monotonic() - begun > share * s.seconds
                    ),
                    "time",
                )
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
    return f"{kills} kills in {len(stages(reference))} stages ({passed} runs had ended before), DVC's rwlock cut off {mended} times; {files} files and every MLflow run as undisturbed"


INTERRUPTED = ("download_espeak@mask", "teacher", "distill@one", "evaluate@one", "release")


def interrupt(project: Project, reference: Project, names: tuple[str, ...] = INTERRUPTED) -> str:
    """Ctrl-C (SIGINT to the terminal's process group) of `make repro`'s command in the middle of a stage of every kind."""
    forget(project, *names)
    seconds, importing = [], 0
    chosen = [stage for stage in stages(reference) if stage.name in names]
    for stage in chosen:
        log = project.folder.with_name("interrupted.log")
        with log.open("w") as file:
            frill = project.start("frill", "repro", stdout=file)
            wait(
                lambda frill=frill, stage=stage: (
                    running(project, stage) or frill.poll() is not None
                ),
                stage.name,
                400,
            )
            assert frill.poll() is None, f"{stage.name} never ran: {log.read_text()[-800:]}"
            time.sleep(max(1.0, stage.seconds / 4))
            begun = time.monotonic()
            os.killpg(frill.pid, signal.SIGINT)
            wait(
                lambda frill=frill: frill.poll() is not None,
                f"the end after Ctrl-C in {stage.name}",
                60,
            )
        seconds.append(time.monotonic() - begun)
        text = log.read_text()
        assert frill.returncode != 0 and (
            text.count("Traceback") == 0 or text.rstrip().endswith("KeyboardInterrupt")
        ), f"{stage.name}: {text[-3000:]}"
        importing += text.count(
            "Traceback"
        )  # a stage imports TensorFlow before it listens: then Python's own trace ends with KeyboardInterrupt
        after = text.rpartition(f"Running stage '{stage.name}'")[2]
        assert "Running stage" not in after, (
            f"{stage.name}: went on with another stage: {after[-500:]}"
        )
        wait(
            lambda: not processes(project.folder),
            f"processes left by {stage.name}: {processes(project.folder)}",
            15,
        )
        assert not untidy(project), f"{stage.name}: {untidy(project)}"
    project.repro()
    files = assert_same(project, reference)
    return f"{len(chosen)} stages, ended after {max(seconds):.1f} s at most; no process and no half file left ({importing} while it imported, with Python's trace of that); then {files} files as undisturbed"


def cut_lock(project: Project, reference: Project) -> str:
    """dvc.lock cut off at six places, as a kill or a full disk during DVC's writing leaves it."""
    lock = project.folder / "dvc.lock"
    whole, places = lock.read_bytes(), random.Random(1)
    found = {"read as far as it goes": 0, "refused": 0}
    cuts = [0, *sorted(places.randrange(len(whole)) for _ in range(5))]
    ran = 0
    for cut in cuts:
        lock.write_bytes(whole[:cut])
        done = project.run("frill", "repro")
        if done.returncode:
            found["refused"] += 1
            assert (
                "dvc.lock" in done.stdout
                and "git checkout dvc.lock" in done.stdout
                and "Traceback" not in done.stdout
            ), done.stdout[-1500:]
            lock.write_bytes(whole)
            done = project.run("frill", "repro")
        else:
            found["read as far as it goes"] += 1
        assert done.returncode == 0, done.stdout[-1500:]
        ran += done.stdout.count("Running stage")
        assert_same(project, reference)
    return f"{len(cuts)} cuts: {found}; {ran} stages ran again in all, the others came from the run-cache"


def two_at_once(project: Project, reference: Project) -> str:
    """Two `frill repro` at once in one folder."""
    forget(project, "distill@one")
    student = next(stage for stage in stages(reference) if stage.name == "distill@one")
    first = project.start("frill", "repro")
    wait(lambda: running(project, student) or first.poll() is not None, student.name, 300)
    second = project.run("frill", "repro")
    assert second.returncode != 0 and "Traceback" not in second.stdout, second.stdout
    assert first.wait() == 0
    assert_same(project, reference)
    return f"the second ends with exit code {second.returncode}: {said(second.stdout)!r}; the first ends as undisturbed"


VICTIMS = (
    "data/corpus/speech/shard-00000.npy",
    "models/teacher/saved_model/variables/variables.data-00000-of-00001",
)
VICTIMS += (
    "models/teacher/saved_model/saved_model.pb",
    "models/students/one/weights.npz",
    "models/tflite/one/model.tflite",
)


def flipped_bytes(project: Project, reference: Project) -> str:
    """One bit of a shard, a SavedModel, a student's weights and a TFLite file, where they are copies of what DVC's cache holds and where they are
    hard links into it; by an ordinary write, and as a disk does it, with the file's time kept."""
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
    assert done.returncode == 1 and all(victim in done.stdout for victim in VICTIMS), done.stdout
    told = done.stdout.splitlines()[-1]
    ran.append(repaired(project, reference))
    flip(project.folder / VICTIMS[-1], silently=False)
    done = project.run("frill", "repro")
    unnoticed = (
        done.returncode == 0
        and (project.folder / VICTIMS[-1]).read_bytes()
        != (reference.folder / VICTIMS[-1]).read_bytes()
    )
    done = project.run("frill", "verify")
    assert done.returncode == 1 and VICTIMS[-1] in done.stdout, done.stdout
    ran.append(repaired(project, reference))
    return (
        f"copies: repro alone restores both; links, {len(VICTIMS)} files: verify names all ({told}), repro makes them again ({ran} stages ran); "
        f"a write as root into a read-only link: repro alone {'does not notice' if unnoticed else 'restores it'}, verify does"
    )


def repaired(project: Project, reference: Project) -> int:
    done = project.run("frill", "repro")
    assert done.returncode == 0, done.stdout[-2000:]
    assert_same(project, reference)
    return done.stdout.count("Running stage")


def flip(path: Path, silently: bool) -> None:
    """Also where the file is a hard link into DVC's cache, which is then damaged too."""
    before, mode = path.stat(), path.stat().st_mode
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)[0]
        file.seek(before.st_size // 2)
        file.write(bytes([byte ^ 0x10]))
    path.chmod(mode)
    if silently:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def out_of_memory(project: Project, reference: Project) -> str:
    """One student may have no more memory than it has after its imports (RLIMIT_AS on its process), then something kills it (SIGKILL, as Linux does)."""
    lines = []
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
    lines += [
        said(log.read_text(), about) for about in ("distill@one: ", "exited with")
    ]  # the first says nothing where the process was ended
    assert "Traceback" not in log.read_text() and "distill.py one" in lines[1], log.read_text()[
        -3000:
    ]
    assert (project.folder / "results/noss/two.json").exists(), (
        "the other student has to be scored all the same"
    )
    with log.open("w") as file:
        frill = project.start("frill", "repro", stdout=file)
        wait(lambda: running(project, student), student.name)
        os.kill(running(project, student), signal.SIGKILL)
        assert frill.wait() != 0
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]
    lines.append(said(log.read_text(), "exited with"))
    project.repro()
    assert_same(project, reference)
    return f"that student fails, the other goes on: {lines}; with memory: as undisturbed"


def address_space(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def clock(project: Project, reference: Project, faketime: Path) -> str:
    """The wall clock ten years back, then ahead, and jumping by years in mid-run (libfaketime); then files dated 1980 and 2100."""
    # No scoring: libfaketime refuses the sleep of joblib's that it calls after a jump back (clock_nanosleep, EINVAL), which no real clock does.
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
        running_now, jumped = project.start("frill", "repro", stdout=file), 0
        while running_now.poll() is None:
            time.sleep(2.5)
            jumped += 1
            jumps.write_text(("+10y", "-1d", "+20y", "-10y")[jumped % 4])
    assert running_now.returncode == 0, log.read_text()[-3000:]
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
    return f"{jumped} jumps in one run: {files} files as undisturbed; files dated 1980 and 2100: nothing runs again"


def mlflow_locked(project: Project, reference: Project) -> str:
    """mlflow.db locked by another program for as long as `track` runs, before its first read and before its first write."""
    told = []
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
        assert "Traceback" not in done.stdout and dump(project) == before, done.stdout
        told.append(f"{seconds:.0f} s, exit code {done.returncode}, {said(done.stdout)!r}")
        done = project.run("python", "stages/track.py")
        assert done.returncode == 0, done.stdout
        assert_same(project, reference)
    return "; ".join(dict.fromkeys(told)) + "; afterwards every model once"


def dump(project: Project) -> list[tuple]:
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        return database.execute("select run_uuid, name, status from runs order by 1").fetchall()


def mlflow_damaged(project: Project, reference: Project) -> str:
    """mlflow.db cut in half, then overwritten."""
    database, told = project.folder / "mlflow.db", []
    whole = database.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a database" * 1000, b""):
        database.write_bytes(damaged)
        done = project.run("python", "stages/track.py")
        assert "Traceback" not in done.stdout, done.stdout
        told.append(said(done.stdout))
        if done.returncode:
            database.unlink()
            done = project.run("python", "stages/track.py")
        assert done.returncode == 0, done.stdout
        assert sorted(runs(project)) == sorted(runs(reference))
    return f"{told}; deleted, it is filled again"


def said(text: str, about: str = "") -> str:
    """The line of a command's output that says what went wrong."""
    lines = [
        line.strip()
        for line in text.splitlines()
        if line.strip() and about in line and not line.startswith((">", "Running", "Stage"))
    ]
    return lines[-1] if lines else "(nothing)"

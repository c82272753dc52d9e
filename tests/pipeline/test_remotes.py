"""DVC remotes, a folder and a real S3 server: what one clone has pushed, another takes."""

import re
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_project import Project, logged_runs, stages_run

pytestmark = pytest.mark.slow
SECRET = "wJalrXUtnFEMI"
ON_S3 = pytest.mark.parametrize("first", ["s3"], indirect=True)  # not on the folder again


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Run Moto's server with an empty bucket and give its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(urllib.request.Request(f"{address}/bucket", method="PUT")).close()
    yield address
    server.stop()


@pytest.fixture(scope="module", params=["folder", "s3"])
def first(request, _reproduced, tmp_path_factory) -> Project:
    """Commit the reproduced project's lock and push its outputs, as docs/remotes.md says."""
    project = _reproduced.copy(tmp_path_factory.mktemp("first") / "frill")
    url = "s3://bucket/frill"
    if request.param == "folder":
        url = str(tmp_path_factory.mktemp("remote"))
    dvc(project, f"remote add --default store {url}")
    if request.param == "s3":
        dvc(project, f"remote modify store endpointurl {request.getfixturevalue('s3')}")
        dvc(project, "remote modify store region eu-central-1")
        give_credentials(project)
    project.commit()
    dvc(project, "push --run-cache")
    return project


@pytest.fixture(scope="module")
def second(first, tmp_path_factory) -> Project:
    """Clone the first project; the clone has reproduced nothing yet."""
    clone = first.clone(tmp_path_factory.mktemp("second") / "frill")
    if "s3://" in (clone.folder / ".dvc/config").read_text():
        give_credentials(clone)
    return clone


def give_credentials(project: Project) -> None:
    dvc(project, "remote modify --local store access_key_id key")
    dvc(project, f"remote modify --local store secret_access_key {SECRET}")


def dvc(project: Project, arguments: str) -> str:
    done = project.run("dvc", *shlex.split(arguments))
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_second_clone_makes_nothing_again_and_fills_mlflow(_reproduced, first, second):
    assert not (second.folder / "data").exists()
    assert not (second.folder / ".dvc/cache").exists()
    done = second.run("dvc", "repro", "--pull")
    assert done.returncode == 0, done.stdout
    assert stages_run(done.stdout) == ["track"]
    runs = len(logged_runs(_reproduced)) + 1  # the copy that was pushed has no store
    assert f"track: {runs} runs written, 0 were there" in done.stdout
    assert "another machine" not in done.stdout
    assert sorted(logged_runs(second)) == sorted(logged_runs(_reproduced))
    for path in (
        "results/frontier.json",
        "results/devices.json",
        "results/identity/host.json",
        "reports/index.html",
        "release/frill.tflite",
    ):
        assert (second.folder / path).read_bytes() == (first.folder / path).read_bytes(), path
    assert not second.run("git", "status", "--porcelain").stdout  # dvc.lock as it came
    # check leaves data/teacher_source, which no cache has; that is all.
    assert second.repro() == ["check", "track"]
    assert second.repro() == ["track"]


def test_credentials_are_in_no_file_that_git_has(second):
    assert second.run("git", "grep", "--quiet", SECRET).returncode == 1
    assert not second.run("git", "status", "--porcelain").stdout


@ON_S3
def test_what_one_clone_has_tried_another_does_not_try_again(first, second):
    """Share the run-cache: no lock of it was ever committed."""
    for project in (first, second):
        project.params["selection"]["latency_ms"] = 900.0
    assert set(first.repro("release")) == {"check", "frontier", "release"}
    dvc(first, "push --run-cache")
    assert second.repro("--pull", "release") == ["check"]
    assert (second.folder / "dvc.lock").read_bytes() == (first.folder / "dvc.lock").read_bytes()


@pytest.fixture
def another_machine(tmp_path) -> list[str]:
    """Return a command's beginning, under which /proc/cpuinfo names another CPU."""
    own = Path("/proc/cpuinfo").read_text()
    other = tmp_path / "cpuinfo"
    other.write_text(re.sub(r"(model name\s*:).*", r"\1 Another CPU", own))
    mount = 'mount --bind "$0" /proc/cpuinfo && exec "$@"'
    enter = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(other)]
    look = [*enter, "grep", "-q", "Another CPU", "/proc/cpuinfo"]
    tried = subprocess.run(look, stderr=subprocess.PIPE, text=True)
    if tried.returncode:
        pytest.skip(f"no private mounts to show another CPU in: {tried.stderr.strip()}")
    return enter


@ON_S3
def test_another_machine_is_told_whose_latencies_it_has_and_never_adds_its_own_to_them(
    second, another_machine
):
    there = second.run(*another_machine, "dvc", "repro", "--pull")
    assert there.returncode == 0, there.stdout
    # The test before left the report as it was.
    assert set(stages_run(there.stdout)) <= {"track", "report", "figures"}, there.stdout
    changed = r"\(cpu '.+', now 'Another CPU'\)"
    told = f"track: latencies on host are another machine's {changed}; delete results/identity"
    assert re.search(told, there.stdout)

    force = ("--force", "--single-item")
    there = second.run(*another_machine, "dvc", "repro", *force, "benchmark@one-host")
    assert there.returncode == 255
    assert "Traceback" not in there.stdout
    refused = "host is not the machine recorded in results/identity/host.json"
    assert re.search(rf"(?m)^benchmark@one-host: {refused} {changed}", there.stdout)

    # Nor does an edit that makes identify run again.
    there = second.run(*another_machine, "dvc", "repro", *force, "identify@host")
    assert there.returncode == 255
    assert re.search(rf"(?m)^identify@host: {refused} {changed}", there.stdout)

    (second.folder / "results/identity/host.json").unlink()
    there = second.run(*another_machine, "dvc", "repro", "frontier", "track/dvc.yaml")
    assert there.returncode == 0, there.stdout
    assert "another machine" not in there.stdout, there.stdout
    timed = {"benchmark@one-host", "benchmark@two-host", "benchmark_references@host"}
    assert set(stages_run(there.stdout)) == timed | {"identify@host", "frontier", "track"}
    assert "Another CPU" in (second.folder / "results/devices.json").read_text()

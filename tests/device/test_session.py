"""A session's folder on the phone, its lock, and what it sees of a process."""

import os
from pathlib import Path

import pytest
from measuring import fail, measure

from frill.device.phone.connection import Finished, connect
from frill.device.phone.session import Session, _read_samples


def test_the_folder_of_others_is_left_alone(rig, device, same_models):
    """Clean sessions only, among them one that a killed process left, with what it left running."""
    folder = Path(rig.remote_folder)
    (folder / "photos").mkdir()
    (folder / "photos" / "frill.jpg").write_text("not ours")
    left = folder / "frill-session-0123"
    left.mkdir()
    phone = connect("pixel", device().serial)
    phone.run_script('cd "$1" && { sleep 300 >/dev/null 2>&1 </dev/null & }', str(left))
    assert any("sleep" in argv for _, argv in rig.processes())
    measure(same_models, device())
    assert os.listdir(folder) == ["photos"]
    assert os.listdir(folder / "photos") == ["frill.jpg"]
    assert all("adbd" in argv for _, argv in rig.processes())


def test_no_space(rig, device, pooling_models):
    rig.mount(rig.remote_folder, size_kib=512)
    message = fail(pooling_models, device())
    assert "has no space: 0.5 MiB are free" in message
    assert "devices.pixel.folder" in message


def test_a_folder_that_may_not_be_executed_from(rig, device, pooling_models):
    rig.mount(rig.remote_folder, size_kib=8192, options="noexec")
    assert "may not be executed" in fail(pooling_models, device())


def test_a_folder_that_cannot_be_written(rig, device, pooling_models):
    rig.mount(rig.remote_folder, size_kib=8192, options="ro")
    message = fail(pooling_models, device())
    assert f"cannot make a folder in {rig.remote_folder} (" in message
    assert "such as /data/local/tmp/frill" in message


@pytest.mark.parametrize(("name", "host"), [("pixel", "127.0.0.1"), ("wifi", "localhost")])
def test_two_measurements_at_once_are_refused(rig, device, same_models, name, host):
    """Refuse the second also where it knows the phone by another name."""
    phone = connect(name, device().serial.replace("127.0.0.1", host))
    with Session(phone, rig.remote_folder, f"devices.{name}"):
        assert "being measured by another process" in fail(same_models, device())
    measure(same_models, device())


def stat_line(thread: int, state: str, cpu: int) -> str:
    """Return a line of /proc/PID/task/TID/stat: the state is its field 3, the processor its 39."""
    numbers = " ".join(map(str, range(1, 36)))
    return f"task {thread} (bench ) R mark) {state} {numbers} {cpu} 0 0"


def test_samples_are_those_of_running_threads():
    lines = [
        stat_line(7, "R", 2),
        stat_line(7, "R", 3),
        stat_line(8, "S", 0),
        "task 9 (cut",
        "scaling_cur_freq 2 2150400",
        "scaling_cur_freq 2 1401600",
        "scaling_max_freq 2 2150400",
        "scaling_max_freq 2 ",
        "",
    ]
    run = _read_samples(Finished("", "", 0), "\n".join(lines))
    assert run.cpus_of_threads == [{2, 3}]
    assert run.lowest_khz == {2: 1401600}
    assert run.lowest_cap_khz == {2: 2150400}

"""Every way to lose a phone has its sentence.

The adb server is real, and so are the daemons, which are killed, stopped and doubled.
"""

import os
import signal
import threading
import time

import adbutils
import pytest

from frill.device.errors import DeviceError
from frill.device.phone import adb_server, connection
from frill.device.phone.connection import connect


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait seconds instead of minutes for phones that never answer."""
    monkeypatch.setattr(adb_server, "ANSWER_S", 4.0)
    monkeypatch.setattr(connection, "RETURN_S", 3.0)


def refusal(call, *arguments) -> str:
    with pytest.raises(DeviceError) as raised:
        call(*arguments)
    message = str(raised.value)
    assert "\n" not in message
    assert ": " in message
    return message


def test_a_command_its_streams_and_its_exit_code(rig):
    phone = connect("pixel", rig.start())
    done = phone.run_script('echo "$1"; echo err >&2; exit 7', "a  'b' $(id)")
    assert done == ("a  'b' $(id)\n", "err\n", 7)
    assert phone.run(["sh", "-c", "kill -SEGV $$"]).exit_code == 139
    assert phone.capture(["cat", "/nowhere"]) == ""
    assert phone.run(["sleep", "30"], timeout_s=0.5).exit_code == 137
    assert not any("sleep" in argv for _, argv in rig.processes())


def test_files_go_there_and_come_back(rig):
    phone = connect("pixel", rig.start())
    content = os.urandom(300_000)
    remote = f"{rig.remote_folder}/it's a 'file'"
    phone.push(content, remote)
    assert phone.pull(remote) == content
    assert phone.pull(remote + "2") is None


def test_no_phone_and_an_unknown_serial(rig):
    assert "no phone is attached" in refusal(connect, "pixel", None)
    serial = rig.start()
    connect("pixel", serial)
    message = refusal(connect, "pixel", "FA6A1")
    assert "no phone has the serial 'FA6A1'" in message
    assert f"{serial} (device)" in message
    assert "devices.pixel.serial" in message
    assert connect("pixel", None).serial == serial  # the only one


def test_several_phones(rig):
    serials = [rig.start(port) for port in (5641, 5643)]
    for serial in serials:
        connect("pixel", serial)
    message = refusal(connect, "pixel", None)
    assert "several phones are attached" in message
    assert all(serial in message for serial in serials)
    assert "devices.pixel.serial" in message
    assert connect("other", serials[1]).serial == serials[1]


def test_unauthorized(rig):
    message = refusal(connect, "pixel", rig.start_peer("unauthorized"))
    assert "has not allowed this computer" in message
    assert "USB debugging" in message


def test_one_that_never_answers_is_offline(rig, monkeypatch):
    mute = rig.start_peer("mute")
    unreachable = f"pixel ({mute}) cannot be reached (no answer within 4 s)"
    assert unreachable in refusal(connect, "pixel", mute)
    # As a phone on USB, to which the server is not told to connect.
    monkeypatch.setattr(adb_server, "is_address", lambda serial: False)
    assert f"pixel ({mute}) is offline" in refusal(connect, "pixel", mute)
    adb_server.connect_address("other", rig.start())  # a good one must not be taken in its place
    assert f"pixel ({mute}) is offline" in refusal(connect, "pixel", mute)


def test_too_old_a_daemon(rig, monkeypatch):
    serial = rig.start()
    # No Linux daemon is that old.
    monkeypatch.setattr(adbutils.AdbDevice, "get_features", lambda self: "cmd,stat_v2")
    assert "Android 7 or later" in refusal(connect, "pixel", serial)


def lose(phone, action) -> str:
    """Return what is said when `action` befalls the phone while a command runs."""
    threading.Timer(0.5, action).start()
    return refusal(phone.run, ["sleep", "20"], 20)


def test_killed_in_mid_run_is_disconnected(rig):
    serial = rig.start()
    message = lose(connect("pixel", serial), lambda: rig.signal(serial, signal.SIGKILL))
    lost = f"pixel ({serial}) was disconnected while running sleep: connect it again"
    assert message.startswith(lost)


@pytest.mark.parametrize(
    ("boot", "expected"), [("two", "rebooted while running sleep"), ("one", "is back")]
)
def test_one_that_comes_back_has_rebooted_or_lost_its_connection(rig, monkeypatch, boot, expected):
    monkeypatch.setattr(connection, "RETURN_S", 20.0)
    rig.boot_id("one")
    serial = rig.start()

    def come_back():
        rig.signal(serial, signal.SIGKILL)
        rig.boot_id(boot)
        time.sleep(1)
        rig.start()

    assert expected in lose(connect("pixel", serial), come_back)


@pytest.mark.slow
def test_a_stopped_daemon_hangs_nobody(rig):
    serial = rig.start()
    phone = connect("pixel", serial)
    threading.Timer(0.5, lambda: rig.signal(serial, signal.SIGSTOP)).start()
    message = refusal(phone.run, ["sleep", "2"], 2)
    assert f"pixel ({serial}) hangs (no answer within" in message
    assert "restart it" in message
    assert "hangs" in refusal(connect, "pixel", serial)
    assert "hangs" in refusal(phone.push, b"x" * 1000, f"{rig.remote_folder}/x")
    rig.signal(serial, signal.SIGCONT)
    assert connect("pixel", serial).capture(["echo", "well"]) == "well"

"""Every way to have no phone, or to lose it, has its sentence; with a real adb server and real daemons that are killed, stopped and doubled."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from peer import fake_server

from frill.device.phone import connection
from frill.device.phone.connection import DeviceError, connect


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Seconds instead of minutes for phones that never answer."""
    monkeypatch.setattr(connection, "ANSWER_S", 4.0)
    monkeypatch.setattr(connection, "RETURN_S", 3.0)


def sentence(call) -> str:
    with pytest.raises(DeviceError) as raised:
        call()
    said = str(raised.value)
    assert "\n" not in said and ": " in said
    return said


def test_a_command_its_streams_and_its_exit_code(rig):
    phone = connect("pixel", rig.start())
    done = phone.script('echo "$1"; echo err >&2; exit 7', "a  'b' $(id)")
    assert done == ("a  'b' $(id)\n", "err\n", 7)
    assert phone.run(["sh", "-c", "kill -SEGV $$"]).exit_code == 139
    assert phone.text(["cat", "/nowhere"]) == ""
    assert phone.run(["sleep", "30"], timeout_s=0.5).exit_code == 137
    assert not any("sleep" in argv for _, argv in rig.processes())


def test_files_go_there_and_come_back(rig):
    phone = connect("pixel", rig.start())
    content, remote = os.urandom(300_000), f"{rig.remote_folder}/it's a 'file'"
    phone.push(content, remote)
    assert phone.pull(remote) == content and phone.pull(remote + "2") is None


def test_no_adb(monkeypatch, tmp_path):
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "adb"))
    assert sentence(lambda: connect("pixel", None)).startswith("adb cannot be run (")
    assert "set ADBUTILS_ADB_PATH" in sentence(lambda: connect("pixel", None))


def test_a_server_of_another_version(rig, monkeypatch):
    with fake_server(0x20) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        said = sentence(lambda: connect("pixel", "X"))
    assert (
        f"server at 127.0.0.1:{port} is of version 32" in said
        and " of 41: stop it (`adb kill-server`)" in said
    )


def test_a_port_that_is_not_adbs(rig, monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(mute.getsockname()[1]))
        said = sentence(lambda: connect("pixel", "X"))
    assert "does not answer" in said and "kill-server" in said


def test_no_phone_and_an_unknown_serial(rig):
    assert "no phone is attached" in sentence(lambda: connect("pixel", None))
    serial = rig.start()
    connect("pixel", serial)
    said = sentence(lambda: connect("pixel", "FA6A1"))
    assert (
        "no phone has the serial 'FA6A1'" in said
        and f"{serial} (device)" in said
        and "devices.pixel.serial" in said
    )
    assert connect("pixel", None).serial == serial  # the only one


def test_an_address_where_nobody_listens(rig):
    said = sentence(lambda: connect("pixel", "127.0.0.1:5999"))
    assert said.startswith("pixel (127.0.0.1:5999) cannot be reached (") and "adb tcpip" in said


def test_several_phones(rig):
    serials = [rig.start(port) for port in (5641, 5643)]
    for serial in serials:
        connect("pixel", serial)
    said = sentence(lambda: connect("pixel", None))
    assert (
        "several phones are attached" in said
        and all(serial in said for serial in serials)
        and "devices.pixel.serial" in said
    )
    assert connect("other", serials[1]).serial == serials[1]


def test_unauthorized(rig):
    said = sentence(lambda: connect("pixel", rig.start_peer("unauthorized")))
    assert "has not allowed this computer" in said and "USB debugging" in said


def test_one_that_never_answers_is_offline(rig, monkeypatch):
    serial = rig.start_peer("mute")
    assert f"pixel ({serial}) cannot be reached (no answer within 4 s)" in sentence(
        lambda: connect("pixel", serial)
    )
    monkeypatch.setattr(
        connection, "is_address", lambda serial: False
    )  # as a phone on USB, which is not dialled
    assert f"pixel ({serial}) is offline" in sentence(lambda: connect("pixel", serial))
    connection._dial(
        "other", rig.start()
    )  # beside a good one, which must not be taken in its place
    assert f"pixel ({serial}) is offline" in sentence(lambda: connect("pixel", serial))


def test_too_old_a_daemon(rig, monkeypatch):
    import adbutils

    phone = rig.start()
    monkeypatch.setattr(
        adbutils.AdbDevice, "get_features", lambda self: "cmd,stat_v2"
    )  # no Linux daemon is that old
    assert "Android 7 or later" in sentence(lambda: connect("pixel", phone))


def lost(rig, phone, action, running=("sleep", "20")) -> str:
    """What is said when `action` befalls the phone while a command runs."""
    threading.Timer(0.5, action).start()
    return sentence(lambda: phone.run(running, 20))


def test_killed_in_mid_run_is_disconnected(rig):
    serial = rig.start()
    phone = connect("pixel", serial)
    said = lost(rig, phone, lambda: rig.signal(serial, signal.SIGKILL))
    assert said.startswith(
        f"pixel ({serial}) was disconnected while running sleep: connect it again"
    )


def test_back_with_another_boot_id_has_rebooted_and_with_the_same_lost_its_connection(
    rig, monkeypatch
):
    monkeypatch.setattr(connection, "RETURN_S", 20.0)

    def comes_back(boot: str):
        rig.signal(serial, signal.SIGKILL)
        rig.boot_id(boot)
        time.sleep(1)
        rig.start()

    rig.boot_id("one")
    serial = rig.start()
    assert "rebooted while running sleep" in lost(
        rig, connect("pixel", serial), lambda: comes_back("two")
    )
    assert "is back" in lost(rig, connect("pixel", serial), lambda: comes_back("two"))


@pytest.mark.slow
def test_a_stopped_daemon_hangs_nobody(rig):
    serial = rig.start()
    phone = connect("pixel", serial)
    threading.Timer(0.5, lambda: rig.signal(serial, signal.SIGSTOP)).start()
    said = sentence(lambda: phone.run(["sleep", "2"], 2))
    assert f"pixel ({serial}) hangs (no answer within" in said and "restart it" in said
    assert "hangs" in sentence(lambda: connect("pixel", serial))
    assert "hangs" in sentence(lambda: phone.push(b"x" * 1000, f"{rig.remote_folder}/x"))
    rig.signal(serial, signal.SIGCONT)
    assert connect("pixel", serial).text(["echo", "well"]) == "well"


def test_what_is_given_up_does_not_keep_the_process_alive():
    program = "import time; from frill.device.phone.connection import within\ntry: within(0.1, lambda: time.sleep(1000))\nexcept TimeoutError: print('gave up')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("gave up\n", 0)

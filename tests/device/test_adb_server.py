"""Every way to have no phone has its sentence, with a real adb server where one can be had."""

import socket
import subprocess
import sys

import pytest
from peer import fake_server

from frill.device.errors import DeviceError
from frill.device.phone import adb_server


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait seconds instead of minutes for what never answers."""
    monkeypatch.setattr(adb_server, "ANSWER_S", 4.0)


def refusal() -> str:
    with pytest.raises(DeviceError) as raised:
        adb_server.list_attached()
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_no_adb(monkeypatch, tmp_path):
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "adb"))
    assert refusal().startswith("adb cannot be run (")
    assert "set ADBUTILS_ADB_PATH" in refusal()


def test_a_server_of_another_version(rig, monkeypatch):
    with fake_server(0x20) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        message = refusal()
    assert f"server at 127.0.0.1:{port} is of version 32" in message
    assert " of 41: stop it (`adb kill-server`)" in message


def test_a_port_that_is_not_adbs(rig, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(mute.getsockname()[1]))
        message = refusal()
    assert "does not answer" in message
    assert "kill-server" in message


def test_an_address_where_nobody_listens(rig):
    with pytest.raises(DeviceError) as raised:
        adb_server.connect_address("pixel", "127.0.0.1:5999")
    message = str(raised.value)
    assert message.startswith("pixel (127.0.0.1:5999) cannot be reached (")
    assert "adb tcpip" in message


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("127.0.0.1:5555", True),
        ("pixel.local:5555", True),
        ("[fe80::1]:5555", True),
        ("FA6A1", False),
        ("emulator-5554", False),
        ("127.0.0.1", False),
    ],
)
def test_addresses_are_told_from_serials(serial, expected):
    assert adb_server.is_address(serial) is expected


def test_what_is_given_up_does_not_keep_the_process_alive():
    program = (
        "import time; from frill.device.phone.adb_server import with_deadline\n"
        "try: with_deadline(0.1, lambda: time.sleep(1000))\n"
        "except TimeoutError: print('gave up')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("gave up\n", 0)


LISTED = (  # as adb's transport_list.cpp writes it: serial, tab, state
    "adb-FA6A1030-x1 (2)._adb-tls-connect._tcp\tdevice\n"
    "????????????\tno permissions (user in plugdev group; are your udev rules wrong?); "
    "see [http://developer.android.com/tools/device.html]\n"
)


def test_names_and_states_with_blanks(rig, monkeypatch):
    with fake_server(0x29, LISTED) as port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        found, refused = adb_server.list_attached()
    assert found == ("adb-FA6A1030-x1 (2)._adb-tls-connect._tcp", "device")
    assert refused.serial == "????????????"
    assert "add a udev rule" in adb_server.describe_state(refused.state)

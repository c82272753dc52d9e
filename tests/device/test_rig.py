"""The rig does what the tests of timing over adb take for granted.

These run adbutils against it and nothing of the project's.
"""

import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from adbutils import AdbClient, AdbError, AdbTimeout
from peer import fake_server


@pytest.fixture
def client(rig) -> AdbClient:
    return AdbClient(port=rig.server_port, socket_timeout=20)


@pytest.fixture
def phone(rig, client):
    """One connected phone."""
    serial = rig.start()
    assert client.connect(serial) == f"connected to {serial}"
    return client.device(serial)


def _states(client) -> dict[str, str]:
    return {each.serial: each.state for each in client.list()}


def _in_mid_shell(action) -> None:
    threading.Timer(0.5, action).start()


def test_a_command_gives_its_exit_code_and_both_streams(phone):
    done = phone.shell2("echo out; echo err >&2; exit 3", v2=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_the_default_phone_is_a_first_pixel_with_this_machines_abi(rig, phone):
    assert (phone.prop.model, phone.prop.device) == ("Pixel", "sailfish")
    rig.set_property("ro.build.version.sdk", "25")
    rig.remove_property("ro.product.model")
    assert phone.shell("getprop ro.build.version.sdk") == "25"
    assert phone.shell("getprop ro.product.model") == ""
    assert "[ro.product.board]: [sailfish]\n" in phone.shell("getprop")
    assert "ro.product.model" not in phone.shell("getprop")


def test_battery_thermal_status_and_screen(rig, phone):
    rig.set_battery_c(41.3)
    assert phone.battery().temperature == 41.3
    rig.set_thermal_status(2)
    assert "\nThermal Status: 2\n" in phone.shell("dumpsys thermalservice")
    phone.shell("input keyevent 223")
    assert not rig.screen()
    assert "Display Power: state=OFF" in phone.shell("dumpsys power")
    rig.set_screen(True)
    assert "mWakefulness=Awake" in phone.shell("dumpsys power")


def test_commands_can_be_missing_or_fail(rig, phone):
    rig.remove_command("dumpsys")
    rig.replace_command("taskset", "exit 9")
    assert phone.shell2("dumpsys battery", v2=True).returncode == 127
    assert phone.shell2("taskset 01 true", v2=True).returncode == 9


def test_only_the_phone_sees_its_cpus_and_boot_id(rig, phone):
    rig.boot_id("first")
    rig.cpus(
        {
            0: {"cpuinfo_max_freq": 1593600},
            3: {"cpuinfo_max_freq": 2150400, "scaling_max_freq": 2150400},
        }
    )
    cpus = "/sys/devices/system/cpu"
    frequency = f"{cpus}/cpu3/cpufreq/scaling_max_freq"
    cat = f"cat /proc/sys/kernel/random/boot_id {cpus}/possible {frequency}"
    assert phone.shell(cat) == "first\n0-3\n2150400"
    rig.boot_id("second")
    rig.cpus({3: {"scaling_max_freq": 1036800}})
    assert phone.shell(cat) == "second\n0-3\n1036800"
    assert Path("/proc/sys/kernel/random/boot_id").read_text() != "second\n"


@pytest.mark.parametrize("options", ["", "ro"])
def test_a_full_and_a_read_only_disk_refuse_a_push(rig, phone, options):
    rig.mount(rig.remote_folder, size_kib=256, options=options)
    with pytest.raises(AdbError, match="FAIL"):
        phone.sync.push(bytes(1 << 20), f"{rig.remote_folder}/big")
    rig.unmount(rig.remote_folder)
    assert phone.sync.push(bytes(1 << 20), f"{rig.remote_folder}/big", check=True) == 1 << 20


def test_the_phone_can_write_to_the_rigs_folder_only(rig, phone, tmp_path):
    done = phone.shell2(f"touch {tmp_path}/file", v2=True)
    assert done.returncode and "Read-only file system" in done.stderr


def test_a_killed_daemon_ends_a_shell_and_comes_back(rig, client, phone):
    _in_mid_shell(lambda: rig.signal(phone.serial, signal.SIGKILL))
    with pytest.raises(EOFError):
        phone.shell2("sleep 20", v2=True)
    assert _states(client) == {phone.serial: "offline"}
    with pytest.raises(AdbError, match="device offline"):
        phone.shell2("true", v2=True)
    rig.start()
    client.wait_for(phone.serial, timeout=20)
    assert phone.shell2("exit 3", v2=True).returncode == 3


def test_power_off_ends_what_the_phone_was_doing(rig, client, phone):
    other = rig.start(5642)
    client.connect(other)
    _in_mid_shell(lambda: rig.power_off(phone.serial))
    with pytest.raises(EOFError):
        phone.shell2("sleep 20", v2=True)
    [(_, argv)] = rig.processes()
    assert "adbd" in argv
    assert client.device(other).shell("echo here") == "here"


def test_a_stopped_daemon_hangs_until_it_goes_on(rig, client, phone):
    rig.signal(phone.serial, signal.SIGSTOP)
    with pytest.raises(AdbTimeout):
        phone.shell2("true", v2=True, timeout=1)
    assert _states(client) == {phone.serial: "device"}
    rig.signal(phone.serial, signal.SIGCONT)
    assert phone.shell("echo on") == "on"


def test_several_phones(rig, client):
    serials = [rig.start(5641), rig.start(5642)]
    for serial in serials:
        client.connect(serial)
    assert _states(client) == dict.fromkeys(serials, "device")


def test_an_unauthorized_and_a_mute_phone(rig, client):
    unauthorized, mute = rig.start_peer("unauthorized", 5651), rig.start_peer("mute", 5652)
    assert client.connect(unauthorized) == f"failed to authenticate to {unauthorized}"
    with pytest.raises(AdbTimeout):
        client.connect(mute, timeout=1)  # the server itself would wait for 10 s
    assert _states(client) == {unauthorized: "unauthorized", mute: "offline"}


def test_the_server_can_be_stopped_and_started(rig, client, phone, monkeypatch):
    rig.stop_server()
    monkeypatch.setenv("ADBUTILS_ADB_PATH", "/bin/true")  # no other takes its place
    with pytest.raises(AdbError, match="Connection refused"):
        client.list()
    rig.start_server()
    assert client.list() == []
    assert client.connect(phone.serial) == f"connected to {phone.serial}"


def test_a_server_of_another_version():
    with fake_server(0x20) as port:
        assert AdbClient(port=port, socket_timeout=5).server_version() == 32


def test_nobody_outside_reaches_the_daemon(rig, phone):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 5641), timeout=5)
    try:
        vsock = socket.socket(socket.AF_VSOCK)
    except OSError:
        return  # a kernel without it
    with vsock:
        vsock.bind((socket.VMADDR_CID_ANY, 5641))  # fails where somebody listens on it


def test_close_leaves_nothing(rig, phone):
    phone.shell2("(trap '' HUP TERM; exec sleep 100) >/dev/null 2>&1 &", v2=True)
    assert any("sleep 100" in argv for _, argv in rig.processes())
    rig.close()
    ours = [
        path
        for path in Path("/proc").glob("[0-9]*/environ")
        if str(rig.folder).encode() in _content(path)
    ]  # PATH begins with it
    assert not ours
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", rig.server_port), timeout=5)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended, or another user's
        return b""


def test_the_tool_runs_from_another_folder(rig, phone, tool):
    phone.sync.push(tool, f"{rig.remote_folder}/benchmark_model")
    done = phone.shell2(f"cd {rig.remote_folder} && ./benchmark_model", v2=True)
    assert (done.returncode, "graph" in done.output) == (1, True)
    assert subprocess.run([tool], capture_output=True).returncode == 1

"""What a real adbd and a real adb server cannot be made to do.

A phone refuses or never answers, a server is of another version.
"""

import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CNXN, AUTH = 0x4E584E43, 0x48545541
TOKEN, SIGNATURE = 1, 2  # kinds of AUTH; the last, the public key, waits for the user's consent


def phone(mode: str, port: int) -> None:
    """Be a phone inside the rig, for ever.

    "unauthorized" asks for a signature and accepts none, "mute" takes connections and is silent.
    """
    answer = _refuse if mode == "unauthorized" else _read
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=answer, args=[client], daemon=True).start()


def _refuse(client: socket.socket) -> None:
    with client, client.makefile("rwb") as stream:
        while len(header := stream.read(24)) == 24:
            command, kind, _, length, _, _ = struct.unpack("<6I", header)
            stream.read(length)
            if command == CNXN or (command == AUTH and kind == SIGNATURE):
                token = b"\1" * 20
                fields = (AUTH, TOKEN, 0, len(token), sum(token), AUTH ^ 0xFFFFFFFF)
                stream.write(struct.pack("<6I", *fields) + token)
                stream.flush()


def _read(client: socket.socket) -> None:
    with client:
        while client.recv(4096):
            pass


@contextmanager
def fake_server(version: int, devices: str = "") -> Iterator[int]:
    """Run an adb server that knows its version and these devices; yield its port on 127.0.0.1."""
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=[listening, version, devices], daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)  # close alone would leave accept() waiting
        listening.close()
        thread.join()


def _serve(listening: socket.socket, version: int, devices: str) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        with client, client.makefile("rwb") as stream:
            request = stream.read(int(stream.read(4) or b"0", 16))
            if request == b"host:version":
                stream.write(b"OKAY0004%04x" % version)
            elif request == b"host:devices" and devices:
                stream.write(f"OKAY{len(devices):04x}{devices}".encode())
            else:
                stream.write(b"FAIL0014unknown host service")


if __name__ == "__main__":
    phone(sys.argv[1], int(sys.argv[2]))

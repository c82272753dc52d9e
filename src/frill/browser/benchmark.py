"""`frill benchmark --browser`: any phone or laptop that can open a page, without a cable."""

import secrets
import socket
from argparse import ArgumentParser
from io import StringIO
from ipaddress import ip_address
from pathlib import Path

import segno

from frill.browser.answers import About
from frill.browser.local_server import THIS_MACHINE
from frill.browser.protocol import ACCELERATORS, Settings, measure
from frill.browser.record import (
    format_row,
    format_table,
    make_record,
    write_records,
    write_report,
)
from frill.browser.runtime import WebRuntime, locate_runtime
from frill.browser.server import BenchmarkServer
from frill.browser.timed_file import TimedFile
from frill.errors import UserError
from frill.progress import progress

ANY = "any"
# Of what --browser takes, by the names that `run` has for it.
DEFAULTS = {"lan": None, "port": 8718, "on": None, "rounds": Settings().rounds, "runtime": None}
NOWHERE = ("192.0.2.1", 9)  # RFC 5737: nobody's; UDP's connect sends nothing


def add_arguments(parser: ArgumentParser) -> None:
    options = parser.add_argument_group("in a browser (docs/browser.md)")
    browser = "time on what opens a page of this machine: any phone or laptop"
    options.add_argument("--browser", action="store_true", help=browser)
    lan = "listen in the local network, on ADDRESS of this machine, with a one-time token"
    options.add_argument("--lan", nargs="?", const=ANY, metavar="ADDRESS", help=lan)
    port = "listen on this port (8718); 0 takes a free one"
    options.add_argument("--port", type=int, default=DEFAULTS["port"], help=port)
    on = "time on these only; without it on all that the browser has"
    options.add_argument("--on", nargs="+", choices=[*ACCELERATORS], help=on)
    rounds = "pairs of rounds of model and control (20)"
    options.add_argument("--rounds", type=int, default=DEFAULTS["rounds"], help=rounds)
    runtime = "LiteRT's web runtime: a node_modules that has it; without it npm fetches it once"
    options.add_argument("--runtime", type=Path, metavar="FOLDER", help=runtime)


def run(
    models: list[Path],
    control: Path,
    out: Path | None,
    report: Path | None,
    lan: str | None,
    port: int,
    on: list[str] | None,
    rounds: int,
    runtime: Path | None,
) -> int:
    """Wait for a browser, time `models` and print a table; `out` gets all numbers.

    `report` gets the record of one model on one accelerator, as other devices have it.
    Without the control's file the first model is the control.
    """
    if rounds < 3:
        raise UserError(f"--rounds {rounds}: quartiles need three pairs or more")
    if report and len(on or ACCELERATORS) > 1:
        raise UserError(f"--report {report}: a record is of one accelerator; name it by --on")
    if not control.is_file():
        control = models[0]
    timed = [TimedFile(path) for path in [*models, control]]
    web = locate_runtime(runtime)
    server = listen(lan, port, web, timed)
    with server:
        print("\n".join(describe_address(server, lan)), flush=True)
        server.start()
        try:
            records = _measure(server, Settings(rounds=rounds), on or [*ACCELERATORS])
        finally:
            server.shutdown()
    if out:
        write_records(records, out)
    if report:
        write_report(records[0], timed, rounds, report)
    return 0


def listen(
    lan: str | None, port: int, runtime: WebRuntime, timed: list[TimedFile]
) -> BenchmarkServer:
    """Return a server on 127.0.0.1, or on an address of the network. Raises UserError."""
    name = THIS_MACHINE
    token = None
    if lan is not None:
        name = find_lan_address() if lan == ANY else lan
        token = secrets.token_urlsafe(12)
    try:
        address = socket.gethostbyname(name)  # as a browser's Host has it, in whatever case it is
        if not ip_address(address).is_unspecified:
            return BenchmarkServer(address, port, runtime, timed, token)
    except (OSError, OverflowError, UnicodeError) as error:  # no host name
        raise UserError(
            f"{name}, port {port}: cannot be listened on ({error}); take another --port, 0 for "
            "a free one, or an address of this machine as --lan ADDRESS"
        ) from None
    raise UserError(
        f"--lan {lan!r} means all networks of this machine; name its address in one of them, or "
        "give --lan alone"
    )


def find_lan_address() -> str:
    """Return this machine's address in the network that leads outwards. Raises UserError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(NOWHERE)
            return probe.getsockname()[0]
        except OSError as error:
            raise UserError(
                f"--lan: this machine is in no network ({error.strerror}); connect it, name its "
                "address as --lan ADDRESS, or leave --lan out and use `adb reverse`"
            ) from None


def describe_address(server: BenchmarkServer, lan: str | None) -> list[str]:
    """Return what is printed while nobody has come: the address, as text and as a QR code."""
    port = server.server_port
    if lan is None:
        who = [
            "Only this machine is answered. A phone on a cable reaches it, too, after "
            f"`adb reverse tcp:{port} tcp:{port}`;",
            "one in the local network needs --lan.",
        ]
    else:
        who = [
            "Whoever has this address in the local network is answered, the first browser only: "
            "it holds a one-time token.",
            "Browsers give threads and WebGPU to 127.0.0.1 alone, so here it is wasm on one thread;"
            " `adb reverse` without --lan has all three.",
        ]
    return [server.page_url, "", draw_qr_code(server.page_url), *who, "Ctrl-C ends it."]


def draw_qr_code(address: str) -> str:
    """Return an address as a QR code of half blocks, right on a dark terminal.

    Phones read it from a light one, too, where it is a negative.
    """
    text = StringIO()
    segno.make(address, micro=False).terminal(text, border=2, compact=True)
    return text.getvalue()


def _measure(server: BenchmarkServer, settings: Settings, wanted: list[str]) -> list[dict]:
    visit = server.visit
    about = visit.wait()
    print(f"{about.name} has come: {_describe(about)}", flush=True)
    total = settings.rounds * len(wanted) * (len(server.timed) - 1)
    records = []
    with progress((), "timing", total, "pair") as bar:

        def advance(text: str) -> None:
            bar.set_postfix_str(text, refresh=False)
            bar.update()

        for numbers in measure(visit, about, server.timed, settings, wanted, advance):
            records.append(make_record(numbers, about, server.runtime, server.timed))
            if numbers["latency_ms"] is None:
                bar.total -= settings.rounds
                bar.refresh()
    rows = [format_row(record) for record in records]
    visit.end({"do": "end", "rows": rows})
    print("\n".join(format_table(records, server.timed[-1].path)), flush=True)
    return records


def _describe(about: About) -> str:
    cores = f"{about.cores} cores" if about.cores else "cores not told"
    isolated = "isolated" if about.is_isolated else "not isolated"
    return f"{cores}, {isolated}, a clock of {about.resolution_ms:.3g} ms"

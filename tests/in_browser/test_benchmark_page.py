"""`frill benchmark --browser` whole: the command, and a real Chromium that opens its address."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import FLAGS, GPU_FLAGS, get_chromium
from playwright.sync_api import Page, expect

from frill.browser import benchmark
from frill.browser.answers import Loaded
from frill.browser.runtime import open_runtime
from frill.browser.timed_file import TimedFile
from frill.browser.visit import PageError
from frill.device.record import read_record
from frill.errors import UserError

# What LiteRT's runtime itself writes to the console.
CHATTER = re.compile(
    r"INFO: |WARNING: \[npu_registry|No available adapters|Failed to create default"
)


class Command:
    """A running `frill benchmark --browser`; `url` is the address it printed."""

    def __init__(self, *arguments: object):
        command = [sys.executable, "-m", "frill", "benchmark", *map(str, arguments), "--browser"]
        self._process = subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.url = self._process.stdout.readline().strip()

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return its exit code, output and messages."""
        printed, said = self._process.communicate(timeout=120)
        return self._process.returncode, printed, said

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start(web_runtime):
    """Yield start(*arguments), a Command."""
    commands = []

    def run(*arguments: object) -> Command:
        commands.append(Command(*arguments, "--runtime", web_runtime))
        return commands[-1]

    yield run
    for command in commands:
        command.close()


def expect_end(page) -> None:
    expect(page.get_by_role("status")).to_contain_text("Done.", timeout=120_000)


@pytest.fixture
def launch(chromium):
    """Yield launch(*flags), an empty page of a browser that has these flags."""
    browsers = []

    def run(*flags: str) -> Page:
        path = get_chromium.chromium()
        browsers.append(chromium.browser_type.launch(executable_path=path, args=[*flags]))
        return browsers[-1].new_page()

    yield run
    for browser in browsers:
        browser.close()


@pytest.mark.slow
def test_two_models_are_timed_checked_and_recorded(start, visit, pooling_models, tmp_path):
    cheap, dear = pooling_models
    out = tmp_path / "record.json"
    rounds = ["--rounds", 6, "--on", "wasm", "wasm-threads"]
    command = start(dear, cheap, "--control", cheap, *rounds, "--json", out)
    seen = visit(command.url, width=390)
    expect_end(seen.page)
    code, printed, said = command.end()
    assert code == 0, said
    assert "Chrome" in printed and "These are a browser's milliseconds" in printed
    assert not [problem for problem in seen.problems if not CHATTER.search(problem)]
    assert {url.partition("/runtime")[0][: len(command.url)] for url in seen.requests} <= {
        command.url,
        command.url.rstrip("/"),
        "data:,",
    }
    records = json.loads(out.read_text())["records"]
    places = [(record["file"], record["accelerator"]) for record in records]
    assert places == [
        ("dear.tflite", "wasm"),
        ("cheap.tflite", "wasm"),
        ("dear.tflite", "wasm, threads"),
        ("cheap.tflite", "wasm, threads"),
    ]
    for record in records:
        assert record["identity"]["user_agent"] == seen.page.evaluate("navigator.userAgent")
        assert record["identity"]["cores"] == seen.page.evaluate("navigator.hardwareConcurrency")
        assert record["identity"]["is_isolated"]
        assert record["cosine"] > 0.99999  # float32 on both sides
        assert record["rounds"] == 6 and record["runs"] >= 18 and record["cadence_runs"] == 20
        assert record["valid"] == (record["invalid_because"] == "")
        assert min(record["round_ms"] + record["control_round_ms"]) > 0
    rows = seen.page.locator("tbody tr")
    expect(rows).to_have_count(4)
    assert rows.first.locator("td").nth(1).inner_text() in printed
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    # Three multiplications against hundreds: no clock is needed to tell them apart.
    assert records[0]["ratio"] > records[1]["ratio"]


@pytest.mark.slow
def test_a_gpu_played_by_software_is_timed_and_not_valid(start, launch, pooling_models, tmp_path):
    out = tmp_path / "record.json"
    report = tmp_path / "report.json"
    files = ["--json", out, "--report", report]
    command = start(pooling_models[0], "--rounds", 3, "--on", "webgpu", *files)
    page = launch(*[flag for flag in FLAGS if flag != "--disable-gpu"], *GPU_FLAGS)
    page.goto(command.url)
    expect_end(page)
    assert command.end()[0] == 0
    (record,) = json.loads(out.read_text())["records"]
    assert record["accelerator"] == "webgpu" and record["cosine"] > 0.9999
    assert record["adapter"] == "google, swiftshader" and not record["valid"]
    assert "software: its GPU is google, swiftshader" in record["invalid_because"]
    told = read_record(report)
    assert told.runtime.accelerator == "webgpu" and not told.valid
    assert told.device["kind"] == "browser" and told.numbers.latency_ms == record["latency_ms"]


def test_a_page_closed_in_mid_run_is_one_sentence(start, visit, pooling_models, tmp_path):
    out = tmp_path / "record.json"
    command = start(pooling_models[0], "--rounds", 500, "--on", "wasm", "--json", out)
    page = visit(command.url).page
    timing = re.compile(r"Timing cheap.tflite, wasm: \d+ of 500")
    expect(page.get_by_role("status")).to_contain_text(timing)
    page.close()
    code, _, said = command.end()
    last = said.strip().splitlines()[-1]
    assert code == 1 and "Traceback" not in said
    assert last == (
        "frill: the page was closed in mid-run, and nothing is written: "
        "leave it open and run the command again"
    )
    assert not out.exists()


def test_a_wrong_address_and_a_second_browser_see_a_sentence(start, visit, pooling_models):
    command = start(pooling_models[0], "--lan", "127.0.0.2", "--rounds", 500, "--on", "wasm")
    wrong = visit(re.sub("/[^/]+/$", "/wrong/", command.url))
    assert "this address is not the one that the command printed" in wrong.page.content()
    first = visit(command.url)
    expect(first.page.get_by_role("status")).to_contain_text("Timing cheap.tflite")
    second = visit(command.url)
    assert "another browser has used this address" in second.page.content()


ROWS = [
    ["small_100_rank100.tflite", "wasm, threads (4)", "1119.668 (1117.586 to 1121.900)", "14.567",
     "no: throttled: the control became 60 % slower within the run"],
    ["a_student_with_quite_a_long_name.tflite", "webgpu", "", "", "no: this browser has no WebGPU"],
]  # fmt: skip


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_of_the_table_is_cut_off(web_runtime, pooling_models, visit, width, dark):
    timed = [TimedFile(pooling_models[0])] * 2
    with benchmark.listen(None, 0, open_runtime(web_runtime), timed) as server:
        server.start()
        page = visit(server.page_url, width=width, dark=dark).page
        server.visit.wait()
        server.visit.end({"do": "end", "rows": ROWS})
        expect_end(page)
        expect(page.locator("tbody tr")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        server.shutdown()


def test_a_browser_without_import_maps_says_so(web_runtime, pooling_models, chromium):
    timed = [TimedFile(pooling_models[0])] * 2
    with benchmark.listen(None, 0, open_runtime(web_runtime), timed) as server:
        server.start()
        page = chromium.new_page()
        page.add_init_script("HTMLScriptElement.supports = () => false")
        page.route("**/benchmark.js", lambda route: route.abort())
        page.goto(server.page_url)
        expect(page.get_by_role("status")).to_contain_text("too old for the page")
        page.close()
        server.shutdown()


# As soon as the page says that it times, another is in front of it for a moment.
HIDE_WHILE_TIMING = """() => {
    const show = (hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    };
    const status = document.getElementById("status");
    const hide = () => { if (status.textContent === "Timing") { show(true); show(false); } };
    new MutationObserver(hide).observe(status, { childList: true });
}"""


def test_a_pair_in_which_the_page_was_hidden_is_told(web_runtime, pooling_models, visit):
    """Hide the page within a pair, and not within the next."""
    timed = [TimedFile(pooling_models[0])] * 2
    with benchmark.listen(None, 0, open_runtime(web_runtime), timed) as server:
        server.start()
        page = visit(server.page_url).page
        page.evaluate(HIDE_WHILE_TIMING)
        server.visit.wait()
        server.visit._steps.put({"do": "load", "accelerator": "wasm", "max_threads": 1})
        server.visit._steps.put({"do": "check", "model": 0, "settle_ms": 0})
        server.visit._steps.put({"do": "check", "model": 1, "settle_ms": 0})
        pair = {"do": "pair", "models": [1, 0], "round_ms": 20, "batch_ms": 1, "done": 0}
        server.visit._steps.put(pair | {"text": "Timing"})
        server.visit._steps.put(pair | {"text": "Again"})
        answers = [server.visit._answers.get(timeout=60) for _ in range(5)]
        server.visit.end({"do": "end", "rows": []})
        expect_end(page)
        hidden = [answer.get("was_hidden") for answer in answers]
        assert hidden == [None, None, None, True, False]
        server.shutdown()


def test_an_address_of_the_network_gets_one_thread_and_the_reason(
    web_runtime, pooling_models, launch
):
    """Ask a page whose host is a name of the network: browsers do not isolate it."""
    timed = [TimedFile(pooling_models[0])] * 2
    with benchmark.listen(None, 0, open_runtime(web_runtime), timed) as server:
        server.hosts.add(f"phone.test:{server.server_port}")
        server.start()
        page = launch(*FLAGS, "--host-resolver-rules=MAP phone.test 127.0.0.1")
        page.goto(f"http://phone.test:{server.server_port}/")
        about = server.visit.wait()
        assert not about.is_isolated and about.resolution_ms >= 0.09
        for accelerator, what in (("wasm-threads", "threads"), ("webgpu", "WebGPU")):
            step = {"do": "load", "accelerator": accelerator, "max_threads": 4}
            message = f"browsers give {what} to https and 127.0.0.1 only"
            with pytest.raises(PageError, match=message):
                server.visit.ask(step, Loaded)
        step = {"do": "load", "accelerator": "wasm", "max_threads": 4}
        assert server.visit.ask(step, Loaded).threads == 1
        server.shutdown()


@pytest.mark.parametrize(
    "rounds, lan, message",
    [
        (2, None, "--rounds 2: quartiles need three pairs or more"),
        (3, "192.0.2.7", "192.0.2.7, port 0: cannot be listened on"),
    ],
)
def test_options_that_cannot_be_are_a_sentence(rounds, lan, message, pooling_models, web_runtime):
    (model, control) = pooling_models
    with pytest.raises(UserError, match=message):
        benchmark.run([model], control, None, None, lan, 0, ["wasm"], rounds, Path(web_runtime))

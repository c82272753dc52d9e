"""Numbers of rounds that are scripted: no browser, closed forms."""

from pathlib import Path

import numpy as np
import pytest

from frill.browser import protocol
from frill.browser.answers import About, Round
from frill.browser.protocol import Settings, Timed
from frill.browser.record import format_row, format_table, make_record
from frill.browser.runtime import WebRuntime
from frill.browser.visit import PageError

ABOUT = About(
    user_agent="Chrome/156.0 Android",
    device="",
    system="",
    cores=8,
    memory_gib=None,
    is_isolated=False,
    resolution_ms=0.1,
)


def make_round(*batch_ms: float, init_ms: float = 20.0, runs: int = 30) -> Round:
    return Round(init_ms=init_ms, first_ms=2 * init_ms, batch_ms=list(batch_ms), runs=runs)


def test_numbers_are_the_medians_of_rounds():
    models = [
        make_round(2, 2, 9),
        make_round(7, 6, 8, init_ms=30),
        make_round(4, 4, 30, init_ms=50),
    ]
    controls = [make_round(1, 1, 9), make_round(2, 2, 2), make_round(1, 1, 1)]
    numbers = protocol.summarise(Timed(models, controls, ["hidden"]))
    assert numbers["round_ms"] == [2, 7, 4] and numbers["control_round_ms"] == [1, 2, 1]
    assert (numbers["latency_ms"], numbers["control_ms"]) == (4, 1)
    assert numbers["iqr_ms"] == [3, 5.5]
    assert (numbers["ratio"], numbers["ratio_iqr"]) == (3.5, [2.75, 3.75])  # of 2, 3.5, 4
    assert numbers["p50_ms"] == 6  # of 2 2 4 4 6 7 8 9 30
    assert numbers["p95_ms"] == pytest.approx(9 + 0.6 * 21)  # the 7.6th of 0 to 8
    assert (numbers["init_ms"], numbers["first_ms"]) == (30, 60)
    assert (numbers["rounds"], numbers["runs"], numbers["discarded"]) == (3, 90, ["hidden"])


def test_drift_is_the_last_quarter_against_the_first():
    assert protocol.find_drift([2.0] * 4 + [9.0] * 8 + [3.0] * 4) == pytest.approx(0.5)
    assert protocol.find_drift([2.0, 9.0, 1.0]) == pytest.approx(-0.5)


@pytest.mark.parametrize(
    "changed, cosine, adapter, doubts",
    [
        ({}, 1.0, None, ""),
        ({}, 0.98, None, "output: cosine 0.9800 with this host's, under 0.99"),
        ({}, float("nan"), None, "output: cosine nan with this host's, under 0.99"),
        (
            {"rounds": 6, "control_round_ms": [1.0] * 6},
            1.0,
            None,
            "hidden: the page was not in front in all but 6 of 8 pairs",
        ),
        (
            {"control_round_ms": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.2, 1.2]},
            1.0,
            None,
            "throttled: the control became 20 % slower within the run",
        ),
        ({}, 1.0, "arm, valhall", ""),
        ({}, 1.0, "google, swiftshader", "software: its GPU is google, swiftshader"),
    ],
)
def test_what_makes_a_measurement_not_valid(changed, cosine, adapter, doubts):
    measured = {"rounds": 8, "control_round_ms": [1.0] * 8} | changed
    assert protocol.find_doubts(measured, cosine, 8, adapter) == doubts


def test_six_pairs_are_the_fewest_that_count():
    """Six have the median between their least and greatest with 1 - 2 * 0.5**6 = 96.9 %."""
    measured = {"rounds": 5, "control_round_ms": [1.0] * 5}
    doubts = "too few pairs: 5, an interval takes 6"
    assert protocol.find_doubts(measured, 1.0, 5, None) == doubts
    measured = {"rounds": 6, "control_round_ms": [1.0] * 6}
    assert protocol.find_doubts(measured, 1.0, 6, None) == ""


class ScriptedFile:
    """A model whose output on this host is [1, 0], and its number in milliseconds."""

    def __init__(self, name: str, ms: float):
        self.path = Path(f"release/{name}.tflite")
        self.ms = ms
        self.sha256 = f"sha256 of {name}"

    def compare(self, output: bytes) -> float:
        return float(np.frombuffer(output, np.float32)[0])


class ScriptedPage:
    """Answers as a page would, each call `ms` long, hidden in pairs by their number."""

    def __init__(self, timed: list[ScriptedFile], hidden=(), lacks=(), crashes=()):
        self.timed = timed
        self.pairs = []
        self._hidden = hidden
        self._lacks = lacks
        self._crashes = crashes
        self.steps = []

    def ask(self, step: dict, kind: type):
        self.steps.append(step)
        return kind.model_validate(getattr(self, f"_{step['do']}")(**step))

    def _load(self, accelerator, max_threads, **_):
        if accelerator in self._lacks:
            raise PageError(f"no {accelerator} here")
        threads = max_threads if accelerator == "wasm-threads" else 1
        return {"threads": threads, "build": "relaxed SIMD", "adapter": None}

    def _check(self, model, **_):
        if model in self._crashes:
            raise PageError("out of memory")
        return {"output": "AACAPwAAAAA=", "is_whole": True}  # float32 1 and 0

    def _pair(self, models, batch_ms, **_):
        self.pairs.append(models)
        rounds = []
        for model in models:
            ms = self.timed[model].ms
            rounds.append({"init_ms": 1, "first_ms": 2, "batch_ms": [ms] * 3, "runs": 3})
        return {"rounds": rounds, "was_hidden": len(self.pairs) - 1 in self._hidden}

    def _cadence(self, model, calls, **_):
        return {"call_ms": [3 * self.timed[model].ms] * calls}


def measure(page: ScriptedPage, rounds: int, *wanted: str) -> list[dict]:
    settings = Settings(rounds=rounds, round_ms=60)
    calls = []
    return list(protocol.measure(page, ABOUT, page.timed, settings, list(wanted), calls.append))


def test_model_and_control_take_turns_and_hidden_pairs_are_repeated():
    page = ScriptedPage([ScriptedFile("a", 4.0), ScriptedFile("control", 2.0)], hidden=(1,))
    (numbers,) = measure(page, 6, "wasm")
    # The pair that was hidden is repeated in its own order.
    assert page.pairs == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]
    assert numbers["round_ms"] == [4.0] * 6 and numbers["control_round_ms"] == [2.0] * 6
    assert numbers["ratio"] == 2 and numbers["discarded"] == ["the page was not in front"]
    assert (numbers["cadence_ms"], numbers["cadence_runs"]) == (12.0, 20)
    assert numbers["valid"] and numbers["invalid_because"] == ""
    (step,) = {step["batch_ms"] for step in page.steps if step["do"] == "pair"}
    assert step == pytest.approx(10.0)  # a clock of 0.1 ms is then right to 1 %


def test_a_page_that_stays_hidden_is_given_up():
    page = ScriptedPage([ScriptedFile("a", 4.0), ScriptedFile("control", 2.0)], hidden=range(99))
    (numbers,) = measure(page, 6, "wasm")
    assert numbers["latency_ms"] is None
    assert numbers["reason"] == "the page was never in front while it timed"
    assert len(page.pairs) == 8  # seven may be thrown away


def test_what_is_not_there_costs_its_own_rows_only():
    timed = [ScriptedFile("a", 4.0), ScriptedFile("b", 1.0), ScriptedFile("control", 2.0)]
    page = ScriptedPage(timed, lacks=["webgpu"], crashes=[1])
    rows = measure(page, 6, "webgpu", "wasm-threads")
    told = [(row["model"], row["accelerator"], row["latency_ms"]) for row in rows]
    assert told == [
        (0, "webgpu", None),
        (1, "webgpu", None),
        (0, "wasm, threads", 4.0),
        (1, "wasm, threads", None),
    ]
    assert [row.get("reason") for row in rows] == ["no webgpu here"] * 2 + [None, "out of memory"]
    assert rows[2]["threads"] == 4


def test_a_record_says_whose_it_is_and_a_table_has_its_cells():
    timed = [ScriptedFile("a", 4.0), ScriptedFile("control", 2.0)]
    rows = measure(ScriptedPage(timed, lacks=["webgpu"]), 6, "webgpu", "wasm-threads")
    web = WebRuntime(Path("node_modules"), "2.5.3")
    records = [make_record(row, ABOUT, web, timed) for row in rows]
    absent, there = records
    assert there["identity"]["kind"] == "browser" and there["identity"]["cores"] == 8
    assert there["identity"]["model"] == "Chrome 156 on Android" and there["clock_ms"] == 0.1
    assert there["runtime"] == "LiteRT.js 2.5.3, XNNPACK" and there["file"] == "a.tflite"
    assert there["model_sha256"] == "sha256 of a"
    assert there["control_sha256"] == "sha256 of control"
    assert format_row(absent) == ["a.tflite", "webgpu", "", "", "no: no webgpu here"]
    cells = ["a.tflite", "wasm, threads (4)", "4.000 (4.000 to 4.000)", "2.000", "yes"]
    assert format_row(there) == cells
    lines = format_table(records, timed[-1].path)
    assert [line.split()[0] for line in lines[:3]] == ["model", "a.tflite", "a.tflite"]
    assert lines[3] == "Outputs: cosine with this host's 1.0000000 or more."
    assert lines[-1] == "These are a browser's milliseconds, not an app's."

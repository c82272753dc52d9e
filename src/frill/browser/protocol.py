"""Latency in a browser: a phone's protocol, as far as a page can follow it.

check       the page runs a known window; the cosine of its output with this host's
settle      and goes on with it for a while: a browser compiles code with care only once it is hot
pairs       `rounds` times the control model and the model, in turns of which comes first, each
            opened anew
batches     a page's clock is coarse, so a round times batches of calls of 100 of its steps or more;
            its number is the median over batches of the mean of a call
discarded   a pair in which the page was not in front; repeated, up to a limit
cadence     a call each 170 ms, as an app calls it: back-to-back calls keep a core's clock high

A page knows neither temperatures nor clocks of cores. What it can see of a throttled device is that
the control becomes slower from the first pairs to the last.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from frill.browser.answers import About, Cadence, Checked, Loaded, Pair, Round
from frill.browser.timed_file import TimedFile
from frill.browser.visit import PageError, Visit
from frill.device.intervals import summarise_pairs
from frill.device.validity import MIN_PAIRS
from frill.params.devices import CADENCE_S

# By what the page calls it: as it stands in records and tables.
ACCELERATORS = {"wasm": "wasm", "wasm-threads": "wasm, threads", "webgpu": "webgpu"}
MAX_THREADS = 4  # more than a phone has of fast cores; one slow core holds up all others
SETTLE_MS = 500.0
CLOCK_STEPS = 100  # a batch lasts at least so many: its mean is then right to 1 %
DISCARDS = 7  # pairs of a model that are repeated before it gives up
MIN_COSINE = 0.99  # a phone's default
DRIFT = 0.15  # of the control, beyond which a measurement is not valid
HIDDEN = "the page was not in front"
CADENCE_RUNS = 20
SOFTWARE_GPUS = ("swiftshader", "llvmpipe", "basic render")


class Settings(NamedTuple):
    rounds: int = 20
    round_ms: float = 60.0


class Timed(NamedTuple):
    """The rounds of a model on an accelerator, and of the control's before each."""

    models: list[Round]
    controls: list[Round]
    discarded: list[str]


def measure(
    visit: Visit,
    about: About,
    timed: list[TimedFile],
    settings: Settings,
    wanted: list[str],
    advance: Callable[[str], None],
) -> Iterator[dict]:
    """Yield the numbers of each model on each accelerator of `wanted`.

    The last of `timed` is the control. Where an accelerator is not there, or does not run a model,
    `latency_ms` is None with a `reason`. `advance` is called with a text before each pair.
    """
    for accelerator in wanted:
        step = {"do": "load", "accelerator": accelerator, "max_threads": MAX_THREADS}
        place = {"accelerator": ACCELERATORS[accelerator]}
        try:
            loaded = visit.ask(step, Loaded)
            check(visit, timed, len(timed) - 1)  # settles the control
        except PageError as error:
            for number in range(len(timed) - 1):
                yield {"model": number, **place, "latency_ms": None, "reason": str(error)}
            continue
        place |= loaded.model_dump()
        for number in range(len(timed) - 1):
            try:
                cosine, is_whole = check(visit, timed, number)
                pairs = _Pairs(visit, about, timed, number, settings, advance, accelerator).run()
                cadence = visit.ask(_make_cadence_step(number), Cadence)
            except PageError as error:
                yield {"model": number, **place, "latency_ms": None, "reason": str(error)}
                continue
            measured = summarise(pairs)
            doubts = find_doubts(measured, cosine, settings.rounds, loaded.adapter)
            yield {
                "model": number,
                **place,
                **measured,
                "cadence_ms": float(np.mean(cadence.call_ms)),
                "cadence_runs": len(cadence.call_ms),
                "cosine": cosine,
                "valid": not doubts,
                "invalid_because": doubts,
                "warnings": [] if is_whole else ["a part of the model runs on the CPU"],
            }


def _make_cadence_step(number: int) -> dict:
    step = {"do": "cadence", "model": number}
    return step | {"calls": CADENCE_RUNS, "period_ms": 1000 * CADENCE_S}


def check(visit: Visit, timed: list[TimedFile], number: int) -> tuple[float, bool]:
    """Return the cosine of the page's output with the host's, and whether all is accelerated.

    Raises PageError where there is no such cosine.
    """
    step = {"do": "check", "model": number, "settle_ms": SETTLE_MS}
    checked = visit.ask(step, Checked)
    try:
        return timed[number].compare(checked.decode()), checked.is_whole
    except ValueError as error:
        raise PageError(f"the output of {timed[number].path} is {error}") from None


class _Pairs:
    def __init__(
        self,
        visit: Visit,
        about: About,
        timed: list[TimedFile],
        number: int,
        settings: Settings,
        advance: Callable[[str], None],
        accelerator: str,
    ):
        self._visit = visit
        self._number = number
        self._control = len(timed) - 1
        self._settings = settings
        self._advance = advance
        self._text = f"{timed[number].path.name}, {ACCELERATORS[accelerator]}"
        self._batch_ms = CLOCK_STEPS * about.resolution_ms

    def run(self) -> Timed:
        result = Timed([], [], [])
        while len(result.models) < self._settings.rounds and len(result.discarded) <= DISCARDS:
            self._advance(self._text)
            swap = len(result.models) % 2
            order = [self._control, self._number]
            pair = self._ask(order[::-1] if swap else order, len(result.models))
            if pair.was_hidden:
                result.discarded.append(HIDDEN)
                continue
            control, model = pair.rounds[::-1] if swap else pair.rounds
            result.controls.append(control)
            result.models.append(model)
        if not result.models:
            raise PageError("the page was never in front while it timed")
        return result

    def _ask(self, order: list[int], done: int) -> Pair:
        step = {
            "do": "pair",
            "models": order,
            "round_ms": self._settings.round_ms,
            "batch_ms": self._batch_ms,
            "text": f"Timing {self._text}: {done + 1} of {self._settings.rounds} …",
            "done": done / self._settings.rounds,
        }
        return self._visit.ask(step, Pair)


def summarise(pairs: Timed) -> dict:
    """Return milliseconds of a model and the ratio to its control, over `pairs`.

    `latency_ms` is the median over rounds, `iqr_ms` their quartiles, `ratio` the median of the
    ratios of each round to the control's beside it. Percentiles are over batches.
    """
    model_ms = np.array([np.median(each.batch_ms) for each in pairs.models])
    control_ms = np.array([np.median(each.batch_ms) for each in pairs.controls])
    batches_ms = np.concatenate([each.batch_ms for each in pairs.models])
    p50_ms, p90_ms, p95_ms = np.percentile(batches_ms, [50, 90, 95]).tolist()
    return {
        "statistic": "mean",
        "rounds": len(model_ms),
        "runs": sum(each.runs for each in pairs.models),
        **summarise_pairs(model_ms, control_ms),
        "p50_ms": p50_ms,
        "p90_ms": p90_ms,
        "p95_ms": p95_ms,
        "p95_over": "batches",
        "init_ms": float(np.median([each.init_ms for each in pairs.models])),
        "first_ms": float(np.median([each.first_ms for each in pairs.models])),
        "round_ms": model_ms.tolist(),
        "control_round_ms": control_ms.tolist(),
        "discarded": pairs.discarded,
    }


def find_doubts(measured: dict, cosine: float, rounds: int, adapter: str | None) -> str:
    """Return why a measurement does not count; empty if it does."""
    doubts = []
    if not cosine >= MIN_COSINE:  # nor where it is none
        doubts.append(f"output: cosine {cosine:.4f} with this host's, under {MIN_COSINE}")
    pairs = measured["rounds"]
    if pairs < rounds:
        doubts.append(f"hidden: {HIDDEN} in all but {pairs} of {rounds} pairs")
    if pairs < MIN_PAIRS:
        doubts.append(f"too few pairs: {pairs}, an interval takes {MIN_PAIRS}")
    drift = find_drift(measured["control_round_ms"])
    if drift > DRIFT:
        doubts.append(f"throttled: the control became {100 * drift:.0f} % slower within the run")
    if adapter is not None and any(word in adapter.lower() for word in SOFTWARE_GPUS):
        doubts.append(f"software: its GPU is {adapter}")
    return "; ".join(doubts)


def find_drift(control_ms: list[float]) -> float:
    """Return by how much the last quarter of the rounds is slower than the first, as a share."""
    quarter = max(1, len(control_ms) // 4)
    first, last = np.median(control_ms[:quarter]), np.median(control_ms[-quarter:])
    return float(last / first - 1)

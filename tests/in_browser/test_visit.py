"""The visit of a browser: whose it is, what it answers, how it ends before its time."""

from threading import Thread

import pytest

from frill.browser.answers import About, Cadence, Checked, Loaded, Pair
from frill.browser.local_server import Refused
from frill.browser.visit import PageError, Visit
from frill.errors import UserError

ABOUT = {
    "user_agent": "Mozilla/5.0 (Linux; Android 10; K) Chrome/156.0.0.0 Mobile Safari/537.36",
    "device": "Pixel 7",
    "system": "Android 16",
    "cores": 8,
    "memory_gib": 8,
    "is_isolated": True,
    "resolution_ms": 0.1,
}
LOADED = {"threads": 1, "build": "relaxed SIMD", "adapter": None}
ROUND = {"init_ms": 20.0, "first_ms": 3.0, "batch_ms": [1.0, 2.0, 3.0], "runs": 30}


def test_steps_are_done_in_order():
    visit = Visit()
    done = []

    def browse():
        visit.begin(ABOUT)
        step = visit.exchange(None)
        while step["do"] != "end":
            done.append(step["do"])
            step = visit.exchange(LOADED | {"threads": len(done)})
        visit._answers.put({})

    page = Thread(target=browse)
    page.start()
    assert visit.wait().cores == 8
    assert [visit.ask({"do": word}, Loaded).threads for word in ("a", "b", "c")] == [1, 2, 3]
    visit.end({"do": "end"})
    page.join()
    assert done == ["a", "b", "c"]


def test_the_first_browser_has_it():
    visit = Visit()
    visit.begin(ABOUT)
    with pytest.raises(Refused, match="this address has been used") as raised:
        visit.begin(ABOUT)
    assert raised.value.status == 409


def test_a_page_that_is_closed_or_silent_is_a_sentence():
    visit = Visit(silence_s=0.05)
    visit.begin(ABOUT)
    visit.wait()
    visit.lose()
    with pytest.raises(UserError, match="the page was closed in mid-run, and nothing is written"):
        visit.ask({"do": "load"}, Loaded)
    with pytest.raises(UserError, match=r"the browser has said nothing for 0.05 s: its page must"):
        visit.ask({"do": "load"}, Loaded)


def test_the_last_step_is_waited_for_and_needs_no_page(monkeypatch):
    monkeypatch.setattr("frill.browser.visit.END_S", 0.05)
    visit = Visit()
    visit.end({"do": "end"})  # nobody answers
    visit.lose()
    visit.end({"do": "end"})


def ask(answer: object, kind: type):
    visit = Visit()
    visit.begin(ABOUT)
    visit.wait()
    visit._answers.put(answer)
    return visit.ask({}, kind)


def test_what_a_page_cannot_do_is_told_in_its_words():
    with pytest.raises(PageError, match="no WebGPU here"):
        ask({"error": "no\nWebGPU   here"}, Loaded)


@pytest.mark.parametrize(
    "answer, kind, key",
    [
        (None, Loaded, "its answer"),
        ([], Loaded, "its answer"),
        ({}, Loaded, "threads"),
        (LOADED | {"threads": 0}, Loaded, "threads"),
        (LOADED | {"more": 1}, Loaded, "more"),
        ({"output": 5, "is_whole": True}, Checked, "output"),
        ({"rounds": [ROUND], "was_hidden": False}, Pair, "rounds"),
        ({"rounds": [ROUND, ROUND | {"runs": 0}], "was_hidden": False}, Pair, "rounds.1.runs"),
        (
            {"rounds": [ROUND, ROUND | {"batch_ms": [1, 1, float("nan")]}], "was_hidden": False},
            Pair,
            "rounds.1.batch_ms.2",
        ),
        (
            {"rounds": [ROUND | {"batch_ms": [1, 1, 0]}, ROUND], "was_hidden": False},
            Pair,
            "rounds.0.batch_ms.2",
        ),
        ({"call_ms": [-1.0]}, Cadence, "call_ms.0"),
    ],
)
def test_answers_that_the_page_would_not_give(answer, kind, key):
    with pytest.raises(UserError, match=rf"answers what frill's page would not \({key}: "):
        ask(answer, kind)


# As browsers have them: https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/User-Agent
@pytest.mark.parametrize(
    "user_agent, name",
    [
        ("(X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145 on Linux"),
        ("(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/26.0 Safari/605.1.15", "Safari 26 on macOS"),
        ("(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/26.0 Mobile/15E148 Safari/604.1", "Safari 26 on iPhone"),
        ("(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 "
         "Safari/537.36 Edg/156.0.0.0", "Edge 156 on Windows"),
        ("(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile "
         "Safari/537.36", "Chrome 156 on Android"),
        ("something new", "a browser"),
    ],
)  # fmt: skip
def test_a_browser_has_a_short_name(user_agent, name):
    about = About.model_validate(ABOUT | {"user_agent": user_agent, "device": ""})
    assert about.name == name
    assert About.model_validate(ABOUT).name == "Chrome 156 on Android, Pixel 7"

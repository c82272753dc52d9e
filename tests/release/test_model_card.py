"""The card's own arithmetic."""

from frill.release.model_card import _describe_frontend


def test_the_frontends_share_is_that_of_both():
    """A window takes half the control's time, 2 ms; the frontend an eighth: 0.5 of 2.5 ms."""
    frontend = {"latency_ms": 0.7, "ratio": 0.125}
    assert _describe_frontend(2.0, {"ratio": 0.5}, frontend) == (
        "An app computes log-mel first: timed alone on 1 s of samples there, 0.500 ms, "
        "20% of the 2.500 ms of both."
    )


def test_a_frontend_that_does_not_run_has_a_reason():
    frontend = {"latency_ms": None, "reason": "lacks an operator"}
    said = _describe_frontend(2.0, {"ratio": 0.5}, frontend)
    assert said == "The frontend was not timed there (lacks an operator)."

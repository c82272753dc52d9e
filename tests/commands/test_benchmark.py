"""`frill benchmark`: what cannot be is one sentence, before anything is timed."""

import json
import os

import pytest
from pipeline_project import ROOT

from frill import cli
from frill.commands import benchmark
from frill.errors import UserError


@pytest.fixture
def refuse(pooling_models, tmp_path, monkeypatch):
    """Return a function that gives what the command says, with a model, to these arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark, "measure", lambda *_: pytest.fail("something was timed"))

    def run(*arguments: str) -> str:
        with pytest.raises(UserError) as raised:
            cli.run(["benchmark", str(pooling_models[0]), *arguments])
        return str(raised.value)

    return run


def test_a_misspelt_control_is_not_replaced_by_the_model(refuse):
    message = "--control controls/typo.tflite: no such file; give a .tflite file, or leave it out"
    assert refuse("--control", "controls/typo.tflite") == message
    assert refuse("--browser", "--control", "controls/typo.tflite") == message


def test_a_first_look_has_rounds_of_its_own(refuse):
    message = refuse("--browser", "--quick", "--rounds", "50")
    assert message == "--rounds 50: give --quick or --rounds, not both"


@pytest.mark.parametrize(
    "arguments", [["--rounds", "50"], ["--lan"], ["--port", "0"], ["--on", "wasm"]]
)
def test_what_only_a_browser_takes_is_not_ignored(refuse, arguments):
    assert refuse(*arguments) == (
        f"{arguments[0]}: only --browser takes that; "
        "what a device takes is in params.yaml, under devices"
    )


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_a_file_that_cannot_be_written(refuse, option, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    said = f"{option} file/x.json: cannot be written (its folder cannot be made: "
    assert refuse(option, "file/x.json").startswith(said)
    (tmp_path / "dä r").mkdir()
    said = f"{option} dä r: cannot be written (it is a folder); give another file"
    assert refuse(option, "dä r") == said
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    said = f"{option} x.json: cannot be written (Permission denied); give another file"
    assert refuse(option, "x.json") == said


def test_models_timed_before_a_failure_are_kept(pooling_models, tmp_path, monkeypatch):
    cheap, dear = pooling_models

    def measure(model, *_):
        if model == dear:
            raise UserError("pixel was disconnected")
        return {"latency_ms": 1.0}

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(benchmark, "measure", measure)
    monkeypatch.setattr(benchmark, "format_measurement", lambda *_: [])
    out = tmp_path / "new" / "out.json"
    with pytest.raises(UserError, match="disconnected"):
        cli.run(["benchmark", str(cheap), str(dear), "--json", str(out)])
    assert json.loads(out.read_text()) == [{"latency_ms": 1.0}]

"""A phone that is warm is waited for, and then refused; what it does not tell is told."""

import itertools

from measuring import fail, has_left_nothing, measure

from frill.device.phone import adb_server, cooling, session


def test_a_warm_phone_is_waited_for_and_then_refused(rig, device, same_models, capsys, monkeypatch):
    rig.set_battery_c(38.5)
    with monkeypatch.context() as patch:  # it cools while it is waited for
        patch.setattr(cooling, "sleep", lambda _: rig.set_battery_c(33.0))
        measure(same_models, device())
    notice = "pixel: battery 38.5 C, limit 35: waiting up to 1 s for it to cool\n"
    assert capsys.readouterr().out.startswith(notice)
    rig.set_battery_c(38.5)
    message = fail(same_models, device())
    assert "still too warm after 1 s (battery 38.5 C, limit 35)" in message
    assert "max_battery_c" in message
    assert has_left_nothing(rig)
    rig.set_battery_c(20.0)
    rig.set_thermal_status(2)
    assert "thermal status 2, limit 0" in fail(same_models, device())


def test_what_a_phone_does_not_tell_is_no_reason_to_wait(rig, device, same_models):
    rig.remove_command("dumpsys")
    result = measure(same_models, device())
    assert result["warnings"] == [
        "the phone tells no temperature: whether it was cool is not known"
    ]
    assert result["conditions_before"] == {
        "battery_c": None,
        "battery_percent": None,
        "thermal_status": None,
        "screen_on": None,
    }


def test_a_dumpsys_that_hangs(rig, device, same_models, monkeypatch):
    monkeypatch.setattr(adb_server, "ANSWER_S", 2.0)
    rig.replace_command("dumpsys", "sleep 60")
    assert "hangs (dumpsys battery does not end)" in fail(same_models, device())


def test_a_screen_that_stays_on_is_told(rig, device, same_models):
    rig.replace_command("input", "exit 0")
    assert measure(same_models, device())["warnings"] == ["the screen stayed on"]


def test_status_that_rises_in_mid_run_discards_the_pair(rig, device, same_models, monkeypatch):
    real, count = session.Session.watch, itertools.count(1)

    def watch(*arguments):
        is_second_of_pair = next(count) == 3  # the check is the first
        rig.set_thermal_status(2 if is_second_of_pair else 0)
        return real(*arguments)

    monkeypatch.setattr(session.Session, "watch", watch)
    monkeypatch.setattr(cooling, "sleep", lambda _: rig.set_thermal_status(0))
    assert measure(same_models, device())["discarded"] == ["thermal status rose to 2"]

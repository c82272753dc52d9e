"""The cores that a phone has, those that are meant, and what happens on them."""

import itertools

import pytest
from measuring import fail, frequencies, has_left_nothing, measure

from frill.device.phone import session
from frill.device.phone.connection import Finished
from frill.device.phone.cores import Affinity, Core, choose_cpus, format_mask
from frill.device.phone.session import WatchedRun

# kHz: a Pixel 1 (two Kryo clusters; CPU2-3 big, mask 0c), and one cluster of four, one of three,
# one prime core
PIXEL_1 = [Core(cpu, khz, khz) for cpu, khz in enumerate([1593600, 1593600, 2150400, 2150400])]
PRIME = [Core(cpu, khz, khz) for cpu, khz in enumerate([1800000] * 4 + [2400000] * 3 + [2840000])]
SILENT = [Core(0, None, None), Core(1, None, None)]


@pytest.mark.parametrize(
    ("choice", "cores", "expected"),
    [
        ("big", PIXEL_1, [2, 3]),
        ("little", PIXEL_1, [0, 1]),
        ("0c", PIXEL_1, [2, 3]),
        ("8", PIXEL_1, [3]),
        ("any", PIXEL_1, [0, 1, 2, 3]),
        ("big", PRIME, [7]),
        ("little", PRIME, [0, 1, 2, 3]),
        ("70", PRIME, [4, 5, 6]),
        ("any", SILENT, [0, 1]),
        ("2", SILENT, [1]),
    ],
)
def test_cores_by_name_and_by_mask(choice, cores, expected):
    assert choose_cpus(choice, cores) == expected


@pytest.mark.parametrize(
    ("choice", "cores", "reason"),
    [("big", SILENT, "give a mask"), ("10", PIXEL_1, "names core 4, and there are cores 0 to 3")],
)
def test_cores_that_are_not_there(choice, cores, reason):
    with pytest.raises(ValueError, match=reason):
        choose_cpus(choice, cores)


@pytest.mark.parametrize(
    ("cpus", "mask"), [([2, 3], "c"), ([0], "1"), ([7], "80"), ([4, 5, 6], "70")]
)
def test_masks_are_as_taskset_takes_them(cpus, mask):
    assert format_mask(cpus) == mask


@pytest.mark.parametrize(
    ("threads", "cpus_of_threads", "choice", "fault"),
    [
        (1, [{2}], "e", ""),
        (1, [{2, 3}], "e", "a thread moved between cores 2, 3"),
        (2, [{2}, {3}], "e", ""),
        (2, [{2, 3}, {3}], "e", ""),  # its scheduler's business, at one speed
        (2, [{1, 2}, {3}], "e", "a thread moved between cores 1, 2"),
        (1, [{2}, {0}], "e", "it ran on core 0, outside of the mask e"),
        (1, [{0, 1, 2}], "any", ""),
        (1, [], "e", ""),
    ],
)
def test_processes_that_moved_do_not_count(threads, cpus_of_threads, choice, fault):
    affinity = Affinity(choice, threads, PIXEL_1, [1, 2, 3])
    run = WatchedRun(Finished("", "", 0), cpus_of_threads, {}, {})
    assert affinity.find_fault(run) == fault


@pytest.mark.slow
def test_big_and_little_are_read_from_the_phone(rig, device, same_models):
    rig.cpus(frequencies({0: 1593600, 1: 2150400}))
    for cores, mask in (("big", "2"), ("little", "1")):
        assert measure(same_models, device(cores=cores))["core_mask"] == mask
    message = fail(same_models, device(cores="big", threads=2))
    assert "threads = 2, and cores: big has 1" in message
    message = fail(same_models, device(cores="c"))
    assert "names core 2, and there are cores 0 to 1" in message


def test_big_cannot_be_told_without_frequencies(rig, device, same_models):
    assert "cpuinfo_max_freq" in fail(same_models, device(cores="big"))


@pytest.mark.slow
def test_throttled_pairs_are_discarded_up_to_the_limit(rig, device, same_models, monkeypatch):
    """Lower the cap on the core's frequency while the second pair runs, then in every pair."""
    full = frequencies({0: 1593600, 1: 2150400})
    low = frequencies({0: 1593600, 1: 1401600})
    rig.cpus(full)
    real = session.Session.watch
    count = itertools.count(1)
    lowered = {4}  # the check is the first

    def watch(*arguments):
        rig.cpus(low if next(count) in lowered else full)
        return real(*arguments)

    monkeypatch.setattr(session.Session, "watch", watch)
    settings = device(cores="big", min_s=0.5)
    result = measure(same_models, settings)
    assert result["processes"] == 3
    assert result["discarded"] == ["core 1 was throttled from 2150 to 1401 MHz"]
    count = itertools.count(1)
    lowered = set(range(2, 100))
    rig.cpus(full)
    message = fail(same_models, settings)
    spoilt = "the last because core 1 was throttled from 2150 to 1401 MHz"
    assert f"spoilt 3 pairs of processes, {spoilt}" in message
    assert "discards allows 2" in message
    assert has_left_nothing(rig)


def test_a_cap_from_the_start_is_no_reason_to_repeat_and_is_told(rig, device, same_models):
    """Some phones lower their caps when the screen goes dark.

    Some are never let up to their highest frequency.
    """
    rig.cpus(frequencies({0: 1593600, 1: 1958400}))
    result = measure(same_models, device(cores="big"))
    assert result["discarded"] == []
    assert result["warnings"] == ["core 1 was capped at 1958 of 2150 MHz from the start"]
    assert result["core_khz"] == {"1": {"max": 2150400, "cap": 1958400, "lowest": 1958400}}

"""What tells CPUs apart, from texts that machines printed.

Arm's /proc/cpuinfo: Graviton 2 and a Neoverse V2 (Grace, the core of Graviton 4) from reports of
their users, the Features whole. macOS: `sysctl hw.optional` of an M1 (after a list of what an M2
has more) and of an M4 (Arm's learning paths), rows cut.
"""

import os
import subprocess

import pytest

from frill.device import cpu
from frill.device.cpu import parse_cpuinfo, parse_sysctl
from frill.device.identity import describe_difference

N1 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop "
N1 += "asimddp"
V2 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma "
V2 += "lrcpc dcpop sha3 sm3 sm4 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm sb paca pacg "
V2 += "dcpodp sve2 sveaes svepmull svebitperm svesha3 svesm4 flagm2 frint svei8mm svebf16 i8mm "
V2 += "bf16 dgh bti"


def arm(part: str, variant: str, features: str, revision: str = "1") -> str:
    return (
        f"processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: {features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: {variant}\nCPU part\t: {part}\n"
        f"CPU revision\t: {revision}\n"
    )


GRAVITON_2 = arm("0xd0c", "0x3", N1)
GRAVITON_4 = arm("0xd4f", "0x0", V2)


def test_a_graviton_2_is_no_graviton_4():
    two, four = parse_cpuinfo(GRAVITON_2), parse_cpuinfo(GRAVITON_4)
    assert (two["cpu"], four["cpu"]) == ("Neoverse N1 r3p1", "Neoverse V2 r0p1")
    assert two["features"] == ["asimd", "asimddp", "asimdhp", "asimdrdm", "fphp"]
    assert {"i8mm", "bf16", "sve2"} <= set(four["features"])
    difference = describe_difference(two, four)
    assert difference.startswith("cpu 'Neoverse N1 r3p1', now 'Neoverse V2 r0p1', core_types now ")
    assert "features now with asimdfhm with bf16 with i8mm with sve" in difference


def test_types_of_cores_are_all_told_and_their_number_does_not_count():
    big, little = arm("0xd0b", "0x4", N1), arm("0xd05", "0x2", N1, "0")
    assert parse_cpuinfo("\n".join([little, little, big]))["core_types"] == [
        "0x41/0xd05 r2p0",
        "Cortex-A76 r4p1",
    ]
    assert parse_cpuinfo("\n".join([GRAVITON_2] * 64)) == parse_cpuinfo(GRAVITON_2)


def test_one_name_of_a_hypervisor_is_told_apart_by_model_and_features():
    def xeon(model: int, flags: str) -> dict:
        return parse_cpuinfo(
            f"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: {model}\n"
            "model name\t: Intel(R) Xeon(R) Processor @ 2.70GHz\nstepping\t: 8\n"
            f"flags\t\t: {flags}\n"
        )

    ice_lake = xeon(106, "fpu sse4_2 avx2 smep avx512_vnni")
    sapphire_rapids = xeon(143, "fpu sse4_2 avx2 smep avx512_vnni amx_int8")
    assert describe_difference(ice_lake, sapphire_rapids) == (
        "core_types now without GenuineIntel 6 106 8 with GenuineIntel 6 143 8, "
        "features now with amx_int8"
    )
    # A newer kernel that lists more of what no kernel of XNNPACK is chosen by.
    assert xeon(106, "fpu sse4_2 avx2 smep avx512_vnni user_shstk") == ice_lake


def mac(chip: str, **optional: int) -> dict:
    lines = [f"machdep.cpu.brand_string: Apple {chip}"]
    lines += [f"hw.optional.arm.FEAT_{name}: {value}" for name, value in optional.items()]
    lines += ["hw.optional.neon: 1", "hw.optional.watchpoint: 4"]
    lines += ["hw.perflevel0.name: Performance", "hw.perflevel1.name: Efficiency"]
    return parse_sysctl("\n".join(lines) + "\n")


def test_an_m1_is_no_m4():
    first = mac("M1", DotProd=1, FP16=1, BF16=0, I8MM=0)
    fourth = mac("M4", DotProd=1, FP16=1, BF16=1, I8MM=1, SME=1, SME2=1, WFxT=1)
    assert first == {
        "cpu": "Apple M1",
        "core_types": ["Efficiency", "Performance"],
        "features": ["dotprod", "fp16", "neon"],
    }
    assert describe_difference(first, fourth) == (
        "cpu 'Apple M1', now 'Apple M4', features now with bf16 with i8mm with sme with sme2"
    )


def test_a_machine_without_either_still_has_a_name(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "none")
    monkeypatch.setattr(cpu.platform, "system", lambda: "Linux")
    assert set(cpu.read_cpu()) == {"cpu", "core_types", "features"}
    assert parse_sysctl("")["features"] == []


@pytest.mark.skipif(not cpu.CPUINFO.exists(), reason="Linux alone has /proc/cpuinfo")
def test_features_are_among_those_that_lscpu_lists():
    english = os.environ | {"LC_ALL": "C"}
    listed = subprocess.run(["lscpu"], capture_output=True, text=True, env=english).stdout.split()
    assert cpu.read_cpu()["features"]
    assert set(cpu.read_cpu()["features"]) <= set(listed)

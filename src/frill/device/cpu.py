"""What tells one CPU from another where their milliseconds differ: its name, core types, features.

A name alone is not enough. Linux on Arm gives none: there the types of its cores tell a Graviton 2
(Neoverse N1) from a Graviton 4 (Neoverse V2). A hypervisor gives many CPUs one name: there family,
model and features tell them apart. Counts of cores are left out, as containers and cores that are
switched off change them.
"""

import platform
import re
import subprocess
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# macOS has no such file.
SYSCTL = ["sysctl", "machdep.cpu.brand_string", "hw.optional", "hw.perflevel0.name"]
SYSCTL += ["hw.perflevel1.name"]
# Instruction sets that XNNPACK has kernels for: the rest of some hundred flags changes with the
# kernel, not with the speed of a model.
_KERNELS = re.compile(
    r"ssse3|sse4_[12]|avx\w*|fma|f16c|amx\w+|asimd\w*|fphp|neon\w*|sve\w*|sme(?!p)\w*|i8mm|bf16"
    r"|dotprod|fp16"
)
# MIDR's implementer and part, of machines that models are developed on: Linux's cputype.h.
_CORES = {
    "0x41/0xd08": "Cortex-A72",
    "0x41/0xd0b": "Cortex-A76",
    "0x41/0xd0c": "Neoverse N1",
    "0x41/0xd40": "Neoverse V1",
    "0x41/0xd49": "Neoverse N2",
    "0x41/0xd4f": "Neoverse V2",
    "0xc0/0xac3": "AmpereOne",
}


def read_cpu() -> dict:
    """Return this machine's "cpu" (its name), "core_types" and "features", both sorted."""
    if platform.system() == "Darwin":
        # Exits with 1 where one of the names is unknown, such as on Intel.
        done = subprocess.run(SYSCTL, capture_output=True, text=True)
        return parse_sysctl(done.stdout)
    try:
        return parse_cpuinfo(CPUINFO.read_text())
    except OSError:
        return {"cpu": platform.processor(), "core_types": [], "features": []}


def parse_cpuinfo(text: str) -> dict:
    """Return the same of the text of Linux's /proc/cpuinfo, on x86 and Arm."""
    names: list[str] = []
    types: set[str] = set()
    features: set[str] = set()
    for block in re.split(r"\n\s*\n", text):
        lines = (line.partition(":") for line in block.splitlines())
        values = {key.strip(): value.strip() for key, _, value in lines}
        names += [values[key] for key in ("model name", "Hardware") if key in values]
        features |= set(values.get("flags", values.get("Features", "")).split())
        if core := _describe_core(values):
            types.add(core)
    name = names[0] if names else ", ".join(sorted(types)) or platform.processor()
    return {"cpu": name, "core_types": sorted(types), "features": _keep(features)}


def _describe_core(values: dict[str, str]) -> str:
    if "CPU part" in values:
        key = f"{values.get('CPU implementer')}/{values['CPU part']}"
        variant = int(values.get("CPU variant", "0"), 16)
        revision = values.get("CPU revision", "0")
        return f"{_CORES.get(key, key)} r{variant}p{revision}"
    if "cpu family" in values:
        parts = ("vendor_id", "cpu family", "model", "stepping")
        return " ".join(values.get(part, "?") for part in parts)
    return ""


def parse_sysctl(text: str) -> dict:
    """Return the same of what macOS's sysctl prints for SYSCTL: "name: value" a line."""
    values = dict(re.findall(r"(?m)^([\w.]+): (.*)$", text))
    types = {value for key, value in values.items() if key.startswith("hw.perflevel")}
    features = set()
    for key, value in values.items():
        if key.startswith("hw.optional.") and value == "1":
            features.add(key.rpartition(".")[2].removeprefix("FEAT_").lower())
    name = values.get("machdep.cpu.brand_string") or platform.processor()
    return {"cpu": name, "core_types": sorted(types), "features": _keep(features)}


def _keep(features: set[str]) -> list[str]:
    return sorted(filter(_KERNELS.fullmatch, features))

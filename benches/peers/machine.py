"""What the numbers were measured on."""

import importlib.metadata
import pathlib
import platform
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Instruction sets that decide how fast arrays are computed.
SETS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")


def describe():
    """Processor, cores, instruction sets, versions and commit."""
    cpu = pathlib.Path("/proc/cpuinfo")
    text = cpu.read_text() if cpu.exists() else ""
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.MULTILINE)
    known = flags[1].split() if flags else []
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "cores": len(re.findall(r"^processor\s*:", text, re.MULTILINE)) or None,
        "instruction_sets": [name for name in SETS if name in known],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "commit": git("rev-parse", "--short=10", "HEAD") + ("" if not git("status", "--porcelain", "--", "crates", "Cargo.lock") else ", changed"),
    }


def versions():
    """Of Python, the compiler and everything in requirements.txt."""
    requirements = pathlib.Path(__file__).with_name("requirements.txt").read_text().splitlines()
    names = [line.split("==")[0] for line in requirements if "==" in line]
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return {"python": platform.python_version(), "rustc": rustc} | {
        name: importlib.metadata.version(name) for name in names
    }


def busy_share():
    """How much of all cores other programs use, 0–1, over a second; 0 where the system does not say."""
    path = pathlib.Path("/proc/stat")
    if not path.exists():
        return 0.0

    def times():
        numbers = [int(number) for number in path.read_text().splitlines()[0].split()[1:]]
        # The fourth and the fifth are idle and waiting for a disk.
        return sum(numbers), numbers[3] + numbers[4]

    total, idle = times()
    time.sleep(1)
    later_total, later_idle = times()
    return round(1 - (later_idle - idle) / max(1, later_total - total), 2)


def git(*arguments):
    """What git says of this checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

"""What the numbers were measured on."""

import importlib.metadata
import pathlib
import platform
import re
import subprocess

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


def git(*arguments):
    """What git says of this checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

"""Where and when figures were taken: a figure without it says nothing."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A machine, at a time, with what ran on it. `load` is the load average of the minute before."""

    date: str
    machine: str
    python: str
    commit: str
    command: str
    load: float
    versions: dict[str, str]


PEERS = ("cedarpy", "pycasbin", "pytest-benchmark")


def describe(wanted: str = "", command: str = "make bench", versions: Mapping[str, str] | None = None) -> Place:
    """Describe this machine as it is now, and what is measured beside: the peers that are installed, or `versions`."""
    return Place(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        machine=f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        commit=_commit(),
        command=f"{command} ROWS='{wanted}'" if wanted else command,
        load=round(os.getloadavg()[0], 2),
        versions=dict(versions or {name: importlib.metadata.version(name) for name in PEERS}),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )


# What a run writes itself does not make the measured code another one.
_CODE = (
    *("pdp", "sidecar", "proto", "benchmarks", "examples", "pyproject.toml"),
    *(":!benchmarks/results.json", ":!benchmarks/targets.toml"),
    *(":!benchmarks/sidecar/results.json", ":!benchmarks/sidecar/targets.toml"),
)


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    return f"{commit} with changes" if git("status", "--porcelain", "--", *_CODE) else commit


MIB = 1024 * 1024


def resident() -> float:
    """Return the resident memory of this process in MiB, as Linux counts it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MIB
    raise OSError("no VmRSS in /proc/self/status")

"""Everything that is measured, by kind and subject: which measurement gives which figures.

Calls are timed by pytest-benchmark, all engines in one process. All else gets a process of its own.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import contenders, sources, workloads

ROOT = Path(__file__).resolve().parent.parent
GROUPS_WANTED = "PDP_BENCH_GROUPS"

Figures = dict[str, float]


class MeasurementError(Exception):
    """A measurement did not come to an end as it should."""


def call_groups() -> list[str]:
    """Return the groups of calls that are timed side by side, large ones next to each other."""
    names = workloads.names()
    conditions = [name for name in names if name.startswith("conditions")]
    roles = [name for name in names if name.startswith("roles")]
    rest = [name for name in names if name not in conditions and name not in roles]
    return [*rest, *conditions, "scale_conditions", *roles, "scale_roles"]


TIMEOUT = 900.0
"""How many seconds a process may take. One that hangs leaves its rows missing."""


def run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a process to its end, and return what it said."""
    # What is installed has its bytecode: to compile it at each start again is no part of what is measured.
    written = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        return subprocess.run(
            command, cwd=folder, env=written, check=False, capture_output=True, text=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"{' '.join(command)}: not done after {TIMEOUT:.0f} s") from error


# ------------------------------------------------------------------------------------------------------- the calls


def calls(groups: Iterable[str]) -> Figures:
    """Time the calls of groups in one run of pytest-benchmark."""
    wanted = [group for group in call_groups() if group in set(groups)]
    if not wanted:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "calls.json")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--no-header"]
        command += ["-x", "benchmarks/test_calls.py", f"--benchmark-json={report}", "--benchmark-columns=median"]
        command += ["--benchmark-warmup=off", "--no-summary", "--benchmark-quiet"]
        environment = {**os.environ, GROUPS_WANTED: " ".join(wanted), "PDP_CACHE": "off"}
        done = run(command, ROOT, environment)
        if done.returncode:
            raise MeasurementError(done.stdout[-4_000:] + done.stderr[-4_000:])
        return call_figures(json.loads(report.read_text(encoding="utf-8"))["benchmarks"])


def call_figures(benchmarks: list[dict[str, Any]]) -> Figures:
    """Return the median of a call in µs over all rounds of all laps. What the loop around it costs is taken off."""
    rounds: dict[tuple[str, str], list[float]] = {}
    for each in benchmarks:
        info = each["extra_info"]
        key = info["group"], info["contender"]
        rounds.setdefault(key, []).extend(seconds / info["requests"] * 1e6 for seconds in each["stats"]["data"])
    medians = {key: statistics.median(found) for key, found in rounds.items()}
    return {
        f"call.{group}.{contender}": median - medians.get((group, _empty(contender)), 0.0)
        for (group, contender), median in medians.items()
        if not contender.startswith("nothing")
    }


def _empty(contender: str) -> str:
    if contender == "bare":
        return "nothing_of_three"
    if contender in ("cedarpy", "casbin"):
        return ""
    if contender.startswith("cedar_"):
        return "nothing"
    _, _, label = contender.partition("_")
    return f"nothing_{label}" if label else "nothing"


# ---------------------------------------------------------------------------------------- in processes of their own


def probe(name: str, *arguments: object, cache: str | Path = "off") -> dict[str, Any]:
    """Run a probe in a fresh process, and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.probes", name, *map(str, arguments)]
    environment = {**os.environ, "PDP_CACHE": str(cache)}
    done = run(command, ROOT, environment)
    if done.returncode:
        raise MeasurementError(f"{' '.join(command[2:])}: {done.stderr[-2_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def single(subject: str) -> Figures:
    """Time 100 000 decisions one by one."""
    return {f"single.{subject}.{name}": value for name, value in probe("single", subject).items()}


def first(subject: str) -> Figures:
    """Time the first decision of each cell."""
    return {f"first.{subject}.{name}": value for name, value in probe("first", subject).items()}


def pause(subject: str) -> Figures:
    """Look for the worst pause while decisions are made, as the collector is and with what is loaded frozen."""
    return {f"pause.{subject}.{mode}": probe("pause", subject, mode)["worst"] for mode in ("default", "frozen")}


def entity(subject: str) -> Figures:
    """Change one entity among many."""
    return {f"entity.{subject}.changed": probe("entity", subject.partition("_")[2])["changed"]}


def leases(subject: str) -> Figures:
    """Revoke principals with many leases, among so many held."""
    return {f"leases.{subject}.revoked": _leases(subject)["revoked"]}


def lease(subject: str) -> Figures:
    """Measure the memory of a lease, where so many are held."""
    return {f"lease.{subject}.memory": _leases(subject)["memory"]}


@functools.cache
def _leases(subject: str) -> dict[str, Any]:
    # To hold a million takes a minute or two: both are measured in one process.
    return probe("leases", subject.partition("_")[2])


def held(subject: str) -> Figures:
    """Measure how much longer a decision takes with many revocations held."""
    return {f"held.{subject}.{name}": value for name, value in probe("held", subject.partition("_")[2]).items()}


def traces(subject: str) -> Figures:
    """Time traces among many rules."""
    return {f"traces.{subject}.{name}": value for name, value in probe("traces", subject.partition("_")[2]).items()}


LOADS = 3


def load(subject: str) -> Figures:
    """Load many rules from text, from the cache, and after an edit; the median of a few fresh processes each."""
    count = int(subject.partition("_")[2])
    found: dict[str, list[float]] = {"text": [], "cache": [], "edited": [], "cedarpy": []}
    with tempfile.TemporaryDirectory() as name:
        policies, cedar, cache = Path(name, "policies"), Path(name, "policies.cedar"), Path(name, "cache")
        policies.mkdir()
        cache.mkdir(mode=0o700)
        contenders.write(sources.files(count), policies)
        cedar.write_text(sources.cedar(count), encoding="utf-8")
        probe("load_pdp", policies, count, cache=cache)
        for lap in range(LOADS):
            found["cedarpy"].append(probe("load_cedarpy", cedar, count)["ms"])
            found["text"].append(probe("load_pdp", policies, count + lap)["ms"])
            found["cache"].append(probe("load_pdp", policies, count + lap, cache=cache)["ms"])
            edited = policies / sources.file_name(lap)
            edited.write_text(edited.read_text(encoding="utf-8") + sources.new_rule(lap), encoding="utf-8")
            found["edited"].append(probe("load_pdp", policies, count + lap + 1, cache=cache)["ms"])
    return {f"load.{subject}.{name}": statistics.median(each) for name, each in found.items()}


def load_cedar(subject: str) -> Figures:
    """Load policies of Cedar from text and from the cache, the median of a few fresh processes each."""
    count = int(subject.partition("_")[2])
    found: dict[str, list[float]] = {"text": [], "cache": [], "cedarpy": []}
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "policies"), Path(name, "cache")
        folder.mkdir()
        cache.mkdir(mode=0o700)
        text = folder / "policies.cedar"
        text.write_text(sources.cedar_policies(count), encoding="utf-8")
        probe("load_pdp", folder, count, cache=cache)
        for _ in range(LOADS):
            found["cedarpy"].append(probe("load_cedarpy", text, count)["ms"])
            found["text"].append(probe("load_pdp", folder, count)["ms"])
            found["cache"].append(probe("load_pdp", folder, count, cache=cache)["ms"])
    return {f"load_cedar.{subject}.{name}": statistics.median(each) for name, each in found.items()}


def memory(subject: str) -> Figures:
    """Measure what many rules add to the resident memory of a process that has all imports done."""
    workload = workloads.build(subject)
    with tempfile.TemporaryDirectory() as name:
        policies, cedar, cache = Path(name, "policies"), Path(name, "cedar"), Path(name, "cache")
        for folder in (policies, cedar):
            folder.mkdir()
        cache.mkdir(mode=0o700)
        contenders.write(workload.files, policies)
        entities = json.dumps(contenders.entity_file(workload.entities()))
        (policies / "entities.json").write_text(entities, encoding="utf-8")
        (cedar / "policies.cedar").write_text(workload.cedar, encoding="utf-8")
        (cedar / "entities.json").write_text(json.dumps(workload.cedar_entities()), encoding="utf-8")
        text = probe("memory_pdp", subject, policies)
        probe("memory_pdp", subject, policies, cache=cache)
        warm = probe("memory_pdp", subject, policies, cache=cache)
        peer = probe("memory_cedarpy", subject, cedar)
    return {
        f"memory.{subject}.text": text["MiB"],
        f"memory.{subject}.cache": warm["MiB"],
        f"memory.{subject}.cedarpy": peer["MiB"],
    }


STARTS = 21


def start(subject: str) -> Figures:
    """Time whole processes, in turns: a bare interpreter, one that imports pdp, and the command."""
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "delivery"), Path(name, "cache")
        shutil.copytree(ROOT / "examples" / "delivery", folder)
        cache.mkdir(mode=0o700)
        environment = {**os.environ, "PDP_CACHE": str(cache)}
        command = str(Path(sys.executable).with_name("pdp"))
        processes: dict[str, tuple[list[str], int]] = {
            "python": ([sys.executable, "-I", "-c", "pass"], 0),
            "import": ([sys.executable, "-I", "-c", "import pdp"], 0),
            "decide": ([command, "decide", str(folder), "User:ada", "read", "Service:pay"], 0),
        }
        found: dict[str, list[float]] = {each: [] for each in processes}
        for lap in range(STARTS + 1):
            for each, (arguments, status) in processes.items():
                begun = time.perf_counter()
                done = run(arguments, Path(name), environment)
                taken = time.perf_counter() - begun
                if done.returncode != status:
                    raise MeasurementError(f"{arguments}: exit status {done.returncode}")
                if lap:  # The first lap fills caches, the file system's among them.
                    found[each].append(taken * 1e3)
    return {f"start.{subject}.{each}": statistics.median(times) for each, times in found.items()}


GIVES: dict[str, frozenset[str]] = {
    "single": frozenset({"median", "p99"}),
    "first": frozenset({"worst"}),
    "pause": frozenset({"default", "frozen"}),
    "load": frozenset({"text", "cache", "edited", "cedarpy"}),
    "load_cedar": frozenset({"text", "cache", "cedarpy"}),
    "memory": frozenset({"text", "cache", "cedarpy"}),
    "start": frozenset({"python", "import", "decide"}),
    "entity": frozenset({"changed"}),
    "leases": frozenset({"revoked"}),
    "lease": frozenset({"memory"}),
    "held": frozenset({"allows", "decide", "allows_with_session", "decide_with_session"}),
    "traces": frozenset({"read", "edit", "see"}),
}
"""What each kind of measurement gives figures of."""

KINDS: dict[str, Callable[[str], Figures]] = {
    "single": single,
    "first": first,
    "pause": pause,
    "load": load,
    "load_cedar": load_cedar,
    "memory": memory,
    "start": start,
    "entity": entity,
    "leases": leases,
    "lease": lease,
    "held": held,
    "traces": traces,
}
"""Each kind of figure but `call`, which is measured in one go."""

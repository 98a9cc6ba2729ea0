"""h2load, the load: its command line, and what it says."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures import MeasurementError

PROGRAM = "h2load"
GRPC = ("te: trailers", "content-type: application/grpc")
JSON = ("content-type: application/json",)


class LoadError(MeasurementError):
    """A load did not come to its end, or not each of its requests was answered as it has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go. `address` is `unix:PATH` or `host:port`; `is_grpc` says which protocol it is."""

    address: str
    path: str
    is_grpc: bool

    def arguments(self) -> list[str]:
        """Return the arguments that say so."""
        found = [] if self.is_grpc else ["--h1"]
        for header in GRPC if self.is_grpc else JSON:
            found += ["-H", header]
        if self.address.startswith("unix:"):
            return [*found, f"--base-uri={self.address}", f"http://localhost{self.path}"]
        return [*found, f"http://{self.address}{self.path}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What became of a load: requests a second, and how long each of them took, in µs."""

    done: int
    rate: float
    times: tuple[int, ...]
    data: int

    @property
    def median(self) -> float:
        """How long half of them took at most, in µs."""
        return statistics.median(self.times)

    @property
    def p99(self) -> float:
        """How long 99 of 100 took at most, in µs."""
        return float(sorted(self.times)[len(self.times) * 99 // 100])


def is_there() -> bool:
    """Tell whether this machine has it."""
    return shutil.which(PROGRAM) is not None


def version() -> str:
    """Return which one it is."""
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return said.strip().rpartition("/")[2]


def run(target: Target, body: bytes, *, clients: int, seconds: float, warm: float, answer: int) -> Load:
    """Have so many clients send a body, each the next when the last is answered.

    `answer` is how long an answer is at least, in bytes. Over HTTP/2 an error of gRPC is a 200 with nothing in it, so
    that only the length of what came tells it.
    """
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder, "body"), Path(folder, "log")
        data.write_bytes(body)
        command = [PROGRAM, f"--clients={clients}", "--max-concurrent-streams=1", f"--duration={seconds * 1000:.0f}ms"]
        command += [f"--warm-up-time={warm * 1000:.0f}ms", f"--data={data}", f"--log-file={log}", *target.arguments()]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=30 + 4 * (seconds + warm)
            )
        except subprocess.TimeoutExpired as error:
            raise LoadError(f"h2load does not come back from {target.address}") from error
        if done.returncode:
            raise LoadError(f"h2load: {done.stderr.strip() or done.stdout[-500:]}")
        return read(done.stdout, log.read_text(encoding="ascii"), clients=clients, seconds=seconds, answer=answer)


def read(said: str, log: str, *, clients: int, seconds: float, answer: int) -> Load:
    """Read what h2load said and its log; raise LoadError where a request was not answered as it has to be."""
    counts = _requests(said)
    lines = [line.split("\t") for line in log.splitlines()]
    statuses = Counter(status for _, status, _ in lines)
    # What each client has under way when time is up is on record without a status.
    if (
        statuses.keys() - {"200", "0"}
        or statuses["0"] > clients
        or counts["failed"] + counts["errored"] + counts["timeout"]
    ):
        raise LoadError(f"not all were answered: {counts}, by status {dict(statuses)}")
    done = counts["succeeded"]
    if not done or statuses["200"] < done - clients:
        raise LoadError(f"{done} were answered, {statuses['200']} are on record")
    data = int(_found(r"\((\d+)\) data", said, "traffic"))
    if data < (done - clients) * answer:
        raise LoadError(f"{done} answers of at least {answer} bytes, and no more than {data} bytes came")
    return Load(
        done=done,
        rate=done / seconds,
        times=tuple(int(taken) for _, status, taken in lines if status == "200"),
        data=data,
    )


def _requests(said: str) -> dict[str, int]:
    line = _found(r"^requests: (.*)$", said, "requests")
    return {name: int(count) for count, name in (each.split() for each in line.split(", "))}


def _found(pattern: str, said: str, what: str) -> str:
    found = re.search(pattern, said, re.MULTILINE)
    if found is None:
        raise LoadError(f"h2load says nothing of {what}: {said[-500:]}")
    return found[1]


def together(loads: Sequence[Load]) -> Load:
    """Return several loads as one: the median of their rates, and all of their times."""
    return Load(
        done=sum(load.done for load in loads),
        rate=statistics.median(load.rate for load in loads),
        times=tuple(taken for load in loads for taken in load.times),
        data=sum(load.data for load in loads),
    )

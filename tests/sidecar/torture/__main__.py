"""`make torture-sidecar`: overload a sidecar, revoke and reload under its clients, cut them off.

With `--sabotage` it breaks a promise in each way that it knows, has to notice, and fails. `--only=PART` does one part;
with `--json` the last line has the figures of the revocations.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.sidecar.torture import breaches, overload, reloads, revocations

SECONDS = 30.0
REVOCATIONS = 1_000
RELOADS = 10_000

PARTS: dict[str, Callable[[Path], list[str]]] = {
    "overload": lambda folder: overload.wrongs(folder, SECONDS, as_served=True),
    "revocations": lambda folder: revocations.wrongs(folder, REVOCATIONS),
    "workers": lambda folder: revocations.wrongs_of_workers(folder, REVOCATIONS),
    "cut": lambda folder: revocations.cut(folder, "stopped"),
    "killed": lambda folder: revocations.cut(folder, "killed"),
    "lease": revocations.lease,
    "reloads": lambda folder: reloads.wrongs(folder, RELOADS),
}


def sabotages() -> Iterator[tuple[str, Callable[[Path], list[str]]]]:
    """Yield each way to break it, and what has to notice."""
    for name in breaches.WORKERS:
        yield name, lambda folder, name=name: revocations.wrongs_of_workers(folder, 20, server=name, runs=6)  # type: ignore[misc]
    for name in breaches.REVOKING_SERVER:
        yield name, lambda folder, name=name: revocations.wrongs(folder, 20, server=name)  # type: ignore[misc]
    for name in breaches.REVOKING_CLIENT:
        yield name, lambda folder, name=name: revocations.wrongs(folder, 20, client=name)  # type: ignore[misc]
    for name in breaches.CUT_OFF:
        yield name, lambda folder, name=name: revocations.cut(folder, "stopped", client=name)  # type: ignore[misc]
    for name in breaches.LEASED:
        yield name, lambda folder, name=name: revocations.lease(folder, client=name)  # type: ignore[misc]
    for name in breaches.OVERLOADED:
        yield name, lambda folder, name=name: overload.wrongs(folder, 2.0, server=name, factors=(10,), as_served=True)  # type: ignore[misc]
    for name in breaches.RELOADED:
        yield name, lambda folder, name=name: reloads.wrongs(folder, 300, server=name)  # type: ignore[misc]


def main(arguments: list[str]) -> int:
    """Run what is asked for; 0 where nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.sidecar.torture")
    parser.add_argument("--sabotage", action="store_true")
    parser.add_argument("--only", choices=PARTS, default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.sabotage:
        return _sabotaged()
    if options.json:
        return _figures()
    status = 0
    for name, part in PARTS.items():
        if options.only in ("", name):
            wrong = _in_folder(part)
            print(*(f"{name}: {each}" for each in wrong[:5]), sep="\n", end="\n" if wrong else "")
            status |= bool(wrong)
    return status


def _figures() -> int:
    with tempfile.TemporaryDirectory(prefix="torture") as folder:
        heard = revocations.measure(Path(folder), REVOCATIONS)
    print(*heard.wrong[:5], json.dumps(heard.to_json()), sep="\n")
    return 1 if heard.wrong else 0


def _sabotaged() -> int:
    missed = 0
    for name, part in sabotages():
        try:
            wrong = _in_folder(part)
        except Exception as error:
            # Nothing was seen to be wrong: it only did not come so far.
            print(f"{name}: NOT TRIED, {error}", flush=True)
            missed += 1
            continue
        shown = next((each for each in wrong if breaches.SHOWS[name] in each), "")
        print(f"{name}: {f'noticed, {shown}' if shown else f'NOT NOTICED, {wrong[:1]}'}", flush=True)
        missed += not shown
    # All that was broken failed, as it has to: so does this, unless something went by unseen.
    return 0 if missed else 1


def _in_folder(part: Callable[[Path], list[str]]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="torture") as folder:
        return part(Path(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

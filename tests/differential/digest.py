"""`python -m tests.differential.digest` prints one digest of many decisions: corpus, examples, and a slice of cases.

It is the same for compiled rules and for the interpreter, with the cache and without it, and for every seed of Python's
hashes.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from casefile import read_cases

from pdp.engine import Engine
from pdp.errors import PdpError
from pdp.folder import load, load_sources
from pdp.model import Decision
from pdp.values import EntityRef
from tests.differential.cases import draw
from tests.differential.comparing import exactly

CASES = range(60)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)


def of_corpus() -> Iterator[Decision]:
    """Yield the decision of each request of the corpus."""
    for case in read_cases():
        loaded = load_sources(case.sources)
        if loaded.policy is None or loaded.store is None:
            continue
        for asked in case.requests:
            yield Engine(loaded.policy, loaded.store, **asked.options).answer(asked.request)


def of_examples() -> Iterator[Decision]:
    """Yield decisions of each example, loaded twice as callers load it: what the cache keeps has to be the same."""
    for folder in sorted({path.parent for path in EXAMPLES.rglob("*.pdp")}):
        for _ in range(2):
            try:
                policy, store = load(folder).require()
                engine = Engine.load(folder)
            except PdpError:
                break
            by_type: dict[str, list[EntityRef]] = {}
            for node in sorted(store, key=lambda each: each.ref):
                by_type.setdefault(node.ref.type, []).append(node.ref)
            for cell in policy.schema.cells():
                pairs = product(by_type.get(cell.principal, [])[:4], by_type.get(cell.resource, [])[:4])
                for principal, resource in pairs:
                    yield engine.decide(principal, cell.action, resource, None, {"mfa": True, "methods": []}, NOW)


def of_cases() -> Iterator[Decision]:
    """Yield the decisions of the slice, each request asked twice."""
    for number in CASES:
        case = draw("digest", number)
        engine = case.engine()
        for request in (*case.requests, *case.requests):
            yield engine.answer(request)


def digest() -> str:
    """Return the digest of all of them, and how many they are."""
    found, count = hashlib.sha256(), 0
    for decisions in (of_corpus(), of_examples(), of_cases()):
        for decision in decisions:
            found.update(repr(exactly(decision)).encode("utf-8", "surrogatepass"))
            count += 1
    return f"{found.hexdigest()} {count}"


if __name__ == "__main__":
    print(digest())

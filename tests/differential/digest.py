"""`python -m tests.differential.digest` prints one digest of many decisions: of the corpus, and of a slice of cases.

It is the same for compiled rules and for the interpreter, and for every seed of Python's hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from casefile import read_cases

from pdp.engine import Engine
from pdp.folder import load_sources
from pdp.model import Decision
from tests.differential.cases import draw
from tests.differential.comparing import exactly

CASES = range(60)


def of_corpus() -> Iterator[Decision]:
    """Yield the decision of each request of the corpus."""
    for case in read_cases():
        loaded = load_sources(case.sources)
        if loaded.policy is None or loaded.store is None:
            continue
        for asked in case.requests:
            yield Engine(loaded.policy, loaded.store, **asked.options).answer(asked.request)


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
    for decisions in (of_corpus(), of_cases()):
        for decision in decisions:
            found.update(repr(exactly(decision)).encode("utf-8", "surrogatepass"))
            count += 1
    return f"{found.hexdigest()} {count}"


if __name__ == "__main__":
    print(digest())

"""A case: a policy, facts, and the requests that are asked of them. Seed and number give the same one anywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from pdp import terms
from pdp.engine import Engine
from pdp.entities import Store
from pdp.folder import load_sources
from pdp.model import Request
from pdp.source import Source
from tests.differential import world, writing
from tests.differential.asking import Asker
from tests.differential.facts import Facts, Surveyor
from tests.differential.rules import Author

REQUESTS = 20
"""So many requests are asked of each policy."""


@dataclass(slots=True)
class Case:
    """`text` is what a checked policy was read from; `refused` counts the rules of it that the checker did not take."""

    seed: str
    number: int
    policy: terms.Policy
    facts: Facts
    requests: list[Request]
    text: str | None = None
    refused: int = 0
    wild: bool = False
    _unused: None = field(default=None, repr=False)

    def engine(self, **options: Any) -> Engine:
        """Return an engine of its own that knows all of the case."""
        return Engine(self.policy, Store.of(self.facts.nodes), **{**self.facts.options(), **options})


def draw(seed: str, number: int, requests: int = REQUESTS) -> Case:
    """Return a case."""
    # A text as seed is hashed by SHA-512: the same in each process, whatever the seed of Python's own hashes is.
    rng = random.Random(f"{seed}:{number}")
    checked, wild = rng.choices(((True, False), (False, False), (False, True)), (25, 45, 30))[0]
    count = rng.choices((rng.randint(2, 10), rng.randint(11, 40), rng.randint(80, 240)), (76, 19, 5))[0]
    if checked:
        count = min(count, 60)
    now = world.NOW if rng.random() < 0.7 else rng.choice(world.NOWS)
    rules = Author(rng, checked=checked, wild=wild).policy(count)
    text, refused = None, 0
    if checked:
        policy, text, refused = through_text(rules)
    else:
        policy = replace(world.EMPTY, rules=rules, revision=f"{seed}:{number}")
    surveyor = Surveyor(rng, now, wild=wild, odd=rng.choice((0.0, 0.08, 0.25)))
    surveyor.codes = world.CODES[: rng.choice((2, 6, 40))]
    facts = surveyor.facts()
    asked = Asker(rng, facts, now, odd=rng.choice((0.0, 0.08, 0.25))).requests(requests)
    return Case(seed, number, policy, facts, asked, text, refused, wild)


def through_text(rules: tuple[terms.Rule, ...]) -> tuple[terms.Policy, str, int]:
    """Write rules down and have them checked. Those that the checker refuses are left out, and counted."""
    texts = [writing.write_rule(rule) for rule in rules]
    left = texts
    for _ in range(3):
        text = world.SCHEMA + "".join(left)
        loaded = load_sources([Source("policy.pdp", text)])
        if loaded.policy is not None:
            return loaded.policy, text, len(texts) - len(left)
        wrong = {diagnostic.span.start for diagnostic in loaded.errors if diagnostic.span is not None}
        left = _without(left, len(world.SCHEMA), wrong)
    raise ValueError("what is left of the policy does not hold up before the checker")


def _without(texts: list[str], at: int, wrong: set[int]) -> list[str]:
    found = []
    for text in texts:
        if not any(at <= each < at + len(text) for each in wrong):
            found.append(text)
        at += len(text)
    return found

"""What was compared: how many decisions, and how many of each kind, so that a generator that went dull is noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.beside.cases import Case
from tests.beside.comparing import REFUSED, Told

LEAST = {"allow": 0.30, "deny": 0.30, "erring": 0.20, "by compiled rules": 0.20, "not taken": 0.01}
"""The shares of all decisions that have to be reached."""

LEAST_SETS = {
    "valid": 0.10,
    "not valid": 0.10,
    "without a schema": 0.25,
    "templates": 0.15,
    "links": 0.10,
    "unless": 0.30,
    "tags": 0.10,
    "decimal(": 0.20,
    "ip(": 0.20,
    "datetime(": 0.20,
    "duration(": 0.15,
    " like ": 0.15,
    " has ": 0.20,
    "if ": 0.20,
    " is ": 0.20,
    ".contains": 0.15,
    " in ": 0.40,
    " + ": 0.05,
    "annotations": 0.20,
    "refused entities": 0.005,
    "refused policies": 0.005,
    "several conditions": 0.3,
}
"""The shares of all policy sets."""

ENOUGH = 200
"""Of fewer policy sets, no share is asked for."""

_TEXTS = (*(name for name in LEAST_SETS if name.strip() != name or "(" in name or "." in name),)


@dataclass(slots=True)
class Tally:
    """Counts, which can be put together."""

    sets: int = 0
    policies: int = 0
    decisions: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, answer: Mapping[str, Any], right: list[Told]) -> None:
        """Count a case and its answers."""
        self.sets += 1
        self.policies += len(case.rules)
        self.kinds.update(kinds(case, answer))
        for one in right:
            self.decisions += 1
            # What is not taken is denied.
            self.counts["allow" if one[0] == "allow" else "deny"] += 1
            self.counts["not taken"] += one == REFUSED
            self.counts["erring"] += bool(one[2])

    def merge(self, other: Tally) -> None:
        """Add what another has counted."""
        self.sets += other.sets
        self.policies += other.policies
        self.decisions += other.decisions
        self.counts.update(other.counts)
        self.kinds.update(other.kinds)

    def lacking(self) -> list[str]:
        """Return what is less than it has to be, as sentences."""
        of_decisions = ((name, self.counts[name], least, self.decisions, "decisions") for name, least in LEAST.items())
        of_sets = ((name, self.kinds[name], least, self.sets, "policy sets") for name, least in LEAST_SETS.items())
        return [
            f"{name.strip()} is {count / max(whole, 1):.1%} of the {what}, and has to be {least:.1%}"
            for name, count, least, whole, what in (*of_decisions, *of_sets)
            # Of few sets, what is rare may be lacking.
            if count < least * whole and (what == "decisions" or whole >= ENOUGH)
        ]

    def __str__(self) -> str:
        lines = [f"{self.decisions} decisions of {self.sets} policy sets with {self.policies} policies, beside Cedar"]
        for found, whole in ((self.kinds, self.sets), (self.counts, self.decisions)):
            lines += [f"  {name:28} {count:9}  {count / max(whole, 1):6.1%}" for name, count in sorted(found.items())]
        return "\n".join(lines)


def kinds(case: Case, answer: Mapping[str, Any]) -> set[str]:
    """Return what is in a policy set."""
    text = case.text
    found = {name for name in _TEXTS if name in text}
    if case.schema is None:
        found.add("without a schema")
    if "valid" in answer:
        found.add("valid" if answer["valid"] else "not valid")
    if "refused" in answer:
        found.add(f"refused {answer['refused']}")
    conditions = [kind for rule in case.rules for kind, _ in rule.conditions]
    whole = {
        "templates": any(rule.is_template for rule in case.rules),
        "links": any(rule.links for rule in case.rules),
        "unless": "unless" in conditions,
        "several conditions": any(len(rule.conditions) > 1 for rule in case.rules),
        "annotations": any(rule.notes for rule in case.rules),
        "tags": ".hasTag(" in text or ".getTag(" in text,
    }
    return found | {name for name, there in whole.items() if there}

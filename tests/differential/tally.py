"""What was compared: how many triples, and how many of each kind, so that a generator that went dull is noticed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pdp.model import Request
from tests.differential.cases import Case
from tests.differential.comparing import Seen

LEAST = {"allow": 0.30, "deny": 0.30, "erring": 0.20, "finite lease": 0.20, "by compiled rules": 0.15}
"""The shares of all triples that have to be reached."""


@dataclass(slots=True)
class Tally:
    """Counts, which can be put together."""

    policies: int = 0
    rules: int = 0
    refused: int = 0
    triples: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)

    def add_case(self, case: Case, expected: list[Seen]) -> None:
        """Count a case and its answers."""
        self.policies += 1
        size = len(case.policy.rules)
        self.rules += size
        self.refused += case.refused
        self.sizes["from text" if case.text is not None else "wild" if case.wild else "typed terms"] += 1
        self.sizes["1 to 10 rules" if size <= 10 else "11 to 59 rules" if size < 60 else "60 to 240 rules"] += 1
        for request, seen in zip(case.requests, expected, strict=True):
            self._add(request, seen)

    def _add(self, request: Request, seen: Seen) -> None:
        self.triples += 1
        counts = self.counts
        counts[str(seen[0])] += 1
        counts[f"reason {seen[1]}"] += 1
        counts["erring"] += bool(seen[4])
        counts["obligations"] += seen[5] != "()"
        counts["remedies"] += seen[6] != "()"
        counts["finite lease"] += seen[7] is not None
        counts["unhandled"] += bool(seen[8])
        counts["session"] += request.session is not None
        counts["delegated"] += isinstance(request.session, dict) and "actor" in request.session
        counts["entities brought"] += bool(request.entities)

    def merge(self, other: Tally) -> None:
        """Add what another has counted."""
        for name in ("policies", "rules", "refused", "triples"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.counts.update(other.counts)
        self.sizes.update(other.sizes)

    def share(self, name: str) -> float:
        """Return the share of all triples that are of a kind."""
        return self.counts[name] / max(self.triples, 1)

    def lacking(self) -> list[str]:
        """Return what is less than it has to be, as sentences."""
        return [
            f"{name} is {self.share(name):.1%} of the triples, and has to be {least:.0%}"
            for name, least in LEAST.items()
            if self.share(name) < least
        ]

    def __str__(self) -> str:
        lines = [f"{self.triples} triples of {self.policies} policies with {self.rules} rules"]
        lines += [f"  {name:28} {count:9}" for name, count in sorted(self.sizes.items())]
        lines += [f"  {name:28} {count:9}  {self.share(name):6.1%}" for name, count in sorted(self.counts.items())]
        lines.append(f"  {'rules the checker refused':28} {self.refused:9}")
        return "\n".join(lines)

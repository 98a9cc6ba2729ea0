"""What the texts of a folder come to."""

from __future__ import annotations

from collections.abc import Sequence

from pdp.classes import dataclass
from pdp.digests import sha256
from pdp.entities.store import Store
from pdp.errors import Diagnostic, FactsError, PolicyError, Severity
from pdp.source import Source
from pdp.terms import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a folder holds. `policy` and `store` are None where there is an error."""

    policy: Policy | None
    store: Store | None
    diagnostics: tuple[Diagnostic, ...]
    files: int

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that stop the load."""
        return tuple(each for each in self.diagnostics if each.severity is Severity.ERROR)

    def require(self) -> tuple[Policy, Store]:
        """Return policy and entities; raise PolicyError or FactsError with every diagnostic where there is none."""
        if self.policy is None:
            raise PolicyError(self.diagnostics)
        if self.store is None:
            raise FactsError(self.diagnostics)
        return self.policy, self.store


def digest(sources: Sequence[Source]) -> str:
    """Return the revision of a set of texts: their paths and contents, whatever order they are in."""
    whole = sha256()
    for source in sorted(sources, key=lambda source: source.path):
        for text in (source.path, source.text):
            data = text.encode("utf-8", "surrogatepass")
            whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:16]

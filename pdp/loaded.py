"""What the texts of a folder come to."""

from __future__ import annotations

from pdp.classes import dataclass
from pdp.entities.store import Store
from pdp.errors import Diagnostic, FactsError, PolicyError, Severity
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

"""The words that mean something to the language."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED: Final = _words(
    """
    and or not in has like is if then else true false any all empty containsAll containsAny
    when unless needs until via recheck oblige because standing permit forbid to on
    """
)
"""Words that are never a bare name in an expression. Any of them may still be an attribute."""

NULLS: Final = frozenset({"null", "None"})
"""What other languages call the missing value. The language has none, so these name nothing."""

ROOTS: Final = frozenset({"principal", "resource", "context", "session", "now"})
"""Where every attribute path starts."""

NOT_DECLARED: Final = RESERVED | NULLS | ROOTS
"""Words that nothing which is used bare may be named."""

NOT_ACTIONS: Final = frozenset({"any", "all"})
"""Words that no action, action group or role may be named: `any` is every action."""

NOT_RULES: Final = frozenset({"any", "all", "default"})
"""Words that no rule may be named: `by default` means that no rule determined the decision."""

REVOKED_ENTITIES: Final = ("principal", "group", "workload")
"""What a step of a test revokes that is an entity."""

REVOKED_BY_NAME: Final = ("session", "token", "key", "device")
"""What a step of a test revokes that a session names."""

DECLARATIONS: Final = _words("context session type enum action actions role grant define obligation rule test")
"""The words that start a declaration."""

CLAUSES: Final = _words("when unless needs until via standing recheck oblige because")
"""The words that start a clause of a rule."""

KEYWORDS: Final = (
    RESERVED
    | DECLARATIONS
    | _words(
        """
        namespace import as at by for from of with given expect allow deny default approval approvals every
        anyone anything errs nothing revoke group workload token key device
        """
    )
)
"""Every word that has a meaning somewhere."""

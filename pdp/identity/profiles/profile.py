"""What tells tokens of one kind from those of every other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pdp.classes import dataclass
from pdp.identity.claims import Claims, refuse
from pdp.identity.options import IssuerOptions
from pdp.identity.parts import ALGORITHMS, Parts

# What tells of something that happened, or of other tokens, speaks for nobody, whatever its header calls it.
_NOBODY: Final = ("events", "status_list")

# Each is there in every token of one kind that machines have, and its profile looks at more.
_MACHINES: Final = {"kubernetes.io": "kubernetes", "pipeline_source": "gitlab", "repository_owner_id": "github-actions"}

# Products that write the kind of a token among its claims, and what they call one that says who signed in.
_SIGNED_IN: Final = {"token_use": "id", "typ": "ID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of token: what its header may say, what its claims have to be, and what its configuration needs.

    `kinds` are the values of `typ` that it has, as `Parts.kind` returns them; `header` and `claims` raise TokenError;
    `options` returns what is wrong with an entry of a configuration, None where nothing is.
    """

    kinds: frozenset[str]
    claims: Callable[[Claims, IssuerOptions], None]
    header: Callable[[Parts], None] = lambda parts: None
    algorithms: frozenset[str] = ALGORITHMS
    options: Callable[[IssuerOptions], str | None] = lambda options: None


def hold_absent(claims: Claims, names: tuple[str, ...] = ()) -> None:
    """Refuse a token with claims that those of another kind have."""
    for name in (*_NOBODY, *names):
        if name in claims:
            refuse(f"claim `{name}` is one of another kind of token", "wrong_type")


def hold_no_machine(claims: Claims) -> None:
    """Refuse a token of a machine whose kind has a profile of its own: it is held to that, or not taken."""
    for name, profile in _MACHINES.items():
        if name in claims:
            refuse(f"claim `{name}` is that of a token which the profile `{profile}` is for", "wrong_type")
    subject = claims.get("sub")
    if type(subject) is str and subject.lower().startswith("spiffe:"):
        refuse("claim `sub` is that of a token which the profile `jwt-svid` is for", "wrong_type")


def hold_signed_in(claims: Claims, wanted: bool) -> None:
    """Refuse a token that calls itself one of a person who signed in, unless one is wanted; then, any that does not."""
    for name, word in _SIGNED_IN.items():
        if name in claims and (claims[name] == word) is not wanted:
            refuse(f"claim `{name}` is that of another kind of token", "wrong_type")


def needs_one_of(options: IssuerOptions, names: tuple[str, ...]) -> str | None:
    """Return what is wrong with an entry whose `require` names none of some claims: anybody may have such tokens."""
    if any(name in options.require for name in names):
        return None
    listed = ", ".join(f"`{name}`" for name in names)
    return f"tokens of everybody that this issuer knows would be taken: `require` has to name one of {listed}"

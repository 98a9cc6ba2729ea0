"""What a verified token says of a session: how the principal proved who it is, since when and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pdp.classes import dataclass
from pdp.errors import TokenError
from pdp.identity.options import IssuerOptions, SessionOptions
from pdp.identity.paths import ABSENT, Path, at, has_controls, path_of, shown
from pdp.session import Session
from pdp.values import SECOND, Datetime, EntityRef

MOST_METHODS: Final = 64
LONGEST: Final = 1024
"""Characters of a name in a token, such as its id."""

MACHINES: Final = frozenset({"jwt-svid", "github-actions", "gitlab", "kubernetes"})
"""Profiles of tokens that a machine gets for what it is: it proves that whenever it gets one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Reads the sessions of one issuer. What a claim does not say is not known; what it says oddly is refused."""

    mfa_amr: frozenset[str]
    mfa_acr: frozenset[str]
    names: tuple[tuple[str, Path], ...]
    machines: bool
    at_issue: bool

    @classmethod
    def of(cls, options: IssuerOptions) -> Sessions:
        """Read the options; raise ValueError."""
        said: SessionOptions = options.session
        names = {"token_id": "jti", "session_id": said.session, "device_id": said.device}
        machines = options.profile in MACHINES
        return cls(
            mfa_amr=frozenset(said.mfa_amr),
            mfa_acr=frozenset(said.mfa_acr),
            names=tuple((name, path_of(path)) for name, path in names.items() if path is not None),
            machines=machines,
            at_issue=machines or said.without_auth_time == "issued",
        )

    def session(
        self,
        claims: Mapping[str, Any],
        *,
        issuer: str,
        now: int,
        until: int,
        key: str | None,
        actor: EntityRef | None,
    ) -> Session:
        """Return the session of verified claims; `now` and `until` are in microseconds. Raise TokenError.

        `key` is the thumbprint of the key that the token is bound to, and that was proved to be at hand.
        """
        ends = _instant(claims, "exp")
        found: dict[str, Any] = {
            "issuer": issuer,
            "expires_at": Datetime(until if ends is None else min(ends, until)),
            "bound": key is not None,
        }
        found.update(
            (name, _text(value, path)) for name, path in self.names if (value := at(claims, path)) is not ABSENT
        )
        found.update(self._since(claims, now))
        found.update(self._strength(claims))
        if key is not None:
            found["key_id"] = key
        if actor is not None:
            found["actor"] = actor
        return Session(found)

    def _since(self, claims: Mapping[str, Any], now: int) -> dict[str, Any]:
        issued, signed_in = _instant(claims, "iat"), _instant(claims, "auth_time")
        found: dict[str, Any] = {}
        if issued is not None:
            # The clock of the issuer may be ahead of this one, within the leeway: a session from the future is denied.
            issued = min(issued, now)
            found["issued_at"] = Datetime(issued)
        if signed_in is None and self.at_issue:
            signed_in = issued
        # Without either, nobody knows when that was: a token may have been renewed many times since.
        if signed_in is not None:
            # What came after the token was issued, it cannot tell.
            found["authenticated_at"] = Datetime(min(signed_in, now if issued is None else issued))
        return found

    def _strength(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "acr" in claims:
            found["acr"] = _text(claims["acr"], ("acr",))
        mfa = found.get("acr") in self.mfa_acr
        if "amr" in claims:
            methods = _methods(claims["amr"])
            found["methods"] = methods
            mfa = mfa or not self.mfa_amr.isdisjoint(methods)
        elif self.machines:
            found["methods"] = []
        # Of people whose token does not say, nobody knows by which methods: a rule may forbid one of them.
        return found | {"mfa": mfa}


def _methods(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_METHODS:
        raise _odd(("amr",))
    return [_text(each, ("amr",)) for each in value]


def _text(value: Any, path: Path) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or has_controls(value):
        raise _odd(path)
    return value


def _instant(claims: Mapping[str, Any], name: str) -> int | None:
    value = at(claims, (name,))
    if value is ABSENT:
        return None
    # To Python, true is a number.
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _odd((name,))
    try:
        return Datetime.checked(value * SECOND).micros
    except ValueError:
        raise _odd((name,)) from None


def _odd(path: Path) -> TokenError:
    return TokenError(f"the claim {shown(path)} is not of its type", code="invalid_claims")

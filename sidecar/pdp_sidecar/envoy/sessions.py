"""What the claims of a verified token say of a session."""

from __future__ import annotations

from typing import Any, Final

from pdp.classes import dataclass
from pdp.values import Datetime, EntityRef
from pdp_sidecar.envoy.asked import Asked
from pdp_sidecar.envoy.names import Named
from pdp_sidecar.envoy.options import TokenOption
from pdp_sidecar.envoy.refusals import ODD_CLAIM, Refused

_INSTANTS: Final = (("issued_at", "iat"), ("expires_at", "exp"), ("authenticated_at", "auth_time"))
_TEXTS: Final = (("acr", "acr"), ("issuer", "iss"), ("token_id", "jti"))


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions of tokens. What a claim does not say is not known; what it says in an odd way is refused."""

    option: TokenOption
    actor: Named | None

    @classmethod
    def of(cls, option: TokenOption) -> Sessions:
        """Read the options; raise ValueError where an actor is not written as one."""
        return cls(option, Named.of(option.actor) if option.actor else None)

    def session(self, asked: Asked) -> dict[str, Any] | None:
        """Return the session of a request, None where no token was verified; raise Refused."""
        if asked.claims is None:
            return None
        found: dict[str, Any] = {}
        for name, claim in _INSTANTS:
            if (value := asked.claim(claim)) is not None:
                found[name] = _instant(value, claim)
        option = self.option
        more = (("session_id", option.session_id), ("device_id", option.device_id), ("key_id", option.key_id))
        for name, claim in (*_TEXTS, *more):
            if claim and (value := asked.claim(claim)) is not None:
                found[name] = _text(value, claim)
        found.update(self._strength(asked, found.get("acr")))
        # INVARIANT: whoever acts for another is never taken for the other.
        if asked.claim("act") is not None:
            found["actor"] = self._actor(asked)
        return found

    def _strength(self, asked: Asked, acr: str | None) -> dict[str, Any]:
        """Return the methods, and whether they are several factors: not known where the token says neither."""
        methods = asked.claim("amr")
        if methods is None:
            return {"mfa": True} if acr is not None and acr in self.option.mfa_acr else {}
        if not isinstance(methods, list) or not all(isinstance(each, str) for each in methods):
            raise odd("amr")
        mfa = not set(methods).isdisjoint(self.option.mfa_methods) or acr in self.option.mfa_acr
        return {"methods": methods, "mfa": mfa}

    def _actor(self, asked: Asked) -> EntityRef:
        actor = None if self.actor is None else self.actor.ref(asked)
        if actor is None:
            raise Refused(403, "unknown_actor", "the token is of somebody who acts for the principal, and names nobody")
        return actor


def _instant(value: Any, claim: str) -> Datetime:
    # A session whose end cannot be read would have none.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise odd(claim)
    try:
        return Datetime.checked(int(value * 1_000_000))
    except (ValueError, OverflowError):
        raise odd(claim) from None


def _text(value: Any, claim: str) -> str:
    if not isinstance(value, str):
        raise odd(claim)
    return value


def odd(claim: str) -> Refused:
    """Return the refusal of a token with a claim that is not of its type."""
    return Refused(401, ODD_CLAIM, f"the claim `{claim}` is not of its type")

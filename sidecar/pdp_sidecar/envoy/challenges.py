"""What a client is asked to show: `WWW-Authenticate` (RFC 6750, RFC 9470)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pdp.classes import dataclass
from pdp.model import Decision, Need, Reason, Remedy
from pdp.values import Duration
from pdp_sidecar.envoy.options import Options, StepUpOption
from pdp_sidecar.envoy.refusals import ODD_CLAIM, Refused

if TYPE_CHECKING:
    from pdp.identity.stepup import StepUp

_ACR: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")
_REALM: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+\Z")
_SESSION_OVER: Final = frozenset(
    {Reason.INVALID_SESSION, Reason.SESSION_EXPIRED, Reason.SESSION_NOT_YET_VALID, Reason.SESSION_REVOKED}
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Which sign-in a remedy asks for; `max_age` is in seconds."""

    acr_values: tuple[str, ...]
    max_age: int | None

    @classmethod
    def of(cls, option: StepUpOption) -> SignIn:
        """Read the options; raise ValueError."""
        if not all(map(_ACR.match, option.acr_values)):
            raise ValueError("an acr is visible ASCII without spaces, quotes and backslashes")
        age = Duration.parse(option.max_age).micros // 1_000_000 if option.max_age else None
        return cls(option.acr_values, age)


class Challenges:
    """Says what a client could show for another answer."""

    def __init__(self, options: Options) -> None:
        """Read the options; raise ValueError."""
        self._realm = options.realm
        if options.realm and not _REALM.match(options.realm):
            raise ValueError("a realm is visible ASCII without quotes and backslashes")
        self._sign_ins: Mapping[str, SignIn] = {each.remedy: SignIn.of(each) for each in options.step_up}

    def nobody(self, refused: Refused) -> str:
        """Return the challenge where no rule was asked, since no token came, an odd one, or one that is refused."""
        if refused.challenge is not None:
            return self._told(refused.challenge.scheme, error=refused.challenge.error)
        return self._bearer(error="invalid_token") if refused.why == ODD_CLAIM else self._bearer()

    def of(self, decision: Decision, step_up: StepUp | None = None) -> str | None:
        """Return the challenge of a deny, None where nothing that a client could show would do.

        What the configuration says of a remedy goes before `step_up`, which is read out of the rules.
        """
        if decision.reason in _SESSION_OVER:
            return self._bearer(error="invalid_token")
        found = next((sign_in for each in decision.remedies if (sign_in := self._enough(each)) is not None), None)
        if found is None:
            if step_up is None:
                return None
            return self._bearer(error="insufficient_user_authentication", **step_up.parameters())
        acr = {"acr_values": " ".join(found.acr_values)} if found.acr_values else {}
        age = {} if found.max_age is None else {"max_age": str(found.max_age)}
        return self._bearer(error="insufficient_user_authentication", **acr, **age)

    def _enough(self, remedy: Remedy) -> SignIn | None:
        """Return the sign-in that meets all of a remedy, None where it takes anything else."""
        asked = [self._of(need) for need in remedy.needs]
        asked += [next(filter(None, map(self._of, lift.one_of)), None) for lift in remedy.lifts]
        found = [each for each in asked if each is not None]
        if len(found) < len(asked) or not found:
            return None
        ages = [each.max_age for each in found if each.max_age is not None]
        return SignIn(_shared([each.acr_values for each in found if each.acr_values]), min(ages, default=None))

    def _of(self, need: Need) -> SignIn | None:
        return None if need.approvals is not None else self._sign_ins.get(need.text)

    def _bearer(self, **parameters: str) -> str:
        return self._told("Bearer", **parameters)

    def _told(self, scheme: str, **parameters: str) -> str:
        named = {**({"realm": self._realm} if self._realm else {}), **parameters}
        told = ", ".join(f'{name}="{value}"' for name, value in named.items())
        return f"{scheme} {told}" if told else scheme


def _shared(values: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return what all of several lists have, in the order of the first; all of them where that is nothing."""
    if not values:
        return ()
    common = tuple(each for each in values[0] if all(each in other for other in values[1:]))
    return common or tuple(dict.fromkeys(each for every in values for each in every))

"""Decisions as what Envoy is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pdp.classes import dataclass
from pdp.model import Decision, Obligation, Outcome
from pdp_sidecar.envoy.challenges import Challenges
from pdp_sidecar.envoy.forged import FORGEABLE, same
from pdp_sidecar.envoy.mapping import Mapped, Question
from pdp_sidecar.envoy.messages import Allowance, allowed, denied, header
from pdp_sidecar.envoy.options import ObligationOption, Options
from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.envoy.templates import Place, Seen, Template
from pdp_sidecar.generated.ext_authz_pb2 import CheckResponse
from pdp_sidecar.service import granted

if TYPE_CHECKING:
    from pdp.identity.stepup import StepUp


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of an obligation, as places name them."""

    obligation: Obligation

    def look(self, place: Place) -> Any:
        """Return an argument, None where there is none."""
        value = self.obligation.arguments.get(place.name)
        return value if value is None or isinstance(value, str) else str(value)


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """How an obligation is fulfilled: headers by their names."""

    request: Mapping[str, Template]
    response: Mapping[str, Template]

    @classmethod
    def of(cls, option: ObligationOption) -> Fulfilment:
        """Read the options; raise ValueError."""
        return cls(templates(option.request_headers), templates(option.response_headers))


def templates(headers: Mapping[str, str]) -> dict[str, Template]:
    """Read the templates of headers; raise ValueError."""
    return {name: Template.of(text) for name, text in headers.items()}


class Replies:
    """Makes messages for Envoy, by the options."""

    def __init__(self, options: Options) -> None:
        """Read the options; raise ValueError for the first that does not hold up."""
        self._tell = frozenset(options.tell)
        self._challenges = Challenges(options)
        self._headers = templates(options.headers)
        self._fulfilments = {name: Fulfilment.of(each) for name, each in options.obligations.items()}
        self.handles = frozenset(self._fulfilments)
        own = {*self._headers, *(name for each in self._fulfilments.values() for name in each.request)}
        self._forgeable = frozenset(map(same, {*FORGEABLE, *options.remove_headers, *own}))
        self._forgeable -= frozenset(map(same, options.keep_headers)) - frozenset(map(same, own))
        # Whatever the filter is told not to show is taken away all the same.
        self._remove = sorted({spelled for name in self._forgeable for spelled in (name, name.replace("-", "_"))})

    def refusal(self, refused: Refused) -> CheckResponse:
        """Return what is told where no rule was asked."""
        told: dict[str, Any] = {"decision": "deny"}
        if refused.status == 400:
            told["error"] = str(refused)
        elif "reason" in self._tell:
            told["reason"] = refused.why
        challenge = self._challenges.nobody(refused) if refused.status == 401 else None
        metadata = {"decision": "deny", "reason": refused.why}
        return self._denied(refused.status, told, challenge, metadata, refused.why)

    def denial(self, decision: Decision, step_up: StepUp | None = None) -> CheckResponse:
        """Return what is told of a deny, and of an allow with obligations that nobody here fulfils.

        `step_up` is the sign-in that its rules ask for, where the configuration names none.
        """
        reason = str(decision.reason) if decision.outcome is Outcome.DENY else "unhandled_obligation"
        told: dict[str, Any] = {"decision": "deny"}
        if "reason" in self._tell:
            told["reason"] = reason
        if "rules" in self._tell:
            told["determining_rules"] = list(decision.determining_rules)
        if "remedies" in self._tell:
            told["remedies"] = [list(remedy.texts) for remedy in decision.remedies]
        challenge = self._challenges.of(decision, step_up)
        status = 403 if challenge is None else 401
        return self._denied(status, told, challenge, {**facts(decision), "decision": "deny", "reason": reason}, reason)

    def _denied(
        self, status: int, told: Mapping[str, Any], challenge: str | None, metadata: Mapping[str, Any], why: str
    ) -> CheckResponse:
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        if challenge is not None:
            headers["www-authenticate"] = challenge
        return denied(status, body=msgspec.json.encode(told).decode(), headers=headers, metadata=metadata, why=why)

    def of(self, question: Question, decision: Decision, step_up: StepUp | None = None) -> CheckResponse | Allowance:
        """Return what is told of a decision; raise Refused where an allow cannot be told in full."""
        if not granted(decision, self.handles):
            return self.denial(decision, step_up)
        # INVARIANT: the allow is made last, of what is ready by then. Whatever goes wrong before makes a denial.
        headers = filled(self._headers, Mapped(question))
        answer: dict[str, str] = {}
        for obligation in decision.obligations:
            fulfilment = self._fulfilments[obligation.name]
            _add(headers, fulfil(fulfilment.request, obligation))
            _add(answer, fulfil(fulfilment.response, obligation))
        return allowed(
            headers=headers,
            remove=(*self._remove, *self._spelled(question.asked.headers)),
            response_headers=answer,
            metadata={**facts(decision), "decision": "allow", "reason": str(decision.reason)},
        )

    def _spelled(self, names: Iterable[str]) -> list[str]:
        """Return the names of a request that many servers take for ones that are taken away."""
        return [name for name in names if "_" in name and same(name) in self._forgeable]


def filled(headers: Mapping[str, Template], seen: Seen) -> dict[str, str]:
    """Return headers with what their templates come to. What is missing is not set, and so taken away."""
    found = {name: template.filled(seen) for name, template in headers.items()}
    return {name: header(name, value) for name, value in found.items() if value is not None}


def fulfil(headers: Mapping[str, Template], obligation: Obligation) -> dict[str, str]:
    """Return the headers of an obligation; raise Refused where an argument is missing."""
    found = filled(headers, Arguments(obligation))
    if len(found) < len(headers):
        raise Refused(403, "unhandled_obligation", f"the obligation `{obligation.name}` cannot be fulfilled")
    return found


def _add(headers: dict[str, str], more: Mapping[str, str]) -> None:
    for name, value in more.items():
        if headers.setdefault(name, value) != value:
            raise Refused(403, "unhandled_obligation", f"obligations ask for two values of `{name}`")


def facts(decision: Decision) -> dict[str, Any]:
    """Return what filters and logs are told of a decision."""
    obligations = [{"name": each.name, "arguments": each.arguments} for each in decision.obligations]
    until = decision.valid_until
    return {
        "revision": decision.revision,
        "rules": list(decision.determining_rules),
        "erring_rules": list(decision.erring_rules),
        **({"obligations": obligations} if obligations else {}),
        **({"valid_until": until.isoformat()} if until is not None else {}),
    }

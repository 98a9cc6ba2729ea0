"""Why a question is answered so: as typed rules, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from pdp.cli.explanation import lines
from pdp.cli.terminal import Terminal
from pdp.identity.who import Identity
from pdp.model import Effect
from pdp.trace import ClauseTrace, RuleTrace
from pdp_sidecar.callers import Caller
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.rpc.bearers import asked_for, bearer_or_none
from pdp_sidecar.service import Service
from pdp_sidecar.wire.answers import response_message
from pdp_sidecar.wire.requests import request_of

_EFFECTS: Final = {Effect.PERMIT: pb.EFFECT_PERMIT, Effect.FORBID: pb.EFFECT_FORBID}
_TRUTHS: Final = {True: pb.TRUTH_TRUE, False: pb.TRUTH_FALSE, None: pb.TRUTH_UNKNOWN}


def explain(
    service: Service, caller: Caller, message: pb.ExplainRequest, token: Identity | None = None
) -> pb.ExplainResponse:
    """Answer Explain, for whom a token speaks that the question brought; raise NotPermitted or RequestError."""
    epoch, policy = service.epoch, service.engine.policy
    trace = service.explain(caller, request_of(message.request, asked_for(caller, token)), token)
    under, lease = service.kept(trace.decision, epoch)
    handles = frozenset(message.request.handles)
    return pb.ExplainResponse(
        response=response_message(trace.decision, handles, full=True, epoch=under, lease=lease),
        rules=_rules(rule for rule in trace.rules if message.all or not rule.out_of),
        text="".join(f"{line}\n" for line in lines(trace, policy, Terminal(unicode=True), everything=message.all)),
        json=json.dumps(trace.to_json(), ensure_ascii=False),
    )


async def explaining(
    service: Service, caller: Caller, message: pb.ExplainRequest
) -> Callable[[Caller, pb.ExplainRequest], pb.ExplainResponse]:
    """Return what answers Explain, once the token of the question is verified; raise RequestError."""
    return partial(explain, service, token=await bearer_or_none(service, caller, message.request))


def _rules(rules: Iterable[RuleTrace]) -> list[pb.RuleTrace]:
    return [
        pb.RuleTrace(
            rule=rule.id,
            effect=_EFFECTS[rule.effect],
            applies=_TRUTHS[rule.applies],
            place=rule.place,
            clauses=map(_clause, rule.clauses),
        )
        for rule in rules
    ]


def _clause(clause: ClauseTrace) -> pb.ClauseTrace:
    return pb.ClauseTrace(
        kind=clause.kind,
        text=clause.text,
        truth=_TRUTHS[clause.truth],
        remedy=clause.remedy or "",
        place=clause.place,
    )

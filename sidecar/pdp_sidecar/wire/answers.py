"""Answers on the wire and as an engine gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pdp.model import ApprovalsMissing, Decision, Lift, Need, Obligation, Outcome, Reason, Remedy
from pdp.values import Datetime, Duration
from pdp_sidecar.generated import check_pb2
from pdp_sidecar.service import NO_HANDLES, granted, unhandled
from pdp_sidecar.wire.times import duration, micros_of_duration, micros_of_timestamp, timestamp
from pdp_sidecar.wire.values import fields_of, record_message, value_message, value_of

REASONS: Final[Mapping[Reason, check_pb2.Reason]] = {
    reason: check_pb2.Reason.Value(f"REASON_{reason.name}")  # type: ignore[misc]  # It is the number.
    for reason in Reason
}
_REASON_OF: Final = {int(number): reason for reason, number in REASONS.items()}

# ----------------------------------------------------------------------------------------------------- onto the wire


def response_message(
    decision: Decision,
    handles: frozenset[str] = NO_HANDLES,
    *,
    full: bool = False,
    epoch: str = "",
    lease: int | None = None,
) -> check_pb2.CheckResponse:
    """Return an answer as it is sent to a caller that handles some obligations.

    `lease` is in microseconds, None for as long as the epoch. `full` tells the remedies and the revision of the facts
    as well, which may take long to compute.
    """
    message = head(decision, handles, epoch)
    if full:
        message.remedies.extend(map(_remedy_message, decision.remedies))
        message.facts_revision = decision.facts_revision
    message.MergeFrom(times(decision._until, lease))
    return message


def head(decision: Decision, handles: frozenset[str], epoch: str) -> check_pb2.CheckResponse:
    """Return what of an answer does not depend on when it is given, nor on facts that nobody looked at."""
    message = check_pb2.CheckResponse(
        decision=check_pb2.DECISION_DENY,
        reason=REASONS[decision.reason],
        detail=decision.detail,
        determining_rules=decision.determining_rules,
        erring_rules=decision.erring_rules,
        obligations=map(_obligation_message, decision.obligations),
        unhandled_obligations=unhandled(decision, handles),
        revision=decision.revision,
        epoch=epoch,
    )
    # INVARIANT: a deny until all of it is there.
    if granted(decision, handles):
        message.decision = check_pb2.DECISION_ALLOW
    return message


def times(until: int | None, lease: int | None) -> check_pb2.CheckResponse:
    """Return what of an answer says how long it stays true, both in microseconds. A lease that is over is empty.

    What has an end and no lease may be kept for no time at all.
    """
    if until is not None and lease is None:
        lease = 0
    return check_pb2.CheckResponse(
        valid_until=None if until is None else timestamp(until),
        lease=None if lease is None else duration(max(lease, 0)),
    )


def _obligation_message(obligation: Obligation) -> check_pb2.Obligation:
    arguments = record_message(obligation.arguments)
    return check_pb2.Obligation(name=obligation.name, arguments=arguments, unknown=obligation.unknown)


def _remedy_message(remedy: Remedy) -> check_pb2.Remedy:
    lifts = [check_pb2.Lift(rule=lift.rule, one_of=map(_need_message, lift.one_of)) for lift in remedy.lifts]
    return check_pb2.Remedy(rule=remedy.rule, needs=map(_need_message, remedy.needs), lifts=lifts)


def _need_message(need: Need) -> check_pb2.Need:
    message = check_pb2.Need(rule=need.rule, text=need.text)
    missing = need.approvals
    if missing is not None:
        message.approvals.missing, message.approvals.count = missing.missing, missing.count
        message.approvals.approvers.extend(missing.approvers)
        message.approvals.window.CopyFrom(duration(missing.window.micros))
        if missing.of is not None:
            message.approvals.of.CopyFrom(value_message(missing.of))
    return message


# ------------------------------------------------------------------------------------------------------ off the wire


def decision_of(message: check_pb2.CheckResponse) -> Decision:
    """Return the decision that an answer tells. What is empty, damaged or not known here is a deny, never an allow.

    >>> bool(decision_of(check_pb2.CheckResponse()))
    False
    >>> decision_of(check_pb2.CheckResponse(decision=7, reason=1)).reason
    <Reason.INTERNAL_ERROR: 'internal_error'>
    """
    try:
        return _decision_of(message)
    except Exception as error:
        # INVARIANT: an answer that cannot be read is a deny.
        return _damaged(f"the answer cannot be read: {type(error).__name__}")


def lease_of(message: check_pb2.CheckResponse) -> int | None:
    """Return for how many microseconds an answer may be kept, None where that is as long as its epoch.

    It is counted from before the question was sent. One that cannot be read is over.
    """
    if not message.HasField("valid_until") and not message.HasField("lease"):
        return None
    found = micros_of_duration(message.lease) if message.HasField("lease") else 0
    return max(found or 0, 0)


def _decision_of(message: check_pb2.CheckResponse) -> Decision:
    reason = _REASON_OF.get(message.reason)
    lacking = tuple(message.unhandled_obligations)
    is_allow = message.decision == check_pb2.DECISION_ALLOW
    if reason is None or not (is_allow or message.decision == check_pb2.DECISION_DENY):
        return _damaged(message.detail or "the answer is one that is not known here")
    if is_allow and reason is not Reason.PERMITTED:
        return _damaged("the answer allows, and gives no reason for that")
    if reason is Reason.PERMITTED and not is_allow and not lacking:
        return _damaged("the answer denies, and gives no reason for that")
    until = micros_of_timestamp(message.valid_until) if message.HasField("valid_until") else None
    if until is None and message.HasField("valid_until"):
        return _damaged("the answer does not say until when it is true")
    return Decision(
        # With obligations that nobody handles, the rules allow and the decision is worth nothing all the same.
        outcome=Outcome.ALLOW if reason is Reason.PERMITTED else Outcome.DENY,
        reason=reason,
        determining_rules=tuple(message.determining_rules),
        erring_rules=tuple(message.erring_rules),
        obligations=tuple(map(_obligation_of, message.obligations)),
        remedies=tuple(map(_remedy_of, message.remedies)),
        valid_until=None if until is None else Datetime(until).to_datetime(),
        revision=message.revision,
        facts_revision=message.facts_revision,
        detail=message.detail,
        unhandled=lacking if reason is Reason.PERMITTED else (),
    )


def _damaged(detail: str) -> Decision:
    return Decision(outcome=Outcome.DENY, reason=Reason.INTERNAL_ERROR, detail=detail)


def _obligation_of(message: check_pb2.Obligation) -> Obligation:
    return Obligation(message.name, fields_of(message.arguments), tuple(message.unknown))


def _remedy_of(message: check_pb2.Remedy) -> Remedy:
    lifts = tuple(Lift(each.rule, tuple(map(_need_of, each.one_of))) for each in message.lifts)
    return Remedy(message.rule, tuple(map(_need_of, message.needs)), lifts)


def _need_of(message: check_pb2.Need) -> Need:
    if not message.HasField("approvals"):
        return Need(message.rule, message.text)
    told = message.approvals
    window = micros_of_duration(told.window)
    if window is None:
        raise ValueError("the window of an approval is no length of whole microseconds")
    of = value_of(told.of) if told.HasField("of") else None
    return Need(
        message.rule,
        message.text,
        ApprovalsMissing(told.missing, told.count, tuple(told.approvers), Duration(window), of),
    )

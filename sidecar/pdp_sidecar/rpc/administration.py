"""What changes a server, and what tells how it is."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from pdp.approvals.ledger import AccessRequest
from pdp.errors import RequestError
from pdp.freshness import SourceStatus
from pdp.model import SourceState
from pdp.values import INT_MAX, Datetime, EntityRef, show
from pdp_sidecar.callers import Caller, May
from pdp_sidecar.generated import admin_service_pb2 as pb
from pdp_sidecar.generated import value_pb2
from pdp_sidecar.service import Service
from pdp_sidecar.status import Status
from pdp_sidecar.wire.times import duration, micros_of_timestamp, timestamp
from pdp_sidecar.wire.values import ref_of

_STATES: Final = {
    SourceState.LOADED: pb.SOURCE_STATE_LOADED,
    SourceState.STALE: pb.SOURCE_STATE_STALE,
    SourceState.FAILED: pb.SOURCE_STATE_FAILED,
}
_LONGEST_AGE: Final = INT_MAX // 1000
"""Microseconds. What was never confirmed is as old as can be told."""


def revoke(service: Service, caller: Caller, message: pb.RevokeRequest) -> pb.RevokeResponse:
    """Answer Revoke; raise NotPermitted, RequestError or RecordError."""
    caller.require(May.REVOKE)
    kind = message.WhichOneof("target")
    if kind is None:
        raise RequestError("the revocation names nothing")
    value: Any = getattr(message, kind)
    target = value if isinstance(value, str) else ref_of(value)
    sequence, workers, ended = service.revoke(
        caller, **{kind: target}, issuer=message.issuer or None, not_before=_not_before(message), why=message.why
    )
    return pb.RevokeResponse(sequence=sequence, epoch=service.epoch, workers=workers, ended=ended)


def _not_before(message: pb.RevokeRequest) -> _datetime.datetime | None:
    if not message.HasField("not_before"):
        return None
    micros = micros_of_timestamp(message.not_before)
    if micros is None:
        raise RequestError("`not_before` is no time of whole microseconds")
    return Datetime(micros).to_datetime()


def pending(service: Service, caller: Caller, _: pb.PendingRequest) -> pb.PendingResponse:
    """Answer Pending; raise NotPermitted or RecordError."""
    return pb.PendingResponse(requests=map(_access, service.at_desk(caller).pending(caller)))


def approve(service: Service, caller: Caller, message: pb.ApproveRequest) -> pb.ApproveResponse:
    """Answer Approve; raise NotPermitted, RequestError or RecordError."""
    found = service.at_desk(caller).approve(caller, message.id, message.why)
    return pb.ApproveResponse(request=_access(found), epoch=service.epoch)


def reject(service: Service, caller: Caller, message: pb.RejectRequest) -> pb.RejectResponse:
    """Answer Reject; raise NotPermitted, RequestError or RecordError."""
    found = service.at_desk(caller).reject(caller, message.id, message.why)
    return pb.RejectResponse(request=_access(found), epoch=service.epoch)


def _access(found: AccessRequest) -> pb.AccessRequest:
    wanted = found.wanted
    return pb.AccessRequest(
        id=found.id,
        asked_by=_ref(found.asked_by),
        at=timestamp(found.at.micros),
        why=found.why,
        principal=_ref(wanted.principal),
        actor=None if wanted.actor is None else _ref(wanted.actor),
        action=wanted.action,
        resource=_ref(wanted.resource),
        of="" if wanted.of is None else show(wanted.of),
        until=timestamp(wanted.until.micros),
        approvers=[_ref(each.approver) for each in found.approvals],
        closed=found.closed,
    )


def _ref(ref: EntityRef) -> value_pb2.EntityRef:
    return value_pb2.EntityRef(type=ref.type, id=ref.id)


def status(caller: Caller, told: Callable[[], Status]) -> pb.StatusResponse:
    """Answer Status; raise NotPermitted."""
    caller.require(May.STATUS)
    found = told()
    reload = found.reload
    return pb.StatusResponse(
        version=found.version,
        ready=found.ready,
        problems=found.problems,
        revision=found.revision,
        facts_revision=found.facts_revision,
        epoch=found.epoch,
        started=_instant(found.started),
        sources=[_source(name, each) for name, each in sorted(found.sources.items())],
        reload=None if reload is None else pb.Reload(at=_instant(reload.at), taken=reload.taken, detail=reload.detail),
        workers=found.workers,
    )


def _instant(moment: _datetime.datetime) -> Timestamp:
    return timestamp(Datetime.of(moment).micros)


def _source(name: str, source: SourceStatus) -> pb.SourceStatus:
    age = min(max(source.age // _datetime.timedelta(microseconds=1), 0), _LONGEST_AGE)
    return pb.SourceStatus(name=name, state=_STATES[source.state], age=duration(age), detail=source.detail)

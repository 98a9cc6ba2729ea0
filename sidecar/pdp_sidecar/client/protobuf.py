"""Questions and answers of gRPC, as clients of both kinds send and read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
from google.protobuf import json_format

from pdp.errors import RequestError
from pdp.search import LIMIT, Page
from pdp.values import Datetime
from pdp_sidecar.client.failures import Failure, Garbled, Late, Lost, Refused
from pdp_sidecar.client.wire import Asker, Beat, Message, Revoked, Turned
from pdp_sidecar.frames.codec import Reply, asked
from pdp_sidecar.frames.values import Unreadable, unpack
from pdp_sidecar.generated import admin_service_pb2, check_pb2, decision_service_pb2
from pdp_sidecar.wire.answers import decision_of, lease_of
from pdp_sidecar.wire.requests import entity_message, request_message
from pdp_sidecar.wire.times import timestamp
from pdp_sidecar.wire.values import record_message, ref_message, ref_of

CHANNEL: Final = (
    # A client asks again itself, and knows until when.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", 64 * 2**20),
)

_STATES: Final[Mapping[int, str]] = {
    decision_service_pb2.WATCH_STATE_ALLOWED: "allowed",
    decision_service_pb2.WATCH_STATE_SUSPENDED: "suspended",
    decision_service_pb2.WATCH_STATE_ENDED: "ended",
    decision_service_pb2.WATCH_STATE_STALE: "stale",
    decision_service_pb2.WATCH_STATE_FAILED: "failed",
}
_CODES: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: "invalid_request",
    grpc.StatusCode.PERMISSION_DENIED: "not_permitted",
    grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
    grpc.StatusCode.UNIMPLEMENTED: "unsupported",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "busy",
}


def failure_of(error: grpc.RpcError) -> Failure:
    """Return why a call got no answer."""
    code, said = error.code(), error.details() or "the sidecar did not say why"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Late()
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return Lost(f"the sidecar cannot be reached: {said}")
    return Refused(_CODES.get(code, str(getattr(code, "name", code)).lower()), said)


def question_message(question: bytes, asker: Asker) -> check_pb2.CheckRequest:
    """Return a question as a message; raise Refused where it has no form there."""
    try:
        # Of its bytes: what the caller changes meanwhile reaches neither the question nor what is kept of it.
        view = check_pb2.VIEW_FULL if asker.facts else check_pb2.VIEW_BASIC
        return request_message(asked(unpack(question)), asker.handles, view)
    except Unreadable:
        raise Refused("unreadable", "this is no question") from None
    except (RequestError, TypeError, ValueError) as error:
        raise Refused("invalid_request", str(error)) from error


def batch_message(items: Sequence[check_pb2.CheckRequest], asker: Asker) -> decision_service_pb2.CheckBatchRequest:
    """Return questions as one message."""
    view = check_pb2.VIEW_FULL if asker.facts else check_pb2.VIEW_BASIC
    return decision_service_pb2.CheckBatchRequest(
        items=items,
        defaults=check_pb2.CheckRequest(view=view),
        semantic=decision_service_pb2.SEMANTIC_EXECUTE_ALL,
    )


def reply_of(message: check_pb2.CheckResponse) -> Reply:
    """Return the reply that a message is. What it does not say is a deny, and kept by nobody."""
    return Reply(decision_of(message), lease_of(message), message.epoch)


def replies_of(message: decision_service_pb2.CheckBatchResponse, count: int) -> list[Reply]:
    """Return the replies that a message has; raise Garbled where these are not so many."""
    if len(message.responses) != count:
        raise Garbled("there are not as many answers as questions")
    return [reply_of(each) for each in message.responses]


def trace_of(message: decision_service_pb2.ExplainResponse) -> dict[str, Any]:
    """Return a trace as plain data; raise Garbled."""
    try:
        found = json.loads(message.json)
    except ValueError as error:
        raise Garbled("the trace cannot be read") from error
    if type(found) is not dict:
        raise Garbled("this is no trace")
    return found


def revocation_message(target: Mapping[str, Any]) -> admin_service_pb2.RevokeRequest:
    """Return a revocation as a message; raise Refused."""
    message = admin_service_pb2.RevokeRequest()
    try:
        named = [name for name in target if name not in ("issuer", "not_before", "why")]
        if len(named) != 1:
            raise RequestError("a revocation is of one thing")
        for name, value in target.items():
            if name == "not_before":
                message.not_before.CopyFrom(timestamp(Datetime.of(value).micros))
            elif name in ("principal", "group", "workload"):
                getattr(message, name).CopyFrom(ref_message(value))
            else:
                setattr(message, name, value)
    except (RequestError, TypeError, ValueError, AttributeError) as error:
        raise Refused("invalid_request", f"this cannot be revoked: {error}") from error
    return message


def revoked_of(message: admin_service_pb2.RevokeResponse) -> Revoked:
    """Return what a message says of a revocation; raise Garbled where it says nothing."""
    if not message.epoch:
        raise Garbled("the sidecar does not say what became of the revocation")
    return Revoked(message.sequence if message.HasField("sequence") else None, message.epoch)


def status_of(message: admin_service_pb2.StatusResponse) -> dict[str, Any]:
    """Return how a sidecar is as plain data."""
    return dict(json_format.MessageToDict(message, preserving_proto_field_name=True))


def search_message(method: str, given: Sequence[Any], terms: Mapping[str, Any], asker: Asker) -> Any:
    """Return a search as a message; raise Refused where it has no form there."""
    try:
        if terms.get("now") is not None:
            raise RequestError("a search by gRPC is of now")
        shared: dict[str, Any] = {
            "entities": [entity_message(each) for each in terms.get("entities", ())],
            "handles": sorted(asker.handles.union(terms.get("handles", ()))),
            "page_size": terms.get("limit", LIMIT),
            "page_token": terms.get("token", ""),
        }
        for name in ("context", "session"):
            if terms.get(name) is not None:
                shared[name] = record_message(terms[name])
        if method == "who_can":
            kind, action, resource = given
            return decision_service_pb2.WhoCanRequest(
                principal_type=kind, action=action, resource=entity_message(resource), **shared
            )
        principal = entity_message(given[0])
        if method == "what_can":
            return decision_service_pb2.WhatCanRequest(
                principal=principal, action=given[1], resource_type=given[2], **shared
            )
        return decision_service_pb2.WhatCanRequest(principal=principal, resource=entity_message(given[1]), **shared)
    except (RequestError, TypeError, ValueError) as error:
        raise Refused("invalid_request", f"this is no search: {error}") from error


def page_of(method: str, message: Any) -> Page[Any]:
    """Return the page that a message has."""
    if method == "who_can":
        return Page(tuple(map(ref_of, message.principals)), message.next_page_token)
    if method == "what_can":
        return Page(tuple(ref_of(each.resource) for each in message.permitted), message.next_page_token)
    return Page(tuple(each.action for each in message.permitted), message.next_page_token)


def told_of(message: decision_service_pb2.WatchResponse) -> Message:
    """Return what a stream tells; raise Garbled for what is nothing of that."""
    kind = message.WhichOneof("kind")
    if kind == "beat":
        interval = message.beat.interval.ToNanoseconds() / 1e9
        if not message.beat.epoch or interval <= 0:
            raise Garbled("this is no beat")
        return Beat(message.beat.epoch, interval)
    if kind == "change":
        # INVARIANT: a state that is not known here is one in which nothing goes on.
        state = _STATES.get(message.change.state, "failed")
        return Turned(message.change.id, state, reply_of(message.change.response))
    raise Garbled("this is nothing that a stream tells")


def subscription(number: int, question: bytes, asker: Asker) -> decision_service_pb2.WatchRequest:
    """Return what watches a question; raise Refused."""
    subscribe = decision_service_pb2.Subscribe(id=number, request=question_message(question, asker))
    return decision_service_pb2.WatchRequest(subscribe=subscribe)


def unsubscription(number: int) -> decision_service_pb2.WatchRequest:
    """Return what watches it no longer."""
    return decision_service_pb2.WatchRequest(unsubscribe=decision_service_pb2.Unsubscribe(id=number))


def metadata(asker: Asker) -> tuple[tuple[str, str], ...]:
    """Return what each call shows of who asks; raise Refused where it has no token to show."""
    token = asker.shown()
    return () if token is None else (("authorization", f"Bearer {token}"),)

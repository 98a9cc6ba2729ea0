"""Calls that get no answer but an error of gRPC, which whoever meets it takes for a deny."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from pdp.errors import PdpError, RecordError, RequestError, TokenError
from pdp_sidecar.callers import NotPermitted
from pdp_sidecar.identifying import told


class Refused(Exception):
    """A call is refused, with a status and a message that is safe to send."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def refusal(error: Exception) -> Refused:
    """Return how a call ends that met an error. What the error says is sent only where it is for the caller."""
    match error:
        case Refused():
            return error
        case NotPermitted():
            return Refused(grpc.StatusCode.PERMISSION_DENIED, str(error))
        case TokenError():
            # What could not be looked at may be good another time; whatever else, it is nobody's.
            status = grpc.StatusCode.UNAVAILABLE if error.passing else grpc.StatusCode.UNAUTHENTICATED
            return Refused(status, told(error))
        case DecodeError():
            return Refused(grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be read")
        case RequestError():
            return Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        case RecordError():
            # What it says is a matter of the server's disk; that it did not work is the caller's.
            return Refused(grpc.StatusCode.UNAVAILABLE, "the record cannot be read or written")
        case PdpError():
            return Refused(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    return Refused(grpc.StatusCode.INTERNAL, f"the call could not be answered: {type(error).__name__}")


async def abort(context: Any, refused: Refused) -> NoReturn:
    """End a call with an error."""
    await context.abort(refused.status, refused.message)
    raise AssertionError("a call that is aborted goes no further")


def exhausted(what: str) -> Refused:
    """Return how a call ends that is one too many."""
    return Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, what)


def ending() -> Refused:
    """Return how a stream ends when the server does."""
    return Refused(grpc.StatusCode.UNAVAILABLE, "the server is ending")

"""What frames of a sidecar say that answer no question."""

from __future__ import annotations

from typing import Any, Final

from pdp_sidecar.client.failures import Failure, Garbled, Refused
from pdp_sidecar.client.wire import Beat, Message, Turned
from pdp_sidecar.frames.codec import Kind, Read
from pdp_sidecar.frames.values import Unreadable

LONGEST: Final = 64 * 2**20
"""No frame of a sidecar has more bytes."""


def message(read: Read, kind: int, number: int, fields: Any) -> Message:
    """Return what a sidecar tells by itself; raise Unreadable for what is nothing of that."""
    try:
        if kind == Kind.BEAT:
            epoch, interval = fields
            if type(epoch) is str and type(interval) is int and interval > 0:
                return Beat(epoch, interval / 1e6)
        elif kind == Kind.CHANGE and type(fields[0]) is str:
            return Turned(number, fields[0], read.reply(fields[1:]))
    except (ValueError, TypeError, IndexError) as error:
        raise Unreadable(f"this is nothing that a feed tells: {error}") from error
    raise Unreadable("this is nothing that a feed tells")


def refused(fields: Any) -> Failure:
    """Return what an ERROR says."""
    if type(fields) is list and len(fields) == 2 and type(fields[0]) is type(fields[1]) is str:
        return Refused(fields[0], fields[1])
    return Garbled("the sidecar sent an error that says nothing")

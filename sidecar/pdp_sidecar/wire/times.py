"""Instants and lengths of time on the wire: seconds and nanoseconds there, whole microseconds here."""

from __future__ import annotations

from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from pdp.values import DATETIME_MAX, DATETIME_MIN, INT_MAX, INT_MIN, SECOND

_NANOS: Final = 1_000_000_000
# Of protobuf: from 0001-01-01 to 9999-12-31 for an instant, about ten thousand years for a length.
_LONGEST: Final = 315_576_000_000


def micros_of_timestamp(message: Timestamp) -> int | None:
    """Return an instant in microseconds since the epoch; None for what is finer, or none that a calendar has."""
    if not 0 <= message.nanos < _NANOS or message.nanos % 1000:
        return None
    micros = message.seconds * SECOND + message.nanos // 1000
    return micros if DATETIME_MIN <= micros <= DATETIME_MAX else None


def micros_of_duration(message: Duration) -> int | None:
    """Return a length in microseconds; None for what is finer, longer than protobuf has it, or of two signs."""
    seconds, nanos = message.seconds, message.nanos
    if not -_LONGEST <= seconds <= _LONGEST or not -_NANOS < nanos < _NANOS or nanos % 1000:
        return None
    if (seconds > 0 > nanos) or (seconds < 0 < nanos):
        return None
    micros = seconds * SECOND + nanos // 1000
    return micros if INT_MIN <= micros <= INT_MAX else None


def timestamp(micros: int) -> Timestamp:
    """Return an instant; raise ValueError for one that no calendar has."""
    if not DATETIME_MIN <= micros <= DATETIME_MAX:
        raise ValueError("the datetime is out of range")
    seconds, rest = divmod(micros, SECOND)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def duration(micros: int) -> Duration:
    """Return a length of time; raise ValueError for one that is longer than protobuf has it."""
    seconds, rest = divmod(abs(micros), SECOND)
    if seconds > _LONGEST or (seconds == _LONGEST and rest):
        raise ValueError("the duration is out of range")
    sign = -1 if micros < 0 else 1
    return Duration(seconds=sign * seconds, nanos=sign * rest * 1000)

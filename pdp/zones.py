"""Calendar fields of an instant in a time zone, and when they change next, through the zone's clock changes."""

from __future__ import annotations

import datetime as _datetime
import functools
from collections.abc import Callable
from enum import StrEnum

from pdp.values import DATETIME_MAX, DATETIME_MIN, DAY, SECOND, Datetime

# What some machines hold beside the zones of the database: it differs between them, or counts leap seconds.
_NO_ZONES = ("localtime", "posixrules", "Factory", "posix/", "right/")

_MINUTE = 60 * SECOND
_HOUR = 60 * _MINUTE


class CalendarField(StrEnum):
    """What can be asked of the calendar; Monday is weekday 0."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    WEEKDAY = "weekday"
    HOUR = "hour"
    MINUTE = "minute"


# How far apart two changes of a field are at the least, and after how many of these steps every value has been seen.
_STEPS = {
    CalendarField.MINUTE: (_MINUTE, 200),
    CalendarField.HOUR: (_HOUR, 60),
    CalendarField.WEEKDAY: (DAY, 20),
    CalendarField.DAY: (DAY, 140),
    CalendarField.MONTH: (DAY, 380),
    CalendarField.YEAR: (DAY, 380),
}


@functools.lru_cache(maxsize=64)
def zone(name: str) -> _datetime.tzinfo:
    """Return the zone of the IANA time zone database; raise ValueError where there is none of that name."""
    if name == "UTC":
        return _datetime.UTC
    # Most decisions need no zone, and this takes as long to import as all of the language's values.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        if name.startswith(_NO_ZONES):
            raise ValueError
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone `{name}`") from error


def names() -> set[str]:
    """Return the names of all zones that there are.

    >>> "Europe/Berlin" in names(), "localtime" in names()
    (True, False)
    """
    import zoneinfo

    return {name for name in zoneinfo.available_timezones() if not name.startswith(_NO_ZONES)}


def read(micros: int, name: str, field: CalendarField) -> int:
    """Return the value of a calendar field at an instant.

    >>> read(Datetime.parse("2026-11-23T23:30:00Z").micros, "Europe/Berlin", CalendarField.WEEKDAY)
    1
    """
    moment = _local(micros, name)
    return moment.weekday() if field is CalendarField.WEEKDAY else int(getattr(moment, str(field)))


def next_edge(micros: int, name: str, field: CalendarField, holds: Callable[[int], bool]) -> int | None:
    """Return the first instant after `micros` at which `holds` of the field changes, or None where none is near.

    Every value that a field takes within a year is looked at: what does not change in that time never does. Of the
    year, which does, each new one is an edge.
    """
    value = read(micros, name, field)
    before = holds(value)
    step, count = _STEPS[field]
    here = micros
    for _ in range(count):
        ahead = _boundary(here, name, step)
        if ahead is None:
            return None
        here = _change(here, ahead, name)
        found = read(here, name, field)
        if holds(found) != before or (field is CalendarField.YEAR and found != value):
            return here
    return None


def _local(micros: int, name: str) -> _datetime.datetime:
    try:
        return Datetime(micros).to_datetime().astimezone(zone(name))
    except OverflowError:
        # Within a day of the ends of the calendar there is no local time: the instant's own fields stand in.
        return Datetime(micros).to_datetime()


def _offset(micros: int, name: str) -> int:
    offset = _local(micros, name).utcoffset() or _datetime.timedelta()
    return offset // _datetime.timedelta(microseconds=1)


def _boundary(micros: int, name: str, step: int) -> int | None:
    """Return the next full step of local time, as the clock runs now."""
    offset = _offset(micros, name)
    ahead = ((micros + offset) // step + 1) * step - offset
    return ahead if DATETIME_MIN <= ahead <= DATETIME_MAX else None


def _change(start: int, end: int, name: str) -> int:
    """Return where local time first may jump or turn over in `(start, end]`: a clock change between, or the end.

    Where the clock changes, the next full step of local time is not what was foreseen: the caller goes on from there.
    """
    before = _offset(start, name)
    if _offset(end, name) == before:
        return end
    low, high = start // SECOND, -(-end // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle * SECOND, name) == before else (low, middle)
    # Clock changes fall on full seconds.
    return max(min(high * SECOND, end), start + 1)

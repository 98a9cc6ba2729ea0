"""How old what an engine holds may become, source by source, and which of it is older."""

from __future__ import annotations

import datetime as _datetime
import math
from collections.abc import Mapping
from typing import Final

from pdp.classes import dataclass
from pdp.errors import RequestError, suggest
from pdp.model import Failure, Reason, SourceState
from pdp.values import Duration

APPROVALS: Final = "approvals"
ENTITIES: Final = "entities"
POLICY: Final = "policy"
REVOCATIONS: Final = "revocations"
SOURCES: Final = (APPROVALS, ENTITIES, POLICY, REVOCATIONS)
_WAYS: Final = ("deny", "continue")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """Whether a source of facts may be relied on, how long ago it was last known to be right, and what is wrong."""

    state: SourceState
    age: _datetime.timedelta
    max_age: _datetime.timedelta | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """The age that a source may have, and whether answers go on past it."""

    age: _datetime.timedelta
    continues: bool = False


def limits_of(
    max_age: Mapping[str, _datetime.timedelta] | None, when_stale: Mapping[str, str] | None
) -> dict[str, Limit]:
    """Return the limits that options name; raise RequestError for what is none."""
    ages, ways = dict(max_age or {}), dict(when_stale or {})
    for name in [*ages, *ways]:
        check_source(name)
    for name, age in ages.items():
        given: object = age
        if not isinstance(given, _datetime.timedelta) or given <= _datetime.timedelta(0):
            raise RequestError(f"the `max_age` of `{name}` is not a timedelta of more than nothing")
    for name, way in ways.items():
        if way not in _WAYS:
            raise RequestError(f"`when_stale` of `{name}` is neither `deny` nor `continue`")
        if name not in ages:
            raise RequestError(f"`{name}` has no `max_age`, and is never stale")
    return {name: Limit(age, ways.get(name) == "continue") for name, age in ages.items()}


def check_source(name: object, *more: str) -> None:
    """Raise RequestError for what is the name of no source."""
    known = [*SOURCES, *more]
    if not isinstance(name, str) or name not in known:
        help_ = suggest(name, known) if isinstance(name, str) else None
        raise RequestError(f"`{name}` is none of {', '.join(known)}" + (f" (help: {help_})" if help_ else ""))


class Freshness:
    """Since when each source is known to be right, and which are older than they may be.

    Instants are those of a monotonic clock, in seconds. It is not for several threads at once.

    >>> ages = Freshness({"entities": Limit(_datetime.timedelta(seconds=60))}, now=100.0)
    >>> ages.look(159.9), ages.failure
    ([], None)
    >>> ages.look(160.0), ages.failure.detail
    (['entities'], '`entities` was last confirmed 1m ago, and may be 1m old')
    """

    def __init__(self, limits: Mapping[str, Limit], now: float) -> None:
        self.limits = limits
        self._since = dict.fromkeys(SOURCES, now)
        self.stale: dict[str, str] = {}

    def confirm(self, source: str, at: float) -> None:
        """Know that a source was right at an instant."""
        if math.isfinite(at):
            self._since[source] = max(self._since[source], at)

    def look(self, now: float) -> list[str]:
        """Find which sources are too old now; return those that became so, or no longer are."""
        before = self.stale
        self.stale = {
            name: before.get(name) or self._told(name, now) for name in self.limits if self._is_old(name, now)
        }
        return sorted(before.keys() ^ self.stale.keys())

    @property
    def due(self) -> float:
        """When the next source becomes too old; infinite for never."""
        ends = (self._since[name] + _seconds(limit) for name, limit in self.limits.items() if name not in self.stale)
        return min(ends, default=math.inf)

    @property
    def failure(self) -> Failure | None:
        """Why nothing may be decided: the first source that is too old, and without which nothing holds."""
        # Without approvals, only what asks for one is not known.
        return next((Failure(Reason.SOURCE_STALE, self.stale[each]) for each in self.lost if each != APPROVALS), None)

    @property
    def lost(self) -> list[str]:
        """The sources that are too old, and not to be gone on with."""
        return [name for name in sorted(self.stale) if not self.limits[name].continues]

    def status(self, source: str, now: float, failure: str | None = None) -> SourceStatus:
        """Return how a source is; `failure` says that it cannot be read."""
        state = SourceState.STALE if source in self.stale else SourceState.LOADED
        limit = self.limits.get(source)
        return SourceStatus(
            state=state if failure is None else SourceState.FAILED,
            age=length(now - self._since[source]),
            max_age=None if limit is None else limit.age,
            detail=self.stale.get(source, "") if failure is None else failure,
        )

    def _is_old(self, source: str, now: float) -> bool:
        # Whatever a clock gives that cannot be compared: it is not younger.
        return not now - self._since[source] < _seconds(self.limits[source])

    def _told(self, source: str, now: float) -> str:
        age, limit = length(now - self._since[source]), _shown(self.limits[source].age)
        if age == _datetime.timedelta.max:
            return f"nobody can tell how old `{source}` is, and it may be {limit} old"
        return f"`{source}` was last confirmed {_shown(age)} ago, and may be {limit} old"


_SECOND: Final = _datetime.timedelta(seconds=1)


def _shown(age: _datetime.timedelta) -> str:
    """Return an age as policies write it, but for parts of a second after the first."""
    whole = age - age % _SECOND if age >= _SECOND else age
    try:
        return str(Duration.of(whole))
    except ValueError:
        return str(whole)


def length(seconds: float) -> _datetime.timedelta:
    """Return a length of time, the longest for what is none."""
    try:
        return _datetime.timedelta(seconds=max(seconds, 0.0))
    except (OverflowError, ValueError):
        return _datetime.timedelta.max


def _seconds(limit: Limit) -> float:
    return limit.age.total_seconds()

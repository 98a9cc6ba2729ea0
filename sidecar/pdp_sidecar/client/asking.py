"""What synchronous and asynchronous clients have in common: options, denials, and questions as keys."""

from __future__ import annotations

import datetime as _datetime
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from pdp.classes import dataclass, field
from pdp.clocks import passing
from pdp.errors import RemoteError, RequestError
from pdp.model import Decision, Outcome, Reason, Request
from pdp.session import Session
from pdp_sidecar.client.failures import Failure, Refused
from pdp_sidecar.client.wire import Asker
from pdp_sidecar.frames.codec import Reply
from pdp_sidecar.frames.codec import question as packed_question
from pdp_sidecar.frames.values import PackedSession, packer

T = TypeVar("T")
FIRST_PAUSE: Final = 0.005
LONGEST_PAUSE: Final = 0.25
NO_ENTITIES: Final = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client asks. Lengths of time are in seconds."""

    timeout: float = 1.0
    handles: frozenset[str] = frozenset()
    leases: bool = True
    max_kept: int = 65_536
    max_staleness: float = 5.0
    facts: bool = False
    token: str | Callable[[], str] | None = field(default=None, repr=False)
    insecure: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    session_field: str = ""
    clock: Callable[[], float] = passing

    @property
    def asker(self) -> Asker:
        """What the client says of itself."""
        return Asker(handles=self.handles, facts=self.facts, token=self.token)


def options(given: Mapping[str, Any], *, leases: bool = True) -> Options:
    """Return options as `pdp.connect` takes them; raise RequestError for what is none."""
    known = {each: given[each] for each in Options.__match_args__ + _NAMED if each in given}
    if unknown := sorted(given.keys() - known.keys()):
        raise RequestError(f"`connect` has no option `{unknown[0]}`; it has {', '.join(_NAMED)}")
    handles = known.get("handles", ())
    if isinstance(handles, str):
        raise RequestError("`handles` lists obligations by name")
    found = Options(**{"leases": leases, **known, "handles": frozenset(handles), **_renewing(known)})
    for name in ("leases", "facts", "insecure"):
        if type(getattr(found, name)) is not bool:
            raise RequestError(f"`{name}` is True or False")
    for name in ("timeout", "max_staleness"):
        value: object = getattr(found, name)
        if type(value) not in (int, float) or not 0 < value < 86_400:  # type: ignore[operator]  # Of one of these types.
            raise RequestError(f"`{name}` is a number of seconds, and not an empty one")
    if found.token is not None and not isinstance(found.token, str | Renewed):
        raise RequestError("`token` is a text, or what returns one each time that it is called")
    if type(found.max_kept) is not int or found.max_kept < 2:
        raise RequestError("`max_kept` is a number of answers, two at least")
    return found


_NAMED: Final = (
    "timeout",
    "handles",
    "leases",
    "max_kept",
    "max_staleness",
    "facts",
    "token",
    "insecure",
    "ca",
    "certificate",
    "key",
    "session_field",
    "clock",
)


class Renewed:
    """The token of a client that is another from time to time. What was kept by one before it is dropped then."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read, self._last = read, ""
        self.on_change: Callable[[], object] = lambda: None

    def look(self) -> None:
        """See whether it is another. What there is to say of one that is not to be had is said when it is shown."""
        with suppress(Exception):
            self()

    def __call__(self) -> str:
        try:
            found = self._read()
        except BaseException:
            self._changed("")
            raise
        self._changed(found)
        return found

    def _changed(self, found: str) -> None:
        if found != self._last:
            # Another token may be of another session, in which less is allowed.
            self._last = found
            self.on_change()


def _renewing(known: Mapping[str, Any]) -> dict[str, Any]:
    token = known.get("token")
    return {"token": Renewed(token)} if callable(token) else {}


def denied(failure: Failure) -> Decision:
    """Return the decision of a question that nobody answered."""
    # INVARIANT: no failure is an allow.
    reason = Reason.INVALID_REQUEST if failure.code in _UNASKED else Reason.SOURCE_FAILED
    return Decision(outcome=Outcome.DENY, reason=reason, detail=f"no answer: {failure} ({failure.code})")


_UNASKED: Final = frozenset(("invalid_request", "unreadable"))


def failed(error: Exception) -> Decision:
    """Return the decision of a question that something went wrong with on this side."""
    return Decision(
        outcome=Outcome.DENY,
        reason=Reason.INTERNAL_ERROR,
        detail=f"the request could not be asked: {type(error).__name__}",
    )


def unasked(error: Exception) -> Decision:
    """Return the decision of a question that cannot even be sent."""
    return Decision(
        outcome=Outcome.DENY,
        reason=Reason.INVALID_REQUEST,
        detail=f"the request cannot be sent: {type(error).__name__}",
    )


def expressed(questions: Sequence[bytes], form: Callable[[bytes], T]) -> tuple[list[T], dict[int, Reply]]:
    """Return questions as a protocol asks them, and denials of those that it cannot ask, by their places.

    Raises Refused where a question has to be packed with more care.
    """
    found: list[T] = []
    denials: dict[int, Reply] = {}
    for place, question in enumerate(questions):
        try:
            found.append(form(question))
        except Refused as refused:
            if refused.code == "unreadable":
                raise
            denials[place] = Reply(denied(refused), None, "")
    return found, denials


def in_order(replies: Sequence[Reply], denials: Mapping[int, Reply]) -> list[Reply]:
    """Return replies to what was asked, and denials of what was not, in the order of the questions."""
    left = iter(replies)
    return [denials[place] if place in denials else next(left) for place in range(len(replies) + len(denials))]


def raised(failure: Failure) -> RemoteError:
    """Return what is raised where there is no decision to be had."""
    return RemoteError(str(failure), code=failure.code)


class Keys:
    """Questions as bytes, which are sent, and by which their answers are kept: equal bytes are the same question."""

    __slots__ = ("_packers",)

    def __init__(self) -> None:
        self._packers = [packer()]

    def packed(self, fields: tuple[Any, ...] | Request) -> bytes:
        """Return a question as bytes. Raises Unreadable for what has no form."""
        # Each thread takes one for itself: to look for that of a thread takes longer.
        packers = self._packers
        try:
            own = packers.pop()
        except IndexError:
            own = packer()
        found = packed_question(fields, own)
        packers.append(own)
        return found


def session_of(given: Mapping[str, Any]) -> Session:
    """Return a session that is packed once; raise RequestError for what is none."""
    try:
        return PackedSession(given)
    except Exception as error:
        raise RequestError(f"this is no session: {type(error).__name__}") from error


def pauses() -> Iterable[float]:
    """Yield how long to wait before each attempt, in seconds: not at all before the first two."""
    # A connection that nobody used for long may be closed by now, and a new one is there at once.
    yield 0.0
    yield 0.0
    pause = FIRST_PAUSE
    while True:
        yield random.uniform(pause / 2, pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def searching(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is searched with, as it is sent."""
    found = dict(terms)
    for name in ("entities", "handles"):
        if name in found:
            found[name] = list(found[name])
    return found


def revocation(target: Mapping[str, Any], not_before: _datetime.datetime | None, why: str) -> dict[str, Any]:
    """Return what is to be revoked, as it is sent."""
    found = {name: value for name, value in target.items() if value is not None}
    if not_before is not None:
        found["not_before"] = not_before
    if why:
        found["why"] = why
    return found

"""Who acts, in this thread or task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from pdp.enforcement.denial import anonymous
from pdp.model import Entity, Request
from pdp.values import EntityRef


class Caller(NamedTuple):
    """What a guard knows that the arguments of a call do not tell."""

    principal: Entity | EntityRef | None = None
    session: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    engine: Any = None

    def request(self, action: str, facts: Mapping[str, Any]) -> Request:
        """Return what is asked, by the facts that are known of it; what they leave out is the caller's. Raises Denied.

        A fact that is there and None is not filled up: somebody looked for it, and there is none.
        """
        found = dict(facts)
        if "principal" not in found:
            found["principal"] = self.principal
            # A session says how somebody proved who it is. It goes with that principal, and with no other.
            found.setdefault("session", self.session)
        if found["principal"] is None:
            raise anonymous()
        context = found.get("context")
        if context is None:
            context = {}
        if self.context and isinstance(context, Mapping):
            context = {**self.context, **context}
        return Request(found["principal"], action, found["resource"], context, found.get("session"))


_NOBODY = Caller()
_CALLER: ContextVar[Caller] = ContextVar("pdp_caller", default=_NOBODY)


def current() -> Caller:
    """Return who acts here; nobody, where nobody was named."""
    return _CALLER.get()


@contextmanager
def acting(
    principal: Entity | EntityRef | None,
    *,
    session: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    engine: Any = None,
) -> Iterator[None]:
    """Name who acts while the block runs: for the guards of this thread or task, and of tasks that are begun here.

    `session` says how the principal proved who it is, `context` what each request of the block has in common, `engine`
    who decides. All of it is of this block alone: within another, nothing but the engine is taken over. None as the
    principal says that nobody acts.
    """
    outer = _CALLER.get()
    token = _CALLER.set(Caller(principal, session, context, outer.engine if engine is None else engine))
    try:
        yield
    finally:
        _CALLER.reset(token)

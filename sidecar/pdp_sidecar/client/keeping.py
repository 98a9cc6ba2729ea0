"""What clients of both kinds, for threads and for event loops, do before they ask, and after."""

from __future__ import annotations

import datetime as _datetime
import os
import weakref
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pdp.identity.who import Bearer
from pdp.model import Decision, Entity, Request
from pdp.session import Session
from pdp.values import EntityRef
from pdp_sidecar.client.asking import NO_ENTITIES, Keys, Options, Renewed, raised, session_of, unasked
from pdp_sidecar.client.failures import Failure
from pdp_sidecar.client.leases import Leases
from pdp_sidecar.frames.codec import careful_question
from pdp_sidecar.frames.values import Unreadable


class Question(NamedTuple):
    """A question to ask: by what its answer is kept, None for by nothing; as bytes; and as it was given."""

    key: Hashable
    packed: bytes
    fields: tuple[Any, ...]


class Keeping:
    """Keeps the answers of one client."""

    def __init__(self, options: Options) -> None:
        """Keep nothing yet."""
        self._options = options
        self._keys = Keys()
        self._leases = Leases(options.max_kept if options.leases else 0, options.max_staleness, options.clock)
        self._clock = options.clock
        # Whoever shows another token from time to time is looked at before what is kept is.
        self._renewed = options.token if isinstance(options.token, Renewed) else None
        if self._renewed is not None:
            self._renewed.on_change = self._leases.drop
        _ALL.add(self)

    def session(self, given: Mapping[str, Any]) -> Session:
        """Return a session that is copied once, for all requests that it asks. Raises RequestError for what is none."""
        return session_of(given)

    def _looked(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None,
        session: Mapping[str, Any] | None,
        now: _datetime.datetime | None,
        entities: Iterable[Entity],
    ) -> Decision | Question:
        """Return what is kept of a question, or the question to ask; a deny for what cannot be sent."""
        try:
            if self._renewed is not None:
                self._renewed.look()
            brought = entities if entities is NO_ENTITIES else tuple(entities)
            fields = principal, action, resource, context, session, now, brought
            if now is not None or _is_proved(principal):
                # It is of its moment, and of no other.
                return Question(None, self._keys.packed(fields), fields)
            if context is None is session and brought is NO_ENTITIES and _is_plain(principal, action, resource):
                key: Hashable = (principal, action, resource)
            else:
                key = self._keys.packed(fields)
            kept = self._leases.find(key)
            if kept is not None:
                return kept[2]
            return Question(key, key if type(key) is bytes else self._keys.packed(fields), fields)
        except Exception as error:
            return unasked(error)

    def _packable(
        self, requests: Sequence[Request], *, carefully: bool = False
    ) -> tuple[list[bytes], dict[int, Decision]]:
        """Return requests as bytes, and denials of those that cannot be sent, by their places."""
        packed: list[bytes] = []
        denials: dict[int, Decision] = {}
        for place, request in enumerate(requests):
            try:
                packed.append(careful_question([*request]) if carefully else self._keys.packed(request))
            except Exception as error:
                denials[place] = unasked(error)
        return packed, denials

    def _packed(self, request: Request) -> bytes:
        try:
            return self._keys.packed(request)
        except (Unreadable, TypeError, ValueError) as error:
            raise raised(Failure("invalid_request", f"the request cannot be sent: {error}")) from error

    def _forked(self) -> None:
        """Forget what is of a parent: its connections, its locks, its threads, and what it heard."""
        self._leases.renew()
        self._keys = Keys()


def _is_plain(principal: object, action: object, resource: object) -> bool:
    # Of these classes and no other: then equal ones are the same question.
    return type(principal) is EntityRef is type(resource) and type(action) is str


def _is_proved(principal: object) -> bool:
    # INVARIANT: a proof is taken once. Whoever shows it again is not answered by what is kept of the first time.
    return type(principal) is Bearer and bool(principal.shown.proofs)


_ALL: Final[weakref.WeakSet[Keeping]] = weakref.WeakSet()


def _forked() -> None:
    for client in [*_ALL]:
        client._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

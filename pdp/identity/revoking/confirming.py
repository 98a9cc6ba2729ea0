"""Whether a token still counts, asked of whoever issued it: once for all who bring it, and kept for a short time."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, Protocol

from pdp.clocks import passing
from pdp.errors import TokenError
from pdp.identity.revoking.breaker import Breaker
from pdp.identity.revoking.exchange import ExchangeError
from pdp.identity.revoking.loop import Loop
from pdp.identity.revoking.revoker import Revoker
from pdp.identity.waiting import landed

KEPT: Final = 10_000
"""Answers that are kept at most."""

WAITING: Final = 256
"""Tokens that are asked about at once. Whoever brings another one meanwhile is refused."""

_SLACK: Final = 1.0
"""Seconds beyond those of a question for which its answer is waited for, such as while a revocation is written."""

_WHY: Final = "its issuer says that the token counts no longer"


class Asking(Protocol):
    """Whom to ask. All of it runs in one event loop."""

    async def ask(self, token: str, claims: Mapping[str, Any]) -> bool:
        """Tell whether a token counts, whose claims were verified; raise ExchangeError where nobody says."""

    async def close(self) -> None:
        """Let go of connections."""


class _Told(NamedTuple):
    """What is known of a token: whether it counts, None where nobody says, and until when that is taken for so."""

    counts: bool | None
    until: float


class Confirmer:
    """Confirms tokens of one issuer. It is for threads and for event loops, and none of these ever waits for a network
    that does not answer longer than `timeout`, and a second.

    An answer is taken for `keep` seconds from when it was asked for. `make` makes whom to ask, in any process. What
    counts no longer is revoked by its `jti` as well, where there is a `revoker` and the token has one.
    """

    def __init__(
        self,
        make: Callable[[], Asking],
        *,
        keep: float,
        timeout: float,
        revoker: Revoker | None = None,
        monotonic: Callable[[], float] = passing,
        breaker: Breaker | None = None,
        kept: int = KEPT,
        waiting: int = WAITING,
    ) -> None:
        self.revoker = revoker
        self.problem: str | None = None
        self._make, self._keep, self._timeout, self._monotonic = make, keep, timeout, monotonic
        self._breaker = Breaker(monotonic) if breaker is None else breaker
        self._most, self._waiting = kept, waiting
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Told] = {}
        self._flying: dict[bytes, Future[_Told]] = {}
        self._revoked: dict[tuple[str, str], None] = {}
        self._loop = Loop("confirming")
        self._asking = self._make()

    def confirm(self, token: str, claims: Mapping[str, Any]) -> None:
        """Return where a token counts whose claims were verified. Raise TokenError where not, or where nobody says."""
        found = self._begun(token, claims)
        if isinstance(found, Future):
            try:
                found = found.result(self._timeout + _SLACK)
            except TimeoutError:
                found = _NOBODY
        _require(found)

    async def confirm_async(self, token: str, claims: Mapping[str, Any]) -> None:
        """Do as `confirm` does, and let the event loop go on meanwhile."""
        found = self._begun(token, claims)
        if isinstance(found, Future):
            found = found.result() if await landed(found, self._timeout + _SLACK) else _NOBODY
        _require(found)

    def _begun(self, token: str, claims: Mapping[str, Any]) -> _Told | Future[_Told]:
        """Return what is known of a token, or what will be."""
        if self._loop.is_inherited:
            # Neither threads nor connections outlive a fork.
            self._begin()
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        kept = self._known(digest)
        if kept is not None:
            return kept
        with self._lock:
            # Once more: what was asked may have been answered since.
            found = self._flying.get(digest) or self._known(digest)
            if found is not None:
                return found
            if len(self._flying) >= self._waiting:
                return _NOBODY
            if not self._breaker.admits():
                return _NOBODY
            flying = self._flying[digest] = Future()
            # Whoever gives up waiting takes the answer from nobody else.
            flying.set_running_or_notify_cancel()
            try:
                self._loop.run(self._ask(digest, token, claims, flying))
            except RuntimeError:
                self._breaker.failed()
                self.problem = "nobody could be asked: there is no thread for it"
                del self._flying[digest]
                return _NOBODY
            return flying

    def _known(self, digest: bytes) -> _Told | None:
        kept = self._kept.get(digest)
        return kept if kept is not None and self._monotonic() < kept.until else None

    async def _ask(self, digest: bytes, token: str, claims: Mapping[str, Any], flying: Future[_Told]) -> None:
        found = _NOBODY
        try:
            began = self._monotonic()
            counts = await self._answer(token, claims)
            found = _Told(counts, began + self._keep)
            if counts is False:
                await asyncio.to_thread(self._revoke, claims)
        finally:
            # INVARIANT: whatever becomes of the question, whoever waits is told, and nobody is told yes but by a yes.
            with self._lock:
                self._flying.pop(digest, None)
                if found.counts is not None:
                    self._keep_answer(digest, found)
            flying.set_result(found)

    async def _answer(self, token: str, claims: Mapping[str, Any]) -> bool | None:
        try:
            counts = await self._asking.ask(token, claims)
        except ExchangeError as error:
            self._breaker.failed()
            self.problem = str(error)
            return None
        except Exception as error:
            self._breaker.failed()
            self.problem = f"nobody could be asked: {type(error).__name__}"
            return None
        self._breaker.succeeded()
        self.problem = None
        return counts is True

    def _keep_answer(self, digest: bytes, found: _Told) -> None:
        self._kept.pop(digest, None)
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[digest] = found

    def _revoke(self, claims: Mapping[str, Any]) -> None:
        issuer, name = claims.get("iss"), claims.get("jti")
        if self.revoker is None or not isinstance(issuer, str) or not isinstance(name, str) or not name:
            return
        if (issuer, name) in self._revoked:
            # Whoever brings it again and again does not make the record grow.
            return
        try:
            self.revoker.revoke(token=name, issuer=issuer, why=_WHY)
        except Exception as error:
            # The token is refused all the same, and this is tried again when it is asked about again.
            self.problem = f"what counts no longer could not be revoked: {type(error).__name__}"
            return
        with self._lock:
            while len(self._revoked) >= self._most:
                del self._revoked[next(iter(self._revoked))]
            self._revoked[issuer, name] = None

    def close(self) -> None:
        """Ask no more."""
        self._loop.close(self._asking.close())


_NOBODY: Final = _Told(None, 0.0)


def _require(found: _Told) -> None:
    if found.counts is True:
        return
    if found.counts is False:
        raise TokenError("the issuer of the token says that it counts no longer", code="token_inactive")
    message = "nobody could say whether the token still counts"
    raise TokenError(message, code="token_unconfirmed", passing=True)

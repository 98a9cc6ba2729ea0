"""Those whose word is taken for who somebody is: tokens and certificates in, identities out."""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from pathlib import Path
from typing import Final

from pdp.clocks import passing
from pdp.configuration.report import Report
from pdp.errors import TokenError
from pdp.identity import keys
from pdp.identity.entries import Confirmer, Entry
from pdp.identity.issuer import Issuer, Keys, UnknownKeyError, Verified
from pdp.identity.known import Known, Tokens
from pdp.identity.loading import Configuration, load
from pdp.identity.options import IssuerOptions, ReplayOptions, SessionOptions
from pdp.identity.proof.proving import prove
from pdp.identity.proof.record import FileReplays, replays_of
from pdp.identity.proof.replay import Replays
from pdp.identity.revoking import confirmers
from pdp.identity.revoking.revoker import Revoker
from pdp.identity.verifying import verify
from pdp.identity.waiting import landed
from pdp.identity.who import NOTHING, Identity, Shown
from pdp.identity.workloads import certified
from pdp.schema import Schema

WAIT: Final = 10.0
"""Seconds that a token waits for keys that are on their way."""

_LOOKS: Final = 2
"""Reads of keys that a token waits for: one may have been on its way when the issuer began to use another key."""

_AGAIN: Final = 1_000_000
"""Microseconds after which a token that is known is held to the keys of its issuer anew."""


class Issuers:
    """Verifies tokens of configured issuers, and says whom they speak for.

    It is for threads and for event loops, and for children that are forked. A token that was verified is known by its
    exact text. Whether it, or whom it speaks for, is revoked is asked at every decision.
    """

    def __init__(
        self,
        configuration: Configuration,
        entries: Iterable[Entry],
        *,
        replays: Replays | None = None,
        now: Callable[[], int] | None = None,
        wait: float = WAIT,
    ) -> None:
        """Take a configuration, and an entry for each of its issuers.

        `now` tells microseconds since the epoch. For keys that are on their way, a token waits `wait` seconds at most.
        """
        self.configuration = configuration
        options = configuration.options
        self._options, self._wait = options, wait
        self._entries = {id(each.issuer): each for each in entries}
        self.issuers = _by_name(each.issuer for each in self._entries.values())
        self._domains = {each.trust_domain: each for each in options.workloads}
        self._replays = replays_of(options.replay) if replays is None else replays
        self._proving: ThreadPoolExecutor | None = None
        self._lent = _lent(options.issuers)
        # What is known is found before anything else is called: the clock that it is held to is the system's own.
        self._clock, self._ticks = (time.time_ns, 1000) if now is None else (now, 1)
        self._tokens = Tokens(options.kept)
        self._at_once = self._tokens.at_once
        _ALL.add(self)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        schema: Schema | None = None,
        environment: Mapping[str, str] | None = None,
        now: Callable[[], int] | None = None,
        monotonic: Callable[[], float] = passing,
        keys_of: Callable[[IssuerOptions], Keys] | None = None,
        wait: float = WAIT,
    ) -> Issuers:
        """Load a configuration from a file of TOML. Keys are read when they are first needed, or by `start`.

        With the schema of a policy, what it says of types and attributes is held to that. `keys_of` stands in for where
        keys come from, `monotonic` tells seconds. Raises ConfigurationError with all that is wrong.
        """
        configuration = load(path, schema=schema, environment=environment)
        report, entries = configuration.report, []
        for number, each in enumerate(configuration.options.issuers):
            its_keys = keys.of(each, monotonic=monotonic) if keys_of is None else keys_of(each)
            entries.append(Entry.of(each, its_keys, _confirmers(number, each, report, environment, monotonic)))
        replays = _replays(configuration.options.replay, report)
        report.require()
        return cls(configuration, entries, replays=replays, now=now, wait=wait)

    # -------------------------------------------------------------------------------------------------------- asking

    def identify(self, token: str, shown: Shown | None = None) -> Identity:
        """Return whom a token speaks for; raise TokenError where it is not taken.

        `shown` is what proves that whoever brings it has the key that it is bound to. Only a token whose key is on its
        way, or that somebody has to be asked about, is waited for.
        """
        try:
            identity, since, until = self._at_once[token]
            if since <= self._clock() < until and (shown is None or not shown.proofs):
                return identity
        except (KeyError, TypeError):
            # It is not known, or no text.
            pass
        held = self._held(token)
        verified = self._verified(token) if held is None else held.verified
        entry = self._entries[id(verified.issuer)]
        for each in entry.confirmers:
            each.confirm(token, verified.claims)
        return self._identity(token, shown or NOTHING, entry, verified, held)

    async def identify_async(self, token: str, shown: Shown | None = None) -> Identity:
        """Do as `identify` does, and let the event loop go on meanwhile."""
        try:
            identity, since, until = self._at_once[token]
            if since <= self._clock() < until and (shown is None or not shown.proofs):
                return identity
        except (KeyError, TypeError):
            # It is not known, or no text.
            pass
        held = self._held(token)
        verified = await self._verified_async(token) if held is None else held.verified
        entry = self._entries[id(verified.issuer)]
        for each in entry.confirmers:
            await each.confirm_async(token, verified.claims)
        given = token, shown or NOTHING, entry, verified, held
        if shown is None or not shown.proofs or not isinstance(self._replays, FileReplays):
            return self._identity(*given)
        # Another process may have the file of proofs: this one goes on meanwhile, and so does all else that it answers.
        if self._proving is None:
            self._proving = ThreadPoolExecutor(1, thread_name_prefix="proofs")
        return await asyncio.get_running_loop().run_in_executor(self._proving, self._identity, *given)

    def certified(
        self,
        identities: tuple[str, ...],
        digest: bytes | None,
        *,
        issued_at: int | None = None,
        until: int | None = None,
    ) -> Identity:
        """Return whom the certificate of a connection names, that TLS has verified; raise TokenError.

        `identities` are its URI names and `digest` is the SHA-256 of its DER; `issued_at` and `until` are when it
        begins and ends, in microseconds since the epoch. Whoever asks sees to it that it has not run out.
        """
        return certified(self._domains, identities, digest, now=self._now(), issued_at=issued_at, until=until)

    # ----------------------------------------------------------------------------------------------------- on the way

    def _now(self) -> int:
        return self._clock() // self._ticks

    def _held(self, token: str) -> Known | None:
        """Return what is known of a token, where it is signed by a key that its issuer still has."""
        known = self._tokens.find(token) if type(token) is str else None
        if known is None:
            return None
        verified = known.verified
        try:
            key = verified.issuer.keys.find(verified.header.get("kid", ""), verified.key.algorithm)
        except UnknownKeyError:
            key = None
        if key == verified.key and self._now() < known.identity.until:
            return known
        self._tokens.forget(token)
        return None

    def _look(self, token: str) -> Verified:
        return verify(token, self.issuers, self._now(), self._options.leeway, self._options.largest)

    def _verified(self, token: str) -> Verified:
        deadline = passing() + self._wait
        for _ in range(_LOOKS):
            try:
                return self._look(token)
            except UnknownKeyError as error:
                if error.coming is None or not wait_for([error.coming], max(0.0, deadline - passing())).done:
                    raise
        return self._look(token)

    async def _verified_async(self, token: str) -> Verified:
        deadline = passing() + self._wait
        for _ in range(_LOOKS):
            try:
                return self._look(token)
            except UnknownKeyError as error:
                if error.coming is None:
                    raise
                if not await landed(error.coming, deadline - passing()):
                    raise
        return self._look(token)

    def _identity(self, token: str, shown: Shown, entry: Entry, verified: Verified, held: Known | None) -> Identity:
        options, now = entry.issuer.options, self._now()
        leeway = self._options.leeway
        key = prove(verified.claims, token, shown, options.proof, now, self._replays, leeway=leeway)
        # What is bound to another key is another session. One that ran out while somebody was asked about it is none.
        same = held is not None and held.key == key and now < held.identity.until
        identity = held.identity if held is not None and same else entry.identity(token, verified, key, now)
        # INVARIANT: what is bound to a key, or has to be confirmed, is never answered at once.
        alone = key is None and not entry.confirmers
        at_once = (now * self._ticks, min(identity.until, now + _AGAIN) * self._ticks) if alone else None
        self._tokens.keep(token, Known(identity, verified, key), now, at_once)
        return identity

    # ----------------------------------------------------------------------------------------------------------- life

    def check(self, schema: Schema) -> None:
        """Hold the configuration to what another policy declares; raise ConfigurationError."""
        self.configuration.check(schema)

    def start(self) -> Future[None]:
        """Begin to read keys; return what is done once all of them are there, or could not be had."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        left = [each.issuer.keys.start() for each in self._entries.values()]

        def settle(_: object = None) -> None:
            if all(each.done() for each in left):
                # The last two may be done at once.
                with suppress(InvalidStateError):
                    done.set_result(None)

        settle()
        for each in left:
            each.add_done_callback(settle)
        return done

    def close(self) -> None:
        """Read keys no more, and ask nobody. Tokens that are known stay so until they are held to keys anew."""
        for each in self._entries.values():
            each.issuer.keys.close()
            for confirmer in each.confirmers:
                confirmer.close()
        if self._proving is not None:
            self._proving.shutdown(wait=False)
            self._proving = None
        if isinstance(self._replays, FileReplays):
            self._replays.close()

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong, for those who run this: of whom no keys are to be had, or nobody answers."""
        found = []
        for each in self._entries.values():
            sources: list[Keys | Confirmer] = [each.issuer.keys, *each.confirmers]
            found += [f"{each.issuer.options.issuer}: {source.problem}" for source in sources if source.problem]
        return tuple(found)

    def words(self, issuer: str) -> SessionOptions | None:
        """Return in which words an issuer tells of a second factor; None for one that is not configured."""
        return next((each.options.session for each in self.issuers.get(issuer, ())), None)

    def lent(self, issuer: str) -> int | None:
        """Return for how many microseconds it is taken that a token of an issuer counts, None where nobody is asked."""
        return self._lent.get(issuer)

    def revoke_by(self, revoker: Revoker) -> None:
        """Say who revokes what an issuer says counts no longer: an engine, or a sidecar for all of its workers."""
        for entry in self._entries.values():
            for each in entry.confirmers:
                each.revoker = revoker


def _confirmers(
    number: int,
    options: IssuerOptions,
    report: Report,
    environment: Mapping[str, str] | None,
    monotonic: Callable[[], float],
) -> tuple[Confirmer, ...]:
    try:
        return confirmers.of(options, environment=environment, monotonic=monotonic)
    except (ValueError, OSError) as error:
        # What was checked is an address and a file: it holds no certificates.
        message = f"nobody can be asked by these certificates: {type(error).__name__}"
        section = "introspection" if options.introspection is not None else "review"
        report.add("no_certificates", ("issuers", number, section), message)
        return ()


def _replays(options: ReplayOptions, report: Report) -> Replays | None:
    try:
        return replays_of(options)
    except TokenError as error:
        report.add("no_proofs", ("replay", "file"), str(error))
        return None


def _by_name(issuers: Iterable[Issuer]) -> dict[str, tuple[Issuer, ...]]:
    found: dict[str, tuple[Issuer, ...]] = {}
    for each in issuers:
        found[each.options.issuer] = (*found.get(each.options.issuer, ()), each)
    return found


def _lent(options: Iterable[IssuerOptions]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in options:
        for asked in (each.introspection, each.review):
            if asked is not None:
                micros = int(asked.keep * 1_000_000)
                found[each.issuer] = min(micros, found.get(each.issuer, micros))
    return found


_ALL: Final[weakref.WeakSet[Issuers]] = weakref.WeakSet()


def _forked() -> None:
    for each in list(_ALL):
        each._tokens.renew()
        # Its thread is one of the parent.
        each._proving = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

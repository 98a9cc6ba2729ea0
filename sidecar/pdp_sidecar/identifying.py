"""Who is asking, by tokens and certificates that somebody else gave them: verified, and not revoked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from pdp.engine import Engine
from pdp.errors import TokenError
from pdp.evaluation import proved_at, revocable
from pdp.identity.who import NOTHING, Identity, Shown
from pdp.model import Decision, Entity, Membership
from pdp.values import Datetime, EntityRef
from pdp.world import World, resolved
from pdp_sidecar.callers import Caller, Callers, NotPermitted, Peer

if TYPE_CHECKING:
    from pdp.identity.options import SessionOptions
    from pdp.identity.stepup import StepUp, StepUps

VERIFIED: Final = "verified"
_MOST: Final = 4096
"""Callers that are remembered by their tokens, at most."""

_KEY_PROOFS: Final = frozenset(("proof_missing", "wrong_proof", "proof_replayed"))


class Issuers(Protocol):
    """Those whose tokens and certificates are taken: `pdp.identity.issuers.Issuers`."""

    async def identify_async(self, token: str, shown: Shown = NOTHING) -> Identity:
        """Return whom a token speaks for; raise TokenError."""

    def certified(
        self,
        identities: tuple[str, ...],
        digest: bytes | None,
        *,
        issued_at: int | None = None,
        until: int | None = None,
    ) -> Identity:
        """Return whom a certificate names that TLS has verified; raise TokenError."""

    def words(self, issuer: str) -> SessionOptions | None:
        """Return in which words an issuer tells of a second factor."""

    def lent(self, issuer: str) -> int | None:
        """Return for how many microseconds it is taken that a token of an issuer counts, None where nobody is asked."""


class Challenge(NamedTuple):
    """How to say what was wrong with a token (RFC 6750 3, RFC 9449 7.1)."""

    scheme: str
    error: str

    @classmethod
    def of(cls, error: TokenError) -> Challenge:
        """Return that of a refusal."""
        if error.code in _KEY_PROOFS:
            return cls("DPoP", "invalid_dpop_proof")
        return cls("Bearer", "invalid_token")


class Identifying:
    """Verifies what callers show, in the thread of an event loop. `tokens` counts what became of it, by code."""

    def __init__(self, issuers: Issuers, engine: Engine) -> None:
        self._issuers, self._engine = issuers, engine
        self.tokens: Counter[str] = Counter()
        self._step_ups: StepUps | None = None
        self._known: dict[int, tuple[Identity, Callers, Caller]] = {}

    async def bearer(self, token: str, shown: Shown = NOTHING, *, proves: bool = False) -> Identity:
        """Return whom a token speaks for; raise TokenError, and nothing else.

        `proves` says that it came by the scheme DPoP, which is for tokens that are bound to a key. It is waited for
        where keys are on their way, or somebody has to be asked. Of a token that is remembered it is not.
        """
        try:
            found = await self._issuers.identify_async(token, shown)
            if proves and found.session.get("bound") is not True:
                # RFC 9449 7.1.
                raise TokenError("it is bound to no key", code="wrong_proof")
        except TokenError as error:
            self.tokens[error.code] += 1
            raise
        except Exception as error:
            # INVARIANT: whatever raised it, a token that could not be verified is refused. What it says goes to nobody.
            self.tokens["keys_unavailable"] += 1
            message = f"it could not be verified: {type(error).__name__}"
            raise TokenError(message, code="keys_unavailable", passing=True) from None
        self.tokens[VERIFIED] += 1
        return found

    async def caller(self, callers: Callers, peer: Peer) -> Caller | None:
        """Return who a peer is, None for nobody; raise TokenError, or NotPermitted for somebody who may ask nothing."""
        if peer.token is None:
            return self._by_certificate(callers, peer)
        if not peer.proves:
            known = callers.of(peer)
            if known is not None:
                return known
        if not callers.by_principal:
            return None
        hold_scheme(peer.shown, proves=peer.proves)
        identity = await self.bearer(peer.token, peer.shown, proves=peer.proves)
        self._require(identity)
        return self._proven(callers, identity)

    def _proven(self, callers: Callers, identity: Identity) -> Caller:
        # What a token comes to is one object for as long as it is remembered, and so is its caller.
        held = self._known.get(id(identity))
        if held is not None and held[0] is identity and held[1] is callers:
            return held[2]
        found = callers.proven(identity)
        if found is None:
            raise NotPermitted("whoever this token is of may ask nothing here")
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[id(identity)] = identity, callers, found
        return found

    def _by_certificate(self, callers: Callers, peer: Peer) -> Caller | None:
        leaf = peer.certificate
        if leaf is None or not callers.by_principal or callers.certified(peer) is not None:
            return callers.of(peer)
        begins, ends = Datetime.of(leaf.begins).micros, Datetime.of(leaf.ends).micros
        try:
            identity = self._issuers.certified(peer.identities, leaf.digest, issued_at=begins, until=ends)
        except TokenError:
            # Nobody configured names its trust domain: it is what it is where certificates alone are looked at.
            return callers.of(peer)
        self._require(identity)
        return callers.proven(identity) or callers.of(peer)

    def lent(self, identity: Identity) -> int | None:
        """Return for how many microseconds an answer may be kept, None where nobody is asked whether a token counts."""
        return self._issuers.lent(identity.issuer)

    def step_up(self, decision: Decision, identity: Identity | None) -> StepUp | None:
        """Return the sign-in that would meet the needs of a deny (RFC 9470), None where it would take anything else.

        Whoever asks gets there by an issuer: `acr` and `amr` are in the words of that one.
        """
        if decision or identity is None or not decision.remedies:
            return None
        policy = self._engine.policy
        if self._step_ups is None or self._step_ups.policy is not policy:
            # What is not asked for is not read.
            from pdp.identity.stepup import StepUps

            self._step_ups = StepUps(policy)
        return self._step_ups.of(decision, self._issuers.words(identity.issuer))

    def _require(self, identity: Identity) -> None:
        """Raise TokenError for somebody who is revoked: what a caller asks need not be decided by any rule."""
        world = self._engine._world
        if world.given.revocations and is_revoked(world, identity):
            self.tokens["token_inactive"] += 1
            raise TokenError("it, or whoever it speaks for, is revoked", code="token_inactive")


def hold_scheme(shown: Shown, *, proves: bool) -> None:
    """Raise TokenError where a proof comes by another scheme than DPoP, or that scheme without one (RFC 9449 7)."""
    if proves and not shown.proofs:
        raise TokenError("it comes by the scheme DPoP, and no proof with it", code="proof_missing")
    if shown.proofs and not proves:
        raise TokenError("it comes with a proof, and not by the scheme DPoP", code="wrong_proof")


def told(error: TokenError) -> str:
    """Return what is said of a token that is refused: what failed, and nothing that it holds."""
    return f"the token is refused: {error} ({error.code})"


def is_revoked(world: World, identity: Identity) -> bool:
    """Tell whether a revocation reaches an identity: by its session, by whom it speaks for, or by a group of these.

    A membership counts here though it may have ended: who was in a group when it was revoked asks no more by that.
    """
    known, session = world.revoked, _plain(identity)
    proved = proved_at(session)
    if any(known.session(kind, name, proved) for kind, name in revocable(session)):
        return True
    actor = session.get("actor")
    for ref in (identity.ref, actor):
        if isinstance(ref, EntityRef) and known.entity(resolved(ref, world.schema), proved):
            return True
    if not known.index.groups:
        return False
    return any(known.group(ref, proved) for ref in _above(world, identity, actor))


def _plain(identity: Identity) -> dict[str, Any]:
    found: dict[str, Any] = dict(identity.session)
    for name in ("authenticated_at", "issued_at"):
        if name in found and not isinstance(found[name], Datetime):
            found[name] = Datetime.of(found[name])
    return found


def _above(world: World, identity: Identity, actor: object) -> Iterator[EntityRef]:
    principal = identity.principal
    told = principal.parents if isinstance(principal, Entity) else ()
    work = [resolved(each.parent if isinstance(each, Membership) else each, world.schema) for each in told]
    work += [resolved(each, world.schema) for each in (identity.ref, actor) if isinstance(each, EntityRef)]
    seen: set[EntityRef] = set()
    while work:
        ref = work.pop()
        if ref in seen:
            continue
        seen.add(ref)
        yield ref
        node = world._node(ref)
        work += () if node is None else (step.parent for step in node.parents)

"""Who asks the sidecar, and what they may ask."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pdp.classes import dataclass, field
from pdp.conform import read_ref
from pdp.identity.who import NOTHING, Identity, Shown
from pdp.model import Entity
from pdp.values import EntityRef

if TYPE_CHECKING:
    from pdp.identity.certificates import Leaf


class May(StrEnum):
    """What a caller may do. `check` is to ask for decisions, `watch` to be told when they change.

    `approve` is for whoever proved who they are: it is they who approve.
    """

    CHECK = "check"
    WATCH = "watch"
    EXPLAIN = "explain"
    SEARCH = "search"
    REVOKE = "revoke"
    STATUS = "status"
    APPROVE = "approve"


class NotPermitted(Exception):
    """The caller may not do this. The message says what it may not, and is safe to send to it."""


def named(text: str) -> EntityRef:
    """Read `Type:id`, `Type "id"`, or `Photos::User::"ada"` as Cedar writes it; else raise ValueError.

    >>> named('Photos::User::"ada"')
    EntityRef(type='Photos::User', id='ada')
    """
    cedar = _CEDAR.fullmatch(text)
    return read_ref(text) if cedar is None else EntityRef(cedar[1], read_ref(f"Type {cedar[2]}").id)


_CEDAR: Final = re.compile(r'([^\W\d]\w*(?:::[^\W\d]\w*)*)::("(?:[^"\\]|\\.)*")', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Bound:
    """Principals for whom a caller may ask: all of a type, one, or all whose id begins like it (`is_prefix`).

    >>> Bound.parse("Workload:spiffe://example.org/ci/*")
    Bound(type='Workload', id='spiffe://example.org/ci/', is_prefix=True)
    """

    type: str
    id: str = ""
    is_prefix: bool = True

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Read `Type`, or what `named` reads, with `*` at the end of the id for all that begin so; raise ValueError."""
        if all(part.isidentifier() for part in text.replace("::", ".").split(".")):
            return cls(text)
        ref = named(text)
        return cls(ref.type, ref.id.removesuffix("*"), ref.id.endswith("*"))

    def holds(self, principal: EntityRef) -> bool:
        """Tell whether a principal is among them."""
        if principal.type != self.type:
            return False
        return principal.id.startswith(self.id) if self.is_prefix else principal.id == self.id


@dataclass(frozen=True, slots=True)
class Caller:
    """A process that asks. `principals` are those for whom it may ask, None for anybody.

    `asserts_session` says whether what it tells of sessions counts: whoever may not vouch for anybody asks without one.
    With an `identity`, that of a verified token or certificate, it asks for itself, and for nobody else but
    `principals`.
    """

    name: str
    may: frozenset[May]
    principals: tuple[Bound, ...] | None = None
    asserts_session: bool = True
    identity: Identity | None = None

    def require(self, what: May) -> None:
        """Raise NotPermitted where the caller may not do something."""
        if what not in self.may:
            raise NotPermitted(f"`{self.name}` may not {what}")

    @property
    def is_free(self) -> bool:
        """Whether there is no question that the caller may not ask, once it may ask at all."""
        return self.principals is None and self.asserts_session and May.EXPLAIN in self.may and self.identity is None

    def may_ask_for(self, principal: Entity | EntityRef) -> bool:
        """Tell whether the caller may ask for a principal."""
        own = self.identity
        if self.principals is None is own:
            return True
        named = principal.ref if isinstance(principal, Entity) else principal
        if own is not None and named == own.ref:
            return True
        # INVARIANT: whoever proved to be somebody asks for nobody else, unless the configuration says for whom.
        return self.principals is not None and any(bound.holds(named) for bound in self.principals)


ANYTHING: Final = frozenset(May)


def caller(name: str, may: Iterable[May] = ANYTHING, principals: Iterable[str] | None = None) -> Caller:
    """Return a caller; raise ValueError where a principal is not written as one.

    >>> caller("shop", [May.CHECK], ["User"]).may_ask_for(EntityRef("Workload", "ci"))
    False
    """
    bounds = None if principals is None else tuple(map(Bound.parse, principals))
    return Caller(name, frozenset(may), bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What a connection, and what comes with a request, show of who is there.

    `uid` is that of the process at the other end of a Unix socket, as the kernel has it. `identities` are the URI names
    of a certificate that was verified and has not run out, and `certificate` is what else it says. `token` came as
    `Authorization: Bearer`, or `DPoP` where `proves` says so, and `shown` with it.
    """

    uid: int | None = None
    identities: tuple[str, ...] = ()
    certificate: Leaf | None = None
    token: str | None = None
    proves: bool = False
    shown: Shown = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who is who. `by_identity` is looked through in its order; a name that ends in `/*` is that of all under it.

    `by_token` has callers by the SHA-256 of their token. `by_principal` is looked through in its order for whom a
    verified token or certificate names. `otherwise` is whoever shows nothing, None where they may ask nothing.

    >>> ci = caller("ci")
    >>> callers = Callers(by_identity=(("spiffe://example.org/ci/*", ci),))
    >>> callers.of(Peer(identities=("spiffe://example.org/ci/build",))) is ci
    True
    >>> callers.of(Peer(identities=("spiffe://example.org/cicero",))), callers.of(Peer())
    (None, None)
    """

    by_uid: Mapping[int, Caller] = field(default_factory=dict)
    by_identity: tuple[tuple[str, Caller], ...] = ()
    by_token: Mapping[bytes, Caller] = field(default_factory=dict)
    by_principal: tuple[tuple[Bound, Caller], ...] = ()
    otherwise: Caller | None = None

    def of(self, peer: Peer) -> Caller | None:
        """Return who a peer is, None for nobody who may ask. A token that is not known is nobody's, whatever else."""
        if peer.token is not None:
            # By its digest: how long the look-up takes says nothing of the token.
            return self.by_token.get(hashlib.sha256(peer.token.encode("utf-8", "surrogatepass")).digest())
        found = self.certified(peer)
        if found is not None:
            return found
        if len(peer.identities) > 1:
            # A certificate of several names is of nobody in particular (SPIFFE X.509-SVID 2 has exactly one).
            return None
        if peer.uid is not None and peer.uid in self.by_uid:
            return self.by_uid[peer.uid]
        return self.otherwise

    def certified(self, peer: Peer) -> Caller | None:
        """Return whose certificate a peer shows, None for nobody's."""
        if len(peer.identities) != 1:
            return None
        return next((who for name, who in self.by_identity if _is(peer.identities[0], name)), None)

    def proven(self, identity: Identity) -> Caller | None:
        """Return who somebody is that was verified, None for nobody who may ask."""
        found = next((who for bound, who in self.by_principal if bound.holds(identity.ref)), None)
        if found is None:
            return None
        return Caller(found.name, found.may, found.principals, found.asserts_session, identity)


def _is(identity: str, name: str) -> bool:
    return identity.startswith(name[:-1]) and len(identity) >= len(name) if name.endswith("/*") else identity == name

"""People and machines that are told by tokens, and what they ask about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pdp
from pdp.errors import TokenError
from pdp.identity.options import SessionOptions
from pdp.identity.who import NOTHING, Actor, Identity, Shown
from pdp.session import Session
from pdp.values import Datetime
from pdp_sidecar.callers import Bound, Caller, Callers, May
from pdp_sidecar.identifying import Identifying
from pdp_sidecar.service import Service
from tests.identity.tokens import NOW

POLICY = """
type Group in Group
type User in Group { email?: String }
type Workload { repository?: String }
type Page { level: Int }
type Agent
session { actor?: Agent }
action read on Page by User, Workload
action edit on Page by User

rule people_read:
  permit User to read on Page

rule agents_read_for_people:
  permit User to read on Page
  via Agent

rule editors_edit:
  permit User in Group "editors" to edit on Page
  needs session.mfa else "sign in with a second factor"

rule trunk_reads:
  permit Workload to read on Page
  when principal has repository and principal.repository == "x/api"
"""

ADA, BEN, CI, PAGE = pdp.ref("User", "ada"), pdp.ref("User", "ben"), pdp.ref("Workload", "ci"), pdp.ref("Page", "home")
EDITORS = pdp.ref("Group", "editors")
ISSUER = "https://id.example.org"
SECOND = 1_000_000


class Clock:
    """The time, which goes on when a test says so."""

    def __init__(self) -> None:
        self.micros = NOW * SECOND

    def now(self) -> Any:
        return Datetime(self.micros).to_datetime()

    def go_on(self, seconds: float) -> None:
        self.micros += int(seconds * SECOND)


def engine(clock: Clock | None = None, **options: Any) -> pdp.Engine:
    held = [
        pdp.Entity(*EDITORS),
        pdp.Entity("User", "ada", parents=[EDITORS]),
        pdp.Entity("User", "ben"),
        pdp.Entity("Page", "home", {"level": 1}),
    ]
    return pdp.Engine.from_text(POLICY, entities=held, clock=(clock or Clock()).now, **options)


def identity(
    principal: pdp.Entity | pdp.EntityRef = ADA,
    *,
    mfa: bool = False,
    token_id: str = "t-1",
    seconds: int = 600,
    bound: bool = False,
    actors: tuple[str, ...] = (),
    **more: Any,
) -> Identity:
    """Return whom a token speaks for that was issued now."""
    begins, ends = Datetime(NOW * SECOND), Datetime((NOW + seconds) * SECOND)
    given = {"mfa": mfa, "methods": ["pwd"], "authenticated_at": begins, "issued_at": begins, "expires_at": ends}
    given |= {"issuer": ISSUER, "token_id": token_id, "bound": bound, **more}
    if actors:
        given["actor"] = pdp.ref("Agent", actors[0])
    return Identity(
        principal=principal,
        session=Session(given),
        issuer=ISSUER,
        subject=principal.id,
        until=(NOW + seconds) * SECOND,
        token_id=token_id,
        actors=tuple(Actor(subject=each, issuer=ISSUER) for each in actors),
    )


class Issuers:
    """Takes tokens that a test has written down, by what they come to."""

    def __init__(self, known: Mapping[str, Identity | Exception], clock: Clock | None = None) -> None:
        self.known, self.clock, self.seen = dict(known), clock or Clock(), list[tuple[str, Shown]]()
        self.keep: int | None = None

    async def identify_async(self, token: str, shown: Shown = NOTHING) -> Identity:
        self.seen.append((token, shown))
        found = self.known.get(token, TokenError("it is no JWS", code="malformed_token"))
        if isinstance(found, Exception):
            raise found
        if found.until <= self.clock.micros:
            raise TokenError("it has run out", code="token_expired")
        if found.session["bound"] and not (shown.proofs or shown.certificate):
            raise TokenError("nothing shows that whoever brings it has its key", code="proof_missing")
        return found

    def certified(
        self,
        identities: tuple[str, ...],
        digest: bytes | None,
        *,
        issued_at: int | None = None,
        until: int | None = None,
    ) -> Identity:
        found = self.known.get(identities[0])
        if not isinstance(found, Identity):
            raise TokenError("it is of no trust domain of these", code="wrong_certificate")
        return found

    def words(self, issuer: str) -> SessionOptions | None:
        return SessionOptions(mfa_acr=("phr",))

    def lent(self, issuer: str) -> int | None:
        return self.keep


TOKENS: dict[str, Identity | Exception] = {
    "ada": identity(),
    "ada-mfa": identity(mfa=True),
    "ben": identity(BEN),
    "bound": identity(bound=True),
    "ci": identity(pdp.Entity("Workload", "ci", {"repository": "x/api"})),
    "agent": identity(actors=("bot", "helper")),
    "expired": TokenError("it has run out", code="token_expired"),
    "audience": TokenError("it is for somebody else", code="wrong_audience"),
    "late": TokenError("the keys of its issuer cannot be had", code="keys_unavailable", passing=True),
}

EVERYTHING = frozenset(May)
PEP = Caller("pep", EVERYTHING)
ASKING = frozenset({May.CHECK, May.WATCH, May.SEARCH, May.EXPLAIN})


def itself(found: Identity, *principals: str, **more: Any) -> Caller:
    """Return a caller that was told by a token."""
    bounds = tuple(map(Bound.parse, principals)) if principals else None
    return Caller("itself", ASKING, bounds, identity=found, **more)


def callers(**more: Any) -> Callers:
    """Return callers that are told by tokens: people, and workloads that may ask for people."""
    people = Caller("people", ASKING)
    mesh = Caller("mesh", EVERYTHING, (Bound.parse("User"),), asserts_session=True)
    return Callers(by_principal=((Bound.parse("User"), people), (Bound.parse("Workload"), mesh)), **more)


def service(held: pdp.Engine | None = None, known: Mapping[str, Identity | Exception] = TOKENS, **more: Any) -> Service:
    held = engine() if held is None else held
    return Service(held, identifying=Identifying(Issuers(known), held), **more)

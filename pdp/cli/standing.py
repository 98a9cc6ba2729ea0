"""What policies know of whoever a token speaks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pdp.classes import dataclass
from pdp.cli.bearer import bring
from pdp.cli.question import record
from pdp.cli.terminal import plain
from pdp.engine import Engine
from pdp.entities import Store
from pdp.errors import article
from pdp.folder import load
from pdp.identity.who import Identity
from pdp.model import Decision, Entity, Reason, Request
from pdp.schema import Schema
from pdp.values import EntityRef

_TAKEN: Final = (
    Reason.PRINCIPAL_REVOKED,
    Reason.SESSION_REVOKED,
    Reason.SESSION_EXPIRED,
    Reason.SESSION_NOT_YET_VALID,
    Reason.INVALID_SESSION,
)
"""Why nothing at all is allowed, whatever is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a policy folder knows of a principal.

    `known` says that it holds the entity, `parents` what that is in there, `bare` that entities of the type need not
    be held; `asks` how many actions they may be asked about. `revoked` is why none is allowed.
    """

    known: bool
    bare: bool
    brought: bool
    parents: tuple[str, ...]
    asks: int
    type: str
    revoked: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "known": self.known,
            "in": [*self.parents],
            "actions": self.asks,
            "revoked": self.revoked is not None,
            "why": self.revoked,
        }

    def lines(self) -> Iterator[str]:
        """Yield it in words."""
        if self.known:
            inside = f", in {', '.join(self.parents)}" if self.parents else ""
            rest = "; what the token says of it is not used" if self.brought else ""
            yield plain(f"held by the policies{inside}{rest}")
        elif self.brought or self.bare:
            yield "not held by the policies, which need not hold it"
        else:
            yield "not held by the policies: whatever it asks for is denied"
        if not self.asks:
            yield plain(f"the policies have no action of {article(self.type)}")
        if self.revoked is not None:
            yield plain(f"nothing is allowed: {self.revoked}")


def stand(token: str, policies: str, configuration: str, revocations: str | None) -> tuple[Identity, Standing]:
    """Return whom a token speaks for, and what policies know of them; raise Refusal where that cannot be told."""
    policy, store = load(policies).require()
    who = bring(token, policies, configuration, policy.schema)
    engine = Engine(policy, store, revocations=record(revocations))
    return who, _of(who, engine, store)


def _of(who: Identity, engine: Engine, store: Store) -> Standing:
    schema = engine.policy.schema
    ref = EntityRef(schema.resolve(who.ref.type), who.ref.id)
    node, declared = store.node(ref), schema.entities.get(ref.type)
    asked = [each for each in schema.actions.values() if ref.type in each.principals and each.resources]
    decision = _asked(who, engine, schema, asked[0].name) if asked else None
    return Standing(
        known=node is not None,
        bare=declared is not None and declared.bare,
        brought=isinstance(who.principal, Entity),
        parents=() if node is None else tuple(sorted(str(each.parent) for each in node.parents)),
        asks=len(asked),
        type=ref.type,
        revoked=None if decision is None or decision.reason not in _TAKEN else decision.detail,
    )


def _asked(who: Identity, engine: Engine, schema: Schema, action: str) -> Decision:
    """Ask for some action on something that nothing holds: who asks is looked at before that."""
    kind = sorted(schema.actions[action].resources)[0]
    ids = schema.entities[kind].ids if kind in schema.entities else None
    resource = EntityRef(kind, sorted(ids)[0] if ids else "?")
    return engine.answer(Request(who.principal, action, resource, {}, who.session))

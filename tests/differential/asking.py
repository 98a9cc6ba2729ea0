"""Random requests about what a case knows: conforming, lacking, or not of their types; with and without a session."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from pdp.conform import plain
from pdp.model import Entity, Request
from pdp.values import Datetime, EntityRef
from tests.differential import world
from tests.differential.conditions import kind_of
from tests.differential.facts import Facts, draw_value

ODD: tuple[Any, ...] = (None, 1.5, True, 1, "1", -1, [], {}, "x", float("nan"), 2**63, "10.0.0.300", ["x", 1], ("x",))
CONTEXTS = {
    action: tuple((name, kind_of(each.type), each.optional) for name, each in declared.context.fields.items())
    for action, declared in world.WORLD.actions.items()
}
SESSION = ("acr", "issuer", "bound")


@dataclass(slots=True)
class Asker:
    """Draws the requests of one case: about few principals and resources, so that what is remembered is met again."""

    rng: random.Random
    facts: Facts
    now: int
    odd: float = 0.03

    def requests(self, count: int) -> list[Request]:
        """Return so many requests."""
        rng = self.rng
        principals = [self._principal() for _ in range(rng.choice((1, 2, 3)))]
        resources = [rng.choice(world.REFS[rng.choice(world.RESOURCES)]) for _ in range(rng.choice((1, 2, 3)))]
        for record in (self.facts.approvals or [])[:2]:
            # Somebody approved something: it is asked for.
            principals.append(record.principal)
            resources.append(record.resource)
        sessions = [self.session() for _ in range(3)]
        contexts = {action: [self.context(action) for _ in range(2)] for action in CONTEXTS}
        found = []
        for _ in range(count):
            resource = rng.choice(resources)
            action = rng.choice(("read", "read", "write", "ship" if resource.type == "Doc" else "read"))
            context = rng.choice(contexts[action]) if rng.random() < 0.3 else self.context(action)
            session = rng.choice(sessions) if rng.random() < 0.6 else self.session()
            request = self._request(rng.choice(principals), action, resource, context, session)
            found.append(request)
        return found

    def _principal(self) -> EntityRef:
        return self.rng.choice(world.REFS["User" if self.rng.random() < 0.7 else "Bot"])

    def _request(
        self, principal: EntityRef, action: str, resource: EntityRef, context: dict[str, Any], session: Any
    ) -> Request:
        rng = self.rng
        draw = rng.random()
        if draw < 0.02:
            principal, action, resource = rng.choice(
                (
                    (EntityRef("Robot", "r1"), "ping", EntityRef("Site", "s1")),
                    (principal, "fly", resource),
                    (principal, action, EntityRef("Doc", "gone")),
                    (EntityRef("User", "gone"), action, resource),
                    (EntityRef("Nothing", "x"), action, resource),
                    (EntityRef("Group", "ga"), action, resource),
                    (principal, "ping", resource),
                )
            )
        brought = tuple(self.facts.brought) if rng.random() < 0.35 else ()
        asked: Entity | EntityRef = principal
        if draw > 0.97 and principal.type in world.PRINCIPALS:
            asked = Entity(principal.type, principal.id, {"level": 3, "active": True}, [world.REFS["Group"][0]])
        now = None if self.facts.clock is not None and rng.random() < 0.5 else world.moment(self._time())
        return Request(asked, action, resource, context, session, now, brought)

    def _time(self) -> int:
        draw = self.rng.random()
        if draw < 0.6:
            return self.now
        if draw < 0.95:
            return self.now + self.rng.randint(-4, 8) * world.STEP + self.rng.choice((0, 0, -1, 1))
        return self.rng.choice(world.NOWS if draw < 0.995 else world.ENDS_OF_TIME)

    def context(self, action: str) -> dict[str, Any]:
        """Return a context; some of it lacks, and some of it is not of its type."""
        rng = self.rng
        found: dict[str, Any] = {}
        for name, kind, optional in CONTEXTS[action]:
            draw = rng.random()
            if draw < (0.4 if optional else self.odd):
                continue
            found[name] = self._stated(kind) if draw < 1 - self.odd else rng.choice(ODD)
        if rng.random() < 0.02:
            found["nowhere"] = 1
        return found

    def _stated(self, kind: str) -> Any:
        value = draw_value(self.rng, kind, self.now)
        if kind == "Datetime" and isinstance(value, Datetime) and self.rng.random() < 0.5:
            return value.to_datetime()
        return value if self.rng.random() < 0.3 else plain(value)

    def session(self) -> Any:
        """Return a session or none: fresh or old, whole or partial, expired, of the future, delegated, or odd."""
        rng, draw = self.rng, self.rng.random()
        if draw < 0.3:
            return None
        found: dict[str, Any] = {}
        if rng.random() < 0.92:
            found["mfa"] = rng.random() < 0.6
        if rng.random() < 0.92:
            found["methods"] = rng.choice((["otp"], ["pwd", "otp"], [], ["x"]))
        if rng.random() < 0.92:
            found["authenticated_at"] = self._at(-14, 0)
        for name in SESSION:
            if rng.random() < 0.4:
                found[name] = rng.random() < 0.5 if name == "bound" else rng.choice(world.TEXTS)
        if rng.random() < 0.3:
            found["token_id"] = rng.choice(("t1", "t2", "t3"))
        if rng.random() < 0.3:
            found["issued_at"] = self._at(-14, -1)
        if rng.random() < 0.2:
            found["expires_at"] = self._at(1, 14)
        if rng.random() < 0.25:
            actor: Any = rng.choice(world.REFS["Agent"])
            found["actor"] = actor if rng.random() < 0.9 else Entity("Agent", "a3", {"trusted": True})
        if draw > 0.96:
            name = rng.choice(("mfa", "methods", "authenticated_at", "token_id", "expires_at", "issued_at", "actor"))
            found[name] = rng.choice((*ODD, self._at(-1, 2), self._at(-1, 2)))
        return found

    def _at(self, first: int, last: int) -> Any:
        at = Datetime(self.now + self.rng.randint(first, last) * world.STEP)
        return self.rng.choice((at, at.to_datetime(), str(at)))

"""Whatever changes, a watched answer is the one that the engine gives, and what it does not touch is left alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

import pdp
from pdp.engine import Engine
from pdp.leases.near import are_near, is_plain
from pdp.leases.reading import Reading, above_in
from pdp.leases.states import state_after
from pdp.leases.watches import Watches
from pdp.model import RevocationKind
from tests.differential.cases import draw

STEPS = 12


class Arena:
    """An engine with a clock of its own, its requests watched."""

    def __init__(self, seed: str, number: int) -> None:
        self.rng = random.Random(f"{seed}:{number}")
        self.case, self.other = draw(seed, number, 12), draw(f"{seed} other", number, 1)
        self.now = datetime(2026, 11, 23, 9, tzinfo=UTC)
        self.engine = self.case.engine(clock=lambda: self.now)
        self.told: dict[int, list[pdp.WatchState]] = {}
        self.watches: list[pdp.Watch] = []
        for request in self.case.requests:
            with suppress(pdp.RequestError):
                self.watches.append(self.engine.watch(request._replace(now=None)))
        self.before = [watch._state for watch in self.watches]

    def change(self) -> str:
        """Change something, and say what."""
        steps: list[Callable[[], object]] = [self.upsert, self.remove, self.revoke, self.tick, self.swap, self.replace]
        step = self.rng.choices(steps, (30, 15, 25, 20, 5, 5))[0]
        with suppress(pdp.RequestError):
            step()
        return step.__name__

    def upsert(self) -> None:
        node = self.rng.choice([*self.other.facts.nodes, *self.case.facts.nodes])
        self.engine.upsert_entity(pdp.Entity(node.ref.type, node.ref.id, node.attributes, node.parents))

    def remove(self) -> None:
        self.engine.remove_entity(self.rng.choice(self.case.facts.nodes).ref)

    def replace(self) -> None:
        nodes = [node for node in self.case.facts.nodes if self.rng.random() < 0.9]
        self.engine.replace_entities(
            [pdp.Entity(node.ref.type, node.ref.id, node.attributes, node.parents) for node in nodes]
        )

    def swap(self) -> None:
        self.engine.replace_policy(self.rng.choice([self.case.policy, self.other.policy]))

    def tick(self) -> None:
        self.now += timedelta(seconds=self.rng.choice([1, 60, 3600, 86_400]))
        self.engine._tick()

    def revoke(self) -> None:
        kind = self.rng.choice([*RevocationKind])
        ref = self.rng.choice(self.case.facts.nodes).ref
        session = self.rng.choice(self.case.requests).session
        named: dict[str, object] = {
            "principal": ref,
            "group": ref,
            "workload": pdp.ref(ref.type, ref.id[:3]),
            "session": _name(session, "session_id"),
            "token": _name(session, "token_id"),
            "key": _name(session, "key_id"),
            "device": _name(session, "device_id"),
        }
        self.engine.revoke(**{str(kind): named[str(kind)]})  # type: ignore[arg-type]


def _name(session: object, name: str) -> object:
    found = session.get(name) if isinstance(session, dict) else None
    return found if isinstance(found, str) and found else "nobody"


@pytest.mark.parametrize("block", range(12))
def test_a_watched_answer_is_the_one_that_the_engine_gives(block: int) -> None:
    allowed = flipped = 0
    for number in range(block * 6, block * 6 + 6):
        arena = Arena("watching", number)
        for step in range(STEPS):
            what = arena.change()
            for place, watch in enumerate(arena.watches):
                decision = arena.engine.answer(watch.request)
                expected = state_after(arena.before[place], decision)

                assert watch.state is expected, (number, step, what, watch, decision)
                if expected is not pdp.WatchState.ENDED:
                    assert _said(watch.decision) == _said(decision), (number, step, what, watch)
                flipped += arena.before[place] is not expected
                allowed += bool(watch)
                arena.before[place] = expected

    # It would else hold of nothing.
    assert allowed > 30
    assert flipped > 3


def _said(decision: pdp.Decision) -> tuple[object, ...]:
    return decision.outcome, decision.reason, decision.determining_rules, decision.erring_rules, decision.revision


def test_rules_that_are_near_look_at_nothing_else() -> None:
    near = 0
    for number in range(150):
        case = draw("near", number, 3)
        engine = case.engine(providers=())
        for request in case.requests:
            _, _, question, reading = engine._answers.judge(engine._world, request, Reading)
            if question is None or not isinstance(reading, Reading) or question.actor is not None:
                continue
            if not is_plain(request):
                continue
            if are_near(case.policy.by_action.get(question.action, ())):
                above = above_in(engine._world._node)
                asked = {question.principal, question.resource}
                near += 1

                assert reading.entities.keys() <= asked.union(*map(above, asked)), (number, request)
                assert not reading.approving

    assert near > 40


def test_nothing_is_looked_at_again_that_a_change_does_not_touch() -> None:
    users = [pdp.Entity("User", f"u{at}", {"level": 5}, [pdp.ref("Group", f"g{at % 2}")]) for at in range(20)]
    engine = Engine.from_text(
        """
        type Group
        type User in Group { level: Int }
        type Page { owner: User }
        action read, write on Page by User
        rule reads: permit User in Group "g0", User in Group "g1" to read on Page when principal.level > 2
        rule writes: permit User to write on Page when principal == resource.owner and resource.owner.level > 2
        """,
        entities=[pdp.Entity("Group", "g0"), pdp.Entity("Group", "g1"), *users]
        + [pdp.Entity("Page", f"p{at}", {"owner": pdp.ref("User", f"u{at}")}) for at in range(20)],
    )
    for at in range(20):
        session = {"session_id": f"s{at}", "authenticated_at": "2020-01-01T00:00:00Z"}
        for action in ("read", "write"):
            engine.watch(pdp.Request(pdp.ref("User", f"u{at}"), action, pdp.ref("Page", f"p{at}"), session=session))
    looked: list[str] = []
    look, end = Watches._look, Watches._settle

    def spy(method: Callable[..., object]) -> Callable[..., object]:
        def spied(self: Watches, watch: pdp.Watch, *rest: object, **named: object) -> object:
            looked.append(f"{watch.request.principal} {watch.request.action}")
            return method(self, watch, *rest, **named)

        return spied

    def touched(change: Callable[[], object]) -> list[str]:
        looked.clear()
        with mock.patch.object(Watches, "_look", spy(look)), mock.patch.object(Watches, "_settle", spy(end)):
            change()
        return sorted(set(looked))

    both = ['User "u3" read', 'User "u3" write']
    assert touched(lambda: engine.upsert_entity(users[3])) == []
    assert touched(lambda: engine.upsert_entity(pdp.Entity("User", "u3", {"level": 1}, users[3].parents))) == both
    assert touched(lambda: engine.upsert_entity(pdp.Entity("User", "new", {"level": 1}, []))) == []
    assert touched(lambda: engine.revoke(session="s4")) == ['User "u4" read', 'User "u4" write']
    assert touched(lambda: engine.revoke(principal=pdp.ref("User", "u5"))) == ['User "u5" read', 'User "u5" write']
    assert touched(lambda: engine.revoke(device="d")) == []
    assert len(touched(lambda: engine.revoke(group=pdp.ref("Group", "g0")))) == 18
    assert touched(lambda: engine.revoke(workload=pdp.ref("User", "u1"))) == sorted(
        f'User "u{at}" {action}' for at in (1, 11, 13, 15, 17, 19) for action in ("read", "write")
    )


def test_a_policy_touches_what_its_other_rules_are_about() -> None:
    text = """
        type User
        type Page
        action read, write on Page by User
        rule reads: permit User to read on Page
        rule writes: permit User to write on Page {}
    """
    engine = Engine.from_text(text.format(""))
    ada, home = pdp.ref("User", "ada"), pdp.ref("Page", "home")
    reads, writes = (engine.watch(pdp.Request(ada, action, home)) for action in ("read", "write"))
    other = Engine.from_text(text.format("when now < 2020-01-01")).policy

    with mock.patch.object(Watches, "_look", autospec=True, side_effect=Watches._look) as look:
        engine.replace_policy(other)

    assert [call.args[1] for call in look.call_args_list] == [writes]
    assert reads
    assert not writes
    # The lease goes on, and so it is of the policy that there is now.
    assert reads.decision.revision == other.revision == writes.decision.revision


def test_whom_only_a_provider_knows_is_ended_with_a_group_though_no_rule_was_asked_before() -> None:
    class Elsewhere:
        def entity(self, ref: pdp.EntityRef) -> pdp.Entity | None:
            return pdp.Entity("User", "ada", {}, [pdp.ref("Group", "staff")]) if ref.id == "ada" else None

    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    engine = Engine.from_text(
        """
        type Group
        type User in Group
        type Page
        action read on Page by User
        rule reads: permit User to read on Page
        """,
        entities=[pdp.Entity("Group", "staff")],
        providers=[Elsewhere()],
        clock=lambda: now,
    )
    # Until a group is revoked, nobody has to know what she is in.
    session = {"authenticated_at": now - timedelta(hours=1), "issued_at": now + timedelta(hours=1)}
    watch = engine.watch(pdp.Request(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"), session=session))
    before = watch.state

    engine.revoke(group=pdp.ref("Group", "staff"))

    assert (before, watch.state) == (pdp.WatchState.SUSPENDED, pdp.WatchState.ENDED)

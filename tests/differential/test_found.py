"""Where what is compiled once differed from the interpreter: each stays a test, named by what was wrong."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest

from pdp import terms
from pdp.classes import replace
from pdp.codegen import support
from pdp.conform import conform_entity
from pdp.engine import Engine, store_of
from pdp.entities import Store
from pdp.model import Decision, Entity, Membership, Request
from pdp.values import Datetime, EntityRef
from tests.differential.comparing import exactly

NOW = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
SOON = datetime.datetime(2026, 12, 1, tzinfo=datetime.UTC)
LATER = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
ADA, BOB, PAGE = EntityRef("User", "ada"), EntityRef("User", "bob"), EntityRef("Doc", "page")
TYPES = """
type Group
type User in Group { tags: [String] }
type Doc { public: Bool, kind: String, owner: User }
action read on Doc
obligation log { member: Bool }
"""
ENTITIES = (
    Entity("Group", "staff"),
    Entity("User", "ada", {"tags": ["a"]}, parents=[Membership(EntityRef("Group", "staff"), Datetime.of(SOON))]),
    Entity("User", "bob", {"tags": ["a"]}),
    Entity("Doc", "page", {"public": True, "kind": "memo", "owner": ADA}),
)
MANY = "".join(f'rule r{at}:\n  permit User to read on Doc\n  when resource.kind == "k{at}"\n' for at in range(30))
"""So many rules that they are looked up by what they ask for."""


def agreed(text: str, principal: EntityRef = ADA, *, entities: Sequence[Entity] = ENTITIES, **asked: Any) -> Decision:
    """Return what the interpreter answers, once all that is compiled has answered the same."""
    asked = {"now": NOW, **asked}
    judge, subject = (
        Engine.from_text(TYPES + text, entities=entities, handles=["log"], compiled=compiled)
        for compiled in (False, True)
    )
    expected = judge.decide(principal, "read", PAGE, **asked)
    for _ in range(3):
        assert exactly(subject.decide(principal, "read", PAGE, **asked)) == exactly(expected)
        assert subject.allows(principal, "read", PAGE, **asked) is bool(expected)
    return expected


@pytest.mark.parametrize(
    "condition",
    [
        '(resource.public or principal in Group "staff") and now < 2028-01-01',
        '(now < 2027-01-01 or principal in Group "staff") and now < 2028-01-01',
        '(if resource.public then true else principal in Group "staff") and now < 2028-01-01',
        '(resource.public or resource.owner in Group "staff") and now < 2028-01-01',
        '(resource.public or (any each in [resource.owner]: each in Group "staff")) and now < 2028-01-01',
    ],
)
@pytest.mark.parametrize("clause", ["when {}", 'needs {} else "ask"'])
def test_a_membership_that_no_test_came_to_ends_the_lease_of_a_rule_that_depends_on_time(clause, condition):
    found = agreed(f"rule r:\n  permit User to read on Doc\n  {clause.format(condition)}\n")

    assert found
    assert found.valid_until == SOON


@pytest.mark.parametrize("others", ["", MANY])
def test_a_membership_of_a_scope_ends_the_lease_though_the_rule_is_not_looked_up(others):
    found = agreed(f'{others}rule r:\n  permit User in Group "staff" to read on Doc\n  when resource.kind == "other"\n')

    assert not found
    assert found.valid_until == SOON


@pytest.mark.parametrize("others", ["", MANY])
@pytest.mark.parametrize(
    "argument",
    [
        'principal in Group "staff"',
        'resource.owner in Group "staff"',
        'User "ada" in Group "staff"',
        'any each in [resource.owner]: each in Group "staff"',
    ],
)
def test_a_membership_that_an_obligation_tells_ends_the_lease_though_the_rule_does_not_apply(argument, others):
    scope = 'rule r:\n  permit User to read on Doc\n  when resource.kind == "other"\n'
    rule = f"{scope}  oblige log {{ member: {argument} }}\n"

    assert agreed(others + rule).valid_until == SOON
    bob = agreed(others + rule, BOB)
    assert bob.valid_until == (None if argument.startswith("principal") else SOON)


def test_a_recheck_after_the_end_of_the_calendar_ends_no_lease():
    last = datetime.datetime.max.replace(tzinfo=datetime.UTC)

    found = agreed("rule r:\n  permit User to read on Doc\n  recheck every 5m\n", now=last)

    assert found
    assert found.valid_until is None


@pytest.mark.parametrize(
    "condition",
    [
        'any each in resource.owner.tags: each == "a"',
        'all each in resource.owner.tags: (any other in [resource.owner.tags]: "a" in other)',
        'any each in [resource.owner]: (any other in each.tags: other == "a")',
    ],
)
def test_a_set_of_an_entity_that_an_attribute_leads_to_is_gone_through_by_code(condition):
    text = f"{TYPES}rule r:\n  permit User to read on Doc\n  when {condition}\n"

    assert agreed(f"rule r:\n  permit User to read on Doc\n  when {condition}\n")
    assert Engine.from_text(text, compiled=True)._world.program.cell("read", "User", "Doc") is not None


@pytest.mark.parametrize("compiled", [False, True])
def test_a_clock_is_asked_once_though_only_the_interpreter_can_answer(compiled):
    asked = []

    def clock() -> datetime.datetime:
        asked.append(NOW)
        return NOW

    engine = Engine.from_text(
        f"{TYPES}rule r:\n  permit User to read on Doc\n", entities=ENTITIES, clock=clock, compiled=compiled
    )

    assert engine.decide(BOB, "read", PAGE, MappingProxyType({}))
    assert len(asked) == 1


@pytest.mark.parametrize("compiled", [False, True])
def test_entities_that_are_no_list_are_a_deny_and_none_at_all_are_none(compiled):
    engine = Engine.from_text(f"{TYPES}rule r:\n  permit User to read on Doc\n", entities=ENTITIES, compiled=compiled)

    for _ in range(2):
        for nothing in ((), []):
            assert engine.decide(BOB, "read", PAGE, entities=nothing)
        for odd in (None, 5, object()):
            found = engine.decide(BOB, "read", PAGE, entities=odd)
            assert found.outcome == "deny"
            assert not engine.allows(BOB, "read", PAGE, entities=odd)
        for odd in (None, 5):
            assert not engine.answer(Request(BOB, "read", PAGE, entities=odd))


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_in_a_session_cannot_be_changed_through_it(compiled):
    rule = 'rule r:\n  permit User to read on Doc\n  when "pwd" in session.methods\n'
    engine = Engine.from_text(TYPES + rule, entities=ENTITIES, compiled=compiled)
    session = engine.session({"mfa": True, "methods": ["pwd"], "authenticated_at": NOW})

    session["methods"].clear()
    dict(session)["methods"].clear()

    assert engine.decide(BOB, "read", PAGE, session=session, now=NOW)


def test_time_that_passes_while_an_answer_is_learned_does_not_become_anybodys_allow(monkeypatch):
    rule = 'rule r:\n  permit User to read on Doc\n  needs now >= 2020-01-01 else "wait"\n'
    engine = Engine.from_text(TYPES + rule, entities=ENTITIES, compiled=True)
    before = datetime.datetime(2019, 12, 31, tzinfo=datetime.UTC)
    monkeypatch.setattr(support.time, "time_ns", lambda: int(before.timestamp()) * 10**9)

    engine.decide(BOB, "read", PAGE)

    assert not engine.decide(BOB, "read", PAGE, now=before)


def test_a_context_that_changes_while_an_answer_is_learned_does_not_become_anybodys_allow():
    class Changing(Mapping[str, Any]):
        """A record that says otherwise each time."""

        asked = 0

        def __getitem__(self, name: str) -> Any:
            return self.asked > 1

        def __iter__(self) -> Iterator[str]:
            Changing.asked += 1
            return iter(["ok"])

        def __len__(self) -> int:
            return 1

    types = TYPES.replace("action read on Doc", "action read on Doc with { form: { ok: Bool } }")
    rule = 'rule r:\n  permit User to read on Doc\n  needs context.form.ok else "sign"\n'
    engine = Engine.from_text(types + rule, entities=ENTITIES, compiled=True)

    engine.decide(BOB, "read", PAGE, {"form": Changing()})

    assert not engine.decide(BOB, "read", PAGE, {"form": {"ok": False}})
    assert engine.decide(BOB, "read", PAGE, {"form": {"ok": True}})


def test_a_permit_with_an_unless_that_holds_promises_no_remedy():
    # No text has one; data of another front-end may.
    text = "rule r:\n  permit User to read on Doc\n  when not resource.public\n"
    policy = Engine.from_text(TYPES + text, entities=ENTITIES).policy
    (rule,) = policy.rules
    (clause,) = rule.clauses
    condition = clause.condition
    assert isinstance(condition, terms.Not)
    unless = replace(clause, kind=terms.ClauseKind.UNLESS, condition=condition.operand)
    changed = replace(policy, rules=(replace(rule, clauses=(unless,)),))
    store = store_of(ENTITIES, policy.schema)

    for compiled in (False, True):
        found = Engine(changed, store, compiled=compiled).decide(BOB, "read", PAGE)
        assert (found.outcome, found.remedies) == ("deny", ())


def test_a_scope_that_names_no_entity_holds_nobody():
    # No text has one. What somebody is in, and whether all of it is known, has no say in it.
    text = 'rule r:\n  forbid User in Group "staff" to read on Doc\n  because "not they"\n'
    types = TYPES.replace("type Group\n", "type Group { name?: String }\n")
    policy = Engine.from_text(types + text, entities=ENTITIES).policy
    (rule,) = policy.rules
    nobody = replace(rule, principals=(terms.Scope(type=None, within=()),))
    changed = replace(policy, rules=(nobody,))
    dangling = conform_entity(Entity("User", "eve", {}, [EntityRef("Group", "gone")]), policy.schema)
    store = Store.of([*store_of(ENTITIES, policy.schema), dangling])

    for compiled in (False, True):
        found = Engine(changed, store, compiled=compiled).decide(EntityRef("User", "eve"), "read", PAGE)
        assert (found.outcome, found.reason) == ("deny", "default")

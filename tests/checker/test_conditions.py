"""The clauses of a rule are checked together: what one settles, or makes sure of, the others may count on."""

from __future__ import annotations

from typing import get_args

import pytest

from pdp import evaluation, terms
from pdp.folder import load_sources
from pdp.source import Source

WORLD = """
type Group
type User in Group { level: Int, tags: [String], hired?: Datetime }
type Bot in Group { level: String, runs: Int, boss: User | Bot }
type Page { owner: User | Bot, public: Bool, rating?: Int }
action read on Page by User, Bot with { who?: User | Bot }
define senior(user: User, at_least: Int) = user.level >= at_least
define off(flag: Bool) = not flag
define hired_before(who: User | Bot, day: Datetime) = who is User and who has hired and who.hired < day
obligation tell { level: Int }
"""


def told(rule: str) -> list[tuple[str, str]]:
    found = load_sources([Source("p.pdp", WORLD + rule)]).errors
    return [(each.code, each.span.text if each.span else "") for each in found]


def permit(*clauses: str, who: str = "User, Bot") -> str:
    return f"rule r:\n  permit {who} to read on Page\n  " + "\n  ".join(clauses) + "\n"


def forbid(*clauses: str) -> str:
    return "rule r:\n  forbid anyone to read on Page\n  " + "\n  ".join((*clauses, 'because "x"')) + "\n"


@pytest.mark.parametrize(
    "clauses",
    [
        ("when principal is User", "when principal.level > 3"),
        ("when principal.level > 3", "when principal is User"),
        ("when not (principal is Bot)", "needs principal.level > 3"),
        ("needs principal is Bot and principal.runs > 3", "when resource.public or principal.runs == 1"),
        ("when principal is User", "oblige tell { level: principal.level }"),
        ("when principal is User", "when senior(principal, 3)"),
    ],
)
def test_a_clause_that_keeps_a_type_out_keeps_it_out_of_the_others(clauses: tuple[str, ...]) -> None:
    assert told(permit(*clauses)) == []


def test_what_lifts_a_forbid_for_a_type_keeps_the_type_out_of_its_other_clauses() -> None:
    assert told(forbid("when principal.level < 3", "unless principal is Bot")) == []
    assert told(forbid("when principal is User", "unless principal.level > 3")) == []


def test_a_clause_that_lets_a_type_in_settles_nothing() -> None:
    assert told(permit("when principal is User or resource.public", "when principal.level > 3")) == [
        ("type_mismatch", "principal.level > 3")
    ]
    assert told(forbid("unless principal is User", "when principal.level < 3")) == [
        ("type_mismatch", "principal.level < 3")
    ]


def test_a_clause_that_is_always_true_is_told_though_others_depend_on_it() -> None:
    assert told(permit("when principal is User", "when principal.level > 3", who="User")) == [
        ("constant_condition", "principal is User")
    ]


def test_a_guard_in_another_clause_counts_where_a_type_is_kept_out() -> None:
    assert told(permit("when context has who", "when context.who is User", "when principal is User")) == []


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("senior(resource, 3)", "resource"),
        ("senior(principal, true)", "true"),
        ("off(principal.level)", "principal.level"),
    ],
)
def test_a_value_that_a_define_does_not_take_is_one_mistake(call: str, wrong: str) -> None:
    assert told(permit(f"when {call}", who="User")) == [("argument_type", wrong)]


def test_mistakes_beside_a_wrong_argument_are_told_too() -> None:
    found = told(permit("when senior(resource, 3) and resource.publc", "when principal.levl > 1", who="User"))

    assert found == [("argument_type", "resource"), ("unknown_attribute", "publc"), ("unknown_attribute", "levl")]


def test_a_mistake_in_what_is_handed_in_is_told_where_the_define_does_not_use_it() -> None:
    assert told("define none(x: Int) = principal.tags is empty\n" + permit("when none(principal.x)", who="User")) == [
        ("unknown_attribute", "x")
    ]


@pytest.mark.parametrize(
    "condition",
    [
        "context has who and context.who is User and context.who.level > 3",
        "context has who and (context.who is Bot or context.who.level > 3)",
        "context has who and (if context.who is User then context.who.level > 3 else context.who.runs > 3)",
        "context has who and hired_before(context.who, 2026-01-01) and context.who is User",
        "resource.owner is Bot and resource.owner.boss is Bot and resource.owner.boss.boss is User",
        "not (resource.owner is User) and resource.owner.runs > 3",
        "any who in [resource.owner, principal]: who is User and who.level > 3",
        'if principal is User then principal.level > 3 else principal.level == "a"',
        "if principal is User and session.mfa then principal.level > 3 else session.mfa",
        "(if principal is User then principal.level else principal.runs) > 3",
    ],
)
def test_is_tells_what_a_union_holds_in_every_operand_that_counts_on_it(condition: str) -> None:
    assert told(permit(f"when {condition}")) == []


@pytest.mark.parametrize(
    ("condition", "mistake"),
    [
        (
            "context has who and (context.who is User or context.who.level > 3)",
            ("type_mismatch", "context.who.level > 3"),
        ),
        ("resource.owner is User and principal.level > 3", ("type_mismatch", "principal.level > 3")),
        ("(resource.owner is User or session.mfa) and resource.owner.level > 3", ("ambiguous_type", "level")),
        ("context.who is User", ("optional_attribute", "who")),
        ("if resource.owner is User then resource.owner.runs > 3 else session.mfa", ("unknown_attribute", "runs")),
        ("any who in [resource.owner]: resource.owner is User and who.level > 3", ("ambiguous_type", "level")),
    ],
)
def test_is_says_nothing_of_what_does_not_count_on_it(condition: str, mistake: tuple[str, str]) -> None:
    assert mistake in told(permit(f"when {condition}"))


def test_a_permit_with_via_knows_that_there_is_an_actor() -> None:
    acting = "session { actor?: Bot }\n"

    assert told(acting + permit("via Bot", "when session.actor.runs > 3")) == []
    assert told(acting + permit("when session.actor.runs > 3")) == [("optional_attribute", "actor")]
    assert told(acting + forbid("unless session.actor.runs > 3")) == [("optional_attribute", "actor")]


def test_the_terms_below_every_kind_of_term_are_known() -> None:
    assert terms._CHILDREN.keys() == set(get_args(terms.Term))


def test_what_every_kind_of_term_is_worth_is_known() -> None:
    assert evaluation._EVALUATED.keys() == set(get_args(terms.Term))

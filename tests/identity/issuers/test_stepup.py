"""A deny that a better sign-in would turn around says which, and no other deny does."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp import Engine, Entity, Session, ref
from pdp.identity.options import SessionOptions
from pdp.identity.stepup import StepUp, StepUps

NOW = datetime.datetime(2026, 11, 28, 10, tzinfo=datetime.UTC)
WORLD = """
type User
type Page { level: Int }
context { strict?: Bool }
action read on Page by User
"""
WORDS = SessionOptions(mfa_amr=("mfa", "hwk"), mfa_acr=("gold", "platinum"))


def engine(*clauses: str, more: str = "") -> Engine:
    rule = "rule r: permit User to read on Page " + " ".join(clauses)
    return Engine.from_text(f"{WORLD}\n{rule}\n{more}", entities=[Entity("Page", "home", {"level": 1})])


def step_up(asked: Engine, words: SessionOptions | None = None, **session: object) -> StepUp | None:
    proved = {"mfa": False, "methods": ["pwd"], "authenticated_at": NOW - datetime.timedelta(hours=1), **session}
    decision = asked.decide(ref("User", "ada"), "read", ref("Page", "home"), {}, Session(proved), NOW)
    assert not decision
    return StepUps(asked.policy).of(decision, words)


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("needs session.mfa", StepUp(amr_values=("mfa",))),
        ('needs session.mfa == true else "x"', StepUp(amr_values=("mfa",))),
        ('needs session has acr and session.acr == "gold"', StepUp(acr_values=("gold",))),
        ('needs session has acr and "gold" == session.acr', StepUp(acr_values=("gold",))),
        ('needs session has acr and session.acr in ["b", "a"]', StepUp(acr_values=("a", "b"))),
        (
            'needs session has acr and (session.acr == "a" or session.acr == "b")',
            StepUp(acr_values=("a", "b")),
        ),
        ('needs "hwk" in session.methods', StepUp(amr_values=("hwk",))),
        ('needs session.methods containsAny ["swk", "hwk"]', StepUp(amr_values=("hwk", "swk"))),
        ('needs session.methods containsAll ["hwk"]', StepUp(amr_values=("hwk",))),
        ("needs now - session.authenticated_at < 15m", StepUp(max_age=900)),
        ("needs session.authenticated_at > now - 15m", StepUp(max_age=900)),
        ("needs session.authenticated_at + 10m >= now - 5m", StepUp(max_age=900)),
        ("needs session.authenticated_at + 15m - 5m >= now", StepUp(max_age=600)),
        ("needs now - 5m <= session.authenticated_at - 1m", StepUp(max_age=240)),
        ("needs session.mfa and now - session.authenticated_at < 15m", StepUp(amr_values=("mfa",), max_age=900)),
        (
            'needs session.mfa else "a" needs now - session.authenticated_at < 15m',
            StepUp(amr_values=("mfa",), max_age=900),
        ),
        (
            'needs now - session.authenticated_at < 15m else "a" needs now - session.authenticated_at < 5m else "b"',
            StepUp(max_age=300),
        ),
        ("needs session.mfa or (context has strict and context.strict)", StepUp(amr_values=("mfa",))),
        ("needs (context has strict and context.strict) or session.mfa", StepUp(amr_values=("mfa",))),
    ],
)
def test_a_need_of_the_session_is_a_sign_in(clause, found):
    assert step_up(engine(clause)) == found


@pytest.mark.parametrize(
    "clause",
    [
        "needs resource.level > 3",
        "needs session.mfa and resource.level > 3",
        "needs context has strict and context.strict",
        "needs session has bound and session.bound",
        "needs session has issued_at and now - session.issued_at < 5m",
        "needs now - session.authenticated_at > 2h",
        'needs session has acr and session.acr == "a" needs session has acr and session.acr == "b" else "y"',
        'needs session.methods containsAll ["a", "b"]',
        'needs "a" in session.methods needs "b" in session.methods else "y"',
        'needs session has acr and session.acr like "g*"',
        'needs 1 approval from User "eve" for 4h',
        'needs session.mfa needs 1 approval from User "eve" for 4h',
        "when session.mfa",
        "when resource.level > 3 needs session.mfa",
    ],
)
def test_whatever_takes_more_than_a_sign_in_is_none(clause):
    assert step_up(engine(clause)) is None


def test_a_second_factor_is_asked_for_in_the_words_of_the_issuer():
    assert step_up(engine("needs session.mfa"), WORDS) == StepUp(
        acr_values=("gold", "platinum"), amr_values=("hwk", "mfa")
    )


def test_an_acr_that_is_a_second_factor_goes_before_one_that_is_not():
    clause = 'needs session.mfa and session has acr and session.acr in ["gold", "tin"]'

    assert step_up(engine(clause), WORDS).acr_values == ("gold",)
    assert step_up(engine(clause.replace("gold", "zinc")), WORDS).acr_values == ("tin", "zinc")


def test_what_lifts_a_forbid_is_asked_for_as_well():
    forbid = "rule f: forbid anyone to any on Page unless now - session.authenticated_at < 5m because {0}"
    asked = engine("needs session.mfa", more=forbid.format('"it is old"'))

    assert step_up(asked) == StepUp(amr_values=("mfa",), max_age=300)


def test_one_of_several_that_lift_a_forbid_is_enough():
    forbid = 'rule f: forbid anyone to any on Page unless resource.level > 3 unless session.mfa because "it is old"'

    assert step_up(engine("when true == (resource.level < 3)", more=forbid)) == StepUp(amr_values=("mfa",))


def test_of_several_remedies_the_first_that_is_a_sign_in_is_told():
    asked = engine("needs resource.level > 3", more="rule s: permit User to read on Page needs session.mfa")

    assert step_up(asked) == StepUp(amr_values=("mfa",))


def test_an_allow_and_a_deny_without_remedy_ask_for_nothing():
    asked = engine("needs session.mfa")
    allowed = asked.decide(ref("User", "ada"), "read", ref("Page", "home"), {}, Session({"mfa": True}), NOW)

    assert allowed
    assert StepUps(asked.policy).of(allowed) is None


def test_parameters_of_a_header_cannot_end_its_quotes():
    told = StepUp(acr_values=('a"b', "a b", "ok", "a\\b", "ü", ""), max_age=5)

    assert told.parameters() == {"acr_values": "ok", "max_age": "5"}
    assert StepUp().parameters() == StepUp().context() == {}
    assert told.context() == {"acr_values": ['a"b', "a b", "ok", "a\\b", "ü", ""], "max_age": 5}


TESTS = st.sampled_from(
    [
        "session.mfa",
        'session has acr and session.acr == "gold"',
        'session has acr and session.acr in ["gold", "tin"]',
        "now - session.authenticated_at < 15m",
        "now - session.authenticated_at <= 1h",
        '"hwk" in session.methods',
        'session.methods containsAny ["hwk", "mfa"]',
    ]
)


@given(st.lists(st.lists(TESTS, min_size=1, max_size=3, unique=True), min_size=1, max_size=3))
def test_whoever_signs_in_as_told_meets_the_needs(needs):
    clauses = [
        f'needs {" and ".join(f"({test})" for test in each)} else "n{number}"' for number, each in enumerate(needs)
    ]
    asked = engine(*clauses)
    old = {"mfa": False, "methods": [], "authenticated_at": NOW - datetime.timedelta(days=1)}
    question = (ref("User", "ada"), "read", ref("Page", "home"), {})

    found = StepUps(asked.policy).of(asked.decide(*question, Session(old), NOW), WORDS)

    assert found is not None
    signed_in = {
        "methods": [*found.amr_values[:1]] or ["pwd"],
        "mfa": bool({*found.amr_values[:1]} & {*WORDS.mfa_amr} or {*found.acr_values[:1]} & {*WORDS.mfa_acr}),
        "authenticated_at": NOW - datetime.timedelta(seconds=(found.max_age or 1) - 1),
        **({"acr": found.acr_values[0]} if found.acr_values else {}),
    }
    assert asked.allows(*question, Session(signed_in), NOW)

"""The stand-in for an engine: it is asked as one is, and fails closed as one does."""

import datetime
import inspect

import pytest

import pdp
from pdp.testing import StaticDecisions

ADA, SHOP = pdp.ref("User", "ada"), pdp.ref("Service", "shop")


@pytest.mark.parametrize("name", ["decide", "allows", "answer", "decide_many"])
def test_it_is_asked_as_an_engine_is(name):
    real, double = (inspect.signature(getattr(kind, name)) for kind in (pdp.Engine, StaticDecisions))

    assert [*double.parameters] == [*real.parameters]
    assert [each.default for each in double.parameters.values()] == [each.default for each in real.parameters.values()]


def test_what_it_was_told_nothing_of_is_denied():
    point = StaticDecisions()

    decision = point.decide(ADA, "read", SHOP)

    assert not decision
    assert (decision.outcome, decision.reason) == (pdp.Outcome.DENY, pdp.Reason.DEFAULT)


def test_the_last_line_that_is_about_a_request_counts():
    point = StaticDecisions()
    point.allow()
    point.deny(ADA, "deploy", rules=["frozen"])

    assert point.allows(ADA, "read", SHOP)
    assert point.decide(ADA, "deploy", SHOP).determining_rules == ("frozen",)
    assert point.decide(ADA, "deploy", SHOP).reason is pdp.Reason.FORBIDDEN
    assert point.allows(pdp.ref("User", "ben"), "deploy", SHOP)


def test_an_allow_with_an_obligation_that_nobody_handles_is_not_true():
    duty = pdp.Obligation("notify", {"channel": "#ops"})
    careless, careful = StaticDecisions(), StaticDecisions(handles=["notify"])
    for point in (careless, careful):
        point.allow(obligations=[duty])

    assert not careless.allows(ADA, "deploy", SHOP)
    assert careless.decide(ADA, "deploy", SHOP).unhandled == ("notify",)
    assert careful.allows(ADA, "deploy", SHOP)


@pytest.mark.parametrize("principal", ["ada", ("User", "ada"), None])
def test_what_is_no_reference_is_nobody_who_was_named(principal):
    point = StaticDecisions()
    point.allow(ADA)

    assert not point.allows(principal, "read", SHOP)


def test_an_entity_is_whom_it_is_of():
    point = StaticDecisions()
    point.allow(ADA, "read", SHOP)

    assert point.allows(pdp.Entity("User", "ada"), "read", pdp.Entity("Service", "shop"))


def test_an_allow_names_a_rule():
    with pytest.raises(ValueError, match="a permit is what allows"):
        StaticDecisions().allow(rules=[])


def test_the_requests_are_kept():
    point = StaticDecisions()
    now = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)

    point.decide_many([pdp.Request(ADA, "read", SHOP)])
    point.allows(ADA, "deploy", SHOP, {"change": "c1"}, {"mfa": True}, now)

    assert [(each.action, each.context, each.now) for each in point.asked] == [
        ("read", None, None),
        ("deploy", {"change": "c1"}, now),
    ]


def test_a_guard_takes_it_for_an_engine():
    point = StaticDecisions()
    point.allow(ADA, "deploy", SHOP)

    @pdp.guard("deploy", engine=point, principal=ADA, resource=lambda name: pdp.ref("Service", name))
    def deploy(name):
        return f"{name} is deployed"

    assert deploy("shop") == "shop is deployed"
    with pytest.raises(pdp.Denied):
        deploy("till")

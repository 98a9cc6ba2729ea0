"""Who listens to an engine is called after each change of what it answers by."""

from __future__ import annotations

import datetime

import pytest

import pdp

POLICY = """
type User
type Page
action read on Page by User
rule everybody_reads: permit User to read on Page
"""
ADA, HOME = pdp.ref("User", "ada"), pdp.ref("Page", "home")


def engine(**options):
    return pdp.Engine.from_text(POLICY, **options)


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each.revoke(principal=ADA),
        lambda each: each.replace_policy(pdp.Engine.from_text("type User").policy),
        lambda each: each.changed(ADA),
        lambda each: each.confirm("clock"),
    ],
    ids=["revoke", "policy", "provider", "clock"],
)
def test_a_change_is_heard_before_it_returns(change):
    subject, heard = engine(), []
    subject.listen(lambda: heard.append(True))

    change(subject)

    assert heard


def test_what_is_heard_holds_already():
    subject, seen = engine(), []
    subject.listen(lambda: seen.append(subject.allows(ADA, "read", HOME)))

    subject.revoke(principal=ADA)

    assert seen == [False]


def test_nothing_is_heard_where_nothing_changed():
    subject, heard = engine(), []
    subject.listen(lambda: heard.append(True))

    subject.allows(ADA, "read", HOME)
    with pytest.raises(pdp.RequestError):
        subject.upsert_entity(pdp.Entity("Robot", "r2"))

    assert not heard


def test_a_listener_that_fails_keeps_nobody_from_hearing():
    subject, heard = engine(), []

    def fail():
        raise RuntimeError("no")

    subject.listen(fail)
    subject.listen(lambda: heard.append(True))

    subject.revoke(principal=ADA)

    assert heard
    assert not subject.allows(ADA, "read", HOME)


def test_a_listener_may_stop_while_it_hears():
    subject, heard = engine(), []
    stop = subject.listen(lambda: (heard.append(True), stop()))

    subject.revoke(principal=ADA)
    subject.revoke(principal=pdp.ref("User", "ben"))

    assert len(heard) == 1


def test_a_change_that_is_interrupted_is_heard_once_it_holds(monkeypatch):
    subject, heard = engine(max_age={"policy": datetime.timedelta(hours=1)}), []
    subject.listen(lambda: heard.append(subject.allows(ADA, "read", HOME)))

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subject, "_keep", interrupted)
    monkeypatch.setattr(type(subject._keeper), "alive", False)
    with pytest.raises(KeyboardInterrupt):
        subject.revoke(principal=ADA)

    assert heard == [False]

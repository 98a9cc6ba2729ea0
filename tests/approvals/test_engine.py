"""An engine and its source of approvals: what cannot be relied on is unknown, and allows nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.classes import replace
from pdp.model import Mark
from pdp.values import Datetime
from tests.approvals.places import ADA, API, NOW, Place, signer, user

APPROVAL = pdp.Approval(user("bo"), ADA, "restart", API, Datetime.of(NOW))


class Source:
    """A source that says what it is told to, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = [*answers], list[Mark]()

    def read(self, after: Mark) -> tuple[Sequence[pdp.Approval] | None, Mark]:
        self.asked.append(after)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]


def test_what_a_source_says_counts_from_the_next_refresh_on(place: Place) -> None:
    source = Source(([], Mark(1, b"a")), ([APPROVAL], Mark(2, b"b")), (None, Mark(2, b"b")), ([], Mark(3, b"c")))
    place.engine = place.engine_of(source)

    found = [place.allows()]
    for _ in range(3):
        place.engine.refresh()
        found.append(place.allows())

    assert found == [False, True, True, False]
    assert source.asked == [Mark(), Mark(1, b"a"), Mark(2, b"b"), Mark(2, b"b")]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (pdp.RecordError("the disk is gone"), "the disk is gone"),
        (TimeoutError("late"), "the approvals cannot be read: TimeoutError"),
        (None, "the approvals cannot be read: TypeError"),
        ((["yes"], Mark(3)), "the record holds something that is no approval"),
        (([replace(APPROVAL, approver="bo")], Mark(3)), "the record holds something that is no approval"),
        (([replace(APPROVAL, until=5)], Mark(3)), "the record holds something that is no approval"),
        (([replace(APPROVAL, asked_by=("User", "bo"))], Mark(3)), "the record holds something that is no approval"),
        (([APPROVAL], 3), "the record does not tell how far it was read"),
    ],
)
def test_what_cannot_be_read_allows_nothing_until_it_can(place: Place, answer: Any, failure: str) -> None:
    place.engine = place.engine_of(Source(([APPROVAL], Mark(1)), answer, (None, Mark(1))))
    before = place.allows()

    place.engine.refresh()
    decision = place.engine.decide(ADA, "restart", API)

    assert before
    assert (bool(decision), decision.erring_rules) == (False, ("restarted",))
    assert place.engine.approvals_failure == failure
    assert place.engine.allows(ADA, "read", API)
    place.engine.refresh()
    assert (place.engine.approvals_failure, place.allows()) == (None, True)


@pytest.mark.parametrize("answer", [pdp.RecordError("damaged", lasting=True), ([APPROVAL], Mark(1))])
def test_a_record_that_went_wrong_for_good_waits_for_somebody_to_look(place: Place, answer: Any) -> None:
    source = Source(([APPROVAL], Mark(2)), answer, ([APPROVAL], Mark(1)))
    place.engine = place.engine_of(source)

    place.engine.refresh()
    place.engine.refresh()
    stays = place.allows()
    place.engine.accept_record()

    assert not stays
    assert place.allows()
    assert source.asked == [Mark(), Mark(2), Mark()]


def test_a_store_that_is_damaged_before_the_engine_begins_allows_nothing(place: Place) -> None:
    place.approve(place.ask(), "bo")
    place.store.close()
    place.path.write_bytes(place.path.read_bytes().replace(b"approved", b"rejected"))

    engine = place.engine_of(place.store)

    assert not engine.allows(ADA, "restart", API)
    assert "damaged" in (engine.approvals_failure or "")


def test_a_backup_that_is_put_back_allows_nothing_until_it_is_accepted(place: Place, tmp_path: Path) -> None:
    wanted = place.ask()
    place.approve(wanted, "bo")
    place.store.close()
    shutil.copy(place.path, tmp_path / "backup.db")
    place.store.withdraw(place.engine, wanted, signer=signer("bo"))
    place.store.close()
    (tmp_path / "backup.db").replace(place.path)

    place.engine.refresh()

    assert not place.allows()
    assert "ends at fact 2, and fact 3 was seen before" in (place.engine.approvals_failure or "")
    place.engine.accept_record()
    # What was taken back is back: whoever accepts a backup looks what it lacks.
    assert place.allows()


@pytest.mark.parametrize(
    "spoil", [lambda path: path.unlink(), lambda path: path.write_text("{"), lambda path: path.chmod(0)]
)
def test_without_the_file_of_keys_nothing_is_allowed(place: Place, spoil: Any) -> None:
    place.approve(place.ask(), "bo")
    text = place.keys.read_text()
    if place.keys.stat().st_uid == 0 and "chmod" in spoil.__code__.co_names:
        pytest.skip("this user may read everything")

    spoil(place.keys)
    place.engine.refresh()

    assert not place.allows()
    assert "the file of keys cannot be used" in (place.engine.approvals_failure or "")
    place.keys.unlink(missing_ok=True)
    place.keys.write_text(text)
    place.engine.refresh()
    assert place.allows()


@pytest.mark.parametrize("change", ["replace_policy", "upsert_entity", "revoke"])
def test_approvals_stay_where_something_else_changes(place: Place, change: str) -> None:
    place.approve(place.ask(), "bo")

    match change:
        case "replace_policy":
            place.engine.replace_policy(place.engine.policy)
        case "upsert_entity":
            place.engine.upsert_entity(pdp.Entity("User", "zed"))
        case _:
            place.engine.revoke(principal=user("eve"))

    assert place.allows()


def test_a_trace_tells_who_approved_and_why_that_does_not_count(place: Place) -> None:
    at = Datetime.of(NOW)
    early = Datetime.parse("2026-11-23T04:00:00Z")
    late = Datetime.parse("2026-11-23T12:00:00Z")
    records = {
        "": pdp.Approval(user("bo"), ADA, "restart", API, at),
        "lapsed": pdp.Approval(user("cy"), ADA, "restart", API, early),
        "of the future": pdp.Approval(user("cy"), ADA, "restart", API, late),
        "their own request": pdp.Approval(ADA, ADA, "restart", API, at),
        "they asked for it": pdp.Approval(user("cy"), ADA, "restart", API, at, asked_by=user("cy")),
        "of another value": pdp.Approval(user("cy"), ADA, "restart", API, at, "c1"),
        "no approver of this rule": pdp.Approval(user("eve"), ADA, "restart", API, at),
        "revoked": pdp.Approval(user("dee"), ADA, "restart", API, at),
        "for another who acts": pdp.Approval(user("cy"), ADA, "restart", API, at, actor=pdp.ref("Agent", "helper")),
    }
    engine = place.engine_of([*records.values(), pdp.Approval(user("bo"), ADA, "deploy", API, at)])
    engine.revoke(principal=user("dee"))

    (rule,) = engine.explain(pdp.Request(ADA, "restart", API)).rules

    found = rule.clauses[0].approvals
    assert [each.why for each in found] == [*records]
    assert [each.counts for each in found] == [True] + [False] * (len(records) - 1)
    assert found[0].to_json() == {
        "approver": 'User "bo"',
        "at": "2026-11-23T09:00:00Z",
        "until": "2026-11-23T13:00:00Z",
        "counts": True,
        "why": "",
    }


def test_the_interpreter_is_handed_the_approvals_of_its_question_alone(place: Place) -> None:
    others = [pdp.Approval(user("bo"), user(f"u{number}"), "restart", API, Datetime.of(NOW)) for number in range(100)]
    engine = place.engine_of([*others, APPROVAL])

    _, _, _, facts = engine.judged(pdp.Request(ADA, "restart", API))

    assert facts is not None
    assert facts.approvals == (APPROVAL,)


def test_a_trace_does_not_count_what_nobody_knows(place: Place) -> None:
    (rule,) = place.engine_of(None).explain(pdp.Request(ADA, "restart", API)).rules

    assert [(each.text, each.value) for each in rule.clauses[0].values] == [("approvals", "unknown")]
    assert rule.clauses[0].approvals == ()


def test_without_what_verifies_signatures_nothing_is_approved(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.approve(place.ask(), "bo")
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)

    engine = place.engine_of(place.open())

    assert not engine.allows(ADA, "restart", API)
    assert "pip install 'pdp-engine[approvals]'" in (engine.approvals_failure or "")

"""What every protocol of the sidecar asks."""

from __future__ import annotations

import datetime
import logging

import pytest

import pdp
from pdp.classes import replace
from pdp_sidecar.callers import Caller, May, NotPermitted, caller
from pdp_sidecar.service import Service, granted, unhandled
from tests.sidecar.identity.scene import identity
from tests.sidecar.scene import ADA, BEN, HOME, PLAN, SECRET, WITH_MFA, engine

ANYBODY = caller("anybody")
READS = pdp.Request(ADA, "read", HOME)


def test_an_answer_is_that_of_the_engine_and_bears_the_epoch():
    service = Service(engine())

    answer = service.check(ANYBODY, READS)

    assert answer.decision == service.engine.answer(READS)
    assert answer.epoch == service.epoch


def test_each_change_of_the_engine_begins_an_epoch():
    service = Service(engine())
    heard: list[str] = []
    service.listen(heard.append)
    before = service.epoch

    service.engine.upsert_entity(pdp.Entity("Page", "home", {"public": False, "level": 0}))

    assert heard == [service.epoch]
    assert service.epoch != before


def test_what_one_protocol_asks_is_seen_by_its_own_record_and_bears_the_same_epoch():
    seen: list[str] = []
    service = Service(engine(), record=lambda *_: seen.append("any"))
    http = service.through(lambda *_: seen.append("http"))
    http.listen(seen.append)
    service.engine.revoke(principal=BEN)

    answers = [each.check(ANYBODY, READS) for each in (service, http)]

    assert seen == [service.epoch, "any", "http"]
    assert {each.epoch for each in answers} == {service.epoch}


def test_two_services_have_no_epoch_in_common():
    first, second = Service(engine()), Service(engine())

    assert first.epoch != second.epoch


def test_an_answer_bears_no_later_epoch_than_its_facts():
    service = Service(engine())
    answers = []
    # A change comes between the look at the epoch and the decision: what is kept under the older name is dropped.
    decide = service.engine.decide

    def late(*question, **named):
        service.engine.revoke(principal=BEN)
        return decide(*question, **named)

    service.engine.decide = late
    answers.append(service.check(ANYBODY, READS))

    assert answers[0].epoch != service.epoch


def test_a_listener_that_fails_keeps_no_other_from_hearing():
    service, heard = Service(engine()), []

    def fail(epoch):
        raise RuntimeError("the loop is closed")

    service.listen(fail)
    service.listen(heard.append)

    service.engine.revoke(principal=ADA)

    assert heard == [service.epoch]


def test_who_listens_no_longer_hears_nothing():
    service = Service(engine())
    heard: list[str] = []
    stop = service.listen(heard.append)

    stop()
    service.engine.revoke(principal=BEN)

    assert heard == []


def test_a_closed_service_begins_no_epoch():
    service = Service(engine())
    before = service.epoch

    service.close()
    service.engine.revoke(principal=BEN)

    assert service.epoch == before


def test_a_caller_that_may_not_check_is_refused():
    service = Service(engine())

    with pytest.raises(NotPermitted, match="`monitor` may not check"):
        service.check(caller("monitor", [May.STATUS]), READS)
    with pytest.raises(NotPermitted, match="`monitor` may not check"):
        service.check_many(caller("monitor", [May.STATUS]), [READS])


def test_a_caller_asks_for_its_own_principals_only():
    service = Service(engine())
    bens = caller("bens", [May.CHECK], ['User "ben"'])

    answers, _ = service.check_many(bens, [READS, pdp.Request(BEN, "read", HOME)])

    assert [bool(each) for each in answers] == [False, True]
    assert answers[0].detail == "`bens` may not ask for this principal"
    assert not service.check(bens, READS).decision


@pytest.mark.parametrize("odd", [None, 1, "User:ben", ("User", "ben"), object()])
def test_what_is_no_principal_is_denied_to_a_caller_with_principals(odd):
    service = Service(engine())

    answer = service.check(caller("bens", [May.CHECK], ['User "ben"']), pdp.Request(odd, "read", HOME))

    assert not answer.decision


def test_only_who_may_explain_asks_for_another_time():
    service = Service(engine())
    past = READS._replace(now=datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC))

    answer = service.check(caller("shop", [May.CHECK]), past)

    assert not answer.decision
    assert answer.decision.detail == "`shop` may not ask for another time"
    assert service.check(ANYBODY, past).decision


def test_who_may_not_vouch_for_sessions_asks_without():
    service = Service(engine())
    edits = pdp.Request(ADA, "edit", PLAN, {}, WITH_MFA)
    shop = caller("shop", [May.CHECK])
    plain = type(shop)(shop.name, shop.may, None, asserts_session=False)

    assert granted(service.check(shop, edits).decision, frozenset({"log"}))
    assert service.check(plain, edits).decision.detail == "`shop` may not vouch for a session"


def test_an_allow_counts_where_its_obligations_are_handled():
    decision = Service(engine()).check(ANYBODY, pdp.Request(ADA, "edit", PLAN, {}, WITH_MFA)).decision

    assert decision.outcome is pdp.Outcome.ALLOW
    assert not granted(decision)
    assert unhandled(decision, frozenset()) == ("log",)
    assert granted(decision, frozenset({"log", "other"}))


def test_a_deny_is_none_whatever_is_handled():
    decision = Service(engine()).check(ANYBODY, pdp.Request(ADA, "read", SECRET)).decision

    assert not granted(decision, frozenset({"log"}))


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, RecursionError, AttributeError])
@pytest.mark.parametrize("where", ["engine", "record"])
def test_what_raises_is_a_deny_with_its_cause(where, error):
    def fail(*_):
        raise error("no")

    service = Service(engine())
    if where == "engine":
        service.engine.decide = service.engine.decide_many = fail
    else:
        service.record = fail

    one, (many, _) = service.check(ANYBODY, READS).decision, service.check_many(ANYBODY, [READS, READS])

    for decision in [one, *many]:
        assert not granted(decision)
        assert decision.reason is pdp.Reason.INTERNAL_ERROR
        assert error.__name__ in decision.detail
    assert len(many) == 2


def test_a_batch_is_of_one_state():
    service = Service(engine())
    asked = [READS, pdp.Request(BEN, "edit", PLAN), READS]

    answers, epoch = service.check_many(ANYBODY, asked)

    assert list(answers) == [service.engine.answer(each) for each in asked]
    assert epoch == service.epoch


def test_each_decision_is_told_with_its_caller():
    told = []
    service = Service(engine(), record=lambda *each: told.append(each))

    first = service.check(ANYBODY, READS).decision
    (second,), _ = service.check_many(ANYBODY, [READS])

    assert told == [(ANYBODY, READS, first), (ANYBODY, READS, second)]


def test_a_revocation_holds_here_before_the_others_are_told():
    seen = []

    def elsewhere(sequence):
        seen.append((sequence, bool(service.engine.answer(READS))))
        return 2, 1

    service = Service(engine(), revoke_elsewhere=elsewhere)

    told = service.revoke(ANYBODY, principal=ADA)

    assert seen == [(None, False)]
    assert told == (None, 3, 1)


def test_at_whose_word_something_is_revoked_is_logged(caplog):
    caplog.set_level(logging.INFO)
    service, mesh = Service(engine()), Caller("mesh", frozenset({May.REVOKE}), identity=identity(mfa=True))

    service.revoke(mesh, token="t-9", issuer="https://id.example.org")

    assert [(each.getMessage(), each.__dict__["pdp_fields"]) for each in caplog.records] == [
        ("revoked", {"caller": "mesh", "what": ["token"], "sequence": None, "caller_identity": 'User "ada"'})
    ]
    assert "t-9" not in str(caplog.records[0].__dict__)


def test_only_who_may_revoke_revokes():
    service = Service(engine())

    with pytest.raises(NotPermitted):
        service.revoke(caller("shop", [May.CHECK]), principal=ADA)
    assert service.check(ANYBODY, READS).decision


def test_who_may_not_ask_gets_no_trace():
    service = Service(engine())

    with pytest.raises(NotPermitted):
        service.explain(caller("shop", [May.CHECK]), READS)
    with pytest.raises(NotPermitted):
        service.explain(caller("bens", [May.EXPLAIN], ["User:ben"]), READS)
    assert service.explain(ANYBODY, READS).decision == service.engine.answer(READS)


# ------------------------------------------------------------------------------------------------------------ searches


def test_a_search_lists_what_the_engine_lists():
    service = Service(engine())

    assert service.who_can(ANYBODY, "User", "read", HOME).results == (ADA, BEN)
    assert service.what_can(ANYBODY, ADA, "read", "Page").results == (HOME,)
    assert service.actions(ANYBODY, ADA, HOME).results == ("read",)


def test_a_caller_is_shown_nobody_for_whom_it_may_not_ask():
    service, bens = Service(engine()), caller("bens", principals=['User "ben"'])

    assert service.who_can(bens, "User", "read", HOME).results == (BEN,)
    assert service.what_can(bens, BEN, "read", "Page").results == (HOME,)
    for search in (lambda: service.what_can(bens, ADA, "read", "Page"), lambda: service.actions(bens, ADA, HOME)):
        with pytest.raises(NotPermitted, match="may not ask for this principal"):
            search()


def test_the_pages_of_a_caller_tell_nothing_of_anybody_else():
    others = [pdp.Entity("User", f"u{number}") for number in range(5)]
    service, bens = Service(engine()), caller("bens", principals=['User "ben"', "User:zoe"])
    for each in (*others, pdp.Entity("User", "zoe")):
        service.engine.upsert_entity(each)

    first = service.who_can(bens, "User", "read", HOME, limit=1)
    second = service.who_can(bens, "User", "read", HOME, limit=1, token=first.next_token)

    assert [page.results for page in (first, second)] == [(BEN,), (pdp.ref("User", "zoe"),)]
    assert second.is_last
    assert service.who_can(caller("none", principals=["User:nobody"]), "User", "read", HOME, limit=1).is_last


def test_who_may_not_vouch_for_a_session_searches_without_one():
    service = Service(engine())
    shy = replace(ANYBODY, asserts_session=False)

    with pytest.raises(NotPermitted, match="may not vouch"):
        service.who_can(shy, "User", "edit", PLAN, session=WITH_MFA)


@pytest.mark.parametrize("search", ["who_can", "what_can", "actions"])
def test_who_may_only_check_searches_nothing(search):
    service, checker = Service(engine()), caller("checker", [May.CHECK])
    question = {"who_can": ("User", "read", HOME), "what_can": (ADA, "read", "Page"), "actions": (ADA, HOME)}[search]

    with pytest.raises(NotPermitted, match="may not search"):
        getattr(service, search)(checker, *question)

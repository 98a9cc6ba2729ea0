"""The language by its cases: each is a file under tests/corpus, and says itself what it shows."""

import datetime
from collections.abc import Iterator

import pytest
from casefile import CHECKLIST, Asked, Case, read_cases, read_yaml, remedy_need

from pdp.engine import Engine
from pdp.folder import load_sources
from pdp.model import Decision
from pdp.values import Datetime

CASES = list(read_cases())
MICROSECOND = datetime.timedelta(microseconds=1)


def engine_for(case: Case, asked: Asked) -> Engine:
    policy, store = load_sources(case.sources).require()
    return Engine(policy, store, **asked.options)


def answers(case: Case) -> Iterator[tuple[Asked, Engine, Decision]]:
    for asked in case.requests:
        engine = engine_for(case, asked)
        yield asked, engine, engine.answer(asked.request)


def shown(decision: Decision) -> dict[str, object]:
    """What a case says of a decision."""
    until = decision.valid_until
    return {
        "decision": str(decision.outcome),
        "reason": str(decision.reason),
        "rules": list(decision.determining_rules),
        "errors": list(decision.erring_rules),
        "remedies": [
            {
                "rule": remedy.rule,
                "needs": [remedy_need(need) for need in remedy.needs],
                "lifts": {lift.rule: [remedy_need(need) for need in lift.one_of] for lift in remedy.lifts},
            }
            for remedy in decision.remedies
        ],
        "obligations": [
            {"name": each.name, "arguments": dict(each.arguments), "unknown": list(each.unknown)}
            for each in decision.obligations
        ],
        "valid_until": None if until is None else str(Datetime.of(until)),
        "allows": bool(decision),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_holds(case: Case):
    loaded = load_sources(case.sources)

    codes = sorted({each.code for each in loaded.diagnostics})

    assert codes == sorted(case.diagnostics), "\n".join(map(str, loaded.diagnostics))
    for asked, engine, decision in answers(case):
        expected = dict(asked.expected)
        detail = expected.pop("detail", decision.detail)
        assert shown(decision) == expected, f"{asked.title}: {decision.detail}"
        assert decision.detail == detail
        assert decision.revision == loaded.policy.revision != ""
        assert decision.facts_revision == loaded.store.revision != ""
        assert engine.allows(
            asked.request.principal,
            asked.request.action,
            asked.request.resource,
            asked.request.context,
            asked.request.session,
            asked.request.now,
            entities=asked.request.entities,
        ) is bool(decision)


LEASED = [case for case in CASES if any(asked.expected["valid_until"] for asked in case.requests)]


@pytest.mark.parametrize("case", LEASED, ids=lambda case: case.name)
def test_nothing_changes_before_the_lease_ends(case: Case):
    for asked, engine, decision in answers(case):
        if decision.valid_until is None:
            continue
        start = asked.request.now
        for now in (start + (decision.valid_until - start) / 2, decision.valid_until - MICROSECOND):
            request = asked.request

            later = engine.decide(
                request.principal,
                request.action,
                request.resource,
                request.context,
                request.session,
                now,
                entities=request.entities,
            )

            changing = {"valid_until": None}
            assert shown(later) | changing == shown(decision) | changing, f"{asked.title} at {now}"


def test_the_corpus_is_large():
    files, answered = len(CASES), sum(case.size for case in CASES)

    assert files >= 250
    assert answered >= 400


def test_each_sentence_of_the_checklist_has_a_case():
    sentences = read_yaml(CHECKLIST)

    claimed = {sentence for case in CASES for sentence in case.covers}

    assert sorted(sentences.keys() - claimed) == []
    assert sorted(claimed - sentences.keys()) == []


def test_each_case_says_what_it_shows():
    silent = [case.name for case in CASES if not case.description.endswith(".") or not case.covers]
    descriptions = [case.description for case in CASES]

    assert silent == []
    assert sorted({each for each in descriptions if descriptions.count(each) > 1}) == []

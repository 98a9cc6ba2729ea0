"""The todo scenario of AuthZEN over HTTP, as its own runner compares: whole objects, and nothing more in them."""

import json
from pathlib import Path

import pytest

import pdp
from pdp_sidecar.authzen.options import Options
from peers import require
from tests.sidecar.authzen.serving import EVALUATION, EVALUATIONS, serving

TODO = Path(__file__).resolve().parents[3] / "examples" / "todo"
PUBLISHED = "authzen/decisions-authorization-api-1_0-02.json"


@pytest.fixture(scope="module")
def published():
    return json.loads(require(PUBLISHED).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def served():
    options = Options(types={"user": "User", "todo": "Todo"}, brought=("User", "Todo"))
    with serving(pdp.Engine.load(TODO, cache="off"), options) as found:
        yield found


def test_every_published_request_is_answered_as_published(served, published):
    wrong = []
    for case in published["evaluation"]:
        answer = served.ask(EVALUATION, case["request"])
        wrong += [case] if answer.json() != {"decision": case["expected"]} else []
    for case in published["evaluations"]:
        answer = served.ask(EVALUATIONS, case["request"])
        wrong += [case] if answer.json() != {"evaluations": case["expected"]} else []

    assert len(published["evaluation"]) + len(published["evaluations"]) == 43
    assert wrong == []


def test_who_is_not_held_is_denied_though_the_request_names_them(served):
    asked = {
        "subject": {"type": "user", "id": "nobody"},
        "action": {"name": "can_read_todos"},
        "resource": {"type": "todo", "id": "todo-1"},
    }

    assert served.ask(EVALUATION, asked).json() == {"decision": False}

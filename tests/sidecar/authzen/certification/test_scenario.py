"""The certification scenario of AuthZEN: each MUST of it, with the decisions and the searches that it mandates."""

from __future__ import annotations

from pathlib import Path

import pytest

import pdp
from pdp_sidecar.authzen.options import Options
from tests.sidecar.authzen.serving import EVALUATION, EVALUATIONS, JSON, serving

FIXTURE = Path(__file__).resolve().parent / "fixture"
IDENTIFIER = "https://pdp.example.com"
OPTIONS = Options(types={"user": "User", "record": "Record"}, identifier=IDENTIFIER)
SUBJECT, RESOURCE, ACTION = (f"/access/v1/search/{kind}" for kind in ("subject", "resource", "action"))


@pytest.fixture(scope="module")
def served():
    with serving(pdp.Engine.load(FIXTURE, cache="off"), OPTIONS) as found:
        yield found


def user(name, **properties):
    return {"type": "user", "id": name, **({"properties": properties} if properties else {})}


def record(number, **properties):
    return {"type": "record", "id": f"record-{number}", **({"properties": properties} if properties else {})}


def act(name, **properties):
    return {"name": name, **({"properties": properties} if properties else {})}


def asked(subject, action, resource, **more):
    return {"subject": subject, "action": action, "resource": resource, **more}


MANDATED = [
    (asked(user("alice"), act("read"), record(1)), True),
    (asked(user("alice"), act("write"), record(1, status="active")), True),
    (asked(user("bob"), act("read"), record(1)), True),
    (asked(user("bob"), act("write"), record(1)), False),
    (asked(user("alice"), act("write"), record(2, status="archived")), False),
    (asked(user("bob", role="admin"), act("write"), record(2, status="archived")), True),
    (asked(user("alice"), act("delete", soft=True), record(1)), True),
    (asked(user("alice"), act("delete", soft=False), record(1)), False),
]
TIME = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}


# ------------------------------------------------------------------------------------------------------------- basic


@pytest.mark.parametrize(("request_", "decision"), MANDATED)
def test_a_mandated_decision_is_made_and_nothing_else_is_told(served, request_, decision):
    answer = served.ask(EVALUATION, request_)

    assert (answer.status_code, answer.json()) == (200, {"decision": decision})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("request_", "decision"), MANDATED)
def test_to_ask_again_is_to_be_told_the_same(served, request_, decision):
    assert {served.ask(EVALUATION, request_).text for _ in range(3)} == {f'{{"decision":{str(decision).lower()}}}'}


@pytest.mark.parametrize(
    "more",
    [
        {"context": TIME},
        {"context": {}},
        {"foo": "bar", "futureField": {"nested": True}},
        {"subject": {**user("alice"), "later": [1]}},
        {"subject": user("alice", department="Sales", role="manager")},
        {"resource": record(1, status="active", owner="bob")},
        {"action": act("read", method="GET")},
    ],
)
def test_what_is_more_than_asked_for_is_taken(served, more):
    answer = served.ask(EVALUATION, {**MANDATED[0][0], **more})

    assert (answer.status_code, answer.json()) == (200, {"decision": True})


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS])
@pytest.mark.parametrize(
    "request_",
    [
        {"action": act("read"), "resource": record(1)},
        {"subject": user("alice"), "resource": record(1)},
        {"subject": user("alice"), "action": act("read")},
        asked({"id": "alice"}, act("read"), record(1)),
        asked({"type": "user"}, act("read"), record(1)),
        asked(user("alice"), {}, record(1)),
        asked(user("alice"), act("read"), {"id": "record-1"}),
        asked(user("alice"), act("read"), {"type": "record"}),
        asked("alice", act("read"), record(1)),
        asked(user("alice"), act(123), record(1)),
        asked(user("alice"), act(True), record(1)),
        asked({"type": "user", "id": 7}, act("read"), record(1)),
        asked(user("alice"), act("read"), {**record(1), "properties": []}),
        asked(user("alice"), act("read"), {**record(1), "properties": None}),
        asked(user("alice"), act("read"), record(1), context="x"),
        asked(user("alice"), act("read"), record(1), context=None),
        [],
        "x",
        None,
        b"",
        b"{",
        b"{}",
        b'{"subject": }',
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_what_is_no_evaluation_is_a_bad_request_with_a_message(served, path, request_):
    answer = served.ask(path, request_)

    assert answer.status_code == 400
    assert answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "", "json"])
def test_another_content_type_is_a_bad_request(served, kind):
    answer = served.ask(EVALUATION, MANDATED[0][0], content_type=kind)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
)
def test_json_is_json_however_it_is_spelt(served, kind):
    assert served.ask(EVALUATION, MANDATED[0][0], content_type=kind).json() == {"decision": True}


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS, SUBJECT])
@pytest.mark.parametrize("body", [MANDATED[0][0], {}])
def test_the_id_of_a_request_comes_back(served, path, body):
    answer = served.ask(path, body, x_request_id="bfe9eb29-ab87-4ca3-be83-a1d5d8305716")

    assert answer.headers["x-request-id"] == "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"


def test_no_id_comes_back_where_none_was_sent(served):
    assert "x-request-id" not in served.ask(EVALUATION, MANDATED[0][0]).headers


# ------------------------------------------------------------------------------------------------------------- batch


def decisions(answer):
    return [each["decision"] for each in answer.json()["evaluations"]]


def test_many_mandated_decisions_are_made_at_once(served):
    answer = served.ask(EVALUATIONS, {"evaluations": [request for request, _ in MANDATED]})

    assert answer.json() == {"evaluations": [{"decision": decision} for _, decision in MANDATED]}


@pytest.mark.parametrize(
    ("shared", "items", "expected"),
    [
        ({"subject": user("bob"), "resource": record(1)}, [{"action": act("read")}, {"action": act("write")}], [1, 0]),
        (
            {"subject": user("alice"), "action": act("write"), "resource": record(1, status="active")},
            [{}, {"resource": record(2, status="archived")}],
            [1, 0],
        ),
        (
            {"action": act("write"), "resource": record(2, status="archived")},
            [{"subject": user("alice")}, {"subject": user("bob", role="admin")}],
            [0, 1],
        ),
        # The whole action is another: nothing of the properties that all share is left in it.
        (
            {"subject": user("alice"), "action": act("delete", soft=True), "resource": record(1)},
            [{}, {"action": act("delete")}],
            [1, 0],
        ),
        # So is the whole context.
        (
            {**asked(user("alice"), act("delete"), record(1)), "context": {"soft": True}},
            [{}, {"context": {}}, {"context": {"soft": True, "x": 1}}],
            [1, 0, 1],
        ),
    ],
)
def test_what_an_item_does_not_say_all_say_part_by_part(served, shared, items, expected):
    assert decisions(served.ask(EVALUATIONS, {**shared, "evaluations": items})) == [bool(each) for each in expected]


@pytest.mark.parametrize("more", [{}, {"evaluations": []}, {"evaluations": [], "options": {}}])
def test_without_evaluations_it_is_one_evaluation(served, more):
    assert served.ask(EVALUATIONS, {**MANDATED[0][0], **more}).json() == {"decision": True}


@pytest.mark.parametrize("item", [{}, {"resource": "record-1"}, {"resource": {"type": "record"}}, [], 7, None])
def test_what_is_wrong_with_one_is_told_of_that_one(served, item):
    batch = {"subject": user("alice"), "action": act("read"), "evaluations": [{"resource": record(1)}, item]}

    answer = served.ask(EVALUATIONS, batch)
    first, second = answer.json()["evaluations"]

    assert (answer.status_code, first, second["decision"]) == (200, {"decision": True}, False)
    assert second["context"]["error"]["status"] == 400
    assert second["context"]["error"]["message"]


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [True, True, False, True, False]),
        ("deny_on_first_deny", [True, True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_a_semantic_ends_the_answers(served, semantic, expected):
    items = [MANDATED[0][0], MANDATED[1][0], MANDATED[3][0], MANDATED[2][0], {}]

    answer = served.ask(EVALUATIONS, {"evaluations": items, "options": {"evaluations_semantic": semantic, "x": 1}})

    assert decisions(answer) == expected


@pytest.mark.parametrize("semantic", ["deny_on_first_deny", "permit_on_first_permit"])
def test_what_cannot_be_asked_is_a_denial_to_a_semantic(served, semantic):
    items = [{}, MANDATED[0][0], MANDATED[3][0]]

    answer = served.ask(EVALUATIONS, {"evaluations": items, "options": {"evaluations_semantic": semantic}})

    assert decisions(answer) == ([False] if semantic == "deny_on_first_deny" else [False, True])


@pytest.mark.parametrize("options", [{"evaluations_semantic": "first"}, {"evaluations_semantic": None}, [], None])
def test_another_semantic_is_a_bad_request(served, options):
    assert served.ask(EVALUATIONS, {"evaluations": [MANDATED[0][0]], "options": options}).status_code == 400


@pytest.mark.parametrize("items", [{}, "x", None, 7])
def test_evaluations_are_a_list(served, items):
    assert served.ask(EVALUATIONS, {**MANDATED[0][0], "evaluations": items}).status_code == 400


# ------------------------------------------------------------------------------------------------------------ searches

SEARCHES = [
    (SUBJECT, asked({"type": "user"}, act("read"), record(1)), ["alice", "bob"]),
    (SUBJECT, asked({"type": "user"}, act("write"), record(2, status="archived")), ["bob"]),
    (RESOURCE, asked(user("alice"), act("read"), {"type": "record"}), ["record-1"]),
    (RESOURCE, asked(user("bob", role="admin"), act("write"), {"type": "record"}), ["record-2"]),
    (ACTION, {"subject": user("alice"), "resource": record(1)}, ["read", "write"]),
    (ACTION, {"subject": user("bob", role="admin"), "resource": record(2, status="archived")}, ["write"]),
]


def results(path, names):
    if path == ACTION:
        return [{"name": name} for name in names]
    return [{"type": "user" if path == SUBJECT else "record", "id": name} for name in names]


@pytest.mark.parametrize(("path", "request_", "names"), SEARCHES)
@pytest.mark.parametrize("more", [{}, {"context": TIME}, {"foo": {"bar": 1}}])
def test_a_mandated_search_finds_what_it_has_to(served, path, request_, names, more):
    answer = served.ask(path, {**request_, **more})

    assert (answer.status_code, answer.json()) == (200, {"results": results(path, names)})


@pytest.mark.parametrize(("path", "request_", "names"), SEARCHES[:4])
@pytest.mark.parametrize("id", ["alice", "record-1", "nobody", 7, None])
def test_the_id_of_what_is_searched_is_ignored(served, path, request_, names, id):
    part = "subject" if path == SUBJECT else "resource"

    answer = served.ask(path, {**request_, part: {**request_[part], "id": id}})

    assert answer.json() == {"results": results(path, names)}


@pytest.mark.parametrize(("path", "request_", "names"), SEARCHES)
def test_what_is_found_is_what_would_be_granted(served, path, request_, names):
    everything = {SUBJECT: ["alice", "bob"], RESOURCE: ["record-1", "record-2"], ACTION: ["delete", "read", "write"]}
    part = {SUBJECT: "subject", RESOURCE: "resource", ACTION: "action"}[path]

    granted = [
        name
        for name, document in zip(everything[path], results(path, everything[path]), strict=True)
        if served.ask(EVALUATION, {**request_, part: document}).json()["decision"]
    ]

    assert granted == names


@pytest.mark.parametrize(("path", "request_", "names"), [SEARCHES[0], SEARCHES[4]])
def test_pages_come_to_the_whole(served, path, request_, names):
    first = served.ask(path, {**request_, "page": {"limit": 1}}).json()
    token = first["page"]["next_token"]
    second = served.ask(path, {**request_, "page": {"limit": 1, "token": token}}).json()

    assert token
    assert first["results"] == results(path, names[:1])
    assert second["results"] == results(path, names[1:])
    assert second["page"]["next_token"] == "" or path == ACTION


def test_a_page_that_holds_all_says_so(served):
    answer = served.ask(SUBJECT, {**SEARCHES[0][1], "page": {"limit": 10, "properties": {"sort": "x"}}})

    assert answer.json() == {"page": {"next_token": ""}, "results": results(SUBJECT, ["alice", "bob"])}


def test_a_token_of_another_question_is_a_bad_request(served):
    token = served.ask(SUBJECT, {**SEARCHES[0][1], "page": {"limit": 1}}).json()["page"]["next_token"]

    answer = served.ask(SUBJECT, {**SEARCHES[1][1], "page": {"token": token}})

    assert answer.status_code == 400
    assert "another question" in answer.text


@pytest.mark.parametrize("page", [{"token": "x"}, {"token": 7}, {"limit": 0}, {"limit": -1}, {"limit": "1"}, [], None])
def test_what_is_no_page_is_a_bad_request(served, page):
    assert served.ask(SUBJECT, {**SEARCHES[0][1], "page": page}).status_code == 400


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        (SUBJECT, asked({"type": "spaceship"}, act("read"), record(1))),
        (SUBJECT, asked({"type": "user"}, act("fly"), record(1))),
        (SUBJECT, asked({"type": "user"}, act("read"), record(9))),
        (SUBJECT, asked({"type": "user"}, act("read"), {"type": "spaceship", "id": "x"})),
        (RESOURCE, asked(user("nonexistent-user"), act("read"), {"type": "record"})),
        (RESOURCE, asked(user("alice"), act("read"), {"type": "spaceship"})),
        (ACTION, {"subject": user("nonexistent-user"), "resource": record(1)}),
        (ACTION, {"subject": user("alice"), "resource": {"type": "spaceship", "id": "x"}}),
    ],
)
def test_nothing_is_found_of_what_is_not_known(served, path, request_):
    answer = served.ask(path, request_)

    assert (answer.status_code, answer.json()) == (200, {"results": []})


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        (SUBJECT, {"subject": {"type": "user"}, "resource": record(1)}),
        (SUBJECT, asked({"type": "user"}, act("read"), {"type": "record"})),
        (SUBJECT, asked({}, act("read"), record(1))),
        (SUBJECT, asked({"type": 7}, act("read"), record(1))),
        (RESOURCE, {"action": act("read"), "resource": {"type": "record"}}),
        (RESOURCE, asked({"type": "user"}, act("read"), {"type": "record"})),
        (RESOURCE, asked(user("alice"), {}, {"type": "record"})),
        (ACTION, {"subject": user("alice")}),
        (ACTION, {"subject": {"type": "user"}, "resource": record(1)}),
        (ACTION, b""),
    ],
)
def test_what_is_no_search_is_a_bad_request(served, path, request_):
    assert served.ask(path, request_).status_code == 400


# ----------------------------------------------------------------------------------------------------------- discovery


def test_discovery_tells_where_everything_is(served):
    answer = served.client.get("/.well-known/authzen-configuration")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "policy_decision_point": IDENTIFIER,
        "access_evaluation_endpoint": f"{IDENTIFIER}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{IDENTIFIER}/access/v1/evaluations",
        "search_subject_endpoint": f"{IDENTIFIER}/access/v1/search/subject",
        "search_resource_endpoint": f"{IDENTIFIER}/access/v1/search/resource",
        "search_action_endpoint": f"{IDENTIFIER}/access/v1/search/action",
        "capabilities": [],
    }


def test_discovery_of_a_tenant_is_between_host_and_path():
    options = Options(identifier=f"{IDENTIFIER}/tenant1", searches=False)
    with serving(pdp.Engine.load(FIXTURE, cache="off"), options) as served:
        told = served.client.get("/.well-known/authzen-configuration/tenant1").json()
        elsewhere = served.client.get("/.well-known/authzen-configuration")
        asked_there = served.ask("/tenant1/access/v1/evaluation", MANDATED[0][0])
        search = served.ask(SUBJECT, SEARCHES[0][1])

    assert told["policy_decision_point"] == f"{IDENTIFIER}/tenant1"
    assert told["access_evaluation_endpoint"] == f"{IDENTIFIER}/tenant1/access/v1/evaluation"
    assert not [name for name in told if name.startswith("search")]
    assert (elsewhere.status_code, asked_there.status_code, search.status_code) == (404, 200, 404)


def test_without_an_identifier_there_is_no_discovery():
    with serving(pdp.Engine.load(FIXTURE, cache="off")) as served:
        assert served.client.get("/.well-known/authzen-configuration").status_code == 404


def test_discovery_is_asked_for_without_a_body(served):
    assert served.client.post("/.well-known/authzen-configuration", headers=JSON).status_code == 405

"""What a question over HTTP is to the engine, and what is told of the answer."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdp
from pdp_sidecar.authzen.app import Application
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.callers import Callers, May, caller
from pdp_sidecar.service import Service
from tests.sidecar import scene
from tests.sidecar.authzen.serving import ANYBODY, EVALUATION, EVALUATIONS, called, question, serving

OPTIONS = Options(types={"user": "User"}, session="session")
EDIT = question(action="edit", resource=("Page", "plan"), context={"session": scene.WITH_MFA})
SUBJECT = "/access/v1/search/subject"


@pytest.fixture(scope="module")
def served():
    with serving(scene.engine(), OPTIONS) as found:
        yield found


def decision(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["decision"]


# ------------------------------------------------------------------------------------------------------------ mapping


@pytest.mark.parametrize("kind", ["user", "User"])
def test_types_are_called_as_the_options_say(served, kind):
    assert decision(served.ask(EVALUATION, question((kind, "ada")))) is True


def test_a_type_that_is_not_known_is_denied(served):
    assert served.ask(EVALUATION, question(("USER", "ada"))).json() == {"decision": False}


def test_properties_are_attributes_of_what_the_engine_does_not_hold(served):
    brought = ("Page", "new", {"public": True, "level": 0})

    assert decision(served.ask(EVALUATION, question(resource=brought))) is True
    assert decision(served.ask(EVALUATION, question(resource=("Page", "new")))) is False
    assert decision(served.ask(EVALUATION, question(resource=("Page", "new", {})))) is False


def test_what_the_engine_holds_goes_before_properties(served):
    assert decision(served.ask(EVALUATION, question(resource=("Page", "plan", {"public": True, "level": 0})))) is False


NUMBERS = """
type User
type Page { level: Int, open: Bool }
action read on Page by User with { size?: Int }
rule low: permit User to read on Page when resource.level < 3
rule big: forbid User to read on Page when context has size and context.size > 5 because "too big"
rule zero: permit User to read on Page when resource.level == 9223372036854775807
"""


@pytest.mark.parametrize(
    ("level", "granted"),
    [
        ("1", True),
        ("1.0", False),
        ("1e0", False),
        ("true", False),
        ('"1"', False),
        ("null", False),
        ("-9223372036854775808", True),
        ("-9223372036854775809", False),
        ("9223372036854775807", True),
        ("9223372036854775808", False),
        ("18446744073709551617", False),
        ("[1]", False),
    ],
)
def test_a_number_is_the_one_that_was_written(level, granted):
    body = b'{"subject":{"type":"User","id":"a"},"action":{"name":"read"},"resource":{"type":"Page","id":"p",'
    body += b'"properties":{"level":%s,"open":true}}}' % level.encode()
    with serving(pdp.Engine.from_text(NUMBERS)) as served:
        assert decision(served.ask(EVALUATION, body)) is granted


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "01", "+1", "1.", "0x1", "9" * 5000])
def test_what_is_no_number_is_a_bad_request(served, number):
    body = json.dumps(question(context={"x": "HERE"})).replace('"HERE"', number).encode()

    assert served.ask(EVALUATION, body).status_code == 400


def test_properties_of_an_action_are_part_of_the_context():
    with serving(pdp.Engine.from_text(NUMBERS)) as served:
        page = ("Page", "p", {"level": 1, "open": True})
        asked = question(("User", "a"), resource=page)
        small = {"name": "read", "properties": {"size": 1}}
        big = {"name": "read", "properties": {"size": 9}}

        assert decision(served.ask(EVALUATION, {**asked, "action": small})) is True
        assert decision(served.ask(EVALUATION, {**asked, "action": big})) is False
        assert decision(served.ask(EVALUATION, {**asked, "action": big, "context": {"other": 1}})) is False
        both = served.ask(EVALUATION, {**asked, "action": small, "context": {"size": 9}})

    assert both.status_code == 400
    assert "`size` is both in the context and a property of the action" in both.text


# ----------------------------------------------------------------------------------------------------------- sessions


def test_a_session_is_told_where_the_options_say(served):
    handled = {"x_pdp_handles": "log"}

    assert decision(served.ask(EVALUATION, EDIT, **handled)) is True
    assert decision(served.ask(EVALUATION, {**EDIT, "context": {}}, **handled)) is False
    assert decision(served.ask(EVALUATION, {**EDIT, "context": {"session": "mfa"}}, **handled)) is False


def test_a_session_is_no_part_of_the_context():
    text = "type User\ntype Page\naction read on Page by User with { session?: { mfa: Bool } }\n"
    text += "rule r: permit User to read on Page when context has session and context.session.mfa"
    asked = question(context={"session": {"mfa": True}})
    engine = pdp.Engine.from_text(text)

    with serving(engine) as plain, serving(engine, Options(session="session")) as told:
        assert decision(plain.ask(EVALUATION, asked)) is True
        assert decision(told.ask(EVALUATION, asked)) is False


def test_an_action_has_no_session(served):
    action = {"name": "edit", "properties": {"session": scene.WITH_MFA}}

    answer = served.ask(EVALUATION, {**EDIT, "context": {}, "action": action}, x_pdp_handles="log")

    assert answer.status_code == 400


def test_without_the_option_nobody_tells_of_a_session():
    with serving(scene.engine(handles=["log"])) as served:
        assert decision(served.ask(EVALUATION, EDIT)) is False


def test_who_may_not_vouch_for_anybody_is_denied_with_a_session():
    shy = Callers(otherwise=pdp.classes.replace(caller("shy"), asserts_session=False))
    with serving(scene.engine(handles=["log"]), OPTIONS, shy) as served:
        assert decision(served.ask(EVALUATION, EDIT)) is False
        assert decision(served.ask(EVALUATION, question())) is True


def test_items_that_share_a_context_share_its_session(served):
    batch = {**EDIT, "evaluations": [{}, {"resource": {"type": "Page", "id": "secret"}}, {}]}

    answer = served.ask(EVALUATIONS, batch, x_pdp_handles="log").json()

    assert [each["decision"] for each in answer["evaluations"]] == [True, False, True]


# ------------------------------------------------------------------------------------------------------------ changes


def test_what_is_revoked_is_denied_by_the_next_answer():
    with serving(scene.engine()) as served:
        before = decision(served.ask(EVALUATION, question(("User", "ben"))))
        served.service.engine.revoke(principal=pdp.ref("User", "ben"))

        assert before is True
        assert decision(served.ask(EVALUATION, question(("User", "ben")))) is False
        found = served.ask(SUBJECT, {**question(), "subject": {"type": "User"}}).json()
        assert found == {"results": [{"type": "User", "id": "ada"}]}


# -------------------------------------------------------------------------------------------------------- obligations


@pytest.mark.parametrize("handles", ["", "tell", "LOG", "log_", "tell, lo g"])
def test_an_allow_with_an_obligation_that_nobody_declared_is_a_denial(served, handles):
    more = {"x_pdp_handles": handles} if handles else {}

    assert served.ask(EVALUATION, EDIT, **more).json() == {"decision": False}
    assert served.ask(EVALUATIONS, {"evaluations": [EDIT]}, **more).json() == {"evaluations": [{"decision": False}]}


@pytest.mark.parametrize("handles", ["log", "log ,tell", "tell,log"])
def test_an_allow_with_obligations_that_were_declared_is_one(served, handles):
    assert served.ask(EVALUATION, EDIT, x_pdp_handles=handles).json() == {"decision": True}


def test_obligations_may_be_declared_for_all():
    with serving(scene.engine(), Options(session="session", handles=("log",))) as served:
        assert served.ask(EVALUATION, EDIT).json() == {"decision": True}


def test_who_would_have_to_do_what_it_did_not_declare_is_not_found(served):
    asked = {**EDIT, "subject": {"type": "User"}}

    assert served.ask(SUBJECT, asked).json() == {"results": []}
    assert served.ask(SUBJECT, asked, x_pdp_handles="log").json() == {"results": [{"type": "User", "id": "ada"}]}


# ------------------------------------------------------------------------------------------------------------ reasons


def test_reasons_are_told_to_who_asks_for_them(served):
    answer = served.ask(EVALUATION, EDIT, x_pdp_reasons="true", x_pdp_handles="log").json()
    told = answer["context"]["pdp"]

    assert answer["decision"] is True
    assert told["outcome"] == "allow"
    assert told["reason"] == "permitted"
    assert told["determining_rules"] == ["editors_edit"]
    assert told["obligations"] == [{"name": "log", "arguments": {"where": "audit"}}]
    assert told["unhandled_obligations"] == []
    assert told["revision"] == served.service.engine.policy.revision
    assert told["epoch"] == served.service.epoch
    assert "valid_until" not in told


def test_a_denial_tells_what_would_help(served):
    told = served.ask(EVALUATION, {**EDIT, "context": {}}, x_pdp_reasons="true").json()["context"]["pdp"]

    assert told["outcome"] == "deny"
    assert told["remedies"][0]["needs"][0]["text"] == "sign in with a second factor"


def test_an_allow_that_is_sent_as_a_denial_says_why(served):
    answer = served.ask(EVALUATION, EDIT, x_pdp_reasons="true").json()

    assert (answer["decision"], answer["context"]["pdp"]["outcome"]) == (False, "allow")
    assert answer["context"]["pdp"]["unhandled_obligations"] == ["log"]


def test_a_lease_is_told_as_an_instant_and_as_a_span():
    text = "type User\ntype Page\naction read on Page by User\n"
    text += 'rule short: permit User "ada" to read on Page until 2099-01-01T00:00:00Z'
    with serving(pdp.Engine.from_text(text)) as served:
        before = datetime.datetime.now(datetime.UTC)
        told = served.ask(EVALUATION, question(), x_pdp_reasons="true").json()["context"]["pdp"]

    left = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC) - before
    assert told["valid_until"] == "2099-01-01T00:00:00Z"
    assert 0 <= left.total_seconds() * 1000 - told["lease_ms"] < 10_000


@pytest.mark.parametrize("value", ["1", "yes", "TRUE", ""])
def test_reasons_are_asked_for_in_one_way(served, value):
    assert served.ask(EVALUATION, question(), x_pdp_reasons=value).status_code == 400


def test_each_of_many_has_its_reasons(served):
    items = [{}, {"resource": {"type": "Page", "id": "secret"}}, {"resource": 7}]

    answer = served.ask(EVALUATIONS, {**question(), "evaluations": items}, x_pdp_reasons="true").json()
    first, second, third = answer["evaluations"]

    assert first["context"]["pdp"]["determining_rules"] == ["public_pages_are_read"]
    assert second["context"]["pdp"]["determining_rules"] == ["nobody_reads_secrets"]
    assert third["context"]["error"]["status"] == 400


# ---------------------------------------------------------------------------------------------------------- who asks

TOKENS = {"all": caller("all"), "bens": caller("bens", [May.CHECK], ['User "ben"']), "seer": caller("seer", ["status"])}


def callers():
    import hashlib

    return Callers(by_token={hashlib.sha256(name.encode()).digest(): who for name, who in TOKENS.items()})


@pytest.fixture(scope="module")
def guarded():
    with serving(scene.engine(), OPTIONS, callers()) as found:
        yield found


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS, SUBJECT])
@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer nobody", "Basic YWxsOmFsbA==", "all", "bearerall"])
def test_nobody_is_told_to_say_who_it_is(guarded, path, given):
    more = {} if given is None else {"authorization": given}

    answer = guarded.ask(path, question(), **more)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.text


@pytest.mark.parametrize("given", ["Bearer all", "bearer all", "BEARER  all"])
def test_a_token_tells_who_asks(guarded, given):
    assert decision(guarded.ask(EVALUATION, question(), authorization=given)) is True


def test_who_may_not_ask_is_forbidden_to(guarded):
    answers = [
        guarded.ask(EVALUATION, question(), authorization="Bearer seer"),
        guarded.ask(EVALUATIONS, {"evaluations": [question()]}, authorization="Bearer seer"),
        guarded.ask(SUBJECT, {**question(), "subject": {"type": "User"}}, authorization="Bearer bens"),
    ]

    assert [each.status_code for each in answers] == [403, 403, 403]
    assert [each.text for each in answers] == ["`seer` may not check", "`seer` may not check", "`bens` may not search"]


def test_who_asks_for_others_than_it_may_is_denied(guarded):
    ben, ada = question(("User", "ben")), question(("User", "ada"))

    assert decision(guarded.ask(EVALUATION, ben, authorization="Bearer bens")) is True
    assert decision(guarded.ask(EVALUATION, ada, authorization="Bearer bens")) is False


def test_a_token_that_is_there_twice_is_nobodys(guarded):
    headers = [("content-type", "application/json"), ("authorization", "Bearer x"), ("authorization", "Bearer all")]

    answer = guarded.client.post(EVALUATION, content=json.dumps(question()), headers=headers)

    assert answer.status_code == 400


# ------------------------------------------------------------------------------------- the same as in the same process

ENGINE = scene.engine()


@pytest.fixture(scope="module")
def app():
    return Application(Service(ENGINE), ANYBODY, OPTIONS)


texts = st.text(st.characters(codec="utf-8"), max_size=6)
leaves = st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves | texts, lambda each: st.lists(each, max_size=3) | st.dictionaries(texts, each, max_size=3)
)
things = st.dictionaries(texts, values, max_size=3)


def among(*known):
    return st.sampled_from(known) | texts


@st.composite
def asked(draw):
    level, public = draw(st.sampled_from([0, 1, 9, True, 1.0, "1", None]) | values), draw(st.booleans() | values)
    subject = {"type": draw(among("User", "Page")), "id": draw(among("ada", "ben"))}
    resource = {"type": draw(among("Page", "User")), "id": draw(among("home", "plan", "secret", "new"))}
    if draw(st.booleans()):
        resource["properties"] = {"level": level, "public": public, **draw(things)}
    if draw(st.booleans()):
        subject["properties"] = draw(things)
    found = {"subject": subject, "action": {"name": draw(among("read", "edit"))}, "resource": resource}
    if draw(st.booleans()):
        session = st.just(scene.WITH_MFA) | values
        found["context"] = {**draw(things), **({"session": draw(session)} if draw(st.booleans()) else {})}
    return found


@given(document=asked(), spaces=st.booleans(), ascii_=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_is_that_of_the_engine(app, document, spaces, ascii_):
    body = json.dumps(document, ensure_ascii=ascii_, separators=(" , ", " : ") if spaces else (",", ":")).encode()

    def entity(part):
        properties = part.get("properties")
        return pdp.Entity(part["type"], part["id"], properties) if properties else pdp.ref(part["type"], part["id"])

    context = dict(document.get("context", {}))
    session = context.pop("session", None)
    principal, resource = entity(document["subject"]), entity(document["resource"])
    expected = ENGINE.decide(principal, document["action"]["name"], resource, context, session)
    granted = expected.outcome == "allow" and set(expected.unhandled) <= {"log"}

    assert called(app, EVALUATION, body, x_pdp_handles="log") == (200, {"decision": granted})
    told = called(app, EVALUATION, body, x_pdp_handles="log", x_pdp_reasons="true")[1]["context"]["pdp"]
    assert (told["reason"], told["determining_rules"]) == (str(expected.reason), list(expected.determining_rules))


@given(documents=st.lists(asked(), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_are_answered_as_one_by_one(app, documents):
    one_by_one = [called(app, EVALUATION, json.dumps(each).encode())[1] for each in documents]

    batch = json.dumps({"evaluations": documents}).encode()

    assert called(app, EVALUATIONS, batch) == (200, {"evaluations": one_by_one})


@given(document=asked())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_application_answers_is_what_is_heard(served, app, document):
    body = json.dumps(document).encode()

    assert served.ask(EVALUATION, body).json() == called(app, EVALUATION, body)[1]


# ------------------------------------------------------------------------------------------------------- fail closed


BROKEN = {
    "check": (EVALUATION,),
    "check_many": (EVALUATIONS,),
    "engine.decide": (EVALUATION,),
    "engine.decide_many": (EVALUATIONS,),
    "record": (EVALUATION, EVALUATIONS),
}


def breaking(place, error):
    """Return a service in which something raises."""

    def fail(*_, **__):
        raise error("secret detail")

    service = Service(scene.engine())
    holder, _, name = place.rpartition(".")
    setattr(getattr(service, holder) if holder else service, name, fail)
    return service


@pytest.mark.parametrize("error", [ValueError, MemoryError, RecursionError, KeyError, AssertionError, TimeoutError])
@pytest.mark.parametrize("place", BROKEN)
def test_what_goes_wrong_is_a_denial_with_its_cause(error, place):
    app = Application(breaking(place, error), ANYBODY, Options())

    for path in BROKEN[place]:
        asked = question() if path == EVALUATION else {"evaluations": [question(), {}]}
        status, answer = called(app, path, json.dumps(asked).encode())
        told = answer["evaluations"][0] if "evaluations" in answer else answer

        assert status == 200
        assert told["decision"] is False
        assert told["context"]["error"]["status"] == 500
        assert error.__name__ in told["context"]["error"]["message"]
        assert "secret" not in str(answer)


@pytest.mark.parametrize("place", ["_client", "_body"])
def test_what_goes_wrong_before_a_question_is_known_is_no_allow_either(place, monkeypatch):
    app = Application(Service(scene.engine()), ANYBODY, Options())

    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(app, place, fail)
    _, answer = called(app, EVALUATION, json.dumps(question()).encode())

    assert answer["decision"] is False
    assert "MemoryError" in answer["context"]["error"]["message"]


@pytest.mark.parametrize("place", ["who_can", "what_can", "actions"])
def test_a_search_that_goes_wrong_finds_nothing_and_says_so(place):
    def fail(*_, **__):
        raise ValueError("secret detail")

    service = Service(scene.engine())
    setattr(service, place, fail)
    asked = {**question(), "subject": {"type": "User", "id": "ada"}}
    path = {"who_can": "subject", "what_can": "resource", "actions": "action"}[place]
    with serving(service) as served:
        answer = served.ask(f"/access/v1/search/{path}", asked)

    assert answer.status_code == 500
    assert "ValueError" in answer.text
    assert "secret" not in answer.text


def test_a_type_of_which_each_id_is_one_has_no_list():
    text = "type Robot\ntype Page { open: Bool }\naction read on Page by Robot\nrule r: permit Robot to read on Page"
    with serving(pdp.Engine.from_text(text, entities=[pdp.Entity("Page", "p", {"open": True})])) as served:
        asked = {"subject": {"type": "Robot"}, "action": {"name": "read"}, "resource": {"type": "Page", "id": "p"}}
        answer = served.ask(SUBJECT, asked)

    assert answer.status_code == 400
    assert "there is no list of `Robot`" in answer.text

"""Access that was denied for want of approvals is asked for, approved by others, and lapses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.errors import RecordError
from pdp.identity.who import Actor, Identity
from pdp.session import Session
from pdp.values import Datetime
from pdp_sidecar.authzen.app import Application
from pdp_sidecar.authzen.denials import Denials
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.callers import Bound, Caller, Callers, May
from pdp_sidecar.desk import Desk
from pdp_sidecar.identifying import Identifying
from pdp_sidecar.service import Service
from tests.approvals.places import API, HOUR, NOW, Place, signer, user
from tests.sidecar.authzen.serving import EVALUATION, EVALUATIONS, called
from tests.sidecar.identity.scene import Issuers

LOGIN = "https://login.example.com"
BASE = "https://pdp.example.com"
REQUESTS = "/access/v1/requests"
ERROR = "urn:openid:authzen:access-request:error:"
OPTIONS = Options(identifier=BASE, access_requests=True)
MAY = frozenset({May.CHECK, May.APPROVE})
RESTART = {"action": {"name": "restart"}, "resource": {"type": "Service", "id": "api"}}
DEPLOY = {"action": {"name": "deploy"}, "resource": {"type": "Service", "id": "api"}}


def identity(name: str, kind: str = "User", *, issuer: str = LOGIN, acts: bool = False) -> Identity:
    given: dict[str, Any] = {"mfa": True, "methods": ["otp"], "authenticated_at": NOW - HOUR, "issued_at": NOW - HOUR}
    given |= {"expires_at": NOW + 24 * HOUR, "issuer": issuer, "token_id": f"t-{name}", "bound": False}
    if acts:
        given["actor"] = pdp.ref("Agent", "helper")
    return Identity(
        principal=pdp.ref(kind, name),
        session=Session(given),
        issuer=issuer,
        subject=name,
        until=Datetime.of(NOW + 24 * HOUR).micros,
        actors=(Actor(subject="helper", issuer=LOGIN),) if acts else (),
    )


class Office(Place):
    """A place with a sidecar of AuthZEN: `ada` asks with a token of hers, and `pep` for whoever hands it theirs."""

    def __init__(self, folder: Path, options: Options = OPTIONS, *, desk: bool = True, **more: Any) -> None:
        super().__init__(folder, **more)
        vouches = {"Agent:helper": [{"key": signer("desk").key, "may_vouch": {"User": [LOGIN]}}]}
        self.keys.write_text(json.dumps(json.loads(self.keys.read_text()) | vouches))
        self.desk = Desk(self.engine, self.store, signer("desk"))
        known: dict[str, Identity | Exception] = {name: identity(name) for name in ("ada", "bo", "cy", "eve")}
        known |= {"ada-again": identity("ada"), "ada-by-helper": identity("ada", acts=True)}
        known |= {"ada-elsewhere": identity("ada", issuer="https://other.example.com"), "nina": identity("nina")}
        issuers = Issuers(known)
        issuers.clock.micros = Datetime.of(NOW).micros
        self.callers = Callers(
            by_token={digest(name): Caller(name, MAY) for name in ("pep", "mesh")},
            by_principal=((Bound("User"), Caller("people", MAY)),),
            otherwise=Caller("anybody", MAY),
        )
        self.service = Service(
            self.engine, identifying=Identifying(issuers, self.engine), desk=self.desk if desk else None
        )
        self.app = Application(self.service, self.callers, options, now=lambda: Datetime.of(self.now).micros)

    def go_on(self, length: timedelta) -> None:
        self.now += length

    def post(self, path: str, body: Any, by: str = "ada", method: str = "POST", **headers: str) -> tuple[int, Any]:
        named = {"authorization": f"Bearer {by}"} if by else {}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, told = called(self.app, path, content, method, **named, **headers)
        return status, json.loads(told) if isinstance(told, str) and told.startswith("{") else told

    def ask_about(self, body: Any = RESTART, by: str = "ada", reasons: str = "true") -> dict[str, Any]:
        status, told = self.post(EVALUATION, body, by, x_pdp_reasons=reasons)
        assert status == 200, told
        return dict(told)

    def submission(self, body: Any = RESTART, by: str = "ada", **more: Any) -> dict[str, Any]:
        """Return what is sent to ask for access, after a denial."""
        context = self.ask_about(body, by)["context"]
        offered = context["access_request"]
        denial = {
            "binding_token": offered["binding_token"],
            "expires_at": offered["expires_at"],
            "evaluation_id": context["evaluation_id"],
        }
        given = {**body.get("context", {}), "business_justification": "INC-42"}
        return {**body, "context": given, "denial": denial, **more}

    def submit(self, body: Any = RESTART, by: str = "ada", **more: Any) -> str:
        """Ask for access after a denial, and return the path of the task."""
        status, told = self.post(REQUESTS, self.submission(body, by, **more), by)
        assert status == 202, told
        return str(told["task"]["status_endpoint"]).removeprefix(BASE)

    def task(self, path: str, by: str = "ada") -> tuple[int, Any]:
        return self.post(path, b"", by, "GET")

    def status(self, path: str, by: str = "ada") -> str:
        return str(self.task(path, by)[1]["task"]["status"])

    def approved_by(self, name: str) -> None:
        (waiting,) = self.store.pending()
        self.desk.approve(Caller("people", MAY, identity=identity(name)), waiting.id)


def digest(token: str) -> bytes:
    import hashlib

    return hashlib.sha256(token.encode()).digest()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def handed(name: str, body: Any = RESTART) -> dict[str, Any]:
    """Return a question for whoever a token is of."""
    return {"subject": {"type": "pdp:token", "id": name}, **body}


# ------------------------------------------------------------------------------------------------------------ the whole


def test_what_is_denied_is_asked_for_approved_allowed_and_lapses(office: Office) -> None:
    path = office.submit()
    before = office.status(path), office.ask_about()["decision"]

    office.approved_by("bo")
    _, told = office.task(path)
    during = told["task"]["status"], office.ask_about({**RESTART, "context": {"approval": told["result"]["approval"]}})
    office.go_on(4 * HOUR)
    after = office.status(path), office.ask_about()["decision"]
    _, last = office.task(path)

    assert before == ("pending", False)
    assert told["result"]["mode"] == "reevaluate"
    assert told["result"]["approval"]["approved_at"] == "2026-11-23T09:00:00Z"
    assert told["result"]["approval"]["approved_until"] == "2026-11-23T13:00:00Z"
    assert during[0] == "approved"
    assert during[1]["decision"] is True
    assert after == ("expired", False)
    assert "result" not in last


def test_a_denial_says_where_its_access_is_asked_for_and_how_long(office: Office) -> None:
    context = office.ask_about()["context"]

    assert context["reason"] == "approval_required"
    assert context["evaluated_at"] == "2026-11-23T09:00:00Z"
    assert context["access_request"] == {
        "endpoint": f"{BASE}{REQUESTS}",
        "template": "restarted",
        "expires_at": "2026-11-23T09:10:00Z",
        "binding_token": context["access_request"]["binding_token"],
    }
    assert len(context["evaluation_id"]) >= 20


def test_whoever_asks_for_no_reasons_is_told_nothing_more(office: Office) -> None:
    assert office.ask_about(reasons="false") == {"decision": False}


def test_somebody_whose_token_is_handed_on_asks_by_whoever_serves_them(office: Office) -> None:
    path = office.submit(handed("ada"), "pep")

    (waiting,) = office.store.pending()
    office.approved_by("bo")

    assert (waiting.asked_by, waiting.wanted.principal, waiting.why) == (user("ada"), user("ada"), "INC-42")
    assert office.status(path, "pep") == "approved"
    assert office.ask_about(handed("ada-again"), "pep")["decision"] is True


def test_two_have_to_approve_where_the_rule_asks_two(office: Office) -> None:
    body = {**DEPLOY, "context": {"change": "c1"}}
    path = office.submit(body)

    office.approved_by("bo")
    one = office.status(path), office.ask_about(body)["decision"]
    office.approved_by("cy")

    assert one == ("pending", False)
    assert office.status(path) == "approved"
    assert office.ask_about(body)["decision"] is True
    assert office.ask_about({**DEPLOY, "context": {"change": "c2"}})["decision"] is False


@pytest.mark.parametrize("name", ["ada", "eve"])
def test_nobody_approves_what_they_asked_for_or_what_no_rule_asks_of_them(office: Office, name: str) -> None:
    path = office.submit()

    with pytest.raises(pdp.RequestError):
        office.approved_by(name)

    assert office.status(path) == "pending"
    assert office.ask_about()["decision"] is False


def test_whoever_asks_and_then_approves_by_another_way_has_nothing(office: Office) -> None:
    body = {**RESTART, "subject": {"type": "User", "id": "bo"}}
    path = office.submit(body, "bo")
    (waiting,) = office.store.pending()

    with pytest.raises(pdp.RequestError, match="asked for it"):
        office.approve(waiting.id, "bo")

    assert office.status(path, "bo") == "pending"


# --------------------------------------------------------------------------------------------------- what becomes of it


def test_what_is_rejected_is_denied_and_what_is_taken_back_is_cancelled(office: Office) -> None:
    first = office.submit()
    (one,) = office.store.pending()
    office.store.reject(office.engine, one.id, signer=signer("bo"), why="no")
    second = office.submit()
    (two,) = office.store.pending()
    office.store.withdraw(office.engine, two.id, signer=pdp.Vouching(signer("desk"), identity("ada")))

    assert (office.status(first), office.status(second)) == ("denied", "cancelled")
    assert "result" not in office.task(first)[1]
    assert office.ask_about()["decision"] is False


def test_what_nobody_answers_expires(office: Office) -> None:
    path = office.submit(requested_access={"requested_until": "2026-11-23T10:00:00Z"})

    office.go_on(HOUR)

    assert office.status(path) == "expired"


def test_access_ends_when_the_client_said(office: Office) -> None:
    path = office.submit(requested_access={"requested_until": "2026-11-23T10:00:00Z"})
    office.approved_by("bo")

    told = office.task(path)[1]["result"]["approval"]["approved_until"]
    office.go_on(HOUR)

    assert told == "2026-11-23T10:00:00Z"
    assert (office.ask_about()["decision"], office.status(path)) == (False, "expired")


def test_an_approval_that_is_taken_back_is_none(office: Office) -> None:
    path = office.submit()
    (waiting,) = office.store.pending()
    office.approve(waiting.id, "bo")
    office.store.withdraw(office.engine, waiting.id, signer=signer("bo"))

    assert (office.status(path), office.ask_about()["decision"]) == ("pending", False)


def test_an_approver_who_is_revoked_has_approved_nothing(office: Office) -> None:
    path = office.submit()
    office.approved_by("bo")
    before = office.status(path)

    office.engine.revoke(token="t-bo", issuer=LOGIN)

    assert (before, office.status(path), office.ask_about()["decision"]) == ("approved", "pending", False)


@pytest.mark.parametrize("by", ["bo", "pep", "mesh", "ada-elsewhere"])
def test_a_task_is_that_of_whoever_asked_and_nobody_else(office: Office, by: str) -> None:
    path = office.submit()

    status, told = office.task(path, by)

    assert (status, told["type"]) == (404, f"{ERROR}unknown_task")


def test_another_token_of_the_same_finds_the_task(office: Office) -> None:
    assert office.status(office.submit(), "ada-again") == "pending"


def test_who_shows_nothing_asks_for_nothing(office: Office) -> None:
    path, submission = office.submit(), office.submission()

    assert office.task(path, "")[0] == 401
    assert office.post(REQUESTS, submission, "")[0] == 401
    assert office.post(REQUESTS, submission, "mallory")[0] == 401
    assert "access_request" not in office.ask_about(handed("ada"), "")["context"]


@pytest.mark.parametrize(
    "change",
    [lambda name: name[:-1] + "0", lambda name: name[:-1], lambda name: name + "a", lambda _: "", lambda _: "é"],
)
def test_what_is_no_task_is_unknown(office: Office, change: Callable[[str], str]) -> None:
    begin, _, name = office.submit().rpartition("/")

    assert office.task(f"{begin}/{change(name)}")[0] == 404


# ----------------------------------------------------------------------------------------------- what may be asked for


@pytest.mark.parametrize(
    "body",
    [
        {**RESTART, "subject": {"type": "User", "id": "eve"}},
        {**DEPLOY},
        {"action": {"name": "read"}, "resource": {"type": "Service", "id": "api"}},
        {"action": {"name": "nothing"}, "resource": {"type": "Service", "id": "api"}},
    ],
)
def test_what_approvals_would_not_help_is_not_offered(office: Office, body: Any) -> None:
    assert "access_request" not in office.ask_about(body)["context"]


def test_whoever_is_acted_for_is_offered_nothing_and_asks_for_nothing(office: Office) -> None:
    submission = office.submission(handed("ada"), "pep")
    submission["subject"]["id"] = "ada-by-helper"

    assert "access_request" not in office.ask_about(handed("ada-by-helper"), "pep")["context"]
    assert office.post(REQUESTS, submission, "pep")[0] in (400, 403)
    assert office.store.pending() == []


def test_a_token_that_is_handed_on_and_refused_is_not_that_of_the_client(office: Office) -> None:
    submission = office.submission(handed("ada"), "pep")

    status, told = office.post(REQUESTS, {**submission, "subject": handed("mallory")["subject"]}, "pep")

    assert status == 400
    assert "the token is refused" in told


def test_who_may_not_ask_for_decisions_asks_for_no_access_either(office: Office) -> None:
    path, submission = office.submit(), office.submission()
    watching = Caller("people", frozenset({May.WATCH}))
    office.app.callers = Callers(by_principal=((Bound("User"), watching),))

    assert office.task(path)[0] == 403
    assert office.post(REQUESTS, submission)[0] == 403


def test_a_caller_that_only_names_somebody_is_offered_nothing(office: Office) -> None:
    named = {"subject": {"type": "User", "id": "ada"}, **RESTART}
    submission = {**office.submission(), **named}

    assert "access_request" not in office.ask_about(named, "pep")["context"]
    assert office.post(REQUESTS, submission, "pep")[0] == 403


def test_each_question_of_many_is_offered_what_is_its_own(office: Office) -> None:
    asked = {"evaluations": [RESTART, {**RESTART, "action": {"name": "read"}}, {}]}

    _, told = office.post(EVALUATIONS, asked, x_pdp_reasons="true")

    offered = ["access_request" in each["context"] for each in told["evaluations"]]
    assert offered == [True, False, False]
    _, plain = office.post(EVALUATIONS, {"evaluations": [RESTART]})
    assert plain == {"evaluations": [{"decision": False}]}


def test_whom_nobody_vouches_for_asks_for_nothing(office: Office) -> None:
    status, told = office.post(REQUESTS, office.submission(by="ada-elsewhere"), "ada-elsewhere")

    assert status == 403
    assert "may not vouch for User" in told
    assert office.store.pending() == []


def test_who_is_revoked_since_asks_for_nothing(office: Office) -> None:
    submission = office.submission(handed("ada"), "pep")
    office.engine.revoke(token="t-ada", issuer=LOGIN)

    status, told = office.post(REQUESTS, submission, "pep")

    assert (status, told["type"]) == (400, f"{ERROR}not_requestable")
    assert office.store.pending() == []


def test_what_is_allowed_meanwhile_asks_for_approvals_as_before(office: Office) -> None:
    submission = office.submission()
    office.approve(office.ask(), "bo")

    assert office.ask_about()["decision"] is True
    assert office.post(REQUESTS, submission)[0] == 202


# ------------------------------------------------------------------------------------------------------ what is shown


def changed(**more: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: {**body, **more}


def denial(**more: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: {**body, "denial": {**body["denial"], **more}}


WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another action": changed(action={"name": "read"}),
    "another resource": changed(resource={"type": "Service", "id": "web"}),
    "properties": changed(resource={"type": "Service", "id": "api", "properties": {"a": 1}}),
    "another change": changed(context={"business_justification": "x", "change": "c1"}),
    "no denial": lambda body: {name: value for name, value in body.items() if name != "denial"},
    "no token": lambda body: {**body, "denial": {"expires_at": body["denial"]["expires_at"]}},
    "later": denial(expires_at="2026-11-23T09:10:01Z"),
    "another evaluation": denial(evaluation_id="x"),
    "no header": lambda body: denial(binding_token=body["denial"]["binding_token"].partition(".")[2])(body),
    "no signature": lambda body: denial(binding_token=body["denial"]["binding_token"].rpartition(".")[0] + ".")(body),
    "padded": lambda body: denial(binding_token=body["denial"]["binding_token"] + "==")(body),
    "none": denial(binding_token="eyJhbGciOiJub25lIn0.e30."),
    "empty": denial(binding_token=""),
    "long": denial(binding_token="a" * 10_000),
    "no text": denial(binding_token="é.☃.\U0001f600"),
    "of another key": lambda body: denial(
        binding_token=Denials(bytes(32), BASE, f"{BASE}{REQUESTS}")
        .sign("x", "restarted", now=Datetime.of(NOW).micros, seconds=600)
        .token
    )(body),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_denial_is_bound_to_what_was_denied(office: Office, name: str) -> None:
    status, told = office.post(REQUESTS, WRONG[name](office.submission()))

    assert (status, told["type"], told["status"]) == (400, f"{ERROR}invalid_denial_binding", 400)
    assert office.store.pending() == []


@pytest.mark.parametrize(("given", "shown"), [("ada", "bo"), ("pep", "mesh"), ("ada", "pep"), ("ada", "ada-elsewhere")])
def test_a_denial_is_bound_to_whoever_was_denied(office: Office, given: str, shown: str) -> None:
    submission = office.submission(RESTART if given == "ada" else handed("ada"), given)
    if shown in ("pep", "mesh"):
        submission["subject"] = handed("ada")["subject"]

    status, told = office.post(REQUESTS, submission, shown)

    assert (status, told["type"]) == (400, f"{ERROR}invalid_denial_binding")
    assert office.store.pending() == []


def test_what_no_rule_sees_is_no_part_of_what_was_denied(office: Office) -> None:
    body = {**RESTART, "context": {"time": "09:00", "trace": 1}}
    submission = office.submission(body)

    assert office.post(REQUESTS, {**submission, "context": {"business_justification": "x", "time": "10:00"}})[0] == 202


def test_a_number_is_no_other_that_is_equal(tmp_path: Path) -> None:
    office = Office(tmp_path)
    body = {**DEPLOY, "context": {"change": "c1"}}
    submission = office.submission(body)
    submission["context"]["change"] = 1

    assert office.post(REQUESTS, submission)[0] == 400


def test_a_denial_runs_out(office: Office) -> None:
    submission = office.submission()
    office.go_on(timedelta(minutes=10))

    status, told = office.post(REQUESTS, submission)

    assert (status, told["type"]) == (410, f"{ERROR}expired_denial")
    assert office.store.pending() == []


# ----------------------------------------------------------------------------------------------------- sent once more


def test_what_is_sent_again_is_the_same_task(office: Office) -> None:
    submission = office.submission()
    first = office.post(REQUESTS, submission, idempotency_key="k1")
    office.go_on(timedelta(minutes=20))

    again = office.post(REQUESTS, submission, idempotency_key="k1")

    assert first == again
    assert len(office.store.pending()) == 1


def test_a_denial_without_a_key_asks_once(office: Office) -> None:
    submission = office.submission()

    tasks = [office.post(REQUESTS, submission)[1]["task"]["id"] for _ in range(3)]

    assert len(set(tasks)) == 1
    assert len(office.store.pending()) == 1


@pytest.mark.parametrize(
    "change",
    [
        changed(context={"business_justification": "another"}),
        changed(requested_access={"requested_until": "2026-11-23T10:00:00Z"}),
    ],
)
def test_something_else_under_the_same_key_is_a_conflict(
    office: Office, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    submission = office.submission()
    office.post(REQUESTS, submission, idempotency_key="k1")

    status, told = office.post(REQUESTS, change(submission), idempotency_key="k1")

    assert (status, told["type"]) == (409, f"{ERROR}duplicate_request")
    assert len(office.store.pending()) == 1


def test_a_key_is_that_of_whoever_gives_it(office: Office) -> None:
    office.post(REQUESTS, office.submission(), idempotency_key="k1")
    by_bo = office.submission(by="bo")

    assert office.post(REQUESTS, by_bo, "bo", idempotency_key="k1")[0] == 202
    assert len(office.store.pending()) == 2


def test_whoever_waits_for_too_much_asks_for_no_more(tmp_path: Path) -> None:
    office = Office(tmp_path, Options(identifier=BASE, access_requests=True, max_open_requests=2))
    office.submit()
    office.submit()

    status, told = office.post(REQUESTS, office.submission())

    assert status == 429
    assert "too many requests wait" in told
    assert office.post(REQUESTS, office.submission(by="bo"), "bo")[0] == 202


# ---------------------------------------------------------------------------------------------------------- bad bodies


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        (changed(items=[RESTART]), 400, "`items` are not taken"),
        (changed(context={}), 400, "say why, in `context.business_justification`"),
        (changed(context={"business_justification": 1}), 400, "say why"),
        (changed(context={"business_justification": " "}), 400, "say why"),
        (changed(client={"id": "shop", "actor": {"id": "bot"}}), 403, "`client.actor` is none"),
        (changed(requested_access={"requested_until": "soon"}), 400, "no time as RFC 3339"),
        (changed(requested_access={"requested_until": "2026-11-24T09:00:00Z"}), 400, "at most 28800 seconds"),
        (changed(requested_access={"requested_until": 1}), 400, "Expected `str`"),
        (changed(action=None), 400, "Expected `object`"),
        (denial(expires_at="x"), 400, "no time as RFC 3339"),
        (denial(expires_at=None), 400, "Expected `str`"),
        (lambda body: {name: value for name, value in body.items() if name != "resource"}, 400, "field `resource`"),
    ],
)
def test_what_cannot_be_asked_for_says_why(
    office: Office, change: Callable[[dict[str, Any]], dict[str, Any]], status: int, text: str
) -> None:
    found = office.post(REQUESTS, change(office.submission()))

    assert found[0] == status
    assert text in str(found[1])
    assert office.store.pending() == []


def test_access_that_ended_before_it_is_asked_for_is_not_requestable(office: Office) -> None:
    past = changed(requested_access={"requested_until": "2026-11-23T08:00:00Z"})

    status, told = office.post(REQUESTS, past(office.submission()))

    assert (status, told["type"]) == (400, f"{ERROR}not_requestable")


def test_methods_and_types_are_those_of_the_endpoint(office: Office) -> None:
    path = office.submit()

    assert office.post(REQUESTS, b"", method="GET")[0] == 405
    assert office.post(path, b"{}", method="POST")[0] == 405
    assert office.post(REQUESTS, office.submission(), idempotency_key="k" * 300)[0] == 400
    assert office.post(REQUESTS, b"[" * 100_000)[0] == 400


def test_a_record_that_cannot_be_used_is_no_answer(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    path, submission = office.submit(), office.submission()

    def broken(*_: Any, **__: Any) -> Any:
        raise RecordError("the disk is full")

    for name in ("request", "find"):
        monkeypatch.setattr(office.store, name, broken)

    assert office.post(REQUESTS, submission)[0] == 503
    assert office.task(path)[0] == 503


# ----------------------------------------------------------------------------------------------- what clients bring


def test_an_approval_that_a_client_brings_counts_for_nothing(tmp_path: Path) -> None:
    policy = """
    type User
    type Service
    context { approval?: String }
    action restart on Service by User
    rule told: permit User to restart on Service when context has approval
    """
    engine = pdp.Engine.from_text(policy, entities=[pdp.Entity("User", "ada")], clock=lambda: NOW)
    office = Office(tmp_path)
    office.service.engine = engine
    brought = {**RESTART, "subject": {"type": "User", "id": "ada"}, "context": {"approval": "a"}}

    assert engine.allows(user("ada"), "restart", API, {"approval": "a"})
    assert office.ask_about(brought, "pep", "false") == {"decision": False}
    action = {"name": "restart", "properties": {"approval": "a"}}
    assert office.post(EVALUATION, {**brought, "action": action}, "pep")[0] == 400


# ----------------------------------------------------------------------------------------------------------- discovery


def test_discovery_tells_of_it_where_it_is(office: Office) -> None:
    _, told = office.post("/.well-known/authzen-configuration", b"", method="GET")
    _, keys = office.post("/access/v1/jwks", b"", method="GET")

    assert told["access_request_endpoint"] == f"{BASE}{REQUESTS}"
    assert told["jwks_uri"] == f"{BASE}/access/v1/jwks"
    assert told["capabilities"] == ["urn:openid:authzen:capability:access-request"]
    assert [(key["kty"], key["crv"], key["alg"], key["use"]) for key in keys["keys"]] == [
        ("OKP", "Ed25519", "EdDSA", "sig")
    ]


@pytest.mark.parametrize(("options", "desk"), [(Options(identifier=BASE), True), (OPTIONS, False)])
def test_nothing_of_it_is_there_where_it_is_off(tmp_path: Path, options: Options, desk: bool) -> None:
    office = Office(tmp_path, options, desk=desk)

    _, told = office.post("/.well-known/authzen-configuration", b"", method="GET")

    assert told["capabilities"] == []
    assert "access_request_endpoint" not in told
    assert "access_request" not in office.ask_about()["context"]
    for path in (REQUESTS, f"{REQUESTS}/x", "/access/v1/jwks"):
        assert office.post(path, b"{}")[0] == 404


def test_a_prefix_is_that_of_tasks_as_well(tmp_path: Path) -> None:
    base = f"{BASE}/tenant"
    office = Office(tmp_path, Options(identifier=base, access_requests=True))
    status, told = office.post(f"/tenant{REQUESTS}", office.submission())

    path = told["task"]["status_endpoint"].removeprefix(BASE)

    assert status == 202
    assert path.startswith(f"/tenant{REQUESTS}/")
    assert office.status(path) == "pending"


def test_it_needs_an_identifier() -> None:
    with pytest.raises(ValueError, match="needs an `identifier`"):
        Options(access_requests=True)

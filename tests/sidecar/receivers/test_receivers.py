"""What an issuer or a directory tells the sidecar holds in every worker once it is acknowledged, and else is not."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdp
from pdp.configuration.secret import Secret, SecretError
from pdp.errors import RecordError
from pdp.identity.options import Options, ScimOptions
from pdp_sidecar.callers import caller
from pdp_sidecar.receivers import logout as logout_receiver
from pdp_sidecar.receivers import scim as scim_receiver
from pdp_sidecar.receivers.mounting import Mounted
from pdp_sidecar.receivers.together import Receivers
from pdp_sidecar.service import Service
from tests.identity.revoking.test_logout import ISSUER, entry, logout
from tests.identity.tokens import NOW
from tests.sidecar.authzen.serving import EVALUATION, question, serving
from tests.sidecar.scene import ADA, BEN, HOME, engine

SECRET = "a-secret-of-the-directory"
SCIM = {"authorization": f"Bearer {SECRET}", "content-type": "application/scim+json"}
OPTIONS = Options(scim=ScimOptions(type="User", token=Secret(env="SCIM")))
ALL = Options()
SESSION = {
    "mfa": True,
    "methods": ["otp"],
    "authenticated_at": datetime.datetime.fromtimestamp(NOW - 600, datetime.UTC),
    "issued_at": datetime.datetime.fromtimestamp(NOW - 600, datetime.UTC),
    "issuer": ISSUER,
    "session_id": "s-1",
}


class Scene:
    """Two workers that share a record, of which the first listens."""

    def __init__(self, folder: Path, options: Options = OPTIONS, environment: Any = None) -> None:
        self.log = pdp.RevocationLog(folder / "revocations.db", create=True)
        self.engines = [engine(revocations=pdp.RevocationLog(folder / "revocations.db")) for _ in range(2)]
        self.services = [Service(self.engines[0], revoke_elsewhere=self.elsewhere), Service(self.engines[1])]
        self.fails: Exception | None = None
        self.receivers = Receivers(
            options,
            {ISSUER: [entry()]},
            self.services[0],
            users=str(folder / "users.db"),
            environment={"SCIM": SECRET} if environment is None else environment,
            now=lambda: NOW * 1_000_000,
        )

    def elsewhere(self, sequence: int | None) -> tuple[int, int]:
        if self.fails is not None:
            raise self.fails
        assert sequence is not None
        self.engines[1].refresh(sequence)
        return 1, 0

    def allowed(self, principal: pdp.EntityRef = ADA, **session: Any) -> list[bool]:
        """Tell what each worker says."""
        now = datetime.datetime.fromtimestamp(NOW + 60, datetime.UTC)
        request = pdp.Request(principal, "read", HOME, {}, SESSION | session, now)
        return [bool(each.check(caller("anybody"), request).decision) for each in self.services]

    @contextlib.contextmanager
    def listening(self) -> Iterator[httpx.Client]:
        with serving(self.services[0], around=self.receivers.around) as served:
            yield served.client

    def close(self) -> None:
        asyncio.run(self.receivers.drain(1))
        for each in self.services:
            each.close()


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    found = Scene(tmp_path)
    yield found
    found.close()


def post(client: httpx.Client, token: str, **more: Any) -> httpx.Response:
    return client.post(logout_receiver.PATH, data={"logout_token": token}, **more)


def asked(app: Any, method: str, path: str, body: bytes, query: str = "", **headers: str) -> tuple[int, Any, Any]:
    """Return the status, the headers and the document that an application answers with."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "raw_path": path.encode(), "query_string": query.encode()}
    asyncio.run(app({**scope, "headers": named}, receive, send))
    text = b"".join(each["body"] for each in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(text) if text else None


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b""})


# ------------------------------------------------------------------------------------------------------------ logouts


def test_a_session_that_is_over_is_denied_by_every_worker(scene):
    before = scene.allowed()

    with scene.listening() as client:
        answer = post(client, logout())
        again = post(client, logout())

    assert before == [True, True]
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert scene.allowed() == [False, False]
    assert scene.allowed(session_id="s-2") == [True, True]
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")


def test_what_does_not_hold_everywhere_is_not_acknowledged_and_may_be_sent_again(scene):
    scene.fails = RecordError("it does not hold in every worker")

    with scene.listening() as client:
        first = post(client, logout())
        scene.fails = None
        second = post(client, logout())

    assert (first.status_code, first.json()["error"]) == (400, "temporarily_unavailable")
    assert second.status_code == 200
    assert scene.allowed() == [False, False]


def test_a_subject_without_a_session_is_denied_until_it_signs_in_again(scene):
    with scene.listening() as client:
        answer = post(client, logout(sid=None, sub="ada"))

    later = datetime.datetime.fromtimestamp(NOW + 1, datetime.UTC)
    assert answer.status_code == 200
    assert scene.allowed() == [False, False]
    assert scene.allowed(BEN) == [True, True]
    assert scene.allowed(authenticated_at=later, issued_at=later) == [True, True]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": {"logout_token": "a.b.c"}}, 400),
        ({"data": {"logout_token": ""}}, 400),
        ({"data": {"token": "a.b.c"}}, 400),
        (
            {
                "content": b"logout_token=a&logout_token=b",
                "headers": {"content-type": "application/x-www-form-urlencoded"},
            },
            400,
        ),
        ({"content": b"&" * 100, "headers": {"content-type": "application/x-www-form-urlencoded"}}, 400),
        ({"content": b"\xff", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 400),
        ({"content": b"x=1&" * 5000, "headers": {"content-type": "application/x-www-form-urlencoded"}}, 400),
        ({"json": {"logout_token": "a.b.c"}}, 400),
        ({"content": b"x" * (logout_receiver.LARGEST + 1)}, 400),
        ({}, 400),
    ],
)
def test_what_is_no_logout_is_told_so(scene, sent, status):
    with scene.listening() as client:
        answer = client.post(logout_receiver.PATH, **sent)

    assert answer.status_code == status
    assert answer.json()["error"] == "invalid_request"
    assert answer.headers["cache-control"] == "no-store"
    assert "a.b.c" not in answer.text
    assert scene.allowed() == [True, True]


def test_a_logout_is_posted(scene):
    with scene.listening() as client:
        answer = client.get(logout_receiver.PATH)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("error", [MemoryError("a.b.c"), RuntimeError("a.b.c"), pdp.RequestError("no such type")])
def test_whatever_fails_is_no_logout(error, caplog):
    def end(_: str) -> None:
        raise error

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        form = "application/x-www-form-urlencoded"
        receiver = logout_receiver.LogoutReceiver(end, pool)
        status, _, document = asked(receiver, "POST", "/backchannel-logout", b"logout_token=a.b.c", content_type=form)

    assert (status, document["error"]) == (400, "server_error")
    assert "a.b.c" not in json.dumps(document) + str([each.__dict__ for each in caplog.records])


def test_no_token_is_ever_logged(scene, caplog):
    caplog.set_level(logging.DEBUG)

    with scene.listening() as client:
        for token in (logout(), logout(), logout(nonce="n"), "a.b.c"):
            post(client, token)

    told = [
        (each.getMessage(), each.__dict__.get("pdp_fields")) for each in caplog.records if each.name == "pdp.sidecar"
    ]
    assert told == [
        ("revoked", {"caller": "logout", "what": ["session"], "sequence": 1}),
        ("logout", {}),
        ("logout_refused", {"code": "token_replayed"}),
        ("logout_refused", {"code": "wrong_type"}),
        ("logout_refused", {"code": "malformed_token"}),
    ]
    assert logout() not in caplog.text


# -------------------------------------------------------------------------------------------------------- a directory


def test_a_leaver_is_denied_by_every_worker(scene):
    with scene.listening() as client:
        client.headers.update(SCIM)
        made = client.post("/scim/v2/Users", content=json.dumps({"userName": "ada"}))
        found = client.get("/scim/v2/Users", params={"filter": 'userName eq "ada"'})
        before = scene.allowed()
        gone = client.delete(made.headers["location"])

    assert (made.status_code, made.headers["content-type"]) == (201, "application/scim+json")
    assert found.json()["Resources"] == [made.json()]
    assert before == [True, True]
    assert (gone.status_code, gone.content) == (204, b"")
    assert scene.allowed() == [False, False]
    assert scene.allowed(BEN) == [True, True]


def test_a_leaver_who_is_not_revoked_everywhere_is_not_said_to_be(scene, caplog):
    with scene.listening() as client:
        client.headers.update(SCIM)
        place = client.post("/scim/v2/Users", content=json.dumps({"userName": "ada"})).headers["location"]
        scene.fails = RecordError("it does not hold in every worker")
        first = client.delete(place)
        scene.fails = None
        second = client.delete(place)

    assert (first.status_code, second.status_code) == (503, 204)
    assert "scim_not_on_record" in caplog.text
    assert scene.allowed() == [False, False]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer another"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Bearer {SECRET}x"},
        {"authorization": SECRET},
        {"authorization": "Bearer"},
    ],
)
def test_whoever_is_not_the_directory_is_told_so_and_changes_nothing(scene, headers):
    with scene.listening() as client:
        body = json.dumps({"userName": "ada", "active": False})
        answer = client.post("/scim/v2/Users", content=body, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["status"] == "401"
    assert scene.allowed() == [True, True]


def test_a_secret_that_is_there_twice_is_nobodys(scene):
    app = scene.receivers.around(nothing)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    twice = [(b"authorization", f"Bearer {SECRET}".encode())] * 2
    scope = {"type": "http", "method": "GET", "raw_path": b"/scim/v2/Users", "query_string": b"", "headers": twice}
    asyncio.run(app(scope, receive, send))

    assert sent[0]["status"] == 401


def test_a_body_that_is_too_large_is_refused(scene):
    with scene.listening() as client:
        body = b"x" * (scim_receiver.LARGEST + 1)
        answers = [
            client.post("/scim/v2/Users", content=body, headers=SCIM),
            client.post("/scim/v2/Users", content=iter([body]), headers=SCIM),
        ]

    assert [each.status_code for each in answers] == [413, 413]


def test_an_id_that_nobody_knows_is_told_to_those_who_run_it(scene, caplog):
    with scene.listening() as client:
        answer = client.delete("/scim/v2/Users/who%0Aever", headers=SCIM)

    (told,) = [each for each in caplog.records if each.getMessage() == "scim_unknown_user"]
    assert answer.status_code == 404
    assert told.__dict__["pdp_fields"] == {"method": "DELETE", "id": "who\never"}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["POST", "PUT", "PATCH", "GET"]), body=st.binary(max_size=50), query=st.text(max_size=9))
def test_whatever_the_directory_sends_it_is_answered(scene, method, body, query):
    path = "/scim/v2/Users" if method == "POST" else "/scim/v2/Users/x"
    token = {"authorization": f"Bearer {SECRET}"}

    status, headers, document = asked(scene.receivers.around(nothing), method, path, body, query, **token)

    assert status in (400, 404)
    assert headers[b"cache-control"] == b"no-store"
    assert document["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_what_fails_is_never_said_to_be_done(scene, monkeypatch):
    monkeypatch.setattr(scene.receivers._scim._endpoints, "answer", lambda *_: 1 / 0)
    token = {"authorization": f"Bearer {SECRET}"}

    status, _, document = asked(scene.receivers.around(nothing), "DELETE", "/scim/v2/Users/x", b"", **token)

    assert (status, document["detail"]) == (500, "the request could not be answered: ZeroDivisionError")


def test_without_its_secret_nothing_begins(tmp_path):
    with pytest.raises(SecretError):
        Scene(tmp_path, environment={"OTHER": SECRET})


# ------------------------------------------------------------------------------------------------------------ mounting


def test_all_else_is_answered_as_before(scene):
    with scene.listening() as client:
        found = client.post(EVALUATION, json=question())
        other = client.get("/scim/v2")

    assert found.json() == {"decision": True}
    assert other.status_code == 404


def test_where_nothing_is_configured_nothing_stands_before_the_application(scene, tmp_path):
    none = Receivers(ALL, {ISSUER: [entry(logout=None)]}, scene.services[0], users=str(tmp_path / "none.db"))

    assert none.around(nothing) is nothing
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("path", ["/backchannel-logout", "/scim/v2/Users", "/backchannel-logout/", "/scim/v2"])
def test_what_is_not_configured_is_left_to_the_application(path):
    assert asked(Mounted(nothing), "POST", path, b"")[0] == 418

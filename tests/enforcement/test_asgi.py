"""What is not allowed does not reach an ASGI application, however the question fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from enforcement.scene import ADA, BEN, DOC, Fixed, Log, engine, failing, shown
from enforcement.web import ask, messages, scope_of

import pdp
from pdp.integrations.asgi import ANONYMOUS, PUBLIC, Connection, PolicyMiddleware
from pdp.integrations.target import is_ambiguous

ENGINE = engine()
READ = pdp.Request(ADA, "read", DOC)


class Application:
    """Remembers the scopes that reached it."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"here"})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})


def protected(answer: Any, **options: Any) -> tuple[PolicyMiddleware, Application]:
    """Return an application behind a mapping that answers, or raises, one thing."""
    inside = Application()

    def request_of(connection: Connection) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer(connection) if callable(answer) else answer

    return PolicyMiddleware(inside, request_of, **{"engine": ENGINE, **options}), inside


# ------------------------------------------------------------------------------------------------- allowed, denied


def test_an_allowed_request_reaches_the_application_with_its_decision() -> None:
    app, inside = protected(READ)

    answer = ask(app, "GET", "/docs/d1")

    assert (answer.status_code, answer.text) == (200, "here")
    assert inside.scopes[0]["pdp"].determining_rules == ("ada_reads",)
    assert inside.scopes[0]["state"]["pdp"] is inside.scopes[0]["pdp"]


def test_a_denied_request_is_answered_with_a_problem_that_says_nothing_more() -> None:
    app, inside = protected(pdp.Request(ADA, "share", DOC))

    answer = ask(app, "GET", "/docs/d1")

    assert inside.scopes == []
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"type": "about:blank", "title": "Forbidden", "status": 403}


def test_remedies_are_shown_only_where_that_is_asked_for() -> None:
    app, _ = protected(pdp.Request(ADA, "share", DOC), reveal=True)

    answer = ask(app, "GET", "/docs/d1")

    assert answer.json()["remedies"] == [{"needs": ["use your key"]}]
    assert "ada_shares" not in answer.text


@pytest.mark.parametrize("answer", [ANONYMOUS, pdp.Request(None, "read", DOC)])  # type: ignore[arg-type]
def test_who_is_nobody_is_asked_who_they_are(answer: Any) -> None:
    app, inside = protected(answer, challenge='Bearer realm="docs"')

    found = ask(app, "GET", "/docs/d1")

    assert inside.scopes == []
    assert (found.status_code, found.json()["title"]) == (401, "Unauthorized")
    assert found.headers["www-authenticate"] == 'Bearer realm="docs"'


def test_a_public_request_goes_through_and_acts_for_nobody() -> None:
    inside = Inside(lambda: None)
    app = PolicyMiddleware(inside, lambda connection: PUBLIC, engine=ENGINE)

    async def main() -> None:
        with pdp.acting(ADA, engine=ENGINE):
            await app(scope_of(), never, ignore)

    asyncio.run(main())

    assert inside.scope["pdp"] is None
    assert isinstance(inside.error, pdp.Denied)


def test_a_decision_that_was_left_in_the_scope_is_not_that_of_a_public_request() -> None:
    app, inside = protected(PUBLIC)

    messages(app, scope_of(pdp="forged", state={"pdp": "forged", "kept": 1}))

    assert inside.scopes[0]["pdp"] is None
    assert inside.scopes[0]["state"] == {"pdp": None, "kept": 1}


def test_a_head_request_is_denied_without_a_body() -> None:
    app, _ = protected(pdp.Request(BEN, "read", DOC))

    start, body = messages(app, scope_of(method="HEAD"))

    assert (start["status"], body["body"]) == (403, b"")


# ------------------------------------------------------------------------------------------------- failing mappings


@pytest.mark.parametrize(
    "error",
    [ValueError(), KeyError(), RecursionError(), StopIteration(), StopAsyncIteration(), TimeoutError()],
    ids=shown,
)
def test_an_exception_in_the_mapping_is_a_denial(error: Exception) -> None:
    app, inside = protected(error)

    assert ask(app, "GET", "/docs/d1").status_code == 403
    assert inside.scopes == []


@pytest.mark.parametrize("junk", [None, True, "public", 200, "allow", object(), (ADA, "read", DOC), {}], ids=shown)
def test_what_is_no_request_is_a_denial(junk: Any) -> None:
    app, inside = protected(lambda connection: junk)

    assert ask(app, "GET", "/docs/d1").status_code == 403
    assert inside.scopes == []


def test_an_exception_in_a_mapping_that_is_awaited_is_a_denial() -> None:
    async def request_of(connection: Connection) -> pdp.Request:
        await asyncio.sleep(0)
        raise LookupError

    inside = Application()

    assert ask(PolicyMiddleware(inside, request_of, engine=ENGINE), "GET", "/").status_code == 403
    assert inside.scopes == []


def test_a_mapping_may_be_awaited() -> None:
    async def request_of(connection: Connection) -> pdp.Request:
        await asyncio.sleep(0)
        return READ

    assert ask(PolicyMiddleware(Application(), request_of, engine=ENGINE), "GET", "/").status_code == 200


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_an_interruption_goes_through_and_reaches_nothing(interruption: type[BaseException]) -> None:
    app, inside = protected(interruption())

    with pytest.raises(interruption):
        app(scope_of(), never, never).send(None)  # type: ignore[attr-defined]

    assert inside.scopes == []


@pytest.mark.parametrize("given", [None, lambda: None, lambda: 1 / 0, Fixed(True), Fixed(RuntimeError()), "engine"])
def test_an_engine_that_is_none_or_fails_is_a_denial(given: Any) -> None:
    app, inside = protected(READ, engine=given)

    assert ask(app, "GET", "/docs/d1").status_code == 403
    assert inside.scopes == []


@pytest.mark.parametrize("missing", ["path", "headers"])
def test_a_scope_without_its_parts_is_a_denial(missing: str) -> None:
    app, inside = protected(lambda connection: connection.header("authorization") or READ)
    scope = scope_of()
    del scope[missing]

    assert messages(app, scope)[0]["status"] == 403
    assert inside.scopes == []


@pytest.mark.parametrize("state", [None, 1, "state", ()])
def test_a_state_that_can_hold_no_decision_is_a_denial(state: Any) -> None:
    app, inside = protected(READ)

    assert messages(app, scope_of(state=state))[0]["status"] == 403
    assert inside.scopes == []


def test_a_mapping_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="request_of"):
        PolicyMiddleware(Application(), READ, engine=ENGINE)  # type: ignore[arg-type]


def test_a_connection_of_another_type_reaches_nothing() -> None:
    app, inside = protected(PUBLIC)

    with pytest.raises(pdp.Denied, match="not known: tunnel"):
        messages(app, scope_of("tunnel"))

    assert inside.scopes == []


def test_the_start_and_end_of_the_application_are_not_asked_about() -> None:
    app, inside = protected(ValueError())
    scope = {"type": "lifespan"}

    messages(app, scope)

    assert inside.scopes == [scope]


# ------------------------------------------------------------------------------------------------- what is asked for


def test_a_mapping_sees_the_path_decoded_and_as_it_was_sent() -> None:
    seen: list[Any] = []

    def request_of(connection: Connection) -> pdp.Request:
        seen.append((connection.method, connection.path, connection.raw_path, connection.is_websocket))
        return READ

    app = PolicyMiddleware(Application(), request_of, engine=ENGINE, strict_paths=False)

    ask(app, "post", "/a%2Fb//%C3%A4?q=1")

    assert seen == [("POST", "/a/b//ä", b"/a%2Fb//%C3%A4", False)]


def test_a_header_that_is_sent_twice_is_none_to_go_by() -> None:
    def request_of(connection: Connection) -> pdp.Request:
        return pdp.Request(pdp.ref("User", connection.header("X-User") or ""), "read", DOC)

    app = PolicyMiddleware(Application(), request_of, engine=ENGINE)

    assert ask(app, "GET", "/", headers=[("x-user", "ada")]).status_code == 200
    assert ask(app, "GET", "/", headers=[("x-user", "ada"), ("X-USER", "ada")]).status_code == 403
    assert ask(app, "GET", "/").status_code == 403


AMBIGUOUS = [
    ("//admin", None),
    ("/public//admin", None),
    ("/public/../admin", None),
    ("/public/..", None),
    ("/./admin", None),
    ("/a\\b", None),
    ("/a\x00b", None),
    ("/a\nb", None),
    ("/a%2fb", b"/a%252fb"),
    ("/%2e%2e/admin", b"/%252e%252e/admin"),
    ("/a/b", b"/a%2Fb"),
    ("/a/b", b"/a%2fb"),
    ("/a/b", b"//a/b"),
    ("/..", b"/%2e%2E"),
    ("", b""),
    ("admin", b"admin"),
    ("*", b"*"),
]


@pytest.mark.parametrize(("path", "raw"), AMBIGUOUS)
def test_a_path_that_may_be_read_in_two_ways_is_denied_before_anybody_reads_it(path: str, raw: bytes | None) -> None:
    app, inside = protected(PUBLIC)

    assert messages(app, scope_of(path=path, raw_path=raw))[0]["status"] == 403
    assert inside.scopes == []


@pytest.mark.parametrize(
    ("path", "raw"),
    [("/", b"/"), ("/a.b/c..d/.well-known", None), ("/ä b", b"/%C3%A4%20b"), ("/100%", b"/100%25"), ("/a/", b"/a/")],
)
def test_a_plain_path_is_not_ambiguous(path: str, raw: bytes | None) -> None:
    assert not is_ambiguous(path, raw)


# -------------------------------------------------------------------------------------------------------- websockets

CONNECT = {"type": "websocket.connect"}


def test_an_allowed_websocket_is_accepted_by_the_application() -> None:
    app, inside = protected(READ)

    sent = messages(app, scope_of("websocket"), CONNECT)

    assert sent == [{"type": "websocket.accept"}]
    assert inside.scopes[0]["pdp"]


@pytest.mark.parametrize(("answer", "code"), [(pdp.Request(BEN, "read", DOC), 4403), (ANONYMOUS, 4401)])
def test_a_denied_websocket_is_closed_before_it_is_accepted(answer: Any, code: int) -> None:
    app, inside = protected(answer)

    sent = messages(app, scope_of("websocket"), CONNECT)

    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", code)]
    assert inside.scopes == []


def test_a_denied_websocket_is_answered_where_the_server_can_answer() -> None:
    app, inside = protected(pdp.Request(ADA, "share", DOC), reveal=True)

    start, body = messages(app, scope_of("websocket", extensions={"websocket.http.response": {}}), CONNECT)

    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert json.loads(body["body"])["remedies"] == [{"needs": ["use your key"]}]
    assert inside.scopes == []


def test_a_websocket_that_is_gone_is_not_answered() -> None:
    app, _ = protected(ValueError())

    assert messages(app, scope_of("websocket"), {"type": "websocket.disconnect", "code": 1006}) == []


# ------------------------------------------------------------------------------------------------- inside, and after


class Inside:
    """An application that calls a function of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = pdp.guard("read", resource=DOC)(call)
        self.scope: Any = None
        self.error: Exception | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        try:
            self.call()
        except pdp.Denied as error:
            self.error = error


async def never(*_: Any) -> Any:
    raise AssertionError("nobody was to be asked")


async def ignore(*_: Any) -> None: ...


def test_guards_inside_find_principal_session_and_engine() -> None:
    calls: list[str] = []
    inside = Inside(lambda: calls.append("called"))

    messages(PolicyMiddleware(inside, lambda connection: READ, engine=ENGINE), scope_of())

    assert calls == ["called"]
    assert inside.error is None


def test_guards_inside_find_of_the_context_what_is_shared() -> None:
    request = pdp.Request(ADA, "enter", DOC, {"ip": "10.0.0.1", "note": "please"})
    found: list[Any] = []

    @pdp.guard("enter", resource=DOC)
    def enter() -> None:
        found.append("entered")

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        try:
            enter()
        except pdp.Denied as denied:
            assert denied.request is not None
            found.append(denied.request.context)

    for share in ((), ("ip", "colour"), ("ip", "note")):
        messages(PolicyMiddleware(inside, lambda connection: request, engine=ENGINE, share=share), scope_of())

    assert found == [{}, {"ip": "10.0.0.1"}, "entered"]


def test_requests_that_take_turns_do_not_act_for_one_another() -> None:
    found: list[tuple[str, bool]] = []

    @pdp.guard("read", resource=DOC)
    async def read() -> None: ...

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
            try:
                await read()
            except pdp.Denied:
                found.append((scope["path"], False))
            else:
                found.append((scope["path"], True))

    def request_of(connection: Connection) -> Any:
        return READ if connection.path == "/ada" else PUBLIC

    async def main() -> None:
        app = PolicyMiddleware(inside, request_of, engine=ENGINE)
        await asyncio.gather(*(app(scope_of(path=path), never, ignore) for path in ("/ada", "/public") * 10))

    asyncio.run(main())

    assert set(found) == {("/ada", True), ("/public", False)}


def test_what_the_application_sends_and_receives_is_untouched() -> None:
    seen: list[Any] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((receive, send))

    asyncio.run(PolicyMiddleware(inside, lambda connection: READ, engine=ENGINE)(scope_of(), never, ignore))

    assert seen == [never, ignore]


def test_obligations_come_before_the_application_and_after_it() -> None:
    log = Log()

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        log.append("ran")

    handlers = {"log": log.asynchronous, "tell": pdp.Handler(log.handler, after=True)}
    app = PolicyMiddleware(inside, lambda connection: pdp.Request(ADA, "write", DOC), engine=ENGINE, handlers=handlers)

    messages(app, scope_of())

    assert log == ["log first", "log last", "ran", "tell"]


@pytest.mark.parametrize("handlers", [{}, {"log": failing, "tell": failing}, {"log": Log().handler}])
def test_an_obligation_that_is_not_fulfilled_is_a_denial(handlers: Any) -> None:
    app, inside = protected(pdp.Request(ADA, "write", DOC), engine=engine(handles=["log", "tell"]), handlers=handlers)

    assert ask(app, "GET", "/docs/d1").status_code == 403
    assert inside.scopes == []


def test_what_waits_for_the_end_is_done_where_the_application_fails() -> None:
    log = Log()

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError

    handlers = {"log": log.handler, "tell": pdp.Handler(log.handler, after=True)}
    app = PolicyMiddleware(inside, lambda connection: pdp.Request(ADA, "write", DOC), engine=ENGINE, handlers=handlers)

    with pytest.raises(LookupError):
        messages(app, scope_of())

    assert log == ["log first", "log last", "tell"]

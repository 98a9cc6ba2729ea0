"""A route with a requirement is not entered unless it is allowed, by facts that come from where they say."""

import asyncio
from typing import Annotated, Any

import pytest
from enforcement.scene import ADA, BEN, DOC, Fixed, Log, engine, failing, shown
from enforcement.web import ask, messages, scope_of
from fastapi import APIRouter, Body, Depends, FastAPI, Header, HTTPException, Query, Request, WebSocket
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel

import pdp
from pdp.integrations.asgi import PUBLIC, PolicyMiddleware
from pdp.integrations.fastapi import RESPONSES, PolicyRoute, answer_denials, requires

ENGINE = engine()


def doc(name: str) -> pdp.EntityRef:
    return pdp.ref("Doc", name)


def routed(action: str = "read", *, path: str = "/docs/{name}", **options: Any) -> tuple[FastAPI, list[str]]:
    """Return an application with one required route, and what it was called with."""
    app, calls = FastAPI(), []
    required = requires(action, **{"resource": doc, "principal": ADA, "engine": ENGINE, **options})

    @app.get(path)
    async def run(decision: Annotated[pdp.Decision, Depends(required)]) -> list[str]:
        calls.append("ran")
        return [*decision.determining_rules]

    return app, calls


# ------------------------------------------------------------------------------------------------- allowed, denied


def test_an_allowed_route_is_entered_with_its_decision() -> None:
    app, _ = routed()

    answer = ask(app, "GET", "/docs/d1")

    assert (answer.status_code, answer.json()) == (200, ["ada_reads"])


def test_a_denied_route_is_not_entered() -> None:
    app, calls = routed("share")

    answer = ask(app, "GET", "/docs/d1")

    assert (answer.status_code, answer.json()) == (403, {"detail": "Forbidden"})
    assert calls == []


def test_remedies_are_shown_only_where_that_is_asked_for() -> None:
    app, _ = routed("share", reveal=True)

    answer = ask(app, "GET", "/docs/d1")

    assert answer.json() == {"detail": {"title": "Forbidden", "remedies": [{"needs": ["use your key"]}]}}


def test_a_route_that_does_not_wait_is_required_too() -> None:
    app = FastAPI()
    calls: list[str] = []

    @app.get("/docs/{name}", dependencies=[Depends(requires("read", resource=doc, principal=principal, engine=ENGINE))])
    def run(name: str) -> str:
        calls.append(name)
        return name

    assert ask(app, "GET", "/docs/d1", headers={"x-user": "ada"}).status_code == 200
    assert ask(app, "GET", "/docs/d1", headers={"x-user": "ben"}).status_code == 403
    assert ask(app, "GET", "/docs/d1").status_code == 401
    assert calls == ["d1"]


def principal(x_user: Annotated[str | None, Header()] = None) -> pdp.EntityRef | None:
    return None if x_user is None else pdp.ref("User", x_user)


def test_facts_are_dependencies_asynchronous_ones_and_nested_ones_included() -> None:
    async def session(request: Request) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"mfa": request.headers["x-mfa"] == "yes"}

    def nested(found: Annotated[pdp.EntityRef, Depends(doc)]) -> pdp.EntityRef:
        return found

    app, _ = routed("share", resource=nested, session=session)

    assert ask(app, "GET", "/docs/d1", headers={"x-mfa": "yes"}).status_code == 200
    assert ask(app, "GET", "/docs/d1", headers={"x-mfa": "no"}).status_code == 403


def test_a_test_may_replace_a_fact_as_it_replaces_any_dependency() -> None:
    app, _ = routed(principal=principal)
    app.dependency_overrides[principal] = lambda: ADA

    assert ask(app, "GET", "/docs/d1").status_code == 200


# --------------------------------------------------------------------------------------- missing and failing facts


def test_nobody_who_asks_is_a_401() -> None:
    app, calls = routed(principal=None, challenge="Key")

    answer = ask(app, "GET", "/docs/d1")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Key")
    assert calls == []


def test_a_principal_that_is_looked_for_and_not_found_is_not_that_of_the_middleware() -> None:
    app, calls = routed(principal=principal)
    wrapped = PolicyMiddleware(app, lambda connection: pdp.Request(ADA, "read", DOC), engine=ENGINE)

    assert ask(wrapped, "GET", "/docs/d1").status_code == 401
    assert calls == []


def test_principal_session_and_engine_are_those_of_the_middleware_where_none_is_named() -> None:
    app, calls = routed("share", principal=None, engine=None)
    request = pdp.Request(ADA, "read", DOC, session={"mfa": True})

    assert ask(PolicyMiddleware(app, lambda connection: request, engine=ENGINE), "GET", "/docs/d1").status_code == 200
    assert ask(PolicyMiddleware(app, lambda connection: PUBLIC, engine=ENGINE), "GET", "/docs/d1").status_code == 401
    assert calls == ["ran"]


@pytest.mark.parametrize("given", [None, lambda: None, lambda: 1 / 0, Fixed(True), Fixed(RuntimeError()), "engine"])
def test_an_engine_that_is_none_or_fails_is_a_403(given: Any) -> None:
    app, calls = routed(engine=given)

    assert ask(app, "GET", "/docs/d1").status_code == 403
    assert calls == []


@pytest.mark.parametrize("role", ["resource", "principal", "session", "context"])
def test_an_exception_in_a_fact_enters_nothing(role: str) -> None:
    def fail() -> Any:
        raise LookupError

    app, calls = routed(**{role: fail})

    with pytest.raises(LookupError):
        ask(app, "GET", "/docs/d1")

    assert calls == []


def test_an_answer_that_a_fact_raises_is_given() -> None:
    def find() -> Any:
        raise HTTPException(404)

    app, calls = routed(resource=find)

    assert ask(app, "GET", "/docs/d1").status_code == 404
    assert calls == []


@pytest.mark.parametrize("junk", [None, True, "Doc", ("Doc", "d1"), {}], ids=shown)
@pytest.mark.parametrize("role", ["resource", "principal"])
def test_junk_instead_of_an_entity_enters_nothing(role: str, junk: Any) -> None:
    app, calls = routed(**{role: lambda: junk})

    assert ask(app, "GET", "/docs/d1").status_code in (401, 403)
    assert calls == []


# ----------------------------------------------------------------------------------- where an argument may come from


def bare(title: str) -> pdp.EntityRef:
    return pdp.ref("Doc", title)


def defaulted(title: str = "d1") -> pdp.EntityRef:
    return pdp.ref("Doc", title)


def nested(found: pdp.EntityRef = Depends(bare)) -> pdp.EntityRef:  # noqa: B008
    return found


def annotated(found: Annotated[pdp.EntityRef, Depends(defaulted)]) -> pdp.EntityRef:
    return found


@pytest.mark.parametrize("given", [bare, defaulted, nested, annotated, lambda title: bare(title)])
@pytest.mark.parametrize("role", ["resource", "principal", "session", "context"])
def test_an_argument_that_whoever_asks_could_name_in_the_query_is_refused(role: str, given: Any) -> None:
    app, calls = routed(**{role: given})

    with pytest.raises(TypeError, match="`title` is not in the path: say where it comes from"):
        ask(app, "GET", "/docs/d2?title=d1")

    assert calls == []


class Change(BaseModel):
    note: str


def test_an_argument_that_says_where_it_comes_from_is_taken_from_there() -> None:
    async def context(
        ip: Annotated[str, Query()], change: Change, by: Annotated[str, Body()], request: Request
    ) -> dict[str, str]:
        return {"ip": ip, "note": change.note}

    app = FastAPI()
    required = requires("enter", resource=doc, principal=ADA, context=context, engine=ENGINE)

    @app.post("/docs/{name}", dependencies=[Depends(required)])
    async def run() -> str:
        return "ran"

    body = {"change": {"note": "please"}, "by": "x"}
    assert ask(app, "POST", "/docs/d1?ip=10.0.0.1", json=body).status_code == 200
    assert ask(app, "POST", "/docs/d1?ip=192.0.2.1", json=body).status_code == 403
    assert ask(app, "POST", "/docs/d1", json=body).status_code == 422


def test_a_security_scheme_is_a_dependency_like_any_other() -> None:
    scheme = OAuth2PasswordBearer("token")

    def who(token: Annotated[str, Depends(scheme)]) -> pdp.EntityRef:
        return pdp.ref("User", token)

    app, calls = routed(principal=who)

    assert ask(app, "GET", "/docs/d1", headers={"authorization": "Bearer ada"}).status_code == 200
    assert ask(app, "GET", "/docs/d1", headers={"authorization": "Bearer ben"}).status_code == 403
    assert ask(app, "GET", "/docs/d1").status_code == 401
    assert calls == ["ran"]


def test_a_requirement_without_a_resource_is_refused() -> None:
    with pytest.raises(TypeError, match="know the resource"):
        requires("read", resource=None)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- obligations


def test_obligations_come_before_the_route_and_after_it() -> None:
    log = Log()
    handlers = {"log": log.asynchronous, "tell": pdp.Handler(log.handler, after=True)}
    app, _ = routed("write", handlers=handlers)

    assert ask(app, "GET", "/docs/d1").status_code == 200

    assert log == ["log first", "log last", "tell"]


@pytest.mark.parametrize("handlers", [{}, {"log": failing, "tell": failing}, {"log": Log().handler}])
def test_an_obligation_that_is_not_fulfilled_is_a_403(handlers: Any) -> None:
    app, calls = routed("write", engine=engine(handles=["log", "tell"]), handlers=handlers)

    assert ask(app, "GET", "/docs/d1").status_code == 403
    assert calls == []


def test_what_waits_for_the_end_is_done_where_the_route_fails() -> None:
    log = Log()
    app = FastAPI()
    handlers = {"log": log.handler, "tell": pdp.Handler(log.handler, after=True)}
    required = requires("write", resource=doc, principal=ADA, engine=ENGINE, handlers=handlers)

    @app.get("/docs/{name}", dependencies=[Depends(required)])
    async def run() -> None:
        raise HTTPException(418)

    assert ask(app, "GET", "/docs/d1").status_code == 418
    assert log == ["log first", "log last", "tell"]


# -------------------------------------------------------------------------------------------------------- websockets


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (ADA, [{"type": "websocket.accept", "subprotocol": None, "headers": []}]),
        (BEN, [{"type": "websocket.close", "code": 4403, "reason": "Forbidden"}]),
        (lambda: None, [{"type": "websocket.close", "code": 4401, "reason": "Unauthorized"}]),
    ],
)
def test_a_websocket_is_required_before_it_is_accepted(who: Any, expected: Any) -> None:
    app = FastAPI()

    @app.websocket("/docs/{name}", dependencies=[Depends(requires("read", resource=doc, principal=who, engine=ENGINE))])
    async def run(socket: WebSocket, name: str) -> None:
        await socket.accept()

    assert messages(app, scope_of("websocket"), {"type": "websocket.connect"}) == expected


# ------------------------------------------------------------------------------------------------- guards, and OpenAPI


def test_the_denial_of_a_guard_inside_is_answered() -> None:
    app = FastAPI()
    answer_denials(app, reveal=True)

    @app.get("/docs/{name}")
    @pdp.guard("share", resource=lambda name: doc(name), principal=lambda who: pdp.ref("User", who), engine=ENGINE)
    async def run(name: str, who: str) -> str:
        return "ran"

    @app.get("/anonymous")
    @pdp.guard("read", resource=DOC, engine=ENGINE)
    def nobody() -> str:
        return "ran"

    answer = ask(app, "GET", "/docs/d1?who=ada")

    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.json()["remedies"] == [{"needs": ["use your key"]}]
    assert ask(app, "GET", "/anonymous").status_code == 401


def test_the_denial_of_a_guard_inside_closes_a_websocket() -> None:
    app = FastAPI()
    answer_denials(app)

    @app.websocket("/docs/{name}")
    async def run(socket: WebSocket) -> None:
        await socket.accept()
        await pdp.guard("read", resource=DOC, engine=ENGINE)(socket.send_text)("secret")

    sent = messages(app, scope_of("websocket"), {"type": "websocket.connect"})

    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[-1]["code"] == 4401


def test_openapi_shows_what_a_required_route_may_answer() -> None:
    router = APIRouter(route_class=PolicyRoute)
    required = requires("read", resource=doc, principal=principal, engine=ENGINE)

    @router.get("/docs/{name}", dependencies=[Depends(required)], responses={403: {"description": "Not yours"}})
    async def run(name: str) -> None: ...

    @router.get("/open")
    async def open_route() -> None: ...

    app = FastAPI()
    app.include_router(router, prefix="/v1")
    other = APIRouter(responses=RESPONSES)
    other.get("/other")(open_route)
    app.include_router(other)

    paths = app.openapi()["paths"]

    shown = {path: set(found["get"]["responses"]) for path, found in paths.items()}
    assert shown == {
        "/v1/docs/{name}": {"200", "401", "403", "422"},
        "/v1/open": {"200"},
        "/other": {"200", "401", "403"},
    }
    assert paths["/v1/docs/{name}"]["get"]["responses"]["403"]["description"] == "Not yours"
    assert [each["name"] for each in paths["/v1/docs/{name}"]["get"]["parameters"]] == ["name", "x-user"]

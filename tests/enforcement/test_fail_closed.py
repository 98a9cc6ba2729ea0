"""Whatever breaks inside of enforcement, nothing is begun: not on the way to an allow, and not on the way to a deny."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from enforcement.scene import ADA, BEN, DOC, engine
from enforcement.web import ask, messages, scope_of
from fastapi import Depends, FastAPI

import pdp
from pdp.enforcement import admission, denial, duties, enforcer
from pdp.enforcement.arguments import Binder, Pick
from pdp.enforcement.caller import Caller
from pdp.integrations import asgi
from pdp.integrations import fastapi as dependency

ENGINE = engine()
CALLS: list[str] = []


def told(*_: Any) -> None: ...


HANDLERS = {"log": told, "tell": told, "mark": told}
OPTIONS: dict[str, Any] = {"resource": lambda: DOC, "engine": ENGINE, "handlers": HANDLERS}


def _function(action: str) -> None:
    @pdp.guard(action, **OPTIONS)
    def run() -> None:
        CALLS.append("begun")

    run()


def _coroutine(action: str) -> None:
    @pdp.guard(action, **OPTIONS)
    async def run() -> None:
        CALLS.append("begun")

    asyncio.run(run())


def _generator(action: str) -> None:
    @pdp.guard(action, **OPTIONS)
    def run() -> Iterator[None]:
        CALLS.append("begun")
        yield

    [*run()]


def _stream(action: str) -> None:
    @pdp.guard(action, **OPTIONS)
    async def run() -> AsyncIterator[None]:
        CALLS.append("begun")
        yield

    async def drain() -> None:
        async for _ in run():
            pass

    asyncio.run(drain())


async def _application(scope: Any, receive: Any, send: Any) -> None:
    CALLS.append("begun")


def _middleware(action: str, kind: str = "http") -> None:
    def request_of(connection: asgi.Connection) -> pdp.Request:
        return Caller(pdp.ref("User", connection.path[1:])).request(action, {"resource": DOC})

    # As a server would: it names who asks, and whatever the application raises is its own.
    who = "ada" if WHO[0] is ADA else "ben"
    app = asgi.PolicyMiddleware(_application, request_of, engine=ENGINE, handlers=HANDLERS)
    messages(app, scope_of(kind, path=f"/{who}"), {"type": "websocket.connect"})


def _route(action: str) -> None:
    app = FastAPI()
    required = dependency.requires(action, resource=lambda: DOC, principal=lambda: WHO[0], **_shared())

    @app.get("/", dependencies=[Depends(required)])
    async def run() -> None:
        CALLS.append("begun")

    ask(app, "GET", "/")


def _shared() -> dict[str, Any]:
    return {"engine": ENGINE, "handlers": HANDLERS}


WHO = [ADA]
WAYS: dict[str, Callable[[str], None]] = {
    "function": _function,
    "coroutine": _coroutine,
    "generator": _generator,
    "asynchronous generator": _stream,
    "middleware": _middleware,
    "websocket": lambda action: _middleware(action, "websocket"),
    "route": _route,
}
SITES: list[tuple[Any, str]] = [
    (admission, "_decided"),
    (admission, "_duties"),
    (admission, "called"),
    (admission, "settle_denial"),
    (admission, "refusal"),
    (admission, "is_asynchronous"),
    (admission, "Denied"),
    (admission, "Admission"),
    (denial, "_message"),
    (denial, "_deny"),
    (duties, "settle"),
    (duties, "called"),
    (enforcer, "admit"),
    (enforcer, "resolve"),
    (enforcer, "current"),
    (Binder, "bind"),
    (Pick, "of"),
    (Caller, "request"),
    (pdp.Engine, "decide"),
    (asgi, "admit"),
    (asgi, "resolve"),
    (asgi, "is_ambiguous"),
    (asgi, "problem"),
    (asgi, "acting"),
    (asgi, "Connection"),
    (dependency, "admit"),
    (dependency, "resolve"),
    (dependency, "current"),
    (dependency, "_answer"),
    (dependency, "_status"),
]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    CALLS.clear()
    WHO[0] = ADA
    yield


def go(way: str, action: str) -> None:
    with pdp.acting(WHO[0]), contextlib.suppress(Exception):
        WAYS[way](action)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_begins_what_is_allowed_when_nothing_breaks(way: str) -> None:
    go(way, "write")

    assert CALLS == ["begun"]


@pytest.mark.parametrize("error", [KeyError, MemoryError, StopIteration])
@pytest.mark.parametrize(("place", "name"), SITES, ids=[f"{place.__name__}.{name}" for place, name in SITES])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_denied_is_begun_whatever_breaks(
    monkeypatch: pytest.MonkeyPatch, way: str, place: Any, name: str, error: type[Exception]
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error("broken")

    monkeypatch.setattr(place, name, fail)

    go(way, "shred")
    WHO[0] = BEN
    go(way, "write")

    assert CALLS == []


@pytest.mark.parametrize("name", ["_decided", "_duties", "called", "is_asynchronous", "Admission"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_allowed_is_begun_where_its_way_breaks(
    monkeypatch: pytest.MonkeyPatch, way: str, name: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(admission, name, fail)

    go(way, "write")

    # A coroutine has no need to know beforehand whether a handler waits.
    needless = name == "is_asynchronous" and way not in ("function", "generator")
    assert bool(CALLS) is needless

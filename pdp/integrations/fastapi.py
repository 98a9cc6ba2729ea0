"""A decision as a FastAPI dependency. It needs the extra `pdp-engine[fastapi]`."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from fastapi import BackgroundTasks, FastAPI, HTTPException, Response, WebSocketException
from fastapi.params import Depends
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.requests import HTTPConnection

from pdp.enforcement import Anonymous, Denied, Handler
from pdp.enforcement.admission import Admission, admit
from pdp.enforcement.caller import current
from pdp.enforcement.duties import Call, registry
from pdp.enforcement.enforcer import Given, resolve
from pdp.integrations.problem import MEDIA_TYPE, TITLES, problem, remedies
from pdp.model import Decision, Entity
from pdp.values import EntityRef

RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"description": "Nobody proved who asks"},
    403: {"description": "The policy does not allow it"},
}
"""What a route with a requirement may answer, for `responses=` of a route or a router; `PolicyRoute` adds it itself."""

_MARK = "__pdp_requirement__"
# FastAPI fills these in itself.
_GIVEN = (HTTPConnection, Response, BackgroundTasks, SecurityScopes)


def requires(
    action: str,
    *,
    resource: Entity | EntityRef | Callable[..., Any],
    principal: Entity | EntityRef | Callable[..., Any] | None = None,
    session: Mapping[str, Any] | Callable[..., Any] | None = None,
    context: Mapping[str, Any] | Callable[..., Any] | None = None,
    engine: Given | None = None,
    handlers: Mapping[str, Call | Handler] | None = None,
    reveal: bool = False,
    challenge: str = "Bearer",
) -> Callable[..., AsyncIterator[Decision]]:
    """Return a dependency that yields the decision where the action is allowed, and raises an HTTPException elsewhere.

    `resource`, `principal`, `session` and `context` are given outright, or are dependencies themselves: their arguments
    come from the request as those of any dependency do, and what they raise is answered as FastAPI does. An argument
    that does not say where it comes from has to be in the path: FastAPI would take it from the query, where whoever
    asks could name anything.

    Without `principal`, principal and session are those of `pdp.acting`, which `PolicyMiddleware` enters. `reveal` says
    in the detail of a 403 what it would take.
    """
    facts = {"resource": resource, "principal": principal, "session": session, "context": context}
    picks = {role: given for role, given in facts.items() if given is not None}
    if "resource" not in picks:
        raise TypeError("a requirement has to know the resource")
    own = registry(handlers)
    loose = {name for given in picks.values() if callable(given) for name in _loose(given)}

    async def requirement(connection: HTTPConnection, **asked: Any) -> AsyncIterator[Decision]:
        if astray := sorted(loose - connection.path_params.keys()):
            named = ", ".join(f"`{name}`" for name in astray)
            raise TypeError(f"{named} is not in the path: say where it comes from, as in `Annotated[str, Query()]`")
        try:
            admission = await _admitted(action, {**picks, **asked}, engine, own)
        except Denied as denied:
            raise _answer(denied, connection, reveal, challenge) from denied
        try:
            yield admission.decision
        except GeneratorExit:
            raise
        except BaseException as failure:
            await admission.settle(failure)
            raise
        await admission.settle()

    _declare(requirement, picks)
    return requirement


class PolicyRoute(APIRoute):
    """A route whose OpenAPI shows that a requirement may deny it: `APIRouter(route_class=PolicyRoute)`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if _is_required(self.dependant):
            self.responses = {**RESPONSES, **self.responses}


def answer_denials(app: FastAPI, *, reveal: bool = False, challenge: str = "Bearer") -> None:
    """Have `pdp.Denied` answered with 403 or 401 where a guard raises it while a request is handled."""

    async def answer(connection: Any, denied: Any) -> Response | None:
        status = _status(denied)
        if connection.scope["type"] == "websocket":
            await connection.close(code=4000 + status, reason=TITLES[status])
            return None
        headers = {"cache-control": "no-store", **_headers(status, challenge)}
        body = problem(status, denied, reveal=reveal)
        return JSONResponse(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)

    app.add_exception_handler(Denied, answer)  # type: ignore[arg-type]  # it may answer with nothing, on a WebSocket


async def _admitted(
    action: str, asked: Mapping[str, Any], engine: Given | None, own: Mapping[str, Handler]
) -> Admission:
    caller = current()
    request = caller.request(action, asked)
    point, handlers = resolve(caller.engine if engine is None else engine, own)
    return await admit(request, point, handlers, asynchronous=True)


def _answer(denied: Denied, connection: HTTPConnection, reveal: bool, challenge: str) -> Exception:
    status = _status(denied)
    if connection.scope["type"] == "websocket":
        return WebSocketException(code=4000 + status, reason=TITLES[status])
    detail: Any = TITLES[status]
    if reveal and denied.remedies:
        detail = {"title": detail, "remedies": remedies(denied)}
    return HTTPException(status, detail, headers=_headers(status, challenge))


def _status(denied: Denied) -> int:
    return 401 if isinstance(denied, Anonymous) else 403


def _headers(status: int, challenge: str) -> dict[str, str]:
    return {"www-authenticate": challenge} if status == 401 else {}


# --------------------------------------------------------------------------------------------- what FastAPI is told


def _declare(requirement: Callable[..., Any], picks: Mapping[str, Any]) -> None:
    """Say which arguments a requirement takes: the connection, and what each fact comes to."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("connection", keyword, annotation=HTTPConnection)]
    for role, given in picks.items():
        if callable(given):
            parameters.append(inspect.Parameter(role, keyword, default=Depends(given)))
    requirement.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as `inspect` asks for
    setattr(requirement, _MARK, True)


def _is_required(dependant: Any) -> bool:
    return hasattr(dependant.call, _MARK) or any(_is_required(each) for each in dependant.dependencies)


def _loose(call: Callable[..., Any]) -> Iterator[str]:
    """Name the arguments of a dependency, and of those that it depends on, that do not say where they come from."""
    try:
        signature = inspect.signature(call, eval_str=True)
    except Exception:
        # An annotation that cannot be read here says nothing.
        signature = inspect.signature(call)
    for parameter in signature.parameters.values():
        annotation, *notes = _annotations(parameter.annotation)
        says = [each for each in (*notes, parameter.default) if isinstance(each, FieldInfo | Depends)]
        if not says:
            if not _is_known(annotation):
                yield parameter.name
        elif isinstance(said := says[0], Depends):
            yield from _loose(said.dependency or annotation)


def _annotations(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) is typing.Annotated:
        return typing.get_args(annotation)
    return (annotation,)


def _is_known(annotation: Any) -> bool:
    """Tell whether a type alone says where the argument comes from: from FastAPI, or from the body."""
    if not isinstance(annotation, type):
        return False
    return issubclass(annotation, (*_GIVEN, BaseModel)) or dataclasses.is_dataclass(annotation)

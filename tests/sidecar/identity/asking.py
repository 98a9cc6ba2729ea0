"""The same question by each protocol, and what became of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
from grpc import aio

from pdp.model import Request
from pdp.values import EntityRef
from pdp_sidecar.authzen.options import Options as AuthzenOptions
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.envoy.authorization import Authorization
from pdp_sidecar.envoy.messages import serialised
from pdp_sidecar.envoy.options import Options as EnvoyOptions
from pdp_sidecar.envoy.options import RouteOption, TokenOption
from pdp_sidecar.generated.check_pb2 import CheckRequest
from pdp_sidecar.generated.decision_service_pb2 import CheckBatchRequest, ExplainRequest
from pdp_sidecar.generated.decision_service_pb2_grpc import DecisionServiceStub
from pdp_sidecar.generated.ext_authz_pb2 import CheckRequest as EnvoyRequest
from pdp_sidecar.generated.ext_authz_pb2 import CheckResponse
from pdp_sidecar.rpc import Listener, Options, start
from pdp_sidecar.service import Service
from pdp_sidecar.wire import decision_of, request_message
from tests.sidecar.authzen.serving import serving
from tests.sidecar.identity.scene import ADA, PAGE, callers

READ, EDIT = Request(ADA, "read", PAGE), Request(ADA, "edit", PAGE)
PEP = caller("pep")


class Told(NamedTuple):
    """What became of a question: `allow`, `deny`, or why it got no answer; and what was said beside it."""

    outcome: str
    said: str = ""
    challenge: str = ""


def named(ref: EntityRef | None) -> dict[str, Any] | None:
    return None if ref is None else {"type": ref.type, "id": ref.id}


# ---------------------------------------------------------------------------------------------------------------- gRPC


def by_grpc(
    service: Service, message: CheckRequest, token: str | None = None, method: str = "Check", who: Callers | None = None
) -> Told:
    """Ask over a port, where nobody is anybody without a token."""

    async def ask() -> Told:
        server = await start(service, callers() if who is None else who, Options(), [Listener("127.0.0.1:0")])
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        try:
            async with aio.insecure_channel(f"127.0.0.1:{server.ports[0]}") as channel:
                return await _asked(DecisionServiceStub(channel), method, message, metadata)
        except grpc.aio.AioRpcError as error:
            return Told(error.code().name.lower(), error.details() or "")
        finally:
            await server.drain(0)

    return asyncio.run(asyncio.wait_for(ask(), 20))


async def _asked(stub: Any, method: str, message: CheckRequest, metadata: Any) -> Told:
    if method == "CheckBatch":
        batch = await stub.CheckBatch(CheckBatchRequest(items=[message]), metadata=metadata)
        response = batch.responses[0]
    elif method == "CheckBatch.defaults":
        batch = await stub.CheckBatch(CheckBatchRequest(defaults=message, items=[CheckRequest()]), metadata=metadata)
        response = batch.responses[0]
    elif method == "Explain":
        response = (await stub.Explain(ExplainRequest(request=message), metadata=metadata)).response
    else:
        response = await stub.Check(message, metadata=metadata)
    decision = decision_of(response)
    return Told("allow" if decision else "deny", decision.detail or str(decision.reason))


def message(request: Request, token: str | None = None, principal: bool = True, **more: Any) -> CheckRequest:
    """Return a question, with the token of whom it is for."""
    found = request_message(request)
    if not principal:
        found.ClearField("principal")
    if token is not None:
        found.token = token
    found.MergeFrom(CheckRequest(**more))
    return found


# ------------------------------------------------------------------------------------------------------------- AuthZEN


@contextmanager
def http(service: Service, options: AuthzenOptions | None = None, who: Callers | None = None) -> Iterator[Any]:
    """Serve AuthZEN, where nobody is anybody without a token."""
    with serving(service, options, callers() if who is None else who) as served:
        yield served


def by_http(
    service: Service, request: Request, subject: Any = None, token: str | None = None, many: bool = False, **more: Any
) -> Told:
    """Ask over a port."""
    document = {"action": {"name": request.action}, "resource": named(request.resource)}
    if subject is not None:
        document["subject"] = subject
    with http(service, more.pop("options", None), more.pop("who", None)) as served:
        headers = {"x_pdp_reasons": "true", **({} if token is None else {"authorization": f"Bearer {token}"}), **more}
        path = "/access/v1/evaluations" if many else "/access/v1/evaluation"
        answer = served.ask(path, {"evaluations": [document]} if many else document, **headers)
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status_code != 200:
        return Told(str(answer.status_code), answer.text, challenge)
    told = answer.json()["evaluations"][0] if many else answer.json()
    context = told.get("context", {})
    said = context.get("pdp", {}).get("detail") or context.get("error", {}).get("message") or json.dumps(context)
    return Told("allow" if told["decision"] else "deny", said, challenge)


# --------------------------------------------------------------------------------------------------------------- Envoy

ROUTES = EnvoyOptions(
    routes=(
        RouteOption(
            name="pages", path="/pages/{name}", resource='Page "{name}"', action={"GET": "read", "PUT": "edit"}
        ),
    ),
    token=TokenOption(verify=True),
    tell=("reason",),
)


def by_envoy(
    service: Service,
    request: Request,
    token: str | None = None,
    options: EnvoyOptions = ROUTES,
    headers: dict[str, str] | None = None,
    who: Any = PEP,
    **source: Any,
) -> Told:
    """Ask as Envoy does, which has the token of whoever sent the request."""

    async def nobody(_: Any) -> Any:
        raise AssertionError

    given = EnvoyRequest()
    at = given.attributes.request.http
    at.method, at.path, at.host, at.scheme = (
        "GET" if request.action == "read" else "PUT",
        "/pages/home",
        "x.io",
        "https",
    )
    at.headers.update({} if token is None else {"authorization": f"Bearer {token}"})
    at.headers.update(headers or {})
    for name, value in source.items():
        setattr(given.attributes.source, name, value)
    answering = Authorization(service, options, nobody).verified(who, given.SerializeToString())
    found = CheckResponse.FromString(serialised(asyncio.run(answering)))
    if found.status.code == 0:
        return Told("allow")
    told = {each.header.key: each.header.value for each in found.denied_response.headers}
    status = found.denied_response.status.code
    return Told("deny" if status == 403 else str(status), found.status.message, told.get("www-authenticate", ""))

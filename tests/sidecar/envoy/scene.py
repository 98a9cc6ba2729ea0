"""The example of deploy/envoy, and what tests ask it with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

import pdp
from pdp_sidecar.callers import Caller, caller
from pdp_sidecar.envoy.authorization import Authorization
from pdp_sidecar.envoy.messages import serialised
from pdp_sidecar.envoy.options import Options
from pdp_sidecar.generated.ext_authz_pb2 import Attributes, CheckRequest, CheckResponse
from pdp_sidecar.service import Service

DEPLOY = Path(__file__).parents[3] / "deploy" / "envoy"
ENVOY = caller("envoy")
JWT = "envoy.filters.http.jwt_authn"
NOW = 1_795_424_400
"""2026-11-23T09:00:00Z."""


def options(text: str | None = None, **changes: Any) -> Options:
    """Return the options of the example, or of a text, with some changed."""
    if text is None:
        text = (DEPLOY / "pdp.toml").read_text("utf-8")
    return msgspec.structs.replace(msgspec.convert(tomllib.loads(text)["envoy"], Options), **changes)


async def identified(_: Any) -> Caller:
    """Take whoever asks for Envoy."""
    return ENVOY


def engine() -> pdp.Engine:
    return pdp.Engine.load(DEPLOY / "policies")


def service(held: pdp.Engine | None = None, **more: Any) -> Service:
    return Service(engine() if held is None else held, **more)


def claims(subject: str = "ada", **more: Any) -> dict[str, Any]:
    return {"iss": "https://login.example.com", "sub": subject, **more}


def attributes(
    path: str = "/services/pay",
    method: str = "GET",
    host: str = "shop.example.com",
    headers: dict[str, str] | None = None,
    token: dict[str, Any] | None = None,
    ip: str = "127.0.0.1",
    spiffe: str = "",
) -> Attributes:
    """Return what Envoy tells of a request: without a token it is nobody's."""
    found = Attributes()
    http = found.request.http
    http.method, http.path, http.host = method, path, host
    http.headers.update(headers or {})
    found.source.address.socket_address.address = ip
    found.source.principal = spiffe
    if token is not None:
        found.metadata_context.filter_metadata[JWT].update({"jwt": token})
    return found


def asked(**named: Any) -> bytes:
    """Return a request by the words of `attributes`, as Envoy sends it."""
    return CheckRequest(attributes=attributes(**named)).SerializeToString()


def answered(authorization: Authorization, data: bytes) -> CheckResponse:
    """Return what Envoy is sent."""
    return CheckResponse.FromString(serialised(authorization.answer(ENVOY, data)))


def check(changed: Options | None = None, **named: Any) -> CheckResponse:
    """Ask the example one request, by the words of `attributes`."""
    return answered(Authorization(service(), changed or options(), identified), asked(**named))


def is_allow(response: CheckResponse) -> bool:
    """Tell what Envoy would do."""
    return response.status.code == 0


def told(response: CheckResponse) -> dict[str, str]:
    """Return the headers of a denial, or those that an allowed request gets."""
    part = response.ok_response if is_allow(response) else response.denied_response
    return {each.header.key: each.header.value for each in part.headers}

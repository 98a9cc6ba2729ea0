"""What Envoy is told. The message that lets a request through is made in one place, and known again when it is sent.

An empty message lets a request through: Envoy looks at `status.code` alone, and zero is its default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from google.protobuf.struct_pb2 import Struct, Value

from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.generated.ext_authz_pb2 import (
    APPEND_ACTION_OVERWRITE_IF_EXISTS_OR_ADD,
    CheckResponse,
    DeniedHttpResponse,
    HeaderValue,
    HeaderValueOption,
    HttpStatus,
    OkHttpResponse,
    Status,
)

PERMISSION_DENIED: Final = 7
LONGEST_HEADER: Final = 8192
# Every visible character of ASCII but `%`, and the space where it stands within.
_AS_IT_IS: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_EXACT: Final = 2**53


class Allowance:
    """A message that lets a request through. Only `allowed` makes one."""

    __slots__ = ("message",)

    def __init__(self, message: CheckResponse) -> None:
        self.message = message


def denied(
    status: int,
    *,
    body: str = "",
    headers: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    why: str = "denied",
) -> CheckResponse:
    """Return the message that turns a request away with a status of HTTP."""
    return CheckResponse(
        status=Status(code=PERMISSION_DENIED, message=why),
        denied_response=DeniedHttpResponse(
            status=HttpStatus(code=status if 400 <= status < 600 else 403), headers=settings(headers or {}), body=body
        ),
        dynamic_metadata=struct(metadata or {}),
    )


def allowed(
    *,
    headers: Mapping[str, str],
    remove: Iterable[str],
    response_headers: Mapping[str, str],
    metadata: Mapping[str, Any],
) -> Allowance:
    """Return the message that lets a request through; raise Refused where a header cannot be set."""
    return Allowance(
        CheckResponse(
            status=Status(code=0, message="allowed"),
            ok_response=OkHttpResponse(
                headers=settings(headers),
                headers_to_remove=[name for name in remove if name not in headers],
                response_headers_to_add=settings(response_headers),
            ),
            dynamic_metadata=struct(metadata),
        )
    )


def serialised(reply: CheckResponse | Allowance) -> bytes:
    """Return a message as bytes. One with the code zero that `allowed` did not make is sent as FAILED."""
    try:
        if type(reply) is Allowance:
            message = reply.message
            # INVARIANT: nobody changed it on the way, and what it is to be let through with is there.
            if message.status.code == 0 and message.HasField("ok_response"):
                return message.SerializeToString()
        elif type(reply) is CheckResponse and reply.status.code != 0 and reply.HasField("denied_response"):
            return reply.SerializeToString()
    except Exception:
        return FAILED
    return FAILED


def settings(headers: Mapping[str, str]) -> list[HeaderValueOption]:
    """Return headers that take the place of those that are there."""
    return [
        HeaderValueOption(
            header=HeaderValue(key=name, value=value), append_action=APPEND_ACTION_OVERWRITE_IF_EXISTS_OR_ADD
        )
        for name, value in headers.items()
    ]


def header(name: str, text: str) -> str:
    """Return a text as a header has it; raise Refused where it is too long.

    No two texts come to the same: what is not visible ASCII, and `%`, is percent-encoded, as are spaces at both ends.

    >>> header("x-user", "Zoë\\r\\nx-admin: 1")
    'Zo%C3%AB%0D%0Ax-admin: 1'
    """
    inner = text.strip(" ")
    lead = len(text) - len(text.lstrip(" ")) if inner else len(text)
    trail = len(text) - lead - len(inner)
    value = "%20" * lead + quote(inner, safe=_AS_IT_IS, errors="surrogatepass") + "%20" * trail
    if len(value) > LONGEST_HEADER:
        raise Refused(403, "header_too_long", f"the header `{name}` would be too long")
    return value


def struct(plain: Mapping[str, Any]) -> Struct:
    """Return plain data as a Struct. What has no exact form there is told as text."""
    return Struct(fields={name: _value(value) for name, value in plain.items()})


def _value(plain: Any) -> Value:
    match plain:
        case bool():
            return Value(bool_value=plain)
        case int() if abs(plain) <= _EXACT:
            return Value(number_value=plain)
        case Mapping():
            return Value(struct_value=struct({str(name): each for name, each in plain.items()}))
        case list() | tuple() | set() | frozenset():
            found = Value()
            found.list_value.values.extend(map(_value, plain))
            return found
    return Value(string_value=str(plain))


FAILED: Final = denied(403, body='{"decision":"deny"}', why="internal_error").SerializeToString()
"""What is sent where all else went wrong. It is made before the first request, so that nothing is needed to send it."""

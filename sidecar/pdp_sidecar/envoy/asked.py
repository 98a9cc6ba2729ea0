"""What Envoy tells of one request, looked up by the places of templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value

from pdp.identity.who import Identity
from pdp.values import Ip
from pdp_sidecar.envoy.refusals import ambiguous
from pdp_sidecar.envoy.targets import Target, host, parameters, target
from pdp_sidecar.envoy.templates import Place, formed
from pdp_sidecar.generated.ext_authz_pb2 import Attributes

JWT_FILTER: Final = "envoy.filters.http.jwt_authn"
_SPIFFE: Final = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/[A-Za-z0-9._-]+)+\Z")
_EXACT: Final = 2**53


class Asked:
    """One request of HTTP. It is read where it is looked at, and raises Refused where it can be read in two ways."""

    def __init__(
        self, attributes: Attributes, *, payload: str, issuer: str = "", trusted_hops: int = 0, normalise: bool = False
    ) -> None:
        self._attributes = attributes
        self._http = attributes.request.http
        self._payload, self._issuer, self._trusted_hops = payload, issuer, trusted_hops
        self._normalise = normalise
        self.captures: Mapping[str, str] = {}
        self.identity: Identity | None = None
        """Whom the token of the request speaks for, where it is verified here: then claims are those of this one."""

    @property
    def method(self) -> str:
        """The method as it came: methods are told apart by case."""
        return self._http.method

    @cached_property
    def target(self) -> Target:
        """The path and the query."""
        return target(self._http.path, normalise=self._normalise)

    @cached_property
    def host(self) -> str:
        """The host."""
        return host(self._http.host)

    @property
    def url(self) -> str:
        """The URL as it came: whoever made a proof for it wrote it so."""
        return f"{self._http.scheme or 'https'}://{self._http.host}{self._http.path}"

    @property
    def certificate(self) -> str:
        """The certificate of the client as Envoy tells it, empty for none."""
        return self._attributes.source.certificate

    @cached_property
    def headers(self) -> Mapping[str, tuple[str | bytes, ...]]:
        """The headers by lower-case name. Without `header_map`, Envoy has joined those of one name."""
        found: dict[str, tuple[str | bytes, ...]] = {}
        for each in self._http.header_map.headers:
            name = each.key.lower()
            found[name] = (*found.get(name, ()), each.raw_value or each.value)
        if not found:
            found = {name.lower(): (value,) for name, value in self._http.headers.items()}
        return found

    @cached_property
    def claims(self) -> Mapping[str, Value] | None:
        """The claims of the verified token; None where there is none, or it is of another issuer."""
        payload = self._attributes.metadata_context.filter_metadata.get(JWT_FILTER, Struct()).fields.get(self._payload)
        if payload is None or payload.WhichOneof("kind") != "struct_value":
            return None
        fields: Mapping[str, Value] = payload.struct_value.fields
        if self._issuer and plain(fields.get("iss")) != self._issuer:
            return None
        return fields

    @cached_property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters of the query."""
        return parameters(self.target.query)

    @cached_property
    def ip(self) -> str | None:
        """The address of the client, None where nobody who is trusted told one."""
        if self._trusted_hops == 0:
            return address(self._attributes.source.address.socket_address.address)
        entries = ",".join(self.texts("x-forwarded-for")).split(",")
        return address(entries[-self._trusted_hops].strip()) if len(entries) >= self._trusted_hops else None

    @cached_property
    def spiffe(self) -> str | None:
        """The SPIFFE id of the client's certificate. Envoy may tell another name of it, which is none."""
        name = self._attributes.source.principal
        segments = name.split("/")[3:]
        return name if _SPIFFE.match(name) and not {".", ".."}.intersection(segments) else None

    def look(self, place: Place) -> Any:
        """Return what is in a place, None for nothing."""
        match place.family:
            case "header":
                texts = self.texts(place.name)
                if place.form not in ("list", "joined") and any("," in text for text in texts):
                    raise ambiguous("several_values", f"there are several values for `{place}`")
                return formed(texts, place) if texts else None
            case "query":
                values = self.parameters.get(place.name)
                return None if values is None else formed(values, place)
            case "claim":
                return self.claim(place.name)
            case "extension":
                return self._attributes.context_extensions.get(place.name)
        return self._plain(place.name)

    def _plain(self, name: str) -> str | None:
        match name:
            case "method":
                return self.method
            case "path":
                return self.target.path
            case "host":
                return self.host
            case "ip":
                return self.ip
            case "spiffe":
                return self.spiffe
        return self.captures.get(name)

    def claim(self, name: str) -> Any:
        """Return a claim as plain data, None where there is none. Dots lead into it, but not in names that are URLs."""
        *outer, last = (name,) if "/" in name else name.split(".")
        if self.identity is not None:
            return _within(self.identity.claims, (*outer, last))
        held = self.claims
        for step in outer:
            value = None if held is None else held.get(step)
            held = value.struct_value.fields if value is not None and value.HasField("struct_value") else None
        return None if held is None else plain(held.get(last))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of a header; raise Refused where one is no text."""
        return tuple(_text(value, name) for value in self.headers.get(name, ()))


def _within(claims: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    held: Any = claims
    for step in path:
        held = held.get(step) if isinstance(held, Mapping) else None
    return held


def _text(value: str | bytes, name: str) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise ambiguous("not_utf8", f"the header `{name}` is not UTF-8") from None


def plain(value: Value | None) -> Any:
    """Return a value of JSON as plain data. A whole number is an Int again; what a double cannot tell stays one."""
    if value is None:
        return None
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if abs(number) < _EXACT and number == int(number) else number
        case "list_value":
            return [plain(each) for each in value.list_value.values]
        case "struct_value":
            return {name: plain(each) for name, each in value.struct_value.fields.items()}
    return None


def address(text: str) -> str | None:
    """Return an address in its canonical form, None for what is none: ranges, names, and addresses with a port."""
    if "/" in text:
        return None
    try:
        return str(Ip.parse(text))
    except ValueError:
        return None

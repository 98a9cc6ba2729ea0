"""The client's certificate as a proxy tells of it: Envoy's header `x-forwarded-client-cert`."""

from __future__ import annotations

import hmac
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from pdp.classes import dataclass, field
from pdp.errors import TokenError
from pdp.identity.certificates import leaf_of

_LONGEST: Final = 65_536
_NAMES: Final = frozenset({"by", "hash", "cert", "chain", "subject", "uri", "dns"})
_ONCE: Final = ("hash", "cert", "chain", "subject")
_PAIR: Final = re.compile(r'([A-Za-z]{1,16}+)=(?:"((?:[^"\\]|\\.)*+)"|([^",;=\\\s]*+))(?:(;)|(,)[ ]*+|\Z)')
_ESCAPED: Final = re.compile(r"\\(.)")
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What one proxy says of the certificate that it was shown.

    `digest` is what tokens are bound to, `uris` the names of the certificate that are URIs. `certificate` is all of it,
    in PEM, where the proxy tells it. A proxy looks at when it counts as a connection begins, and not again.
    """

    digest: bytes = field(repr=False)
    uris: tuple[str, ...] = ()
    certificate: bytes | None = field(default=None, repr=False)


def forwarded(header: str, *, last: bool = False) -> Forwarded:
    """Return what `x-forwarded-client-cert` says of a client's certificate; raise TokenError where that is not plain.

    Whoever sends a request can write this header. So it says something only where each request comes by a proxy that is
    trusted, and that proxy has to write it anew (`SANITIZE_SET`): it has one element then. With `last`, it may have
    more, and the last one counts, that of the proxy which the request came by last (`APPEND_FORWARD`).

    >>> found = forwarded(f'By=spiffe://x/edge;Hash={"ab" * 32};Subject="CN=a, O=b";URI=spiffe://x/shop')
    >>> found.uris, found.digest == bytes.fromhex("ab" * 32)
    (('spiffe://x/shop',), True)
    """
    elements = _elements(header)
    if len(elements) > 1 and not last:
        raise _wrong("the proxy tells of more than one certificate")
    names = elements[-1]
    certificate = _certificate(names["cert"][0]) if "cert" in names else None
    return Forwarded(_digest(names, certificate), tuple(filter(None, names.get("uri", ()))), certificate)


def _elements(header: str) -> list[dict[str, list[str]]]:
    if len(header) > _LONGEST or not (header.isascii() and header.isprintable()):
        raise _wrong("what the proxy tells of a certificate is too long, or holds what no header may")
    elements: list[dict[str, list[str]]] = [{}]
    at = 0
    while at < len(header) or not elements[-1]:
        found = _PAIR.match(header, at)
        if found is None or found[1].lower() not in _NAMES:
            raise _wrong("what the proxy tells of a certificate cannot be read")
        value = found[3] if found[2] is None else _ESCAPED.sub(r"\1", found[2])
        elements[-1].setdefault(found[1].lower(), []).append(value)
        at = found.end()
        if found[5]:
            elements.append({})
        elif found[4] and at == len(header):
            raise _wrong("what the proxy tells of a certificate has no end")
    for element in elements:
        if any(len(element.get(name, ())) > 1 for name in _ONCE):
            raise _wrong("the proxy tells one thing of a certificate twice")
    return elements


def _certificate(text: str) -> bytes:
    found = unquote_to_bytes(text)
    if leaf_of(found) is None:
        raise _wrong("the certificate that the proxy tells of cannot be read")
    return found


def _digest(names: dict[str, list[str]], certificate: bytes | None) -> bytes:
    leaf = None if certificate is None else leaf_of(certificate)
    said = names.get("hash", [""])[0]
    if "hash" in names and _HASH.fullmatch(said) is None:
        raise _wrong("the digest that the proxy tells is none of SHA-256")
    if leaf is None and not said:
        raise _wrong("the proxy tells neither the digest of a certificate nor the certificate")
    if leaf is not None and said and not hmac.compare_digest(leaf.digest, bytes.fromhex(said)):
        raise _wrong("the digest that the proxy tells is not that of the certificate that it tells")
    return leaf.digest if leaf is not None else bytes.fromhex(said)


def _wrong(message: str) -> TokenError:
    return TokenError(message, code="wrong_certificate")

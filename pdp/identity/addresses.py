"""What may be asked for at which address: others are trusted with tokens, and with keys, by https alone."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_URL: Final = re.compile(r"[!-~]{1,2048}")


def wrong_url(url: str) -> str | None:
    """Tell what keeps a text from being an address that anything may be asked for at, None where nothing does.

    >>> wrong_url("https://id.example.org/keys"), wrong_url("http://127.0.0.1:9400/keys")
    (None, None)
    >>> wrong_url("http://id.example.org/keys")
    'plain http is for this machine alone, such as 127.0.0.1: write https'
    """
    if not _URL.fullmatch(url):
        return "an address is of visible characters of ASCII"
    try:
        parts = urlsplit(url)
        # To ask for the port is to read it.
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is no address"
    return _wrong(parts, host)


def _wrong(parts: SplitResult, host: str | None) -> str | None:
    if parts.scheme not in ("http", "https") or not host:
        return "an address begins by https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "an address holds no name and no password"
    if parts.fragment:
        return "an address has no fragment"
    if parts.scheme == "http" and not is_loopback(host):
        return "plain http is for this machine alone, such as 127.0.0.1: write https"
    return None


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its address: a name is what a resolver says that it is.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("127.0.0.1.example.org")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""The keys of issuers: where they come from, and how they are kept at hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

from pdp.clocks import passing
from pdp.identity import jwk
from pdp.identity.addresses import wrong_url
from pdp.identity.jwk import KeysError
from pdp.identity.keys.source import Address, Discovery, File, Source
from pdp.identity.keys.store import KeyStore, Pace
from pdp.identity.keys.web import Bearer, Client, Web
from pdp.identity.options import IssuerOptions, KeysOptions

LOOK: Final = 2.0
"""A file is looked at after so many seconds, whatever else is configured: that costs nothing."""

_PLACES: Final = ("discovery", "jwks_uri", "file", "spiffe_bundle")


def of(options: IssuerOptions, *, web: Web | None = None, monotonic: Callable[[], float] = passing) -> KeyStore:
    """Return the keys of an issuer, of which none is read yet. Raise KeysError for options that name none.

    `web` fetches documents, and `monotonic` tells seconds by which ages are measured.
    """
    source = source_of(options, web)
    return KeyStore(source, pace_of(options.keys), monotonic=monotonic)


def source_of(options: IssuerOptions, web: Web | None = None) -> Source:
    """Return where the keys of an issuer come from. Raise KeysError where that is no place, or not just one."""
    places, keys = [each for each in _PLACES if getattr(options.keys, each)], options.keys
    if len(places) != 1:
        raise KeysError(f"keys come from exactly one of {', '.join(f'`{each}`' for each in _PLACES)}")
    if keys.spiffe_bundle is not None and options.profile != "jwt-svid":
        raise KeysError('keys of a `spiffe_bundle` are for tokens of the profile "jwt-svid" alone')
    if not 0.0 < keys.timeout < math.inf:
        raise KeysError("`timeout` is no number of seconds above nothing")
    place = options.issuer if keys.discovery else keys.jwks_uri or keys.file or keys.spiffe_bundle or ""
    read = partial(jwk.read, use="jwt-svid" if keys.spiffe_bundle else "sig", algorithms=options.algorithms)
    if _is_file(keys):
        if keys.token is not None:
            raise KeysError("nobody asks for a file with a `token`")
        return File(place, read)
    wrong = wrong_url(place)
    if wrong is None and keys.discovery and "?" in place:
        wrong = "it has a query"
    if wrong is not None:
        raise KeysError(f"no keys are taken from `{place}`: {wrong}")
    client = _client(place, keys) if web is None else web
    return Discovery(place, client, read) if keys.discovery else Address(place, client, read)


def _client(place: str, keys: KeysOptions) -> Client:
    if keys.token is None:
        return Client(keys.timeout, keys.ca)
    bearer = Bearer(place, keys.token)
    # A token that cannot be had is told at once, and not only when keys are read.
    bearer.headers(place)
    return Client(keys.timeout, keys.ca, bearer)


def pace_of(keys: KeysOptions) -> Pace:
    """Return how often keys are read. Raise KeysError for what is no pace."""
    pace = Pace(refresh=keys.refresh, cooldown=keys.cooldown, max_stale=keys.max_stale)
    pace.check()
    if not _is_file(keys):
        return pace
    return Pace(refresh=min(pace.refresh, LOOK), cooldown=min(pace.cooldown, LOOK / 2), max_stale=pace.max_stale)


def _is_file(keys: KeysOptions) -> bool:
    return keys.file is not None or (keys.spiffe_bundle is not None and not _is_address(keys.spiffe_bundle))


def _is_address(place: str) -> bool:
    return "://" in place

"""Whom to ask about the tokens of an issuer, as its options say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import httpx

from pdp.clocks import passing
from pdp.identity.options import IntrospectionOptions, IssuerOptions, ReviewOptions
from pdp.identity.revoking.confirming import Confirmer
from pdp.identity.revoking.exchange import Exchange
from pdp.identity.revoking.introspection import Introspection
from pdp.identity.revoking.review import MOUNTED, PATH, Review
from pdp.identity.revoking.revoker import Revoker


def of(
    options: IssuerOptions,
    *,
    revoker: Revoker | None = None,
    environment: Mapping[str, str] | None = None,
    monotonic: Callable[[], float] = passing,
    transport: httpx.AsyncBaseTransport | None = None,
) -> tuple[Confirmer, ...]:
    """Return those who have to confirm each token of an issuer: none where nobody is to be asked.

    Secrets may stand in `environment`. Raises ValueError or OSError for what nobody can be asked by. `transport` stands
    in for a network.
    """

    found = []
    introspection, review, audience = options.introspection, options.review, options.audience
    if introspection is not None:
        asks = partial(_introspection, introspection, audience, environment, transport)
        keep, timeout = introspection.keep, introspection.timeout
        found.append(Confirmer(asks, keep=keep, timeout=timeout, revoker=revoker, monotonic=monotonic))
    if review is not None:
        asks_cluster = partial(_review, review, audience, environment, transport)
        keep, timeout = review.keep, review.timeout
        found.append(Confirmer(asks_cluster, keep=keep, timeout=timeout, revoker=revoker, monotonic=monotonic))
    return tuple(found)


def _introspection(
    options: IntrospectionOptions,
    audience: Sequence[str],
    environment: Mapping[str, str] | None,
    transport: httpx.AsyncBaseTransport | None,
) -> Introspection:
    exchange = Exchange(options.url, timeout=options.timeout, ca=options.ca, transport=transport)
    return Introspection(options, audience, exchange, environment)


def _review(
    options: ReviewOptions,
    audience: Sequence[str],
    environment: Mapping[str, str] | None,
    transport: httpx.AsyncBaseTransport | None,
) -> Review:
    url, mounted = options.url.rstrip("/") + PATH, f"{MOUNTED}/ca.crt"
    # Within a pod, all that is needed is where the cluster puts it.
    ca = mounted if options.ca is None and Path(mounted).exists() else options.ca
    exchange = Exchange(url, timeout=options.timeout, ca=ca, transport=transport)
    return Review(options, audience, exchange, environment)

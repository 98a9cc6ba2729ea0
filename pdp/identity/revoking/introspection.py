"""Whether a token is active, asked of its issuer (RFC 7662)."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from pdp.configuration.secret import SecretError
from pdp.identity.options import IntrospectionOptions
from pdp.identity.revoking.exchange import Exchange, ExchangeError

_NAMED: Final = ("iss", "sub", "jti", "client_id", "cnf")
"""What an answer may name, and then has to name as the token does."""


class Introspection:
    """Asks the introspection endpoint of an issuer. `audience` is what tokens have to be for."""

    def __init__(
        self,
        options: IntrospectionOptions,
        audience: Collection[str],
        exchange: Exchange,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._options, self._audience, self._exchange = options, frozenset(audience), exchange
        self._environment = environment

    async def ask(self, token: str, claims: Mapping[str, Any]) -> bool:
        """Tell whether a token is active; raise ExchangeError where nobody says so, or says so of another token."""
        body = urlencode({"token": token}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": self._authorization()}
        answer = await self._exchange.post(body, headers)
        active = answer.get("active")
        if active is False:
            return False
        if active is not True:
            raise ExchangeError("the answer does not say whether the token is active")
        _check(answer, claims, self._audience)
        return True

    def _authorization(self) -> str:
        try:
            # Read each time: it is changed while this runs.
            secret = self._options.client_secret.text(self._environment)
        except SecretError as error:
            raise ExchangeError(error.message) from None
        # A colon in either would else be where the other begins (RFC 6749, 2.3.1).
        pair = f"{quote_plus(self._options.client_id)}:{quote_plus(secret)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    async def close(self) -> None:
        """Let go of connections."""
        await self._exchange.close()


def _check(answer: Mapping[str, Any], claims: Mapping[str, Any], audience: frozenset[str]) -> None:
    """Raise ExchangeError where an answer is about another token."""
    for name in _NAMED:
        # A client is named by another claim in some tokens, and then not compared.
        if name in answer and not (name == "client_id" and name not in claims) and not _same(answer, claims, name):
            raise ExchangeError(f"the answer is about another token: `{name}` differs")
    if "aud" in answer:
        named = _audience(answer["aud"])
        if not named or not named <= _audience(claims.get("aud")) or not named & audience:
            raise ExchangeError("the answer is about another token: `aud` differs")


def _same(answer: Mapping[str, Any], claims: Mapping[str, Any], name: str) -> bool:
    # By what is written: to Python, 1 and true are equal.
    return name in claims and _written(answer[name]) == _written(claims[name])


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _audience(value: Any) -> frozenset[str]:
    found = value if isinstance(value, list) else [value]
    return frozenset(found) if all(isinstance(each, str) for each in found) else frozenset()

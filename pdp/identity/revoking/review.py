"""Whether the token of a service account still counts, asked of its cluster (TokenReview, authentication.k8s.io/v1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pdp.configuration.secret import Secret, SecretError
from pdp.identity.options import ReviewOptions
from pdp.identity.revoking.exchange import Exchange, ExchangeError

PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"

MOUNTED: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod finds its own token, and the certificates of its cluster."""

_POD: Final = "authentication.kubernetes.io/pod-uid"
_GONE: Final = "has been invalidated"
"""What the API says of a token whose pod, node or account is gone. It says so as an error, as if it could not tell."""


class Review:
    """Asks the API of a cluster. It has to say of a token what the token says of itself."""

    def __init__(
        self,
        options: ReviewOptions,
        audience: Sequence[str],
        exchange: Exchange,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._audience, self._exchange, self._environment = tuple(audience), exchange, environment
        self._secret = options.token or Secret(file=f"{MOUNTED}/token")

    async def ask(self, token: str, claims: Mapping[str, Any]) -> bool:
        """Tell whether a token counts; raise ExchangeError where nobody says so, or says so of another token."""
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": self._audience},
        }
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._own()}"}
        answer = await self._exchange.post(json.dumps(asked).encode(), headers, (200, 201))
        status = _object(answer, "status")
        if status.get("authenticated") is not True:
            return _refused(status)
        _check(status, claims, frozenset(self._audience))
        return True

    def _own(self) -> str:
        try:
            # Read each time: the cluster changes it while this runs.
            return self._secret.text(self._environment)
        except SecretError as error:
            raise ExchangeError(error.message) from None

    async def close(self) -> None:
        """Let go of connections."""
        await self._exchange.close()


def _refused(status: Mapping[str, Any]) -> bool:
    """Return False for a token that counts no longer; raise ExchangeError where that could not be told."""
    error = status.get("error", "")
    if status.get("authenticated", False) is not False or not isinstance(error, str):
        raise ExchangeError("the answer does not say whether the token counts")
    if error and _GONE not in error:
        raise ExchangeError("the API could not tell whether the token counts")
    return False


def _check(status: Mapping[str, Any], claims: Mapping[str, Any], audience: frozenset[str]) -> None:
    audiences = status.get("audiences")
    if not isinstance(audiences, list) or not audience & {each for each in audiences if isinstance(each, str)}:
        # An API that knows of no audiences says nothing of them, and takes tokens for whatever they are.
        raise ExchangeError("the answer names no audience that was asked for")
    user = _object(status, "user")
    if not isinstance(user.get("username"), str) or user["username"] != claims.get("sub"):
        raise ExchangeError("the answer is about another token: `username` differs")
    pod = _pod(claims)
    if pod is not None and _object(user, "extra").get(_POD) != [pod]:
        raise ExchangeError("the answer is about another token: the pod differs")


def _pod(claims: Mapping[str, Any]) -> Any:
    """Return the uid of the pod that a token is bound to, None where it is bound to none."""
    cluster = claims.get("kubernetes.io")
    pod = cluster.get("pod") if isinstance(cluster, Mapping) else None
    return pod.get("uid") if isinstance(pod, Mapping) else None


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = given.get(name)
    if not isinstance(found, dict):
        raise ExchangeError(f"the answer has no `{name}`")
    return found

"""`/scim/v2/`: a directory tells who leaves, and proves by a secret that it is the directory."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from concurrent.futures import Executor
from typing import Any, Final

from pdp.identity.revoking.scim.endpoints import Answer, Endpoints
from pdp.identity.revoking.scim.refusals import RefusedError
from pdp_sidecar.bodies import GoneError, TooLargeError, body_of
from pdp_sidecar.operations.logs import tell
from pdp_sidecar.receivers.messages import (
    Header,
    Receive,
    Scope,
    Send,
    answer,
    header,
)

PREFIX: Final = "/scim/v2/"

LARGEST: Final = 256 << 10
"""Bytes of a body."""

_KIND: Final = b"application/scim+json"
_CHALLENGE: Final[Header] = (b"www-authenticate", b'Bearer realm="pdp scim"')


class ScimReceiver:
    """Answers a directory. `digest` is the SHA-256 of its secret; `endpoints` are asked in threads of `executor`."""

    def __init__(self, endpoints: Endpoints, digest: bytes, executor: Executor) -> None:
        self._endpoints, self._digest, self._executor = endpoints, digest, executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not self._is_known(scope):
            refused = RefusedError(401, "say by `Authorization: Bearer …` that you are the directory")
            await answer(send, 401, refused.document(), _KIND, [_CHALLENGE], close=True)
            return
        try:
            body = await body_of(receive, header(scope, b"content-length"), LARGEST)
            found = await self._answer(scope, body)
        except GoneError:
            return
        except TooLargeError:
            refused = RefusedError(413, f"a body has at most {LARGEST} bytes")
            await answer(send, 413, refused.document(), _KIND, close=True)
            return
        except Exception as error:
            # INVARIANT: what failed is never said to be done.
            tell(logging.ERROR, "scim_failed", error=type(error).__name__)
            refused = RefusedError(500, f"the request could not be answered: {type(error).__name__}")
            await answer(send, 500, refused.document(), _KIND)
            return
        headers = [] if found.location is None else [(b"location", found.location.encode())]
        await answer(send, found.status, found.document, _KIND, headers)

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._endpoints.answer, scope["method"], path, query, body)

    def _is_known(self, scope: Scope) -> bool:
        scheme, _, token = (header(scope, b"authorization") or b"").partition(b" ")
        given = hashlib.sha256(token.strip()).digest()
        # How long it takes says nothing of the secret.
        return hmac.compare_digest(given, self._digest) and scheme.lower() == b"bearer"


def notice(event: str, /, **fields: Any) -> None:
    """Tell those who run this what they should know of a directory."""
    tell(logging.WARNING, event, **fields)

"""Questions over HTTP, within bounds: of time as a whole, of size, and of where they go."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from pdp.identity import addresses, objects

LARGEST: Final = 64 << 10
"""Bytes of an answer."""

_JSON: Final = "application/json"
_HEADERS: Final = {"accept": _JSON, "accept-encoding": "identity", "user-agent": "pdp"}
_LIMITS: Final = httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=30.0)


class ExchangeError(Exception):
    """There is no answer, or none that says anything. The message holds nothing of what was sent or received."""


class Exchange:
    """Asks one server. It belongs to the event loop that first asks by it.

    `timeout` is for all of a question and its answer. `ca` is a file of certificates that the server's has to come
    from, instead of those of the system. Neither redirects are followed nor proxies of the environment used.
    """

    def __init__(
        self, url: str, *, timeout: float, ca: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Raise ValueError for a URL that is not safe, and OSError where `ca` cannot be read."""
        wrong = addresses.wrong_url(url)
        if wrong is not None:
            raise ValueError(wrong)
        self._url, self._timeout = url, timeout
        needless = transport is not None or urlsplit(url).scheme == "http"
        self._client = httpx.AsyncClient(
            transport=transport,
            # It takes long to read the certificates of a system.
            verify=False if needless else ssl.create_default_context(cafile=ca),
            headers=_HEADERS,
            # The whole is bounded below: this is for what it leaves behind.
            timeout=timeout,
            limits=_LIMITS,
            trust_env=False,
            follow_redirects=False,
        )

    async def post(self, body: bytes, headers: Mapping[str, str], statuses: tuple[int, ...] = (200,)) -> dict[str, Any]:
        """Send a body and return the document that answers it; raise ExchangeError."""
        try:
            async with asyncio.timeout(self._timeout):
                return objects.read(await self._answer(body, headers, statuses))
        except TimeoutError:
            raise ExchangeError("there was no answer in time") from None
        except objects.UnreadableError as error:
            raise ExchangeError(f"the answer cannot be read: {error}") from None
        except httpx.TimeoutException:
            raise ExchangeError("there was no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            # What these say may hold a URL, or bytes of an answer.
            raise ExchangeError(f"nobody could be asked: {type(error).__name__}") from None

    async def _answer(self, body: bytes, headers: Mapping[str, str], statuses: tuple[int, ...]) -> bytes:
        async with self._client.stream("POST", self._url, content=body, headers=dict(headers)) as response:
            if response.status_code not in statuses:
                raise ExchangeError(f"the answer has the status {response.status_code}")
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
                raise ExchangeError("the answer is not said to be JSON")
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise ExchangeError("the answer is compressed, and was not asked to be")
            found = b""
            async for part in response.aiter_bytes():
                found += part
                if len(found) > LARGEST:
                    raise ExchangeError(f"the answer has more than {LARGEST} bytes")
            return found

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

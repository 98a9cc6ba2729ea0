"""`POST /backchannel-logout`: an issuer says that a session is over (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final
from urllib.parse import parse_qsl

from pdp.errors import RecordError, RequestError, TokenError
from pdp_sidecar.bodies import GoneError, TooLargeError, body_of
from pdp_sidecar.operations.logs import tell
from pdp_sidecar.receivers.messages import Receive, Scope, Send, answer, header

PATH: Final = "/backchannel-logout"

LARGEST: Final = 64 << 10
"""Bytes of a body. A token has far less, and may be written with three for each."""

_FORM: Final = b"application/x-www-form-urlencoded"


class _RefusedError(Exception):
    """It is not even a logout request. The message is safe to send."""


class LogoutReceiver:
    """Answers once what the token ends is revoked in every worker. `end` is `Logouts.end`, for threads of `executor`.

    Nobody but the token says who sends it.
    """

    def __init__(self, end: Callable[[str], object], executor: Executor) -> None:
        self._end, self._executor = end, executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await answer(send, 405, _said("this path takes POST"), headers=[(b"allow", b"POST")], close=True)
            return
        try:
            token = _token(scope, await body_of(receive, header(scope, b"content-length"), LARGEST))
            await asyncio.get_running_loop().run_in_executor(self._executor, self._end, token)
        except GoneError:
            return
        except TooLargeError:
            await answer(send, 400, _said(f"a body has at most {LARGEST} bytes"), close=True)
            return
        except _RefusedError as error:
            await answer(send, 400, _said(str(error)))
            return
        except Exception as error:
            await answer(send, 400, _failed(error))
            return
        tell(logging.INFO, "logout")
        await answer(send, 200)


def _said(message: str, code: str = "invalid_request") -> dict[str, str]:
    return {"error": code, "error_description": message}


def _failed(error: Exception) -> dict[str, str]:
    """Return what is told of a logout that came to nothing. The standard has one status for all of these."""
    if isinstance(error, TokenError):
        tell(logging.WARNING, "logout_refused", code=error.code)
        return _said(str(error), "temporarily_unavailable" if error.passing else "invalid_request")
    # What anything else says may hold what was sent.
    detail = {"detail": str(error)} if isinstance(error, RecordError | RequestError) else {}
    tell(logging.ERROR, "logout_failed", error=type(error).__name__, **detail)
    if isinstance(error, RecordError):
        return _said(
            "the logout is not on record, or does not hold everywhere: send it again", "temporarily_unavailable"
        )
    if isinstance(error, RequestError):
        return _said("whoever it names cannot be revoked: see the log of this server", "server_error")
    return _said(f"the logout failed: {type(error).__name__}", "server_error")


def _token(scope: Scope, body: bytes) -> str:
    """Return the logout token of a body; raise _RefusedError where there is not exactly one."""
    kind = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != _FORM:
        raise _RefusedError(f"the body has to be `Content-Type: {_FORM.decode()}`")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise _RefusedError("the body is no form") from None
    found = [value for name, value in fields if name == "logout_token"]
    if len(found) != 1:
        raise _RefusedError("the form has to have one `logout_token`")
    return found[0]

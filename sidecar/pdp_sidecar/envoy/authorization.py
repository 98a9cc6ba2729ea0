"""The service that Envoy asks, for a server of gRPC that others run."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

from pdp.errors import TokenError
from pdp_sidecar.callers import Caller, NotPermitted
from pdp_sidecar.envoy.asked import Asked
from pdp_sidecar.envoy.bearers import bearer_of
from pdp_sidecar.envoy.bearers import refusal as token_refusal
from pdp_sidecar.envoy.mapping import Requests, Route
from pdp_sidecar.envoy.messages import Allowance, denied, serialised
from pdp_sidecar.envoy.options import Options
from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.envoy.replies import Replies
from pdp_sidecar.generated.ext_authz_pb2 import CheckRequest, CheckResponse
from pdp_sidecar.identifying import hold_scheme
from pdp_sidecar.rpc.refusals import abort, refusal
from pdp_sidecar.service import Service, granted

METHOD: Final = "/envoy.service.auth.v3.Authorization/Check"
_log = logging.getLogger(__name__)


class Authorization(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio carries no types.
    """Answers Envoy. `identify` says who is at the other end of a call, and raises for nobody (`Identities.of`)."""

    def __init__(self, service: Service, options: Options, identify: Callable[[Any], Awaitable[Caller]]) -> None:
        """Read the options; raise ValueError for the first that does not hold up."""
        self._service = service
        self._identify = identify
        self._requests = Requests(options)
        self._replies = Replies(options)
        self._verifies = options.token.verify
        # Bytes in: a message that cannot be read is a denial as well.
        self._handler = grpc.unary_unary_rpc_method_handler(self._check, None, serialised)

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a call, None where it is of another service."""
        return self._handler if handler_call_details.method == METHOD else None

    async def _check(self, data: bytes, context: Any) -> CheckResponse | Allowance:
        try:
            caller = await self._identify(context)
        except Exception as error:
            # Whoever is nobody gets an error of gRPC, by which Envoy turns the request away.
            await abort(context, refusal(error))
        return await self.verified(caller, data) if self._verifies else self.answer(caller, data)

    def answer(self, caller: Caller, data: bytes) -> CheckResponse | Allowance:
        """Answer a message, by what filters before this one have verified. What goes wrong is a denial."""
        try:
            asked = self._requests.asked(CheckRequest.FromString(data).attributes)
            return self._answer(caller, asked, self._requests.route(asked))
        except Exception as error:
            return self._refusal(error)

    async def verified(self, caller: Caller, data: bytes) -> CheckResponse | Allowance:
        """Answer a message whose token is verified here. What goes wrong is a denial."""
        try:
            asked = self._requests.asked(CheckRequest.FromString(data).attributes)
            route = self._requests.route(asked)
            if route.principals is None:
                token, shown, proves = bearer_of(asked)
                hold_scheme(shown, proves=proves)
                asked.identity = await self._service.bearer(caller, token, shown, proves=proves)
            return self._answer(caller, asked, route)
        except Exception as error:
            return self._refusal(error)

    def _answer(self, caller: Caller, asked: Asked, route: Route) -> CheckResponse | Allowance:
        question = self._requests.question(asked, route)
        decision = self._service.check(caller, question.request, question.identity).decision
        step_up = None
        if question.identity is not None and not granted(decision, self._replies.handles):
            step_up = self._service.step_up(caller, decision, question.identity)
        return self._replies.of(question, decision, step_up)

    def _refusal(self, error: Exception) -> CheckResponse:
        match error:
            case Refused():
                return self._replies.refusal(error)
            case TokenError():
                return self._replies.refusal(token_refusal(error))
            case NotPermitted():
                return self._replies.refusal(Refused(403, "not_permitted", "this proxy may not ask"))
        # INVARIANT: an exception is a denial with its cause, whatever raised it. Its text may hold what the client
        # sent, and goes to nobody.
        _log.error("a request of Envoy could not be answered: %s", type(error).__name__)
        return denied(403, body='{"decision":"deny"}', why="internal_error", metadata={"reason": "internal_error"})

"""Whatever goes wrong, at whichever call, Envoy is never told to let a request through."""

from __future__ import annotations

import asyncio
import inspect
import sys
from types import FrameType
from typing import Any

import grpc
import pytest

from pdp_sidecar.callers import Callers, May, caller
from pdp_sidecar.envoy.authorization import METHOD, Authorization
from pdp_sidecar.envoy.messages import serialised
from pdp_sidecar.generated.ext_authz_pb2 import CheckResponse
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.service import Service
from tests.sidecar.envoy.scene import ENVOY, answered, asked, claims, engine, identified, is_allow, options

ALLOWED = asked(token=claims(iat=1, jti="t"), headers={"x-one": "1"})
OURS = "pdp_sidecar"


class Fault:
    """Raises at one of the calls that our modules make or are called by, of Python and of C: `at`, from 0 on."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self.at, self.error, self.seen = at, error, 0
        self.where = ""

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "c_call") or OURS not in frame.f_code.co_filename:
            return
        if event == "call" and frame.f_code.co_flags & inspect.CO_GENERATOR and frame.f_lasti > 0:
            return  # It goes on or is closed, and what raises in closing is nobody's.
        if self.seen == self.at:
            self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno} {getattr(argument, '__name__', '')}"
            self.seen += 1
            raise self.error("injected")
        self.seen += 1


def under(fault: Fault, authorization: Authorization, data: bytes) -> bytes | None:
    """Answer a request with a fault; return None where that raised, which makes an error of gRPC."""
    sys.setprofile(fault)
    try:
        return serialised(authorization.answer(ENVOY, data))
    except BaseException as error:
        sys.setprofile(None)
        if type(error) is not fault.error:
            raise
        return None
    finally:
        sys.setprofile(None)


@pytest.fixture(scope="module")
def authorization() -> Authorization:
    found = Authorization(Service(engine()), options(), identified)
    assert is_allow(answered(found, ALLOWED))
    return found


def calls(authorization: Authorization) -> int:
    fault = Fault(-1, RuntimeError)
    sent = under(fault, authorization, ALLOWED)
    assert sent is not None and is_allow(CheckResponse.FromString(sent))
    return fault.seen


ERRORS = [RuntimeError, MemoryError, RecursionError, KeyboardInterrupt, asyncio.CancelledError, SystemExit]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_exception_at_any_call_is_no_allow(authorization, error):
    total = calls(authorization)
    assert total > 100
    answers = 0

    for at in range(total):
        fault = Fault(at, error)
        sent = under(fault, authorization, ALLOWED)
        assert fault.where, "the fault was injected"
        if sent is not None:
            answers += 1
            assert not is_allow(CheckResponse.FromString(sent)), fault.where

    # What ends the process or the call is not swallowed; any other becomes a denial that says so.
    assert (answers > total * 0.9) is issubclass(error, Exception)


# ------------------------------------------------------------------------------------------------- through a server


async def through(authorization: Authorization, folder: Any, data: bytes) -> CheckResponse:
    """Ask over gRPC, as Envoy does; raise AioRpcError."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([authorization])
    server.add_insecure_port(f"unix:{folder}/s")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"unix:{folder}/s") as channel:
            call = channel.unary_unary(METHOD, None, CheckResponse.FromString)
            return await call(data, timeout=5)
    finally:
        await server.stop(0)


def test_a_server_answers_what_was_decided(authorization, tmp_path):
    assert is_allow(asyncio.run(through(authorization, tmp_path, ALLOWED)))
    assert not is_allow(asyncio.run(through(authorization, tmp_path, asked(token=claims("ben")))))


def test_whoever_may_not_ask_is_answered_nothing(tmp_path):
    held = Service(engine())
    nobody = Authorization(held, options(), Identities(held, Callers()).of)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        asyncio.run(through(nobody, tmp_path, ALLOWED))

    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_caller_that_may_not_check_is_told_no(authorization):
    monitor = type(ENVOY)("monitor", frozenset())

    response = authorization.answer(monitor, ALLOWED)

    assert response.status.code == 7
    assert response.status.message == "not_permitted"


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
@pytest.mark.parametrize("where", ["identify", "engine", "record"])
def test_what_raises_on_the_way_is_no_allow(where, error, tmp_path):
    def fail(*_: Any) -> Any:
        raise error("no")

    held = Service(engine(), record=fail if where == "record" else None)
    if where == "engine":
        held.engine.decide = fail
    asking = Authorization(held, options(), fail if where == "identify" else identified)

    try:
        response = asyncio.run(through(asking, tmp_path, ALLOWED))
    except grpc.aio.AioRpcError as refused:
        assert where == "identify"
        assert refused.code() is not grpc.StatusCode.OK
    else:
        assert response.status.code == 7


def test_another_method_is_not_ours(authorization):
    class Details:
        method = "/envoy.service.auth.v3.Authorization/Other"

    assert authorization.service(Details()) is None


def test_a_proxy_asks_for_its_own_principals_only(authorization):
    machines = caller("mesh", [May.CHECK], ["Workload"])

    response = authorization.answer(machines, ALLOWED)

    assert response.status.code == 7
    assert response.dynamic_metadata["reason"] == "invalid_request"


def test_a_proxy_that_may_not_vouch_for_sessions_brings_none(authorization):
    plain = type(ENVOY)("plain", ENVOY.may, None, asserts_session=False)

    assert authorization.answer(plain, ALLOWED).status.code == 7

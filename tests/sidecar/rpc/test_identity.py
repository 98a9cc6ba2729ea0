"""Who is asking is looked at on every call, every message of a stream and every beat."""

from __future__ import annotations

import datetime
import hashlib
import os

import grpc
import pytest
from grpc import aio

from pdp.configuration.secret import Secret
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.generated.decision_service_pb2 import CheckStreamRequest
from pdp_sidecar.generated.decision_service_pb2_grpc import DecisionServiceStub
from pdp_sidecar.rpc import Listener, Options, start
from pdp_sidecar.service import Service
from pdp_sidecar.tls import Certificates
from pdp_sidecar.wire import request_message
from tests.sidecar.authorities import Authority
from tests.sidecar.rpc.serving import reading, run, serving, status_of
from tests.sidecar.scene import engine

SHOP = "spiffe://example.org/shop"
NOW = datetime.datetime.now(datetime.UTC)
OK, NOBODY = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED
BY_TOKEN = Callers(by_token={hashlib.sha256(b"secret").digest(): caller("app")}, by_uid={os.getuid(): caller("ours")})


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ((), OK),
        ((("authorization", "Bearer secret"),), OK),
        ((("authorization", "bearer  secret "),), OK),
        ((("authorization", "Bearer other"),), NOBODY),
        ((("authorization", "Bearer "),), NOBODY),
        ((("authorization", ""),), NOBODY),
        ((("authorization", "Basic secret"),), NOBODY),
        ((("authorization", "secret"),), NOBODY),
        ((("authorization", "Bearer secret"), ("authorization", "Bearer secret")), NOBODY),
        ((("authorization-bin", b"Bearer other"),), OK),
    ],
)
def test_a_token_says_who_asks_and_one_that_nobody_has_is_nobodys(tmp_path, metadata, status):
    async def test():
        async with serving(tmp_path, callers=BY_TOKEN) as client:
            return await status_of(client.decisions.Check(request_message(reading()), metadata=metadata))

    assert run(test())[0] == status


def test_an_empty_token_is_nobodys_though_somebody_has_it(tmp_path):
    callers = Callers(by_token={hashlib.sha256(b"").digest(): caller("app")})

    async def test():
        async with serving(tmp_path, callers=callers) as client:
            metadata = (("authorization", "Bearer "),)
            return await status_of(client.decisions.Check(request_message(reading()), metadata=metadata))

    assert run(test())[0] == NOBODY


async def by_tls(folder, client, work, callers=None, clock=lambda: NOW):
    """Serve by TLS, and do something with a channel of a client that has a certificate."""
    authority = Authority()
    issued = client(authority)
    ca = folder / "ca.crt"
    ca.write_bytes(authority.certificate)
    cert, key = authority.issue("spiffe://example.org/pdp").write(folder, "server")
    certificates = Certificates(cert, Secret(file=key), str(ca), clock=clock)
    service = Service(engine())
    server = await start(
        service,
        callers or Callers(by_identity=((SHOP, caller("shop")),)),
        Options(beat=0.01),
        [Listener("localhost:0", certificates.credentials())],
        identities=certificates.identities,
    )
    credentials = grpc.ssl_channel_credentials(authority.certificate, issued.key, issued.certificate)
    try:
        async with aio.secure_channel(f"localhost:{server.ports[0]}", credentials) as channel:
            return await work(DecisionServiceStub(channel))
    finally:
        await server.drain(0)
        service.close()


async def asking_once(stub):
    return (await status_of(stub.Check(request_message(reading()))))[0]


@pytest.mark.parametrize(
    ("client", "callers", "status"),
    [
        (lambda authority: authority.issue(SHOP), None, OK),
        (lambda authority: authority.issue("spiffe://example.org/other"), None, NOBODY),
        # Whoever shows a certificate that does not count is not one of those who show nothing.
        (lambda authority: authority.issue(SHOP, SHOP + "/x"), Callers(otherwise=caller("anybody")), NOBODY),
        (lambda authority: authority.issue(), Callers(otherwise=caller("anybody")), NOBODY),
        (lambda authority: authority.issue(SHOP), Callers(otherwise=caller("anybody")), OK),
        (lambda authority: authority.issue(SHOP), Callers(by_uid={os.getuid(): caller("ours")}), NOBODY),
    ],
)
def test_a_certificate_says_who_asks(tmp_path, client, callers, status):
    assert run(by_tls(tmp_path, client, asking_once, callers)) == status


def test_a_certificate_that_runs_out_ends_calls_streams_and_watches_of_a_live_connection(tmp_path):
    at = [NOW]

    async def test(stub):
        first = await asking_once(stub)
        stream, watch = stub.CheckStream(), stub.Watch()
        await stream.write(CheckStreamRequest(id=1, request=request_message(reading())))
        told = await stream.read(), await watch.read()
        at[0] = NOW + datetime.timedelta(hours=1)
        await stream.write(CheckStreamRequest(id=2, request=request_message(reading())))
        return first, len(told), await asking_once(stub), await status_of(stream), await status_of(watch)

    def client(authority):
        return authority.issue(SHOP, ends=NOW + datetime.timedelta(hours=1))

    first, told, second, stream, watch = run(by_tls(tmp_path, client, test, clock=lambda: at[0]))

    assert (first, told, second) == (OK, 2, NOBODY)
    assert stream == watch == (NOBODY, "the certificate has run out, or names nobody who may ask")


def test_whoever_comes_by_tcp_without_anything_to_show_is_nobody_beside(tmp_path):
    async def test():
        service = Service(engine())
        server = await start(service, BY_TOKEN, Options(), [Listener("127.0.0.1:0")])
        try:
            async with aio.insecure_channel(f"127.0.0.1:{server.ports[0]}") as channel:
                return await asking_once(DecisionServiceStub(channel))
        finally:
            await server.drain(0)
            service.close()

    assert run(test()) == NOBODY

"""The proxy of the tests does what it says: else what they prove of a client or a server would be nothing."""

import asyncio
import socket

import pytest

from tests.sidecar.faults import Cut, Delay, Drip, Fault, Flip, Garbage, HalfOpen, Proxy, connect, cut, proxied


async def heard(fault, said=b"hello, server", *, at=None):
    """Return what comes back of an echo through the proxy, and whether the connection then ended."""

    async def echo(reader, writer):
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname(), fault, at=at) as proxy:
        reader, writer = await connect(proxy.address)
        writer.write(said)
        found, ended = b"", False
        try:
            async with asyncio.timeout(0.3):
                while len(found) < len(said):
                    data = await reader.read(1000)
                    if not data:
                        ended = True
                        break
                    found += data
        except TimeoutError:
            pass
        writer.close()
    return found, ended


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (None, (b"hello, server", False)),
        (Fault(), (b"hello, server", False)),
        (Delay(0.01), (b"hello, server", False)),
        (Drip(0.001), (b"hello, server", False)),
        (Cut(after=5), (b"hello", True)),
        (Cut(after=5, requests=True), (b"", True)),
        (HalfOpen(after=5), (b"hello", False)),
        (Garbage(b"\xff" * 20), (b"\xff" * 20, False)),
        (Flip(0, 0x20), (b"Hello, server", False)),
        (Flip(0, 0x20, requests=True), (b"Hello, server", False)),
    ],
)
def test_each_fault_does_what_it_says(fault, found):
    assert asyncio.run(heard(fault)) == found


def test_a_proxy_stands_at_a_unix_socket(tmp_path):
    assert asyncio.run(heard(None, at=str(tmp_path / "p"))) == (b"hello, server", False)


def test_a_proxy_runs_beside_a_client_that_blocks():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        proxied(server.getsockname()) as proxy,
        socket.create_connection(proxy.address, timeout=5) as client,
    ):
        client.sendall(b"hello")
        there, _ = server.accept()
        with there:
            assert there.recv(5) == b"hello"
            cut(proxy)
            with pytest.raises(ConnectionResetError):
                if client.recv(1) == b"":
                    raise ConnectionResetError

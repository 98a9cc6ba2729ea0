"""What is asked over HTTP is bounded in time and size, goes where it is said to go, and nobody else hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.identity.revoking.exchange import LARGEST, Exchange, ExchangeError
from tests.sidecar.authorities import Authority

JSON = {"content-type": "application/json"}
SECRET = "s3cret-of-nobody"


def answered(url: str, timeout: float = 5.0, **options: Any) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        exchange = Exchange(url, timeout=timeout, **options)
        try:
            return await exchange.post(SECRET.encode(), {"authorization": f"Bearer {SECRET}"})
        finally:
            await exchange.close()

    return asyncio.run(ask())


def failed(url: str, timeout: float = 5.0, **options: Any) -> str:
    with pytest.raises(ExchangeError) as caught:
        answered(url, timeout, **options)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def mocked(answer: Callable[[httpx.Request], Any]) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


@contextlib.contextmanager
def serving(serve: Callable[[Any], object], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Listen at a port of this machine, and hand each connection to a function once it has sent something."""
    listening = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            held.append(connection)
            with contextlib.suppress(OSError):
                if context is not None:
                    held.append(connection := context.wrap_socket(connection, server_side=True))
                connection.recv(65536)
                serve(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/introspect"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for each in held:
            each.close()


def sending(*parts: bytes) -> Callable[[socket.socket], object]:
    def serve(connection: socket.socket) -> None:
        for each in parts:
            connection.sendall(each)
        connection.shutdown(socket.SHUT_WR)

    return serve


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_a_document_that_answers_is_returned():
    with serving(sending(http("200 OK", b'{"active": true}', "content-type: application/json; charset=utf-8"))) as url:
        assert answered(url) == {"active": True}


def test_a_server_that_hangs_is_waited_for_no_longer_than_it_may_take():
    with serving(lambda _: None) as url:
        assert failed(url, timeout=0.1) == "there was no answer in time"


def test_a_server_that_never_ends_its_headers_takes_no_longer_than_all_of_it_may():
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        end = threading.Event()
        while not end.wait(0.02):
            connection.sendall(b"x-more: 1\r\n")

    with serving(drip) as url:
        assert failed(url, timeout=0.2) == "there was no answer in time"


def test_nobody_at_a_port_is_an_answer_of_nobody():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    assert failed(f"http://127.0.0.1:{port}/") == "nobody could be asked: ConnectError"


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (http("500 Internal Server Error", b"{}"), "the answer has the status 500"),
        (http("401 Unauthorized", SECRET.encode()), "the answer has the status 401"),
        (http("302 Found", b"", f"location: http://127.0.0.1:1/{SECRET}"), "the answer has the status 302"),
        (http("307 Temporary Redirect", b"", "location: /elsewhere"), "the answer has the status 307"),
        (http("204 No Content"), "the answer has the status 204"),
        (http("200 OK", b'{"active": true}'), "the answer is not said to be JSON"),
        (http("200 OK", b"<html>", "content-type: text/html"), "the answer is not said to be JSON"),
        (http("200 OK", b"{", "content-type: application/json"), "the answer cannot be read: it is no JSON"),
        (b"no HTTP at all\r\n\r\n", "nobody could be asked: RemoteProtocolError"),
        (b"", "nobody could be asked: RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{}", "nobody could be asked"),
    ],
)
def test_what_is_no_answer_is_none(sent, problem):
    with serving(sending(sent)) as url:
        assert failed(url).startswith(problem)


def test_ten_megabytes_are_not_read():
    body = b'{"active": true, "more": "' + b"x" * 10_000_000 + b'"}'

    with serving(sending(http("200 OK", body, "content-type: application/json"))) as url:
        assert failed(url) == f"the answer has more than {LARGEST} bytes"


def test_what_is_compressed_is_not_unpacked():
    body = gzip.compress(b'{"active": true}' + b" " * 10_000_000)
    more = ("content-type: application/json", "content-encoding: gzip")

    with serving(sending(http("200 OK", body, *more))) as url:
        assert failed(url) == "the answer is compressed, and was not asked to be"


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    with serving(sending(http("200 OK", b"{}", "content-type: application/json"))) as url:
        assert answered(url) == {}


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_a_server_is_believed_that_its_authority_vouches_for_and_no_other(tmp_path, scheme):
    authority, other = Authority(), Authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue().write(tmp_path, "server"))
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    (tmp_path / "other.crt").write_bytes(other.certificate)

    def serve(connection: ssl.SSLSocket) -> None:
        connection.sendall(http("200 OK", b"{}", "content-type: application/json"))

    with serving(serve, context) as url:
        url = url.replace("http://127.0.0.1", f"{scheme}://localhost")
        known = answered(url, ca=str(tmp_path / "ca.crt"))
        unknown = [failed(url, **ca) for ca in ({"ca": str(tmp_path / "other.crt")}, {})]

    assert known == {}
    assert unknown == ["nobody could be asked: ConnectError"] * 2


def test_authorities_that_are_not_there_are_an_error(tmp_path: Path):
    with pytest.raises(OSError, match="No such file"):
        Exchange("https://id.example.org/", timeout=1, ca=str(tmp_path / "none.crt"))


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.org/",
        "http://127.0.0.1.example.org/",
        "http://10.0.0.1/",
        "ftp://id.example.org/",
        "file:///etc/passwd",
        "https://",
        "https://user:pass@id.example.org/",
        "https://id.example.org:99999/",
        "https://[::1",
        "https://id.example.org/#there",
        "",
    ],
)
def test_what_others_may_hear_is_asked_nowhere(url):
    with pytest.raises(ValueError, match=r"address|plain http"):
        Exchange(url, timeout=1)


@given(body=st.binary(max_size=200) | st.recursive(st.booleans() | st.text() | st.floats(), st.lists).map(json.dumps))
def test_whatever_answers_is_a_document_or_an_error(body):
    content = body if isinstance(body, bytes) else body.encode()
    transport = mocked(lambda _: httpx.Response(200, content=content, headers=JSON))

    try:
        found = answered("https://id.example.org/", transport=transport)
    except ExchangeError:
        return

    assert json.loads(content) == found


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 10_000, b'{"a": ' + b"9" * 60_000 + b"}", b'{"a": NaN}'])
def test_an_answer_that_takes_long_to_read_is_none(body):
    transport = mocked(lambda _: httpx.Response(200, content=body, headers=JSON))

    assert failed("https://id.example.org/", transport=transport).startswith("the answer cannot be read")

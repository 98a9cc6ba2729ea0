"""Documents of servers that are slow, broken or hostile."""

from __future__ import annotations

import datetime
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pdp.identity.addresses import wrong_url
from pdp.identity.jwk import KeysError
from pdp.identity.keys import web
from pdp.identity.keys.web import Answer, Client, MissingError
from tests.identity.keys.servers import Server, says, serving
from tests.sidecar.authorities import Authority

BODY = b'{"keys": []}'


def get(server: Server, path: str = "/keys", timeout: float = 5.0, ca: str | None = None) -> Answer:
    return Client(timeout, ca).get(server.url + path)


def error_of(server: Server, timeout: float = 5.0, ca: str | None = None) -> str:
    with pytest.raises(KeysError) as found:
        get(server, timeout=timeout, ca=ca)
    return str(found.value).replace(server.url, "URL")


# ------------------------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/keys",
        "http://10.0.0.1/keys",
        "http://0.0.0.0/keys",
        "http://169.254.169.254/latest",
        "http://localhost.evil.example/keys",
        "http://127.0.0.1.evil.example/keys",
        "http://127.0.0.1@evil.example/keys",
        "http://2130706433/keys",
        "file:///etc/keys.json",
        "data:application/json,{}",
        "https:///keys",
        "https://user:word@id.example/keys",
        "https://id.example/keys#k1",
        "https://id.example\\@evil.example/keys",
        "https://id.example/\r\nHost: evil",
        "https://id.example:99999/keys",
        "id.example/keys",
        "",
    ],
)
def test_nothing_but_https_and_this_machine_is_asked(url: str) -> None:
    """GHSA-993g: PyJWKClient read files."""
    with pytest.raises(KeysError) as found:
        Client(1.0).get(url)

    assert str(found.value) == f"`{url}` is not asked: {wrong_url(url)}"


# -------------------------------------------------------------------------------------------------------------- answers


def test_a_document_is_what_the_server_sends() -> None:
    with serving(says(BODY)) as server:
        found = get(server, "/keys?a=b")

    assert found == Answer(BODY, None)
    assert server.asked == ["/keys?a=b"]
    assert b"accept-encoding: identity\r\n" in server.heads[0].lower()
    assert f"host: 127.0.0.1:{server.port}\r\n".encode() in server.heads[0].lower()


@pytest.mark.parametrize(
    ("headers", "fresh"),
    [
        ("Cache-Control: max-age=60\r\n", 60.0),
        ("Cache-Control: public, MAX-AGE=60, must-revalidate\r\n", 60.0),
        ('Cache-Control: max-age="60"\r\n', 60.0),
        ("Cache-Control: max-age=60\r\nAge: 20\r\n", 40.0),
        ("Cache-Control: max-age=60\r\nAge: 70\r\n", 0.0),
        ("Cache-Control: max-age=60\r\nCache-Control: max-age=30\r\n", 30.0),
        ("Cache-Control: max-age=60, no-store\r\n", 0.0),
        ("Cache-Control: no-cache\r\n", 0.0),
        ('Cache-Control: no-cache="set-cookie", max-age=60\r\n', 0.0),
        ("Cache-Control: s-maxage=60\r\n", None),
        ("Cache-Control: max-age=-5\r\n", None),
        ("Cache-Control: max-age=1e9\r\n", None),
        (f"Cache-Control: max-age={'9' * 500}\r\n", None),
        ("Cache-Control: max-age=60\r\nAge: soon\r\n", 60.0),
        ("Cache-Control: ,,=,max-age\r\n", None),
        ("Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n", None),
    ],
)
def test_a_server_says_for_how_long_a_document_may_be_kept(headers: str, fresh: float | None) -> None:
    with serving(says(BODY, headers=headers)) as server:
        assert get(server).fresh == fresh


def test_what_is_packed_though_nobody_asked_is_unpacked() -> None:
    with serving(says(gzip.compress(BODY), headers="Content-Encoding: gzip\r\n")) as server:
        assert get(server).body == BODY


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (zlib.compress(BODY), "Content-Encoding: deflate\r\n", "`URL/keys` answers in a form that is not asked for"),
        (BODY, "Content-Encoding: br\r\n", "`URL/keys` answers in a form that is not asked for"),
        (BODY, "Content-Encoding: gzip, gzip\r\n", "`URL/keys` answers in a form that is not asked for"),
        (BODY, "Content-Encoding: gzip\r\n", "`URL/keys` is not packed as it says"),
        (gzip.compress(BODY)[:-9], "Content-Encoding: gzip\r\n", "`URL/keys` is not packed as it says"),
        (gzip.compress(BODY) + b"more", "Content-Encoding: gzip\r\n", "`URL/keys` is not packed as it says"),
    ],
    ids=["deflate", "br", "twice", "not gzip", "cut off", "more"],
)
def test_what_is_packed_badly_is_refused(body: bytes, headers: str, said: str) -> None:
    with serving(says(body, headers=headers)) as server:
        assert error_of(server) == said


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(20_000_000))
    with serving(says(bomb, headers="Content-Encoding: gzip\r\n")) as server:
        tracemalloc.start()
        said = error_of(server)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert said == "`URL/keys` is larger than 262144 bytes"
    assert most < 5_000_000


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("301 Moved", "`URL/keys` leads elsewhere, where nobody goes: the server says 301"),
        ("302 Found", "`URL/keys` leads elsewhere, where nobody goes: the server says 302"),
        ("307 Temporary Redirect", "`URL/keys` leads elsewhere, where nobody goes: the server says 307"),
        ("308 Permanent Redirect", "`URL/keys` leads elsewhere, where nobody goes: the server says 308"),
        ("304 Not Modified", "`URL/keys` leads elsewhere, where nobody goes: the server says 304"),
        ("206 Partial Content", "`URL/keys` cannot be had: the server says 206"),
        ("401 Unauthorized", "`URL/keys` cannot be had: the server says 401"),
        ("500 Internal Server Error", "`URL/keys` cannot be had: the server says 500"),
        ("503 Service Unavailable", "`URL/keys` cannot be had: the server says 503"),
    ],
)
def test_a_server_that_says_anything_but_yes_is_believed(status: str, said: str) -> None:
    """CVE-2026-102267: PyJWKClient followed redirects."""
    headers = "Location: http://127.0.0.1:1/elsewhere\r\n"
    with serving(says(BODY if not status.startswith("304") else b"", status, headers)) as server:
        assert error_of(server) == said
        assert server.asked == ["/keys"]


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_a_document_that_is_not_there_is_told_from_others(status: str) -> None:
    with serving(says(b"", status)) as server, pytest.raises(MissingError):
        get(server)


def _endless(connection: socket.socket, _: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" " * 10_000)


def _chunked(connection: socket.socket, _: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")


@pytest.mark.parametrize("answer", [says(bytes(10_000_000)), _endless, _chunked], ids=["long", "endless", "chunked"])
def test_ten_megabytes_are_not_read(answer: Callable[[socket.socket, str], None]) -> None:
    with serving(answer) as server:
        assert error_of(server) == "`URL/keys` is larger than 262144 bytes"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
    ids=["ssh", "short", "negative", "two lengths", "long head", "no chunk", "nothing"],
)
def test_what_is_no_http_is_refused_without_a_word_of_it(data: bytes) -> None:
    with serving(lambda connection, _: connection.sendall(data)) as server:
        assert error_of(server) == "`URL/keys` cannot be read: the server does not speak HTTP as it should"


def test_a_server_that_is_not_there_is_told() -> None:
    with serving(says(BODY)) as server:
        pass

    assert error_of(server) == "`URL/keys` cannot be read: connection refused"


# ------------------------------------------------------------------------------------------------------------- slowness


def _hangs(connection: socket.socket, _: str) -> None:
    connection.recv(1)


def _drips_head(connection: socket.socket, _: str) -> None:
    for each in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        connection.sendall(bytes([each]))
        time.sleep(0.05)


def _drips_body(connection: socket.socket, _: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [_hangs, _drips_head, _drips_body], ids=["hangs", "drips head", "drips body"])
def test_a_server_has_so_many_seconds_whatever_it_sends(answer: Callable[[socket.socket, str], None]) -> None:
    with serving(answer) as server:
        begins = time.monotonic()
        said = error_of(server, timeout=0.3)
        took = time.monotonic() - begins

    assert said == "`URL/keys` gave no answer within 0.3 seconds"
    assert took < 2.0


def test_a_server_that_takes_no_connection_has_so_many_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        others = [socket.socket() for _ in range(8)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        try:
            with pytest.raises(KeysError, match=r"gave no answer within 0\.3 seconds"):
                Client(0.3).get(f"http://127.0.0.1:{full.getsockname()[1]}/keys")
        finally:
            for other in others:
                other.close()


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says(BODY)) as server, serving(says(b"{}")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)

        found = get(server)

    assert (found.body, proxy.asked) == (BODY, [])


# ------------------------------------------------------------------------------------------------------------------ TLS

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def by_tls(server: Server, folder: Path, dns: str = "localhost", ends: datetime.datetime = NOW + DAY) -> str:
    """Have a server speak TLS; return where the certificate of its authority stands."""
    authority = Authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(dns=dns, ends=ends, begins=NOW - 2 * DAY).write(folder, "server"))
    server.by_tls(lambda connection: context.wrap_socket(connection, server_side=True))
    (folder / "ca.pem").write_bytes(authority.certificate)
    return str(folder / "ca.pem")


def test_a_server_is_who_its_certificate_says_by_the_authorities_that_are_configured(tmp_path: Path) -> None:
    with serving(says(BODY)) as server:
        ca = by_tls(server, tmp_path)

        assert get(server, ca=ca).body == BODY


@pytest.mark.parametrize(
    ("dns", "ends", "said"),
    [
        ("elsewhere.example", NOW + DAY, "Hostname mismatch, certificate is not valid for 'localhost'."),
        ("localhost", NOW - DAY, "certificate has expired"),
    ],
)
def test_a_server_with_a_bad_certificate_is_not_believed(
    tmp_path: Path, dns: str, ends: datetime.datetime, said: str
) -> None:
    with serving(says(BODY)) as server:
        ca = by_tls(server, tmp_path, dns, ends)

        assert error_of(server, ca=ca) == f"`URL/keys` cannot be read: its certificate is not trusted: {said}"


def test_a_server_that_the_system_does_not_know_is_not_believed(tmp_path: Path) -> None:
    with serving(says(BODY)) as server:
        by_tls(server, tmp_path)

        assert "cannot be read: its certificate is not trusted: " in error_of(server)


def test_a_server_that_never_ends_its_handshake_has_so_many_seconds() -> None:
    over = threading.Event()
    with serving(says(BODY)) as server:
        server.by_tls(lambda connection: [over.wait(8.0), connection][1])
        begins = time.monotonic()
        said = error_of(server, timeout=0.3)
        took = time.monotonic() - begins
        over.set()

    assert said == "`URL/keys` gave no answer within 0.3 seconds"
    assert took < 2.0


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_authorities_that_cannot_be_read_are_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)

    with pytest.raises(KeysError, match=f"^`{path}` holds no certificates: "):
        Client(1.0, str(path)).get("https://id.example/keys")


def test_the_largest_document_is_one_of_its_size() -> None:
    with serving(says(bytes(web.LARGEST))) as server:
        assert len(get(server).body) == web.LARGEST

"""What a client can do to a connection: nothing of it is an allow, and the server goes on."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import threading
import time

import httpx
import msgspec
import pytest

from pdp.configuration.secret import Secret
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.service import Service
from pdp_sidecar.tls import Certificates
from tests.sidecar import scene
from tests.sidecar.authorities import Authority
from tests.sidecar.authzen.serving import EVALUATION, EVALUATIONS, JSON, question, serving
from tests.sidecar.faults import Cut, Drip, Garbage, HalfOpen, proxied

TIGHT = Options(request_seconds=0.2, idle_seconds=0.2, max_body=2000, max_head=4000, max_headers=20)
BODY = json.dumps(question()).encode()


@pytest.fixture(scope="module")
def served():
    with serving(scene.engine(), TIGHT) as found:
        yield found


@pytest.fixture(autouse=True)
def goes_on(served):
    """Whatever a client did: the next one is answered."""
    yield
    assert served.ask(EVALUATION, question()).json() == {"decision": True}


def written(body=BODY, path=EVALUATION, method="POST", **headers):
    """Return a request as it is sent."""
    named = {"host": "x", "content-type": "application/json", "content-length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    for name in [name for name, value in headers.items() if value is None]:
        del named[name.replace("_", "-")]
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def said(address, *parts):
    """Return all that is heard until the server ends the connection, or has nothing more to say."""
    with socket.create_connection(address, timeout=5) as client:
        for part in parts:
            client.sendall(part)
        client.shutdown(socket.SHUT_WR) if not parts else None
        found = b""
        try:
            while data := client.recv(65536):
                found += data
        except ConnectionResetError:
            pass
        return found


def heard_of(client, end=b"}"):
    """Return what is heard on a connection that stays open, up to some end."""
    found = b""
    while not found.endswith(end):
        data = client.recv(65536)
        assert data, found
        found += data
    return found


def at(served):
    return ("127.0.0.1", served.port)


# --------------------------------------------------------------------------------------------------- slow and half-open


@pytest.mark.parametrize(
    "parts",
    [
        [b"POST"],
        [b"POST /access/v1/evaluation HTTP/1.1\r\nhost: x\r\n"],
        [written()[:-1]],
        [written()[: -len(BODY)]],
        [written(content_length=None, transfer_encoding="chunked", body=b"5\r\n{")],
        [b""],
    ],
)
def test_a_request_that_does_not_arrive_is_ended(served, parts):
    heard = said(at(served), *parts)

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"took too long" in heard
    assert b"decision" not in heard


def test_a_request_that_drips_is_ended(served):
    with proxied(at(served), Drip(0.02, requests=True)) as proxy:
        heard = said(proxy.address, written())

    assert b"decision" not in heard


def test_a_connection_without_a_request_is_closed_after_the_answer(served):
    heard = said(at(served), written())

    assert heard.count(b"HTTP/1.1 200 OK") == 1
    assert heard.endswith(b'{"decision":true}')


@pytest.mark.parametrize("place", range(0, len(written()), 9))
def test_a_request_that_is_cut_is_no_request(served, place):
    with proxied(at(served), Cut(after=place, requests=True)) as proxy:
        heard = said(proxy.address, written())

    assert b"decision" not in heard


@pytest.mark.parametrize("fault", [HalfOpen(after=60, requests=True), Garbage(b"\x16\x03\x01\x02" * 20, requests=True)])
def test_what_is_no_request_gets_no_decision(served, fault):
    with proxied(at(served), fault) as proxy:
        heard = said(proxy.address, written())

    assert b"decision" not in heard


# ------------------------------------------------------------------------------------------------------------- limits


def test_a_body_that_is_said_to_be_too_long_is_not_waited_for(served):
    heard = said(at(served), written(content_length="2001"))

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"at most 2000 bytes" in heard
    assert b"connection: close" in heard


def test_a_body_that_becomes_too_long_is_ended(served):
    body = b"%x\r\n%b\r\n" % (1900, b" " * 1900) * 2

    heard = said(at(served), written(body, content_length=None, transfer_encoding="chunked"))

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"at most 2000 bytes" in heard


def test_a_body_in_pieces_is_one_body(served):
    body = b"".join(b"%x\r\n%b\r\n" % (1, BODY[place : place + 1]) for place in range(len(BODY))) + b"0\r\n\r\n"

    heard = said(at(served), written(body, content_length=None, transfer_encoding="chunked", connection="close"))

    assert heard.endswith(b'{"decision":true}')


def test_a_head_that_goes_on_is_ended(served):
    lines = [f"x-{number}: {'y' * 900}\r\n".encode() for number in range(200)]

    heard = said(at(served), b"POST /access/v1/evaluation HTTP/1.1\r\n", *lines[:6])

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"too large" in heard


def test_many_headers_are_too_many(served):
    heard = said(at(served), written(**{f"x-{number}": "y" for number in range(20)}, connection="close"))

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"at most 20 headers" in heard


def test_more_connections_than_may_be_are_told_so():
    with serving(scene.engine(), Options(max_connections=3)) as served:
        held = [socket.create_connection(at(served), timeout=5) for _ in range(3)]
        for each in held:
            each.sendall(written())
            assert b"decision" in heard_of(each)

        heard = said(at(served), written())

        assert heard.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in heard
        assert heard.endswith(b"there are too many connections")
        held += [socket.create_connection(at(served), timeout=5) for _ in range(3)]
        assert said(at(served), written()) == b""

        for each in held:
            each.close()


def test_many_evaluations_are_too_many():
    with serving(scene.engine(), Options(max_evaluations=3)) as served:
        assert served.ask(EVALUATIONS, {**question(), "evaluations": [{}] * 3}).status_code == 200
        assert served.ask(EVALUATIONS, {**question(), "evaluations": [{}] * 4}).status_code == 400


# --------------------------------------------------------------------------------------------------------- what is HTTP


@pytest.mark.parametrize(
    "path", ["/", "", "/access/v1", "/access/v1/evaluation/", "//access/v1/evaluation", "/metrics"]
)
def test_there_is_nothing_at_another_path(served, path):
    assert served.ask(path or "/", question()).status_code == 404


@pytest.mark.parametrize("path", ["/access/v1/evaluatio%6e", "/access/v1/x/../evaluation", "/ACCESS/v1/evaluation"])
def test_no_other_spelling_is_the_same_path(served, path):
    heard = said(at(served), written(path=path, connection="close"))

    assert heard.startswith(b"HTTP/1.1 404 ")


def test_a_query_says_nothing(served):
    assert served.ask(f"{EVALUATION}?decision=true", question()).json() == {"decision": True}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_another_method_is_not_allowed(served, method):
    answer = served.client.request(method, EVALUATION)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "head",
    [
        {"transfer_encoding": "chunked"},
        {"content_length": "-1"},
        {"content_length": "1x"},
        {"content_length": "9" * 30},
        {"bad name": "x"},
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(served, head):
    heard = said(at(served), written(**head))

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"decision" not in heard


def test_requests_one_after_the_other_are_answered_in_their_order(served):
    asked = [question(), question(resource=("Page", "secret")), question(("User", "nobody")), question(("User", "ben"))]

    heard = said(at(served), b"".join(written(json.dumps(each).encode()) for each in asked))

    found = [part.partition(b"\r\n\r\n")[2] for part in heard.split(b"HTTP/1.1 200 OK")[1:]]
    assert found == [b'{"decision":true}', b'{"decision":false}', b'{"decision":false}', b'{"decision":true}']


def test_a_client_may_ask_whether_to_go_on(served):
    with socket.create_connection(at(served), timeout=5) as client:
        client.sendall(written(expect="100-continue")[: -len(BODY)])
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        assert heard_of(client).endswith(b'{"decision":true}')


def test_an_upgrade_is_not_made(served):
    heard = said(at(served), written(upgrade="websocket", connection="upgrade"))

    assert b"101" not in heard.split(b"\r\n")[0]


@pytest.mark.parametrize("name", ["x" * 1025, "a\x7fb", "caf\xe9\x85"])
def test_an_id_that_is_no_text_does_not_come_back(served, name):
    heard = said(at(served), written(x_request_id=name, connection="close"))

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id" not in heard.partition(b"\r\n\r\n")[0].lower()


# --------------------------------------------------------------------------------------------------------- what is JSON


@pytest.mark.parametrize(
    ("twice", "name"),
    [
        (b'{"subject":{"type":"User","id":"ben","id":"ada"},', "id"),
        (b'{"subject":{"type":"User","id":"x","i\\u0064":"ada"},', "id"),
        (b'{"subject":{"type":"User","id":"ada"},"subject":{"type":"User","id":"ada"},', "subject"),
        (b'{"subject":{"type":"User","id":"ada"},"x":{"a":[{"b":1,"b":1}]},', "b"),
        (b'{"subject":{"type":"User","id":"ada","properties":{"p":1, "p" : 2}},', "p"),
        (b'{"subject":{"type":"User","id":"ada:"},"context":{"a":1,"a":2},', "a"),
        (b'{"subject":{"type":"User","id":"a\\"d\\":a"},"context":{"a":1,"a":2},', "a"),
    ],
)
@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS])
def test_a_name_that_is_there_twice_is_a_bad_request(served, twice, name, path):
    body = twice + b'"action":{"name":"read"},"resource":{"type":"Page","id":"home"}}'

    answer = served.ask(path, body)

    assert answer.status_code == 400
    assert answer.text == f"the name `{name}` is there twice in one object"


@pytest.mark.parametrize("level", [60, 61, 62, 63, 64, 65, 66])
@pytest.mark.parametrize("ignored", [b"", b',"x":1'])
def test_depth_is_the_same_however_it_is_counted(served, level, ignored):
    """The root is one level, and the context another."""
    deep = b"[" * (level - 2) + b"]" * (level - 2)
    one = BODY[:-1] + ignored + b',"context":{"c":' + deep + b"}}"
    # The list and the item are two more.
    many = b'{"evaluations":[' + BODY[:-1] + ignored + b',"context":{"c":' + deep[2:-2] + b"}}]}"

    assert served.ask(EVALUATION, one).status_code == (200 if level <= 64 else 400)
    assert served.ask(EVALUATIONS, many).status_code == (200 if level <= 64 else 400)


@pytest.mark.parametrize(
    "twice",
    [
        b'{"evaluations":[%b],"options":{},"options":{}}',
        b'{"evaluations":[%b],"options":{"evaluations_semantic":"execute_all","evaluations_semantic":"execute_all"}}',
        b'{"evaluations":[],"evaluations":[%b],"options":{}}',
        b'{"evaluations":[%b,{"context":{"a":{"b":1,"b":2}}}],"options":{}}',
        b'{"evaluations":[%b,{"action":{"name":"a","name":"b"}}],"options":{"evaluations_semantic":"execute_all"}}',
    ],
)
def test_a_name_that_is_there_twice_in_many_is_a_bad_request(served, twice):
    answer = served.ask(EVALUATIONS, twice % BODY)

    assert answer.status_code == 400
    assert "is there twice" in answer.text


@pytest.mark.parametrize(
    "more",
    [
        b'"x":":","y":"a:b","z":"\\":"',
        b'"x":[[],{},[{"a":1},{"a":1}]],"a":1',
        b'"context":{"type":1,"id":2,"subject":3}',
        b'"\xc3\xa4":1,"a":"\xf0\x9f\x98\x80"',
        b'"x":"}}}]]]{{{[["',
    ],
)
def test_names_that_are_there_once_are_taken(served, more):
    body = BODY[:-1] + b"," + more + b"}"

    assert served.ask(EVALUATION, body).json() == {"decision": True}


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + BODY,
        BODY.decode().encode("utf-16"),
        BODY.decode().encode("utf-32"),
        BODY[:-1] + b',"x":"\xff"}',
        BODY[:-1] + b',"x":"\xed\xa0\x80"}',
        BODY[:-1] + b',"context":{"x":"\\ud800"}}',
        BODY + b"x",
        BODY + BODY,
        BODY[:-1],
        BODY[:-1] + b",}",
        BODY.replace(b'"', b"'"),
        b"// x\n" + BODY,
        BODY[:-1] + b',"x":' + b"[" * 65 + b"]" * 65 + b"}",
        BODY[:-1] + b',"x":' + b'{"a":' * 65 + b"1" + b"}" * 65 + b"}",
        BODY[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}",
        b"[" * 1900,
    ],
)
@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS, "/access/v1/search/action"])
def test_what_is_not_exactly_json_is_a_bad_request(served, body, path):
    answer = served.ask(path, body)

    assert answer.status_code == 400
    assert answer.text


# ------------------------------------------------------------------------------------------------------ who is there


def test_the_kernel_says_who_is_at_a_unix_socket(tmp_path):
    path = str(tmp_path / "s")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    for uid, status in ((os.getuid(), 200), (os.getuid() + 1, 401)):
        callers = Callers(by_uid={uid: caller("me")})
        with (
            serving(scene.engine(), TIGHT, callers, at=listening.dup()),
            httpx.Client(transport=httpx.HTTPTransport(uds=path), base_url="http://pdp") as client,
        ):
            assert client.post(EVALUATION, content=BODY, headers=JSON).status_code == status
    listening.close()


def test_a_certificate_says_who_asks_until_it_runs_out(tmp_path):
    authority = Authority()
    own, client_own = authority.issue(), authority.issue("spiffe://example.org/web")
    cert, key = own.write(tmp_path, "server")
    client_cert, client_key = client_own.write(tmp_path, "client")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(authority.certificate)
    certificates = Certificates(cert, Secret(file=key), str(ca))
    believed = [True]

    def identities(der):
        return certificates.identities(der) if believed[0] else ()

    trusting = ssl.create_default_context(cafile=str(ca))
    trusting.load_cert_chain(client_cert, client_key)
    # Past its end it makes nobody of whoever shows it, and not somebody who shows none.
    callers = Callers(by_identity=(("spiffe://example.org/web", caller("web")),), otherwise=caller("anyone"))
    with (
        serving(scene.engine(), TIGHT, callers, ssl=certificates.context(), identities=identities) as served,
        httpx.Client(base_url=f"https://localhost:{served.port}", verify=trusting) as client,
    ):
        first = client.post(EVALUATION, content=BODY, headers=JSON)
        believed[0] = False
        second = client.post(EVALUATION, content=BODY, headers=JSON)

    assert (first.status_code, second.status_code) == (200, 401)


def test_a_header_does_not_say_who_is_there(served):
    with serving(scene.engine(), TIGHT, Callers(by_uid={os.getuid(): caller("me")})) as guarded:
        answer = guarded.ask(EVALUATION, question(), x_forwarded_for="127.0.0.1", x_forwarded_proto="https")

    assert answer.status_code == 401


# ------------------------------------------------------------------------------------------------------------ the end


def test_what_has_begun_is_finished_before_the_end():
    service, begun, go_on = Service(scene.engine()), threading.Event(), threading.Event()
    search = service.actions

    def slow(*question, **terms):
        begun.set()
        assert go_on.wait(5)
        return search(*question, **terms)

    service.actions = slow
    with serving(service) as served:
        heard = []
        asked = {"subject": question()["subject"], "resource": question()["resource"]}
        thread = threading.Thread(target=lambda: heard.append(served.ask("/access/v1/search/action", asked)))
        thread.start()
        assert begun.wait(5)
        draining = asyncio.run_coroutine_threadsafe(served.server.drain(5), served.loop)
        end = time.monotonic() + 5
        while served.server.sockets and time.monotonic() < end:
            threading.Event().wait(0.001)
        with pytest.raises(OSError):
            socket.create_connection(at(served), timeout=5).close()
        go_on.set()
        thread.join(5)
        draining.result(5)
        served.server.drain = _nothing

    assert heard[0].json() == {"results": [{"name": "read"}]}


async def _nothing(_):
    pass


def test_what_takes_too_long_is_cut_at_the_end():
    service, begun, go_on = Service(scene.engine()), threading.Event(), threading.Event()

    def stuck(*_, **__):
        begun.set()
        go_on.wait(5)

    service.actions = stuck
    with serving(service) as served:
        asked = {"subject": question()["subject"], "resource": question()["resource"]}
        wrong = []

        def ask():
            try:
                served.ask("/access/v1/search/action", asked)
            except httpx.HTTPError as error:
                wrong.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert begun.wait(5)
        asyncio.run_coroutine_threadsafe(served.server.drain(0.05), served.loop).result(5)
        served.server.drain = _nothing
        go_on.set()
        thread.join(5)

    assert len(wrong) == 1


# -------------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "given",
    [
        {"identifier": "http://pdp.example.com"},
        {"identifier": "pdp.example.com"},
        {"identifier": "https://"},
        {"identifier": "https://x/?a"},
        {"identifier": "https://x/#"},
        {"identifier": "https://me@x/"},
        {"page": 0},
        {"page": 2000},
        {"max_body": 0},
        {"request_seconds": 0},
        {"request_seconds": -1},
        {"types": {"user": 1}},
        {"tpyes": {}},
        {"handles": "log"},
    ],
)
def test_options_that_cannot_be_are_refused(given):
    with pytest.raises((msgspec.ValidationError, ValueError)):
        msgspec.convert(given, Options)

"""TLS lets in whom the authorities vouch for, and a certificate says who that is for as long as it counts."""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from pdp.configuration.secret import Secret, SecretError
from pdp.identity.certificates import identities_of
from pdp_sidecar.callers import Callers, Peer, caller
from pdp_sidecar.tls import Certificates, TlsError
from tests.sidecar.authorities import DAY, Authority, Issued

SHOP = "spiffe://example.org/shop"
NOW = datetime.datetime.now(datetime.UTC)
AUTHORITY, STRANGER = Authority(), Authority("a stranger")
SERVER, CLIENT = AUTHORITY.issue(), AUTHORITY.issue(SHOP)


@pytest.fixture
def ca(tmp_path: Path) -> str:
    path = tmp_path / "ca.crt"
    path.write_bytes(AUTHORITY.certificate)
    return str(path)


@pytest.fixture
def certificates(tmp_path: Path, ca: str) -> Certificates:
    cert, key = SERVER.write(tmp_path, "server")
    return Certificates(cert, Secret(file=key), ca)


def ends_with(issued: Issued, path: Path, *, clock: Callable[[], Any] = lambda: NOW, **options: Any) -> str:
    cert, key = issued.write(path, "server")
    with pytest.raises((TlsError, SecretError)) as caught:
        Certificates(cert, Secret(file=key), clock=clock, **options)
    return caught.value.message


class TestOwnCertificate:
    def test_of_the_past_is_refused_with_its_dates(self, tmp_path):
        at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)

        message = ends_with(AUTHORITY.issue(begins=at - DAY, ends=at), tmp_path)

        begins, ends = "2026-01-01T03:04:05Z", "2026-01-02T03:04:05Z"
        assert message == f"the certificate in `{tmp_path}/server.crt` counts from {begins} until {ends}"

    def test_of_the_future_is_refused_with_its_dates(self, tmp_path):
        message = ends_with(AUTHORITY.issue(begins=NOW + DAY, ends=NOW + 2 * DAY), tmp_path)

        assert "counts from" in message

    def test_counts_until_its_end_and_not_longer(self, tmp_path):
        ends = (NOW + DAY).replace(microsecond=0)
        cert, key = AUTHORITY.issue(ends=ends).write(tmp_path, "server")

        Certificates(cert, Secret(file=key), clock=lambda: ends - datetime.timedelta(microseconds=1))

        with pytest.raises(TlsError):
            Certificates(cert, Secret(file=key), clock=lambda: ends)

    def test_needs_its_own_key(self, tmp_path):
        message = ends_with(Issued(SERVER.certificate, CLIENT.key), tmp_path)

        assert message == f"the key is not that of the certificate in `{tmp_path}/server.crt`"

    @pytest.mark.parametrize("key", [b"", b"secret", SERVER.certificate])
    def test_needs_a_key_that_can_be_read_and_does_not_show_it(self, tmp_path, key):
        message = ends_with(Issued(SERVER.certificate, key), tmp_path)

        assert message == "the key of the certificate is no private key in PEM without a password"

    @pytest.mark.parametrize("chain", [b"", b"junk", SERVER.key])
    def test_is_a_certificate(self, tmp_path, chain):
        assert ends_with(Issued(chain, SERVER.key), tmp_path) == f"`{tmp_path}/server.crt` holds no certificate in PEM"

    @pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o601])
    def test_has_a_key_that_others_cannot_read(self, tmp_path, mode):
        cert, key = SERVER.write(tmp_path, "server")
        os.chmod(key, mode)  # noqa: PTH101

        with pytest.raises(SecretError, match="others can read or write the secret"):
            Certificates(cert, Secret(file=key))

    def test_has_a_key_that_its_group_may_read(self, tmp_path):
        cert, key = SERVER.write(tmp_path, "server")
        os.chmod(key, 0o440)  # noqa: PTH101

        assert Certificates(cert, Secret(file=key)).material.key == SERVER.key

    def test_may_have_its_key_in_the_environment(self, tmp_path, monkeypatch):
        cert, _ = SERVER.write(tmp_path, "server")
        monkeypatch.setenv("SERVER_KEY", SERVER.key.decode())

        assert Certificates(cert, Secret(env="SERVER_KEY")).material.key == SERVER.key

    def test_believes_authorities_only(self, tmp_path):
        (tmp_path / "ca.crt").write_bytes(CLIENT.certificate)

        message = ends_with(SERVER, tmp_path, client_ca=str(tmp_path / "ca.crt"))

        assert message == f"`{tmp_path}/ca.crt` holds a certificate that is of no authority: CN=a leaf"

    def test_believes_no_authority_whose_time_is_over(self, tmp_path, ca):
        ends = NOW + 30 * DAY

        message = ends_with(AUTHORITY.issue(ends=ends), tmp_path, client_ca=ca, clock=lambda: ends - DAY)

        assert message == f"no certificate in `{ca}` counts now"


# ------------------------------------------------------------------------------------------------- who a client is


def der(issued: Issued) -> bytes:
    return x509.load_pem_x509_certificate(issued.certificate).public_bytes(Encoding.DER)


@pytest.mark.parametrize("form", [lambda each: each.certificate, der])
def test_a_certificate_names_its_one_spiffe_id(form):
    assert identities_of(form(CLIENT)) == (SHOP,)
    assert identities_of(form(CLIENT), trust_domain="example.org") == (SHOP,)


def test_a_name_of_another_trust_domain_is_nobodys():
    assert identities_of(CLIENT.certificate, trust_domain="example.com") == ()


@pytest.mark.parametrize(
    "issued",
    [
        AUTHORITY.issue(),
        AUTHORITY.issue(SHOP, "spiffe://example.org/ci"),
        AUTHORITY.issue(SHOP, SHOP),
        AUTHORITY.issue(SHOP, "https://example.org/"),
        AUTHORITY.issue(SHOP, ca=True),
        AUTHORITY.issue(SHOP, signs=True),
        AUTHORITY.issue(SHOP, usage=("digital_signature", "crl_sign")),
        AUTHORITY.issue(SHOP, usage=("key_encipherment",)),
        AUTHORITY.issue(SHOP, critical=False),
        AUTHORITY.issue(SHOP, critical=None),
    ],
    ids=[
        "no name",
        "two names",
        "one name twice",
        "two kinds",
        "authority",
        "signs",
        "signs lists",
        "signs nothing",
        "use that may be ignored",
        "no use",
    ],
)
def test_a_certificate_of_two_names_or_of_another_use_is_nobodys(issued):
    assert identities_of(issued.certificate) == ()


@pytest.mark.parametrize(
    "name",
    [
        "https://example.org/shop",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org//shop",
        "spiffe://example.org/shop/",
        "spiffe://example.org/./shop",
        "spiffe://example.org/ci/../shop",
        "spiffe://EXAMPLE.org/shop",
        "SPIFFE://example.org/shop",
        "spiffe://example.org:443/shop",
        "spiffe://me@example.org/shop",
        "spiffe://example.org/shop?x",
        "spiffe://example.org/shop#x",
        "spiffe://example.org/%73hop",
        "spiffe://example.org/shop\n",
        "spiffe:///shop",
        "spiffe://example.org/" + "x" * 2048,
    ],
)
def test_what_is_no_spiffe_id_is_nobodys(name):
    assert identities_of(AUTHORITY.issue(name).certificate) == ()


@pytest.mark.parametrize("data", [b"", b"junk", SERVER.key, CLIENT.certificate[:-40], der(CLIENT)[:-1]])
def test_what_is_no_certificate_is_nobodys(data):
    assert identities_of(data) == ()


def test_a_certificate_counts_from_its_begin_until_its_end():
    begins, ends = NOW.replace(microsecond=0), NOW.replace(microsecond=0) + DAY
    certificate = AUTHORITY.issue(SHOP, begins=begins, ends=ends).certificate
    moment = datetime.timedelta(microseconds=1)

    assert identities_of(certificate, begins) == (SHOP,)
    assert identities_of(certificate, ends - moment) == (SHOP,)
    assert identities_of(certificate, begins - moment) == ()
    assert identities_of(certificate, ends) == ()


def test_who_is_not_in_the_list_is_nobody():
    callers = Callers(by_identity=((SHOP, caller("shop")),))
    other = AUTHORITY.issue("spiffe://example.org/ci")

    assert callers.of(Peer(identities=identities_of(CLIENT.certificate))) is not None
    assert callers.of(Peer(identities=identities_of(other.certificate))) is None


# ------------------------------------------------------------------------------------------------------ connections


async def ask_grpc(port: int, client: Issued | None, *, secure: bool = True) -> tuple[str, ...]:
    """Return who the server took the client for; raise AioRpcError where it was not let in."""
    if not secure:
        channel = grpc.aio.insecure_channel(f"localhost:{port}")
    else:
        key, chain = (None, None) if client is None else (client.key, client.certificate)
        channel = grpc.aio.secure_channel(
            f"localhost:{port}", grpc.ssl_channel_credentials(AUTHORITY.certificate, key, chain)
        )
    async with channel:
        told = await channel.unary_unary("/test/Who")(b"", timeout=5)
    return tuple(told.decode().split())


class Who(grpc.GenericRpcHandler):
    """Answers with who the certificate of the peer says it is."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    def service(self, _call: Any) -> Any:
        async def who(_request: bytes, context: Any) -> bytes:
            shown = context.auth_context().get("x509_pem_cert", [b""])[0]
            return " ".join(self._certificates.identities(shown)).encode()

        return grpc.unary_unary_rpc_method_handler(who)


async def with_grpc(certificates: Certificates, work: Callable[[int], Any]) -> Any:
    server = grpc.aio.server(handlers=(Who(certificates),))
    port = server.add_secure_port("localhost:0", certificates.credentials())
    await server.start()
    try:
        return await work(port)
    finally:
        await server.stop(None)


async def ask_tls(port: int, client: Issued | None, folder: Path, **options: Any) -> tuple[str, ...]:
    """Return who a server of Python took the client for; raise OSError where it was not let in."""
    context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    for name, value in options.items():
        setattr(context, name, value)
    if client is not None:
        context.load_cert_chain(*client.write(folder, "client"))
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    try:
        told = await asyncio.wait_for(reader.read(), 5)
        if not told:
            raise ConnectionError("not let in")
        return tuple(told.decode().split()[1:])
    finally:
        writer.close()


async def with_tls(certificates: Certificates, work: Callable[[int], Any]) -> Any:
    async def who(_reader: Any, writer: asyncio.StreamWriter) -> None:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.write(b"you: " + " ".join(certificates.identities(shown or b"")).encode())
        writer.close()

    server = await asyncio.start_server(who, "localhost", 0, ssl=certificates.context())
    async with server:
        return await work(server.sockets[0].getsockname()[1])


def let_in(certificates: Certificates, protocol: str, client: Issued | None, folder: Path) -> tuple[str, ...] | None:
    """Return who a client was taken for, None where it was not let in."""
    served, ask = (with_grpc, ask_grpc) if protocol == "grpc" else (with_tls, lambda *each: ask_tls(*each, folder))
    try:
        return asyncio.run(served(certificates, lambda port: ask(port, client)))
    except (grpc.aio.AioRpcError, OSError):
        return None


@pytest.mark.parametrize("protocol", ["grpc", "http"])
class TestConnection:
    def test_of_a_known_client_is_let_in(self, certificates, protocol, tmp_path):
        assert let_in(certificates, protocol, CLIENT, tmp_path) == (SHOP,)

    @pytest.mark.parametrize(
        "client",
        [
            None,
            STRANGER.issue(SHOP),
            AUTHORITY.issue(SHOP, begins=NOW - 2 * DAY, ends=NOW - DAY),
            AUTHORITY.issue(SHOP, begins=NOW + DAY, ends=NOW + 2 * DAY),
        ],
        ids=["no certificate", "wrong authority", "expired", "not yet"],
    )
    def test_of_another_client_is_not(self, certificates, protocol, tmp_path, client):
        assert let_in(certificates, protocol, client, tmp_path) is None

    @pytest.mark.parametrize(
        "client", [AUTHORITY.issue(SHOP, "spiffe://example.org/ci"), AUTHORITY.issue(SHOP, ca=True)]
    )
    def test_of_a_certificate_that_tls_takes_and_we_do_not_is_nobodys(self, certificates, protocol, tmp_path, client):
        assert let_in(certificates, protocol, client, tmp_path) in ((), None)

    def test_that_outlives_its_certificate_is_nobodys(self, protocol, tmp_path, ca):
        cert, key = SERVER.write(tmp_path, "server")
        at = [NOW]
        certificates = Certificates(cert, Secret(file=key), ca, clock=lambda: at[0])
        client = AUTHORITY.issue(SHOP, ends=NOW + datetime.timedelta(hours=1))

        before = let_in(certificates, protocol, client, tmp_path)
        at[0] = NOW + datetime.timedelta(hours=2)
        after = let_in(certificates, protocol, client, tmp_path)

        # TLS goes by the clock of the machine, and lets it in both times.
        assert (before, after) == ((SHOP,), ())

    def test_without_client_authorities_needs_no_certificate(self, protocol, tmp_path):
        cert, key = SERVER.write(tmp_path, "server")

        assert let_in(Certificates(cert, Secret(file=key)), protocol, None, tmp_path) == ()

    def test_is_served_by_what_stands_in_the_files_then(self, certificates, protocol, tmp_path, ca):
        other = Authority("another")

        async def both(port: int) -> Any:
            async def ask(client: Issued) -> Any:
                try:
                    return await (ask_grpc(port, client) if protocol == "grpc" else ask_tls(port, client, tmp_path))
                except (grpc.aio.AioRpcError, OSError):
                    return None

            before = await ask(CLIENT), await ask(other.issue(SHOP))
            Path(ca).write_bytes(other.certificate)
            AUTHORITY.issue().write(tmp_path, "server")
            return before, (await ask(CLIENT), await ask(other.issue(SHOP)))

        served = with_grpc if protocol == "grpc" else with_tls
        before, after = asyncio.run(served(certificates, both))

        assert before == ((SHOP,), None)
        assert after == (None, (SHOP,))


def test_a_live_grpc_connection_is_nobodys_once_its_certificate_ends(tmp_path, ca):
    cert, key = SERVER.write(tmp_path, "server")
    at = [NOW]
    certificates = Certificates(cert, Secret(file=key), ca, clock=lambda: at[0])
    client = AUTHORITY.issue(SHOP, ends=NOW + datetime.timedelta(hours=1))

    async def twice(port: int) -> list[bytes]:
        credentials = grpc.ssl_channel_credentials(AUTHORITY.certificate, client.key, client.certificate)
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
            ask = channel.unary_unary("/test/Who")
            told = [await ask(b"", timeout=5)]
            at[0] = NOW + datetime.timedelta(hours=1)
            return [*told, await ask(b"", timeout=5)]

    assert asyncio.run(with_grpc(certificates, twice)) == [SHOP.encode(), b""]


def test_plaintext_on_a_tls_port_is_not_let_in(certificates):
    async def ask(port: int) -> Any:
        return await ask_grpc(port, None, secure=False)

    with pytest.raises(grpc.aio.AioRpcError):
        asyncio.run(with_grpc(certificates, ask))


def test_plaintext_on_a_tls_port_of_python_is_not_let_in(certificates):
    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"POST /access/v1/evaluation HTTP/1.1\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(), 5)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    assert b"you" not in asyncio.run(with_tls(certificates, ask))


# --------------------------------------------------------------------------------------------------------- new files


def test_files_that_do_not_hold_up_change_nothing_and_are_told_once(tmp_path, ca):
    cert, key = SERVER.write(tmp_path, "server")
    told: list[str] = []
    certificates = Certificates(cert, Secret(file=key), ca, told=told.append)
    Path(cert).write_bytes(AUTHORITY.issue().certificate)

    taken = [certificates.refresh(), certificates.refresh()]

    assert taken == [False, False]
    assert told == [f"the certificate is not taken anew: the key is not that of the certificate in `{cert}`"]
    assert certificates.material.certificate == SERVER.certificate


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_files_of_another_kind_change_nothing_for_who_connects(tmp_path, ca, monkeypatch, protocol):
    cert, key = SERVER.write(tmp_path, "server")
    told: list[str] = []
    certificates = Certificates(cert, Secret(file=key), ca, told=told.append)
    Path(key).write_bytes(SERVER.key + b"\n")

    def unsupported(*_: Any, **__: Any) -> Any:
        raise UnsupportedAlgorithm("this curve is not supported")

    monkeypatch.setattr("pdp_sidecar.tls.load_pem_private_key", unsupported)

    assert let_in(certificates, protocol, CLIENT, tmp_path) == (SHOP,)
    assert told == ["the certificate is not taken anew: it cannot be read: this curve is not supported"]


def test_what_openssl_does_not_take_changes_nothing_for_who_connects(tmp_path, ca, monkeypatch):
    cert, key = SERVER.write(tmp_path, "server")
    told: list[str] = []
    certificates = Certificates(cert, Secret(file=key), ca, told=told.append)

    def refuse(*_: Any) -> None:
        raise TlsError("the key is too small")

    async def twice(port: int) -> Any:
        renewed = AUTHORITY.issue()
        Path(cert).write_bytes(renewed.certificate)
        Path(key).write_bytes(renewed.key)
        monkeypatch.setattr("pdp_sidecar.tls._load", refuse)
        return [await ask_tls(port, CLIENT, tmp_path) for _ in range(2)]

    assert asyncio.run(with_tls(certificates, twice)) == [(SHOP,), (SHOP,)]
    assert told[1:] == ["the certificate cannot be served by: the key is too small"]


def test_a_pair_whose_other_half_comes_later_is_taken_then(tmp_path):
    cert, key = SERVER.write(tmp_path, "server")
    certificates = Certificates(cert, Secret(file=key))
    renewed = AUTHORITY.issue()
    Path(cert).write_bytes(renewed.certificate)
    certificates.refresh()

    Path(key).write_bytes(renewed.key)

    assert certificates.refresh()
    assert certificates.material.certificate == renewed.certificate


def test_a_file_that_goes_away_changes_nothing(tmp_path):
    cert, key = SERVER.write(tmp_path, "server")
    certificates = Certificates(cert, Secret(file=key))
    Path(cert).unlink()

    assert not certificates.refresh()
    assert certificates.material.certificate == SERVER.certificate


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_nothing_older_than_tls_1_2_is_spoken(certificates, protocol, tmp_path):
    files = CLIENT.write(tmp_path, "client")

    def spoken(port: int, version: ssl.TLSVersion) -> str | None:
        context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
        context.load_cert_chain(*files)
        # Otherwise the client refuses by itself.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("localhost", port)) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="localhost") as secured:
                    return secured.version()
            except OSError:
                return None

    async def speak(port: int) -> list[str | None]:
        versions = [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
        return [await asyncio.to_thread(spoken, port, each) for each in versions]

    found = asyncio.run((with_grpc if protocol == "grpc" else with_tls)(certificates, speak))

    assert found == [None, "TLSv1.2", "TLSv1.3"]

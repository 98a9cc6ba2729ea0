"""A mesh of one: the real Envoy, a workload that tells what reached it, and a sidecar that can be late, or gone."""

from __future__ import annotations

import asyncio
import base64
import copy
import datetime
import json
import os
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from pdp_sidecar.callers import Callers
from pdp_sidecar.envoy.authorization import Authorization
from pdp_sidecar.envoy.options import Options
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.service import Service
from tests.sidecar.envoy.scene import DEPLOY, ENVOY, claims

ROOT = Path(__file__).parents[3]
BINARY = Path(os.environ.get("PDP_ENVOY") or ROOT / ".envoy" / "envoy" / "_bin" / "envoy")
PATIENCE = 20.0


class Told(NamedTuple):
    """An answer of HTTP. `reached` is what the workload was sent, None where nothing reached it."""

    status: int
    headers: dict[str, str]
    body: bytes
    reached: dict[str, Any] | None


class Mesh:
    """Runs it all; `close` ends it. `gate` is waited for by each call of the sidecar."""

    def __init__(self, folder: Path, service: Service, options: Options) -> None:
        self.folder = folder
        self.service = service
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.identify = Identities(Callers(by_uid={os.getuid(): ENVOY})).of
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.gate: asyncio.Event = self.run(_opened())
        self._authorization = Authorization(service, options, lambda context: self.identify(context))
        self.workload_port: int = self.run(self._start_workload())
        self._server: Any = None
        self.start_sidecar()
        self.ca, self.ca_key = _certificate("ca", None, None)
        self._envoy = self._start_envoy()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def shut(self) -> None:
        """Let calls of the sidecar wait."""
        self._loop.call_soon_threadsafe(self.gate.clear)

    def open(self) -> None:
        """Let them go on."""
        self._loop.call_soon_threadsafe(self.gate.set)

    def until(self, holds: Callable[[], bool]) -> bool:
        """Tell whether something comes to hold, before patience ends."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    # --------------------------------------------------------------------------------------------------- its parts

    async def _start_workload(self) -> int:
        server = await asyncio.start_server(_workload, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def start_sidecar(self) -> None:
        self.run(self._start_sidecar())

    async def _start_sidecar(self) -> None:
        self._server = grpc.aio.server(interceptors=[Gate(self)])
        self._server.add_generic_rpc_handlers([self._authorization])
        self._server.add_insecure_port(f"unix:{self.folder}/pdp.sock")
        await self._server.start()

    def stop_sidecar(self) -> None:
        self.run(self._server.stop(0))

    def _start_envoy(self) -> subprocess.Popen[bytes]:
        config = self.folder / "envoy.yaml"
        config.write_text(yaml.safe_dump(self._config()), "utf-8")
        admin = self.folder / "admin"
        command = [BINARY, "-c", config, "--concurrency", "1", "--disable-hot-restart"]
        command += ["--log-level", "warning", "--admin-address-path", admin]
        log = (self.folder / "envoy.log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        if not self.until(lambda: process.poll() is not None or self._ready(admin)) or process.poll() is not None:
            process.kill()
            process.wait()
            raise RuntimeError((self.folder / "envoy.log").read_text("utf-8"))
        listeners = json.loads(self.admin("/listeners?format=json"))["listener_statuses"]
        self.ports = {each["name"]: each["local_address"]["socket_address"]["port_value"] for each in listeners}
        return process

    def _ready(self, admin: Path) -> bool:
        with suppress(OSError, ValueError):
            self._admin = f"http://{admin.read_text('utf-8').strip()}"
            return self.admin("/ready").strip() == "LIVE"
        return False

    def admin(self, path: str) -> str:
        with urllib.request.urlopen(self._admin + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def counter(self, name: str) -> int:
        """Return a statistic of the filter."""
        lines = self.admin(f"/stats?filter={name}$").splitlines()
        return sum(int(line.rpartition(":")[2]) for line in lines)

    def close(self) -> None:
        self._envoy.terminate()
        self._envoy.wait(PATIENCE)
        self.stop_sidecar()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    # ----------------------------------------------------------------------------------------- the example, changed

    def _config(self) -> dict[str, Any]:
        """Return the example with addresses of this machine, and two more listeners.

        `bare` makes no path plain, lets underscores through, tells headers one by one and what its route says, and
        tells the workload what it was told of the decision; `tls` asks for certificates.
        """
        config: dict[str, Any] = yaml.safe_load((DEPLOY / "envoy.yaml").read_text("utf-8"))
        config["admin"]["address"]["socket_address"]["port_value"] = 0
        front = config["static_resources"]["listeners"][0]
        front["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
        jwt = _manager(front)["http_filters"][0]["typed_config"]
        jwt["providers"]["login"]["local_jwks"] = {"inline_string": json.dumps({"keys": [self._jwk()]})}
        clusters = {each["name"]: each for each in config["static_resources"]["clusters"]}
        _endpoint(clusters["workload"])["socket_address"]["port_value"] = self.workload_port
        _endpoint(clusters["pdp"])["pipe"]["path"] = f"{self.folder}/pdp.sock"
        bare, tls = copy.deepcopy(front), copy.deepcopy(front)
        bare["name"], tls["name"] = "bare", "tls"
        for key in ("normalize_path", "merge_slashes", "path_with_escaped_slashes_action"):
            del _manager(bare)[key]
        del _manager(bare)["common_http_protocol_options"]
        self._show_more(_manager(bare))
        tls["filter_chains"][0]["transport_socket"] = self._tls()
        config["static_resources"]["listeners"] += [bare, tls]
        return config

    def _show_more(self, manager: dict[str, Any]) -> None:
        authz = next(each for each in manager["http_filters"] if each["name"].endswith("ext_authz"))
        authz["typed_config"]["encode_raw_headers"] = True
        per_route = f"{authz['typed_config']['@type']}PerRoute"
        extensions = {"@type": per_route, "check_settings": {"context_extensions": {"policy": "strict"}}}
        manager["route_config"]["virtual_hosts"][0]["typed_per_filter_config"] = {authz["name"]: extensions}
        told = f"%DYNAMIC_METADATA({authz['name']}:decision)%"
        manager["route_config"]["request_headers_to_add"] = [{"header": {"key": "x-decision", "value": told}}]

    def _jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = (_base64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k1", "x": x, "y": y}

    def _tls(self) -> dict[str, Any]:
        certificate, key = self.certificate("shop.example.com")
        tls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
        return {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": tls,
                "require_client_certificate": True,
                "common_tls_context": {
                    "tls_certificates": [
                        {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
                    ],
                    "validation_context": {"trusted_ca": {"inline_string": _pem(self.ca).decode()}},
                },
            },
        }

    # --------------------------------------------------------------------------------------------- who asks, and how

    def certificate(self, name: str, *, uri: bool = False) -> tuple[Path, Path]:
        """Return the files of a certificate that the mesh's authority signed, and of its key."""
        signed, key = _certificate(name, self.ca, self.ca_key, uri=uri)
        base = self.folder / name.replace("/", "_").replace(":", "_")
        files = base.with_suffix(".pem"), base.with_suffix(".key")
        files[0].write_bytes(_pem(signed))
        plain = serialization.NoEncryption()
        pkcs8 = serialization.PrivateFormat.PKCS8
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
        return files

    def authority(self) -> str:
        """Return the certificate of the mesh's authority."""
        return _pem(self.ca).decode()

    def token(self, subject: str = "ada", **more: Any) -> str:
        """Return a token of the login that Envoy verifies."""
        now = int(time.time())
        payload = {"aud": "shop", "iat": now, "exp": now + 600, **claims(subject, **more)}
        parts = (_base64(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": "k1"}, payload))
        signed = ".".join(parts)
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def ask(
        self,
        target: str = "/services/pay",
        *,
        method: str = "GET",
        host: str = "shop.example.com",
        token: str | None = "",
        headers: tuple[str, ...] = (),
        listener: str = "front",
        tls: Any = None,
    ) -> Told:
        """Send one request, to the letter. By default it brings Ada's token, with None it brings none."""
        bearer = () if token is None else (f"authorization: Bearer {token or self.token()}",)
        lines = [f"{method} {target} HTTP/1.1", f"host: {host}", "connection: close", *bearer, *headers, "", ""]
        return Told(*self.run(_exchange(self.ports[listener], "\r\n".join(lines).encode("latin-1"), tls)))


class Gate(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets calls through while the gate of a mesh is open."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        await self._mesh.gate.wait()
        return await continuation(details)


async def _opened() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


async def _workload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            method, target, _ = head[0].split(" ")
            headers = [line.partition(":") for line in head[1:] if line]
            kept = [[name, value.strip()] for name, _, value in headers]
            body = json.dumps({"method": method, "target": target, "headers": kept}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nx-workload: yes\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
    writer.close()


async def _exchange(port: int, data: bytes, tls: Any) -> tuple[int, dict[str, str], bytes, dict[str, Any] | None]:
    server = None if tls is None else "shop.example.com"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=server)
    writer.write(data)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    first, *lines = head.decode("latin-1").splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    # Not to the end of the stream: Envoy keeps that open for a second where it did not read all.
    body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", 0))), PATIENCE)
    writer.close()
    reached = json.loads(body) if headers.get("x-workload") == "yes" else None
    return int(first.split(" ")[1]), headers, body, reached


def _manager(listener: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def _endpoint(cluster: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
    return found


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(name: str, issuer: Any, issuer_key: Any, *, uri: bool = False) -> tuple[x509.Certificate, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:60])])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    builder = builder.issuer_name(subject if issuer is None else issuer.subject)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    if issuer is not None:
        named = x509.UniformResourceIdentifier(name) if uri else x509.DNSName(name)
        builder = builder.add_extension(x509.SubjectAlternativeName([named]), critical=False)
    return builder.sign(key if issuer is None else issuer_key, hashes.SHA256()), key

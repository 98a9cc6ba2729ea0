"""A mesh of one: the real Envoy, a workload that tells what reached it, and a sidecar that can be late, or gone."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import os
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from pdp_sidecar.callers import Callers
from pdp_sidecar.envoy.authorization import Authorization
from pdp_sidecar.envoy.options import Options
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.options import Options as RpcOptions
from pdp_sidecar.rpc.server import Listener, start
from pdp_sidecar.service import Service
from tests.sidecar.authorities import Authority
from tests.sidecar.envoy.scene import DEPLOY, ENVOY, claims

ROOT = Path(__file__).parents[3]
BINARY = Path(os.environ.get("PDP_ENVOY") or ROOT / ".envoy" / "envoy" / "_bin" / "envoy")
PATIENCE = 20.0
CALLERS = Callers(by_uid={os.getuid(): ENVOY})


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
        self.waiting = 0
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.identify = Identities(service, CALLERS).of
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.gate: asyncio.Event = self.run(_opened())
        self._authorization = Authorization(service, options, lambda context: self.identify(context))
        self.workload_port: int = self.run(self._start_workload())
        self._server: Any = None
        self.start_sidecar()
        self.authority = Authority()
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
        self._workload = await asyncio.start_server(_workload, "127.0.0.1", 0)
        port: int = self._workload.sockets[0].getsockname()[1]
        return port

    def start_sidecar(self) -> None:
        self.run(self._start_sidecar())

    async def _start_sidecar(self) -> None:
        self._server = await start(
            self.service,
            CALLERS,
            RpcOptions(),
            [Listener(f"unix:{self.folder}/pdp.sock")],
            handlers=[self._authorization],
            around=partial(Gate, self),
        )

    def stop_sidecar(self) -> None:
        self.run(self._server.drain(0))

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
        self._loop.call_soon_threadsafe(self._workload.close)
        self.run(_cancelled())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    # ----------------------------------------------------------------------------------------- the example, changed

    def _config(self) -> dict[str, Any]:
        """Return the example with addresses of this machine, and three more listeners.

        `hasty` waits for the sidecar as long as the example does, the others as long as tests do.
        `bare` makes no path plain, lets underscores through, tells headers one by one and what its route says, and
        tells the workload what it was told of the decision; `tls` asks for certificates.
        """
        config: dict[str, Any] = yaml.safe_load((DEPLOY / "envoy.yaml").read_text("utf-8"))
        config["admin"]["address"]["socket_address"]["port_value"] = 0
        front = config["static_resources"]["listeners"][0]
        front["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
        _filter(front, "jwt_authn")["providers"]["login"]["local_jwks"] = {
            "inline_string": json.dumps({"keys": [self._jwk()]})
        }
        clusters = {each["name"]: each for each in config["static_resources"]["clusters"]}
        _endpoint(clusters["workload"])["socket_address"]["port_value"] = self.workload_port
        _endpoint(clusters["pdp"])["pipe"]["path"] = f"{self.folder}/pdp.sock"
        hasty = copy.deepcopy(front)
        _filter(front, "ext_authz")["grpc_service"]["timeout"] = f"{PATIENCE}s"
        bare, tls = copy.deepcopy(front), copy.deepcopy(front)
        hasty["name"], bare["name"], tls["name"] = "hasty", "bare", "tls"
        for key in ("normalize_path", "merge_slashes", "path_with_escaped_slashes_action"):
            del _manager(bare)[key]
        del _manager(bare)["common_http_protocol_options"]
        self._show_more(bare)
        tls["filter_chains"][0]["transport_socket"] = self._tls()
        config["static_resources"]["listeners"] += [hasty, bare, tls]
        return config

    def _show_more(self, listener: dict[str, Any]) -> None:
        authz, routes = _filter(listener, "ext_authz"), _manager(listener)["route_config"]
        authz["encode_raw_headers"] = True
        settings = {"check_settings": {"context_extensions": {"policy": "strict"}}}
        per_route = {"@type": f"{authz['@type']}PerRoute", **settings}
        routes["virtual_hosts"][0]["typed_per_filter_config"] = {"envoy.filters.http.ext_authz": per_route}
        told = "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:decision)%"
        routes["request_headers_to_add"] = [{"header": {"key": "x-decision", "value": told}}]

    def _jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = (_base64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k1", "x": x, "y": y}

    def _tls(self) -> dict[str, Any]:
        certificate, key = self.authority.issue(dns="shop.example.com").write(self.folder, "server")
        tls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
        return {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": tls,
                "require_client_certificate": True,
                "common_tls_context": {
                    "tls_certificates": [
                        {"certificate_chain": {"filename": certificate}, "private_key": {"filename": key}}
                    ],
                    "validation_context": {"trusted_ca": {"inline_string": self.authority.certificate.decode()}},
                },
            },
        }

    # --------------------------------------------------------------------------------------------- who asks, and how

    def certificate(self, *uris: str) -> tuple[str, str]:
        """Return the files of a certificate that the mesh's authority signed, and of its key."""
        return self.authority.issue(*uris).write(self.folder, f"client-{len(uris)}")

    def token(self, subject: str = "ada", **more: Any) -> str:
        """Return a token of the login that Envoy verifies."""
        now = int(time.time())
        payload = {"aud": "shop", "iat": now, "exp": now + 600, **claims(subject, **more)}
        payload = {name: value for name, value in payload.items() if value is not None}
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


class Gate(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Lets calls of a service through while the gate of a mesh is open."""

    def __init__(self, mesh: Mesh, service: grpc.GenericRpcHandler) -> None:
        self._mesh, self._service = mesh, service

    def service(self, details: Any) -> Any:
        handler = self._service.service(details)
        if handler is None or handler.unary_unary is None:
            return handler

        async def answer(data: bytes, context: Any) -> bytes:
            self._mesh.waiting += 1
            try:
                await self._mesh.gate.wait()
            finally:
                self._mesh.waiting -= 1
            answered: bytes = await handler.unary_unary(data, context)
            return answered

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)


async def _opened() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


async def _cancelled() -> None:
    """End every other task."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


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


def _filter(listener: dict[str, Any], name: str) -> dict[str, Any]:
    filters = {each["name"].rpartition(".")[2]: each["typed_config"] for each in _manager(listener)["http_filters"]}
    found: dict[str, Any] = filters[name]
    return found


def _endpoint(cluster: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
    return found


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")

"""The sidecar, asked in three protocols by clients that are not its own, before and after a change of the policy.

    python examples/sidecar/demo.py [--envoy BINARY]

`curl` asks AuthZEN over HTTP, a client that is generated here from the protobuf files asks gRPC, and the real Envoy
asks ext_authz for each request that comes to it; without a binary of Envoy, that part is left out and said so.
Everything is done in a temporary folder. Each step is held to what it has to come to; the exit status is 0 when each
did.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PATIENCE = 20.0
"""Seconds that anything may take to start, on a machine that has much else to do."""

CLOSED = """
rule the_books_are_closed:
  forbid anyone to refund on Order
  because "the year is being closed"
"""


class Unexpected(Exception):
    """A step came out otherwise than it has to."""


def expect(given: object, wanted: object, what: str) -> None:
    """Raise Unexpected where something is not what it has to be."""
    if given != wanted:
        raise Unexpected(f"{what}: expected {wanted!r}, found {given!r}")


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and return it; raise Unexpected when patience ends."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise Unexpected(f"{what} did not happen within {PATIENCE:g} s")


def output(*command: str) -> str:
    """Run a command, and return what it printed."""
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Workload(http.server.BaseHTTPRequestHandler):
    """What Envoy protects: it does whatever reaches it."""

    def do_GET(self) -> None:
        """Answer."""
        body = f"{self.command} {self.path} was done\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Answer as well."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Demo:
    """The folder, the processes in it, and what was shown so far."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.steps = folder, stack, 0
        self.policies = folder / "policies"
        shutil.copytree(HERE / "policies", self.policies)
        self.grpc = f"unix:{folder}/grpc.sock"
        self.http, self.operations = free_port(), free_port()
        self.front: int | None = None

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps += 1
        print(f"\n{self.steps}. {title}", flush=True)

    def shown(self, *command: str | Path, **options: Any) -> str:
        """Run a command, show it and what it printed, and return that."""
        words = ["python" if word == sys.executable else self.told(str(word)) for word in command]
        print("  $ " + " ".join(word if word and not set(word) & set(" {}\"'$&") else f"'{word}'" for word in words))
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False, **options
        )
        text = (done.stdout + done.stderr).rstrip()
        print("\n".join(f"  {line}" for line in text.splitlines()), flush=True)
        return done.stdout

    def told(self, text: str) -> str:
        """Return a text as it is shown: without the folders of this run."""
        return text.replace(f"{self.folder}/", "").replace(f"{ROOT}/", "")

    def start(self, name: str, command: list[str | Path], **options: Any) -> subprocess.Popen[str]:
        """Start a process whose output goes into a file, and end it with the demo."""
        log = self.stack.enter_context((self.folder / f"{name}.log").open("w", encoding="utf-8"))
        process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, text=True, **options)
        self.stack.callback(end, process)
        return process

    def log(self, name: str) -> str:
        """Return what a process has printed so far."""
        return (self.folder / f"{name}.log").read_text("utf-8")

    # ------------------------------------------------------------------------------------------------------- asking

    def evaluation(self, order: str) -> list[str]:
        """Return the command that asks AuthZEN whether ada may refund an order."""
        asked = {
            "subject": {"type": "User", "id": "ada"},
            "action": {"name": "refund"},
            "resource": {"type": "Order", "id": order},
        }
        url = f"http://127.0.0.1:{self.http}/access/v1/evaluation"
        return ["curl", "-sS", url, "-H", "content-type: application/json", "-d", json.dumps(asked)]

    def curl(self, order: str) -> bool:
        """Ask AuthZEN, and show it."""
        told = json.loads(self.shown(*self.evaluation(order)))
        return told["decision"] is True

    def generated(self, *orders: str) -> list[bool]:
        """Ask gRPC by a client that is generated."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "generated")}
        told = self.shown(sys.executable, HERE / "client.py", self.grpc, "ada", "refund", *orders, env=environment)
        return [": allow" in line for line in told.splitlines()]

    def through_envoy(self, method: str, path: str) -> int:
        """Send a request to the workload, by way of Envoy."""
        url = f"http://127.0.0.1:{self.front}{path}"
        told = self.shown("curl", "-sS", "-X", method, url, "-H", "x-user: ada", "-w", r"\nstatus %{http_code}\n")
        return int(told.rsplit(" ", 1)[1])


def end(process: subprocess.Popen[str]) -> None:
    """End a process, in order if it goes."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ------------------------------------------------------------------------------------------------------------- steps


def start_sidecar(demo: Demo) -> subprocess.Popen[str]:
    demo.step("The sidecar starts beside the services that ask it")
    command = [sys.executable, "-m", "pdp", "serve", demo.policies, "--config", HERE / "serve.toml", "--insecure"]
    command += ["--grpc", demo.grpc, "--http", f"127.0.0.1:{demo.http}"]
    command += ["--operations", f"127.0.0.1:{demo.operations}"]
    process = demo.start("sidecar", command)
    until(lambda: "ready" in demo.log("sidecar") or process.poll() is not None, "the start of the sidecar")
    print("\n".join(f"  {line}" for line in demo.told(demo.log("sidecar")).splitlines()))
    expect(process.poll(), None, "the sidecar runs")
    return process


def ask_authzen(demo: Demo) -> None:
    demo.step("AuthZEN over HTTP: curl asks whether ada may refund 40, and 900")
    expect(demo.curl("o-1"), True, "a refund of 40")
    expect(demo.curl("o-2"), False, "a refund of 900")


def ask_grpc(demo: Demo) -> None:
    demo.step("gRPC: a client that is generated from the protobuf files asks the same, in one batch")
    generated = demo.folder / "generated"
    generated.mkdir()
    protos = [f"pdp/v1/{name}.proto" for name in ("value", "check", "decision_service", "admin_service")]
    options = [f"--python_out={generated}", f"--grpc_python_out={generated}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", *options, *protos], check=True)
    # The library pdp is no part of it: this package has only what was generated.
    (generated / "pdp" / "__init__.py").touch()
    expect(demo.generated("o-1", "o-2"), [True, False], "refunds of 40 and 900")


def envoy_config(demo: Demo, workload: int, admin: int) -> dict[str, Any]:
    """Return the example of deploy/envoy for this machine: other ports, and no tokens."""
    import yaml

    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "envoy" / "envoy.yaml").read_text("utf-8"))
    found["admin"]["address"]["socket_address"]["port_value"] = admin
    resources = found["static_resources"]
    listener, clusters = resources["listeners"][0], {each["name"]: each for each in resources["clusters"]}
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": demo.front}
    connections = listener["filter_chains"][0]["filters"][0]["typed_config"]
    connections["http_filters"] = [each for each in connections["http_filters"] if "jwt_authn" not in each["name"]]

    def address(name: str) -> dict[str, Any]:
        endpoints: list[dict[str, Any]] = clusters[name]["load_assignment"]["endpoints"][0]["lb_endpoints"]
        found: dict[str, Any] = endpoints[0]["endpoint"]["address"]
        return found

    address("workload")["socket_address"]["port_value"] = workload
    address("pdp")["pipe"]["path"] = demo.grpc.removeprefix("unix:")
    return found


def ask_envoy(demo: Demo, binary: Path) -> None:
    import yaml

    demo.step("Envoy: what comes to it reaches the service behind it where the sidecar allows it")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Workload)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    demo.stack.callback(server.shutdown)
    demo.front = free_port()
    config = demo.folder / "envoy.yaml"
    config.write_text(yaml.safe_dump(envoy_config(demo, server.server_port, free_port())), "utf-8")
    process = demo.start("envoy", [binary, "-c", config, "--concurrency", "1", "--disable-hot-restart"])

    def listens() -> bool:
        expect(process.poll(), None, "Envoy runs")
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", demo.front or 0)) == 0

    until(listens, "the start of Envoy")
    expect(demo.through_envoy("GET", "/orders/o-2"), 200, "to look at an order")
    expect(demo.through_envoy("POST", "/orders/o-1/refund"), 200, "a refund of 40")
    expect(demo.through_envoy("POST", "/orders/o-2/refund"), 403, "a refund of 900")


def change(demo: Demo) -> None:
    demo.step("The policy changes, and with it every answer")
    path = demo.policies / "orders.pdp"
    path.write_text(path.read_text("utf-8") + CLOSED, "utf-8")
    print("\n".join(f"  + {line}".rstrip() for line in CLOSED.strip().splitlines()), flush=True)

    def is_taken() -> bool:
        told = output(*demo.evaluation("o-1"))
        return json.loads(told)["decision"] is False

    began = time.monotonic()
    until(is_taken, "the change of the policy")
    print(f"  (taken after {time.monotonic() - began:.1f} s)", flush=True)
    expect(demo.curl("o-1"), False, "a refund of 40")
    expect(demo.generated("o-1", "o-2"), [False, False], "refunds of 40 and 900")
    if demo.front is not None:
        expect(demo.through_envoy("POST", "/orders/o-1/refund"), 403, "a refund of 40")
        expect(demo.through_envoy("GET", "/orders/o-1"), 200, "to look at an order")


def spoil(demo: Demo) -> None:
    demo.step("A policy that does not hold up is not taken: the last good one answers, and the sidecar says so")
    path = demo.policies / "orders.pdp"
    path.write_text(path.read_text("utf-8").replace("resource.total", "resource.totl"), "utf-8")
    url = f"http://127.0.0.1:{demo.operations}/readyz"

    def told() -> str:
        found = output("curl", "-sS", url)
        return found if "totl" in found else ""

    until(told, "the notice of the mistake")
    demo.shown("curl", "-sS", url)
    expect(demo.generated("o-1"), [False], "a refund of 40")


def stop(process: subprocess.Popen[str], demo: Demo) -> None:
    demo.step("It ends in order")
    process.send_signal(signal.SIGTERM)
    expect(process.wait(PATIENCE), 0, "the exit status")
    expect(Path(demo.grpc.removeprefix("unix:")).exists(), False, "the socket is there")
    print("  exit status 0, and its socket is gone", flush=True)


def main() -> int:
    """Run the demo; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envoy", type=Path, help="the binary of Envoy; without it, that part is left out")
    envoy: Path | None = parser.parse_args().envoy
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        demo = Demo(Path(folder).resolve(), stack)
        try:
            process = start_sidecar(demo)
            ask_authzen(demo)
            ask_grpc(demo)
            if envoy is None:
                print("\n(There is no Envoy here: its part is left out. `make demo-sidecar` brings it.)")
            else:
                ask_envoy(demo, envoy.resolve())
            change(demo)
            spoil(demo)
            stop(process, demo)
        except Unexpected as error:
            print(f"\ndemo.py: {error}\n\nthe sidecar said:\n{demo.log('sidecar')}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

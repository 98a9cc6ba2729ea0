"""How long does a known key wait while ten thousand tokens name unknown ones, and the server takes three seconds?

`python -m benchmarks.identity.keys` prints one line of JSON: for the store of pdp and for the client that PyJWT brings,
how often the server was asked after the first time, and how long look-ups of a known key took, in µs. They go on for as
long as the server takes; other threads look for keys that there are none of.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from pdp.errors import TokenError
from pdp.identity import jwk
from pdp.identity.keys.source import Address
from pdp.identity.keys.store import KeyStore, Pace
from pdp.identity.keys.web import Client

TOKENS = 10_000
FLOODING = 4
"""Threads that look for unknown keys."""
TAKES = 3.0
"""Seconds that the server takes once it is slow."""
COOLDOWN = 1.0
"""Seconds that have to pass after a fetch, and do so before anything is measured."""

Find = Callable[[str], object]


class Server(ThreadingHTTPServer):
    """Serves one key, late where it is told to be."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        key = ECAlgorithm.to_jwk(public, as_dict=True) | {"kid": "known", "alg": "ES256", "use": "sig"}
        self.body = json.dumps({"keys": [key]}).encode()
        self.late = 0.0
        self.asked = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/keys"


class Handler(BaseHTTPRequestHandler):
    """Answers every request alike."""

    server: Server

    def do_GET(self) -> None:
        """Send the keys."""
        self.server.asked += 1
        time.sleep(self.server.late)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server until the block ends."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ours(server: Server, cooldown: float) -> Find:
    """Return the store of pdp, with the key."""
    source = Address(server.url, Client(10.0), partial(jwk.read, use="sig", algorithms=["ES256"]))
    store = KeyStore(source, Pace(cooldown=cooldown))
    store.start().result()
    return lambda kid: store.find(kid, "ES256")


def theirs(server: Server, cooldown: float) -> Find:
    """Return the client of PyJWT, with the key."""
    client = jwt.PyJWKClient(server.url, cooldown_duration=cooldown)
    client.get_signing_key("known")
    return client.get_signing_key


def measure(
    make: Callable[[Server, float], Find], tokens: int = TOKENS, takes: float = TAKES, cooldown: float = COOLDOWN
) -> dict[str, float]:
    """Time look-ups of the known key while the server is slow and unknown ones are looked for."""
    with serving() as server:
        find = make(server, cooldown)
        time.sleep(cooldown)
        server.late, before = takes, server.asked
        floods = [threading.Thread(target=_flood, args=(find, tokens // FLOODING)) for _ in range(FLOODING)]
        for flood in floods:
            flood.start()
        times = _known(find, takes)
        for flood in floods:
            flood.join()
        times.sort()
        return {
            "fetches": server.asked - before,
            "median": times[len(times) // 2] / 1e3,
            "p99": times[len(times) * 99 // 100] / 1e3,
            "longest": times[-1] / 1e3,
        }


def _flood(find: Find, count: int) -> None:
    for number in range(count):
        try:
            find(f"unknown-{number}")
        except (TokenError, jwt.PyJWTError):
            # As it should be.
            pass


def _known(find: Find, seconds: float) -> list[int]:
    until, clock = time.perf_counter() + seconds, time.perf_counter_ns
    times = []
    while time.perf_counter() < until:
        begun = clock()
        find("known")
        times.append(clock() - begun)
        # A service looks for a key now and then, and not without a pause.
        time.sleep(0.0001)
    return times


if __name__ == "__main__":
    print(json.dumps({"pdp": measure(ours), "PyJWKClient": measure(theirs)}))

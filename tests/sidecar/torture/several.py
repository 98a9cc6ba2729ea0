"""`pdp serve` with several workers, which share a port and a record of revocations."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from benchmarks.sidecar.processes import free_port
from pdp_sidecar.generated import check_pb2
from tests.sidecar.torture import questions, serving, world

TOKEN = "0123456789abcdef0123456789abcdef"
CONFIGURATION = """\
policies = "{folder}/policies"

[[callers]]
name = "anybody"
anyone = true

[[callers]]
name = "administrator"
token = {{ file = "{folder}/token" }}
may = ["check", "revoke"]

[listen.grpc]
address = "{address}"
plaintext = true

[facts]
revocations = "{folder}/revocations.db"
create = true

[workers]
count = {workers}
"""


@contextlib.contextmanager
def running(folder: Path, workers: int, breach: str = "", more: str = "") -> Iterator[str]:
    """Start it, and give the address for clients once every worker answers; end it at the end.

    `more` is what else its configuration says.
    """
    address = f"127.0.0.1:{free_port()}"
    _write(folder, address, workers, more)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pdp", "serve", f"--config={folder}/serve.toml"],
            stdout=log,
            stderr=log,
            cwd=serving.ROOT,
            env=_environment(breach),
        )
    try:
        _wait(address, workers, process, folder)
        yield f"grpc://{address}"
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()


def _environment(breach: str) -> dict[str, str]:
    found = serving.environment()
    if not breach:
        return found
    path = os.pathsep.join([str(Path(__file__).with_name("breaking")), found["PYTHONPATH"]])
    return {**found, "PYTHONPATH": path, "PDP_TORTURE_BREACH": breach}


def _write(folder: Path, address: str, workers: int, more: str) -> None:
    policies = folder / "policies"
    policies.mkdir()
    (policies / "policy.pdp").write_text(world.TEXT.format(level=0, until=world.FAR), encoding="utf-8")
    entities = [
        {"type": entity.type, "id": entity.id, "attributes": dict(entity.attributes)} for entity in world.entities()
    ]
    (policies / "entities.json").write_text(json.dumps({"entities": entities}), encoding="utf-8")
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN, encoding="utf-8")
    text = CONFIGURATION.format(folder=folder, address=address, workers=workers)
    (folder / "serve.toml").write_text(text + more, encoding="utf-8")


def _wait(address: str, workers: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    seen: set[str] = set()
    until = time.monotonic() + serving.PATIENCE
    while len(seen) < workers:
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"not all workers answer: {(folder / 'log').read_text(encoding='utf-8')[-2_000:]}")
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                reply = channel.unary_unary(questions.CHECK)(questions.QUESTIONS[0][0], timeout=5)
            except grpc.RpcError:
                time.sleep(0.1)
                continue
        seen.add(check_pb2.CheckResponse.FromString(reply).epoch.rpartition(".")[0])

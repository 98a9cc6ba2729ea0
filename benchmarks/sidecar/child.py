"""A server of pdp with nothing around it: `python -m benchmarks.sidecar.child POLICIES --grpc=… --http=… --frames=…`.

With more than one worker it starts that many processes, which share the TCP ports, and ends with them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import uvloop

import pdp
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.service import Service


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("policies")
    parser.add_argument("--workers", type=int, default=1)
    for protocol in ("grpc", "http", "frames"):
        parser.add_argument(f"--{protocol}", default="")
    options = parser.parse_args(arguments)
    if options.workers > 1:
        return _several(arguments, options.workers)
    uvloop.run(_serve(options))
    return 0


def _several(arguments: list[str], count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.sidecar.child", *arguments, "--workers=1"]
    workers = [subprocess.Popen(command) for _ in range(count)]
    signal.signal(signal.SIGTERM, lambda *_: [worker.terminate() for worker in workers])
    return max(worker.wait() for worker in workers)


async def _serve(options: argparse.Namespace) -> None:
    service = Service(pdp.Engine.load(options.policies))
    callers = Callers(otherwise=caller("anybody"))
    running = []
    if options.grpc:
        running.append(await _grpc(service, callers, options.grpc))
    if options.frames:
        running.append(await _frames(service, callers, options.frames))
    if options.http:
        running.append(await _http(service, callers, options.http))
    gc.collect()
    gc.freeze()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await asyncio.gather(*(each.drain(1.0) for each in running))


async def _grpc(service: Service, callers: Callers, address: str) -> Any:
    from pdp_sidecar.rpc.options import Options
    from pdp_sidecar.rpc.server import Listener, start

    return await start(service, callers, Options(reuse_port=True), [Listener(address)])


async def _frames(service: Service, callers: Callers, address: str) -> Any:
    from pdp_sidecar.frames.options import Options
    from pdp_sidecar.frames.server import start

    listener = socket.socket(socket.AF_UNIX)
    path = address.removeprefix("unix:")
    Path(path).unlink(missing_ok=True)
    listener.bind(path)
    return await start(service, callers, Options(), listener)


async def _http(service: Service, callers: Callers, address: str) -> Any:
    from pdp_sidecar.authzen.options import Options
    from pdp_sidecar.authzen.server import start

    host, _, port = address.rpartition(":")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, int(port)))
    return await start(service, callers, Options(), [listener])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

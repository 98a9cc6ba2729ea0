"""A sidecar in a process of its own, which is told by lines what to do, and may be broken in one way.

`python -m tests.sidecar.torture.serving SPEC`, where SPEC is the JSON of a `Spec`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import uvloop

from pdp.engine import Engine
from pdp_sidecar.callers import Callers, caller
from pdp_sidecar.service import Service
from tests.sidecar.torture import world

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a sidecar is made of: where it listens, how many calls it takes at once, and how it is broken."""

    folder: str
    in_flight: int = 256
    beat: float = 0.5
    breach: str = ""
    http: int = 0
    parts: Sequence[str] = ("grpc", "frames", "http")
    until: str = world.FAR

    @property
    def grpc(self) -> str:
        """The address of gRPC."""
        return f"unix:{self.folder}/grpc"

    @property
    def frames(self) -> str:
        """The address of frames."""
        return f"unix:{self.folder}/frames"


class Sidecar:
    """A sidecar that runs, from the outside."""

    def __init__(self, spec: Spec, process: subprocess.Popen[str]) -> None:
        self.spec, self.process = spec, process

    def tell(self, command: str) -> str:
        """Tell it something, and return what it says to that."""
        told, said = self.process.stdin, self.process.stdout
        assert told is not None and said is not None
        told.write(f"{command}\n")
        told.flush()
        return self._line(said)

    @staticmethod
    def _line(said: IO[str]) -> str:
        line = said.readline()
        if not line:
            raise RuntimeError("the sidecar has ended")
        return line.strip()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


def environment() -> dict[str, str]:
    """Return the environment of a process that finds these tests."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path.strip(os.pathsep)}


@contextlib.contextmanager
def serving(spec: Spec) -> Iterator[Sidecar]:
    """Start a sidecar, and end it at the end."""
    command = [sys.executable, "-m", "tests.sidecar.torture.serving", json.dumps(dataclasses.asdict(spec))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
    )
    try:
        assert process.stdout is not None
        if Sidecar._line(process.stdout) != "ready":
            raise RuntimeError("the sidecar is not ready")
        yield Sidecar(spec, process)
    finally:
        process.kill()
        process.wait(PATIENCE)
        for each in (process.stdin, process.stdout):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()


# ----------------------------------------------------------------------------------------------------- in the process


def main(text: str) -> None:
    """Serve until nobody tells anything any more."""
    spec = Spec(**json.loads(text))
    with broken(spec.breach):
        uvloop.run(_serve(spec))


@contextlib.contextmanager
def broken(name: str) -> Iterator[None]:
    """Break this process in one way, or not at all."""
    if not name:
        yield
        return
    # Imported late: it needs all of the sidecar, and many processes start that are not broken.
    from tests.sidecar.torture.breaches import BREACHES

    with BREACHES[name]():
        yield


async def _serve(spec: Spec) -> None:
    engine = world.engine(spec.until)
    service = Service(engine, record=world.TURNS.record)
    callers = Callers(otherwise=caller("anybody"))
    # Kept: a server of gRPC that nobody holds ends.
    running = await _start(spec, service, callers)
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    commands = Commands(engine, loop)
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(await asyncio.to_thread(commands.run, line.split()), flush=True)
    await asyncio.gather(*(each.drain(1.0) for each in running))


async def _start(spec: Spec, service: Service, callers: Callers) -> list[Any]:
    starts = {"grpc": _grpc, "frames": _frames, "http": _http}
    return [await starts[part](spec, service, callers) for part in spec.parts]


async def _grpc(spec: Spec, service: Service, callers: Callers) -> Any:
    from pdp_sidecar.rpc.options import Options
    from pdp_sidecar.rpc.server import Listener, start

    options = Options(in_flight=spec.in_flight, streams=8, beat=spec.beat)
    return await start(service, callers, options, [Listener(spec.grpc)])


async def _frames(spec: Spec, service: Service, callers: Callers) -> Any:
    from pdp_sidecar.frames.options import Options
    from pdp_sidecar.frames.server import start

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(spec.frames.removeprefix("unix:"))
    return await start(service, callers, Options(beat_interval=spec.beat), listener)


async def _http(spec: Spec, service: Service, callers: Callers) -> Any:
    from pdp_sidecar.authzen.options import Options
    from pdp_sidecar.authzen.server import start
    from pdp_sidecar.operations.gate import Gate
    from pdp_sidecar.operations.metrics import Metrics

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", spec.http))
    gate = partial(Gate, limit=spec.in_flight, metrics=Metrics(service.engine))
    return await start(service, callers, Options(), [listener], around=gate)


class Commands:
    """What a sidecar does when it is told to."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self._engine, self._loop = engine, loop

    def run(self, words: list[str]) -> str:
        """Do it, and return what there is to say."""
        return str(getattr(self, words[0])(*words[1:]))

    def reload(self, count: str) -> str:
        """Swap the policy so many times."""
        return world.reload(self._engine, int(count))


if __name__ == "__main__":
    main(sys.argv[1])

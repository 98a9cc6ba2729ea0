"""What a worker does in tests: it answers lines on a socket in a folder, by an engine with a record that all share."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pdp
from pdp_sidecar.callers import caller
from pdp_sidecar.operations.metrics import Metrics
from pdp_sidecar.service import Service
from pdp_sidecar.status import Readiness
from pdp_sidecar.workers.child import Control
from tests.sidecar.scene import HOME, engine

ME = caller("tests")
USERS = 30


class Worker:
    def __init__(self, control: Control) -> None:
        self.folder = Path(control.settings["folder"])
        log = pdp.RevocationLog(self.folder / "record.db")
        self.control = control
        self.engine = engine(revocations=log)
        for number in range(USERS):
            self.engine.upsert_entity(pdp.Entity("User", f"u{number}"))
        self.metrics = Metrics(self.engine)
        self.service = Service(
            self.engine, record=self.metrics.tally("lines"), revoke_elsewhere=control.revoke_elsewhere
        )
        self.reloads = 0

    def do(self, line: str) -> object:
        match line.split():
            case ["ask", name]:
                return bool(self.service.check(ME, pdp.Request(pdp.ref("User", name), "read", HOME)).decision)
            case ["pid"]:
                return os.getpid()
            case ["revoke", name]:
                return self.service.revoke(ME, principal=pdp.ref("User", name))[1:]
            case ["reloads"]:
                return self.reloads
            case ["others"]:
                return self.control.others()
            case ["upsert"]:
                return self.engine.upsert_entity(pdp.Entity("User", "new"))
        return "what?"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            try:
                found: object = await asyncio.to_thread(self.do, line.decode())
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            writer.write(f"{found}\n".encode())
        writer.close()

    def reload(self) -> None:
        self.reloads += 1


async def work(control: Control) -> int:
    if (status := control.settings.get("refuse")) is not None:
        return int(status)
    worker = Worker(control)
    await control.begin(worker.engine, metrics=worker.metrics, reload=worker.reload)
    path = worker.folder / f"{control.number}.sock"
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(worker.answer, path)
    readiness = Readiness(worker.service, waiting=set())
    control.tell(readiness)
    worker.engine.listen(lambda: control.tell(readiness))
    await control.ended()
    server.close()
    return 0

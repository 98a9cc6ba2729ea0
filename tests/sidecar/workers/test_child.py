"""What a worker says to its supervisor, whatever goes wrong where it looks."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from pdp_sidecar.service import Service
from pdp_sidecar.status import Readiness, Status
from pdp_sidecar.workers.child import Control
from pdp_sidecar.workers.messages import Channel, Start, State
from tests.sidecar.scene import engine


class Failing(Readiness):
    """Cannot tell how it is, at first."""

    fails = True

    def status(self) -> Status:
        if self.fails:
            raise MemoryError
        return super().status()


def test_a_worker_that_cannot_tell_how_it_is_says_so_and_tells_it_later():
    async def test() -> list[Any]:
        ours, theirs = socket.socketpair()
        supervisor, channel = await Channel.of(ours), await Channel.of(theirs)
        control = Control(channel, Start(1, {}, 1.0))
        readiness = Failing(Service(engine()), waiting=set())

        control.tell(readiness)
        first = await asyncio.wait_for(supervisor.receive(), 5)
        readiness.fails = False
        control.tell(readiness)
        second = await asyncio.wait_for(supervisor.receive(), 5)

        channel.close()
        supervisor.close()
        return [first, second]

    first, second = asyncio.run(test())

    assert isinstance(first, State) and not first.ready
    assert first.problems == ("nobody can tell how it is: MemoryError",)
    assert isinstance(second, State) and second.ready

"""One worker, as its supervisor has it: a process, the channel to it, and what it said last."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from pdp_sidecar.operations.metrics import Numbers
from pdp_sidecar.workers.messages import Applied, Apply, Ask, Channel, Counted, Drain, Go, Message, Start, State

KILLED_WITHIN: Final = 2.0
"""So many seconds the system may take to end a process that was killed."""


class Stage(Enum):
    """How far a worker has come. Until it is told to go, nobody can ask it, and it reads the record before that."""

    STARTING = "starting"
    GOING = "going"
    UP = "up"
    GONE = "gone"


class Kept:
    """A worker. `sequence` is how far the record has to be read by whatever may be asked."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.number, self.process, self.channel = number, process, channel
        self.stage = Stage.STARTING
        self.state: State | None = None
        self.ending = False
        self._asked = 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}

    @classmethod
    async def start(
        cls,
        number: int,
        target: str,
        settings: Mapping[str, Any],
        patience: float,
        environment: Mapping[str, str] | None,
    ) -> Kept:
        """Start a worker: a program of its own, since what uses gRPC must not be forked."""
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                # What stands in the folder that one happens to be in is not to be imported.
                "-P",
                "-m",
                "pdp_sidecar.workers.child",
                str(theirs.fileno()),
                target,
                str(os.getpid()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=None if environment is None else dict(environment),
                # What a terminal tells all of its processes is for the supervisor to tell.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        channel = await Channel.of(ours)
        channel.send(Start(number, dict(settings), patience))
        return cls(number, process, channel)

    @property
    def answers(self) -> bool:
        """Whether anybody may be answered by it, or may soon be, without that it reads the record once more."""
        return self.stage in (Stage.GOING, Stage.UP)

    def go(self, sequence: int) -> None:
        """Let it be asked, once it has read the record so far."""
        self.stage = Stage.GOING
        self.channel.send(Go(sequence))

    def up(self, state: State) -> None:
        """Take note of how it is."""
        self.stage, self.state = Stage.UP, state

    def heard(self, message: Applied | Counted) -> None:
        """Take an answer."""
        waiting = self._waiting.get(message.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def apply(self, sequence: int, within: float) -> bool:
        """Have it read the record so far, and tell that it did; end it where it does not say so in time.

        When this returns, either it holds, or nobody is answered by this worker any more.
        """
        if await self._ask(lambda number: Apply(number, sequence), within) is not None:
            return True
        await self.kill()
        return False

    async def numbers(self, within: float) -> Numbers | None:
        """Return what it has counted; None where it does not say so in time."""
        found = await self._ask(Ask, within)
        return found.numbers if isinstance(found, Counted) else None

    async def _ask(self, make: Callable[[int], Apply | Ask], within: float) -> Message | None:
        self._asked += 1
        number = self._asked
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            if self.stage is Stage.GONE:
                return None
            self.channel.send(make(number))
            return await asyncio.wait_for(answer, within)
        except (TimeoutError, ConnectionError):
            return None
        finally:
            del self._waiting[number]

    def drain(self, seconds: float) -> None:
        """Have it end by itself."""
        self.ending = True
        self.channel.send(Drain(seconds))

    async def kill(self) -> None:
        """End it, and return when it is gone. Raise TimeoutError where the system does not end it."""
        if self.process.returncode is None:
            try:
                # Also what is stopped ends by it.
                self.process.kill()
            except ProcessLookupError:
                pass
        await asyncio.wait_for(asyncio.shield(self.process.wait()), KILLED_WITHIN)

    def gone(self) -> None:
        """Take note that its process has ended: nobody answers what it was asked."""
        self.stage = Stage.GONE
        self.channel.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the worker is gone"))

"""Writes the log where nobody waits for it: lines are put into a queue, and a thread takes them out."""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Final

from pdp.model import Decision, Entity, Request
from pdp.values import EntityRef, show
from pdp_sidecar.callers import Caller
from pdp_sidecar.operations.logs import FORMS, Lines, decision_event, proof_event
from pdp_sidecar.operations.options import LogOptions
from pdp_sidecar.proven import ProvenRequest

Line = Callable[[], str]

_AT_ONCE: Final = 256


class Writer:
    """Writes lines to a stream. Where too many wait, those that come are dropped, and counted in `dropped`.

    A stream that takes nothing, such as a pipe that nobody reads, keeps nobody waiting but the thread.
    """

    def __init__(self, stream: IO[str] | None = None, most: int = 10_000) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._most, self.dropped = most, 0
        self._queue: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="pdp log", daemon=True)
        self._thread.start()

    def put(self, line: Line) -> None:
        """Have a line written that is put together when it is its turn."""
        if self._queue.qsize() >= self._most:
            self.dropped += 1
        else:
            self._queue.put(line)

    def close(self, seconds: float = 1.0) -> None:
        """Write what waits, within so many seconds."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _write(self) -> None:
        while True:
            lines, ends = self._taken()
            try:
                self._stream.write("".join(lines))
                self._stream.flush()
            except (OSError, ValueError):
                # The disk is full, or nobody is there to read.
                self.dropped += len(lines)
            if ends:
                return

    def _taken(self) -> tuple[list[str], bool]:
        """Wait for a line; return it with those that wait behind it, and whether no more will come."""
        lines: list[str] = []
        line = self._queue.get()
        while line is not None:
            try:
                lines.append(f"{line()}\n")
            except Exception:
                self.dropped += 1
            if len(lines) >= _AT_ONCE or self._queue.empty():
                return lines, False
            line = self._queue.get()
        return lines, True


class Handler(logging.Handler):
    """Gives what is logged to a writer."""

    def __init__(self, writer: Writer, form: str) -> None:
        super().__init__()
        self._writer = writer
        self.setFormatter(Lines(form))

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written. It is put together at once: what it names may be another later."""
        try:
            line = self.format(record)
        except Exception as error:
            # Such as a message whose arguments do not fit it. What logging does then writes more than one line.
            line = self.format(logging.LogRecord(record.name, record.levelno, "", 0, type(error).__name__, None, None))
        self._writer.put(lambda: line)


class DecisionLog:
    """Logs decisions: who asked, for what, and how it came out, but nothing of context, session or attributes.

    Of a verified token that is its issuer, its id, and all who act for the principal: never the token.
    """

    def __init__(self, writer: Writer, options: LogOptions, protocol: str) -> None:
        self._put, self._form, self._protocol = writer.put, FORMS[options.form], protocol
        self._denies_only = options.decisions == "denies"

    def __call__(self, caller: Caller, request: Request, decision: Decision) -> None:
        """Log a decision: a record for `Service.through`."""
        if self._denies_only and decision:
            return
        at, protocol, form = time.time(), self._protocol, self._form
        # No more than is written may wait with it: an entity comes with as much as its caller likes.
        principal, action, resource = _named(request.principal), _cut(request.action), _named(request.resource)
        proved = request.identity if isinstance(request, ProvenRequest) else None

        def line() -> str:
            event = decision_event(at, protocol, caller.name, show(principal), action, show(resource), decision)
            return form(event | proof_event(proved, caller))

        self._put(line)


LONGEST: Final = 2048
"""Letters of a name that is logged."""


def _named(given: object) -> Any:
    return EntityRef(_cut(given.type), _cut(given.id)) if isinstance(given, Entity | EntityRef) else _cut(given)


def _cut(given: Any) -> Any:
    return f"{given[:LONGEST]}…" if isinstance(given, str) and len(given) > LONGEST else given


def begin(options: LogOptions, stream: IO[str] | None = None) -> Writer:
    """Log by a writer from now on, whatever is logged by this process; return it, to be closed at the end."""
    writer = Writer(stream, options.most)
    root = logging.getLogger()
    root.handlers[:] = [Handler(writer, options.form)]
    root.setLevel(options.level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    return writer


_TALKATIVE: Final = ("uvicorn", "watchfiles")
"""What logs of each thing that it sees: a log that stands beside the policies would be a change that is logged."""

"""One connection of a client that speaks frames. Everything here happens in the event loop's thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from pdp.errors import PdpError, RecordError, RequestError
from pdp.leases.states import WatchState
from pdp.model import Decision, Request
from pdp_sidecar.callers import Caller, May, NotPermitted
from pdp_sidecar.frames.bearers import all_checked, bearer_of, checked, known
from pdp_sidecar.frames.codec import HEAD, PROTOCOL, TARGETS, Kind, Written, asked, fields_of, frame, options
from pdp_sidecar.frames.searches import searching
from pdp_sidecar.frames.subscriptions import Subscriptions
from pdp_sidecar.frames.values import Unreadable, pack, packer
from pdp_sidecar.identifying import told

if TYPE_CHECKING:
    from pdp_sidecar.frames.server import FrameServer

_TURN: Final = 256
"""So many frames of one connection are answered before others have their turn."""

_NOTHING: Final = frozenset[str]()
_LOG: Final = logging.getLogger("pdp.sidecar")


class Connection(asyncio.Protocol):
    """Reads frames and answers each; what is asked for is written at once, in the order that it comes to be known."""

    def __init__(self, server: FrameServer) -> None:
        self._server, self._service, self._options = server, server.service, server.options
        self._transport: asyncio.Transport | None = None
        self._caller: Caller | None = None
        self._packer = packer()
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._handles, self._facts = _NOTHING, False
        self._written = Written(_NOTHING)
        self._watched = Subscriptions(self._service, _NOTHING, self._turned, self._unwatched)
        self._greeted = self._listening = self._paused = self._stopped = self._awaits_beat = self._resumes = False
        self._reads = True
        self._began = self._heard = server.loop.time()
        self.tasks: set[asyncio.Task[None]] = set()
        self._kinds: dict[int, Callable[[int, Any], None]] = {
            Kind.CHECK: self._check,
            Kind.MANY: self._check_many,
            Kind.EXPLAIN: self._explain,
            Kind.REVOKE: self._revoke,
            Kind.STATUS: self._status,
            Kind.SEARCH: self._search,
            Kind.BEATS: self._listen,
            Kind.SUBSCRIBE: self._subscribe,
            Kind.UNSUBSCRIBE: self._unsubscribe,
        }

    # -------------------------------------------------------------------------------------------------- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is one, and says so to nobody.
        self._transport = cast(asyncio.Transport, transport)
        server = self._server
        if len(server.connections) >= self._options.max_connections:
            self._refuse("busy", "there are too many connections")
            return
        server.connections.add(self)
        try:
            self._caller = server.callers.of(server.peer(transport))
        except OSError:
            self._caller = None
        if self._caller is None:
            self._refuse("unauthenticated", "nobody here knows who you are")

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._stopped = True
        self._watched.close()
        for task in self.tasks:
            task.cancel()

    def pause_writing(self) -> None:
        self._paused = True
        # Who takes no answers gets to ask nothing either.
        self._read_on()

    def resume_writing(self) -> None:
        self._paused = False
        if self._stopped:
            return
        if self._awaits_beat:
            self.beat()
        if not self._resumes:
            self._serve()

    def _read_on(self) -> None:
        """Read, unless there is enough to answer already, or nobody takes the answers."""
        reads = not (self._paused or self._resumes or self._stopped)
        if reads is self._reads or self._transport is None or self._transport.is_closing():
            return
        self._reads = reads
        if reads:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def look(self, now: float) -> None:
        """Close the connection where it has taken too long over what it has begun, or asks nothing."""
        given = self._options
        is_late = (
            (not self._greeted and now - self._began > given.handshake_timeout)
            or (self._buffer and not self._paused and not self._resumes and now - self._heard > given.frame_timeout)
            or (not self._listening and not self.tasks and now - self._heard > given.idle_timeout)
        )
        if is_late:
            self.abort()

    def stop(self) -> None:
        """Read nothing more."""
        self._stopped = True
        self._read_on()

    def close(self) -> None:
        """Close the connection once all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._stopped = True
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, code: str, message: str) -> None:
        self._stopped = True
        self._fail(0, code, message)
        self._flush()
        self.close()

    # ---------------------------------------------------------------------------------------------------------- frames

    def data_received(self, data: bytes) -> None:
        if self._stopped:
            return
        if not self._buffer:
            # Not before: who sends one byte after another never comes to the end of a frame.
            self._heard = self._server.loop.time()
        self._buffer += data
        if not self._resumes:
            self._serve()

    def _serve(self) -> None:
        """Answer the frames that are there, as many as are due."""
        self._resumes = False
        buffer, at, turns = self._buffer, 0, _TURN
        while len(buffer) - at >= HEAD.size and not self._paused and not self._stopped:
            size, kind, number = HEAD.unpack_from(buffer, at)
            if size > self._options.max_frame:
                self._refuse("too_large", f"a frame has at most {self._options.max_frame} bytes")
                return
            end = at + HEAD.size + size
            if len(buffer) < end:
                break
            if not turns:
                self._resumes = True
                self._server.loop.call_soon(self._serve)
                break
            turns -= 1
            self._take(kind, number, bytes(buffer[at + HEAD.size : end]))
            at = end
            self._heard = self._server.loop.time()
        del buffer[:at]
        self._flush()
        # INVARIANT: what is not answered yet is no more than a frame, and what came in one piece with its end.
        self._read_on()

    def _take(self, kind: int, number: int, body: bytes) -> None:
        """Answer a frame. Whatever goes wrong is an error, which is no allow."""
        try:
            if not self._greeted:
                self._greet(kind, number, fields_of(body))
                return
            handler = self._kinds.get(kind)
            if handler is None:
                self._refuse("unsupported", "there is no such frame")
                return
            handler(number, fields_of(body))
        except NotPermitted as error:
            self._fail(number, "not_permitted", str(error))
        except Unreadable as error:
            self._fail(number, "unreadable", str(error))
            if not self._greeted:
                self._refuse("unreadable", str(error))
        except Exception as error:
            _LOG.exception("a frame could not be answered")
            # What was to be told with the answer may not have been: all is told anew.
            self._written = Written(self._handles)
            self._fail(number, "internal_error", f"the request could not be answered: {type(error).__name__}")

    def _put(self, kind: Kind, number: int, value: Any) -> None:
        try:
            body = self._packer.pack(value)
        except Exception:
            # Such as half of a character, in what is told of a question that holds one.
            body = pack(value)
        self._out.append(frame(kind, number, body))

    def _fail(self, number: int, code: str, message: str) -> None:
        self._out.append(frame(Kind.ERROR, number, pack([code, message])))

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _greet(self, kind: int, number: int, fields: Any) -> None:
        if kind != Kind.HELLO:
            raise Unreadable("the first frame is a greeting")
        given = options(fields)
        handles = given.get("handles", [])
        if type(handles) is not list or not all(type(each) is str for each in handles):
            raise Unreadable("`handles` lists obligations by name")
        self._handles, self._facts = frozenset(handles), given.get("facts") is True
        self._written = Written(self._handles)
        self._watched = Subscriptions(self._service, self._handles, self._turned, self._unwatched)
        self._greeted = True
        interval = int(self._options.beat_interval * 1e6)
        limits = {"max_frame": self._options.max_frame, "max_batch": self._options.max_batch}
        self._put(Kind.WELCOME, number, {"protocol": PROTOCOL, "interval": interval, **limits})

    @property
    def _asker(self) -> Caller:
        assert self._caller is not None
        return self._caller

    # --------------------------------------------------------------------------------------------------------- answers

    def _check(self, number: int, fields: Any) -> None:
        request = asked(fields)
        if bearer_of(request) is None:
            answer = self._service.check(self._asker, request)
            self._put(Kind.ANSWER, number, self._told(answer.decision, answer.epoch))
        else:
            self._work(number, lambda: self._check_token(request), Kind.ANSWER)

    async def _check_token(self, request: Request) -> Any:
        (found,) = await known(self._service, self._asker, [request])
        answer = checked(self._service, self._asker, found)
        return lambda: self._told(answer.decision, answer.epoch)

    def _told(self, decision: Decision, epoch: str) -> list[Any]:
        known, leaf = self._written.number(decision._leaf)
        facts = decision.facts_revision if self._facts else ""
        epoch, lease = self._service.kept(decision, epoch)
        return [known, leaf, decision._until, lease, epoch, facts]

    def _check_many(self, number: int, fields: Any) -> None:
        if type(fields) is not list or len(fields) > self._options.max_batch:
            raise Unreadable(f"a batch is a list of at most {self._options.max_batch} questions")
        requests = [asked(each) for each in fields]
        if any(map(bearer_of, requests)):
            self._work(number, lambda: self._check_tokens(requests), Kind.ANSWERS)
        else:
            self._put(Kind.ANSWERS, number, self._all_told(*self._service.check_many(self._asker, requests)))

    async def _check_tokens(self, requests: Sequence[Request]) -> Any:
        asked_for = await known(self._service, self._asker, requests)
        found = all_checked(self._service, self._asker, asked_for)
        return lambda: self._all_told(*found)

    def _all_told(self, decisions: Sequence[Decision], epoch: str) -> list[Any]:
        told: list[Any] = []
        answers: list[Any] = []
        for decision in decisions:
            known, leaf = self._written.number(decision._leaf)
            if leaf is not None:
                told.append([known, leaf])
            answers += (known, decision._until, self._service.kept(decision, epoch)[1])
        facts = decisions[0].facts_revision if self._facts and decisions else ""
        return [epoch, facts, told, answers]

    # --------------------------------------------------------------------------------------------- what takes long

    def _explain(self, number: int, fields: Any) -> None:
        request = asked(fields)
        caller = self._asker
        caller.require(May.EXPLAIN)

        async def work() -> Any:
            (found,) = await known(self._service, caller, [request])
            if found.refused is not None:
                raise RequestError(told(found.refused))
            return await self._server.slowly(
                lambda: self._service.explain(caller, found.request, found.token).to_json()
            )

        self._work(number, work)

    def _revoke(self, number: int, fields: Any) -> None:
        if type(fields) is not dict:
            raise Unreadable("a revocation names what it is of")
        self._asker.require(May.REVOKE)
        self._work(number, lambda: self._server.apart(lambda: self._revoked(fields)))

    def _revoked(self, target: dict[str, Any]) -> Any:
        unknown = target.keys() - TARGETS
        if unknown:
            raise RequestError("nothing of this name can be revoked")
        sequence, workers, ended = self._service.revoke(self._asker, **target)
        return {"sequence": sequence, "epoch": self._service.epoch, "workers": workers, "ended": ended}

    def _status(self, number: int, _: Any) -> None:
        self._asker.require(May.STATUS)
        self._work(number, lambda: self._server.apart(self._server.status))

    def _search(self, number: int, fields: Any) -> None:
        self._asker.require(May.SEARCH)
        work = searching(self._service, self._asker, self._handles, fields)
        self._work(number, lambda: self._server.slowly(work))

    def _work(self, number: int, work: Callable[[], Awaitable[Any]], kind: Kind = Kind.RESULT) -> None:
        """Answer once something is done that takes long; where too much is begun already, refuse.

        What it returns is told, or what that returns when it is called as it is told.
        """
        if len(self.tasks) >= self._options.max_in_flight:
            self._fail(number, "busy", "too much is asked at once")
            return
        task = self._server.loop.create_task(self._worked(number, work, kind))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _worked(self, number: int, work: Callable[[], Awaitable[Any]], kind: Kind) -> None:
        try:
            found = await work()
            self._put(kind, number, found() if callable(found) else found)
        except NotPermitted as error:
            self._fail(number, "not_permitted", str(error))
        except RecordError as error:
            self._fail(number, "record_failed", str(error))
        except PdpError as error:
            self._fail(number, "invalid_request", str(error))
        except Exception as error:
            _LOG.exception("a frame could not be answered")
            self._written = Written(self._handles)
            self._fail(number, "internal_error", f"it could not be done: {type(error).__name__}")
        self._flush()

    # --------------------------------------------------------------------------------------------------------- watches

    def _listen(self, number: int, _: Any) -> None:
        self._asker.require(May.WATCH)
        self._listening = True
        self.beat()

    def beat(self) -> None:
        """Tell of the epoch, and that the server is there; later where the other end does not take it now."""
        self._watched.look_at_all()
        if not self._listening or self._stopped:
            return
        self._awaits_beat = self._paused
        if not self._paused:
            self._put(Kind.BEAT, 0, [self._service.epoch, int(self._options.beat_interval * 1e6)])
            self._flush()

    def _subscribe(self, number: int, fields: Any) -> None:
        request, caller = asked(fields), self._asker
        caller.require(May.WATCH)
        if number in self._watched:
            raise Unreadable("this number is taken")
        if len(self._watched) >= self._options.max_watches:
            self._fail(number, "busy", f"a connection watches at most {self._options.max_watches} questions")
            return
        self._watched.open(caller, number, request)

    def _unsubscribe(self, number: int, _: Any) -> None:
        self._watched.drop(number)

    def _turned(self, number: int, state: WatchState, decision: Decision) -> None:
        """Tell in what state a question is. The answer is of no epoch: another may have begun since."""
        if self._stopped or self._transport is None:
            return
        try:
            self._put(Kind.CHANGE, number, [str(state), *self._told(decision, "")])
        except Exception:
            self._written = Written(self._handles)
            raise
        self._flush()
        if self._transport.get_write_buffer_size() > self._options.max_unsent:
            # INVARIANT: no change is left out. Who cannot take them has to ask anew.
            self.abort()

    def _unwatched(self, number: int, code: str, message: str) -> None:
        if not self._stopped:
            self._fail(number, code, message)
            self._flush()

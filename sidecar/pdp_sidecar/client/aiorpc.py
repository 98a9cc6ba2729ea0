"""Asking by gRPC, from an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
from grpc import aio

from pdp.search import Page
from pdp_sidecar.client import protobuf
from pdp_sidecar.client.asking import expressed, in_order
from pdp_sidecar.client.failures import Failure, Garbled, Late, Lost, Refused
from pdp_sidecar.client.rpc import LEFT, channel_of, stubs_of
from pdp_sidecar.client.wire import Asker, Message, Revoked
from pdp_sidecar.frames.codec import Reply
from pdp_sidecar.generated.admin_service_pb2 import StatusRequest
from pdp_sidecar.generated.decision_service_pb2 import ExplainRequest


class AsyncRpcWire:
    """Asks the sidecar at an address of gRPC. For one event loop at a time: in another one, it connects anew."""

    def __init__(self, address: str, asker: Asker, credentials: Callable[[], Any] | None = None) -> None:
        """Connect to nothing yet."""
        self._address, self._asker, self._credentials = address, asker, credentials
        self.loop: asyncio.AbstractEventLoop | None = None
        self._stubs: tuple[Any, Any, Any] | None = None
        self._ended = False

    async def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question. Raises Failure."""
        message = protobuf.question_message(question, self._asker)
        return protobuf.reply_of(await self._call(self._decisions.Check, message, deadline))

    async def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state. Raises Failure."""
        items, denials = expressed(questions, lambda each: protobuf.question_message(each, self._asker))
        replies: list[Reply] = []
        if items:
            message = protobuf.batch_message(items, self._asker)
            replies = protobuf.replies_of(await self._call(self._decisions.CheckBatch, message, deadline), len(items))
        return in_order(replies, denials)

    async def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Return the trace of an answer as plain data. Raises Failure."""
        request = protobuf.question_message(question, self._asker)
        message = ExplainRequest(request=request)
        return protobuf.trace_of(await self._call(self._decisions.Explain, message, deadline))

    async def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Let something count no more. Raises Failure."""
        message = protobuf.revocation_message(target)
        return protobuf.revoked_of(await self._call(self._admin.Revoke, message, deadline))

    async def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """List what an engine has a method for. Raises Failure."""
        message = protobuf.search_message(method, given, terms, self._asker)
        ask = self._decisions.WhoCan if method == "who_can" else self._decisions.WhatCan
        return protobuf.page_of(method, await self._call(ask, message, deadline))

    async def status(self, deadline: float) -> dict[str, Any]:
        """Tell how the sidecar is. Raises Failure."""
        message = StatusRequest()
        return protobuf.status_of(await self._call(self._admin.Status, message, deadline))

    async def feed(self, deadline: float) -> AsyncRpcFeed:
        """Open a stream. Raises Failure."""
        return AsyncRpcFeed(self._decisions.Watch(metadata=protobuf.metadata(self._asker)), self._asker)

    async def close(self) -> None:
        """Close the channel."""
        self._ended = True
        stubs, self._stubs = self._stubs, None
        if stubs is not None and self.loop is asyncio.get_running_loop():
            await stubs[0].close()

    def forked(self) -> None:
        """Forget the channel of a parent."""
        if self._stubs is not None:
            LEFT.append(self._stubs)
        self._stubs = self.loop = None

    @property
    def _decisions(self) -> Any:
        return self._open()[1]

    @property
    def _admin(self) -> Any:
        return self._open()[2]

    def _open(self) -> tuple[Any, Any, Any]:
        if self._ended:
            raise Refused("closed", "the client is closed")
        loop = asyncio.get_running_loop()
        if self._stubs is None or self.loop is not loop:
            channel = channel_of(aio, self._address, self._credentials)
            self.loop, self._stubs = loop, stubs_of(channel)
        return self._stubs

    async def _call(self, ask: Any, message: Any, deadline: float) -> Any:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Late()
        try:
            return await ask(message, timeout=left, metadata=protobuf.metadata(self._asker))
        except grpc.RpcError as error:
            raise protobuf.failure_of(error) from None
        except aio.UsageError as error:
            # The channel was closed while it was asked.
            raise Refused("closed", str(error)) from error


class AsyncRpcFeed:
    """What a sidecar tells by itself. Tasks read and write: to give up reading would end the call."""

    def __init__(self, call: Any, asker: Asker) -> None:
        """Listen from now on."""
        self._call, self._asker = call, asker
        self._said: asyncio.Queue[Any] = asyncio.Queue()
        self._told: asyncio.Queue[Message | Failure] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self._tasks = loop.create_task(self._read()), loop.create_task(self._write())

    async def next(self, seconds: float) -> Message | None:
        """Return what comes next, None where nothing does in time. Raises Failure where nothing will."""
        try:
            async with asyncio.timeout(seconds):
                found = await self._told.get()
        except TimeoutError:
            return None
        if isinstance(found, Failure):
            raise found
        return found

    def subscribe(self, number: int, question: bytes) -> None:
        """Watch a question. Raises Failure."""
        self._said.put_nowait(protobuf.subscription(number, question, self._asker))

    def unsubscribe(self, number: int) -> None:
        """Watch it no longer."""
        self._said.put_nowait(protobuf.unsubscription(number))

    def close(self) -> None:
        """End it; whoever waits for it is told."""
        self._call.cancel()
        for task in self._tasks:
            task.cancel()
        self._told.put_nowait(Lost("the stream was closed"))

    async def _write(self) -> None:
        try:
            while True:
                await self._call.write(await self._said.get())
        except (grpc.RpcError, asyncio.InvalidStateError):
            # Whoever reads finds out as well, and why.
            pass

    async def _read(self) -> None:
        try:
            while (message := await self._call.read()) is not aio.EOF:
                self._told.put_nowait(protobuf.told_of(message))
            ended: Failure = Lost("the sidecar ended the stream")
        except grpc.RpcError as error:
            ended = protobuf.failure_of(error)
        except Failure as failure:
            ended = failure
        except Exception as error:
            ended = Garbled(f"the stream cannot be read: {type(error).__name__}")
        self._told.put_nowait(ended)

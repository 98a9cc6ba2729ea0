"""Asking by gRPC, from threads."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import grpc

from pdp.search import Page
from pdp_sidecar.client import protobuf
from pdp_sidecar.client.asking import expressed, in_order
from pdp_sidecar.client.failures import Failure, Garbled, Late, Lost, Refused
from pdp_sidecar.client.wire import Asker, Message, Revoked
from pdp_sidecar.frames.codec import Reply
from pdp_sidecar.generated.admin_service_pb2 import StatusRequest
from pdp_sidecar.generated.admin_service_pb2_grpc import AdminServiceStub
from pdp_sidecar.generated.decision_service_pb2 import ExplainRequest
from pdp_sidecar.generated.decision_service_pb2_grpc import DecisionServiceStub

LEFT: Final[list[Any]] = []
"""Channels of a parent, in a child that was forked: to let go of one would wait for threads that are not here."""


class RpcWire:
    """Asks the sidecar at an address of gRPC; `credentials` are those of a channel, None for plaintext."""

    def __init__(self, address: str, asker: Asker, credentials: Callable[[], Any] | None = None) -> None:
        """Connect to nothing yet: a channel is of the process that made it."""
        self._address, self._asker, self._credentials = address, asker, credentials
        self._lock = threading.Lock()
        self._stubs: tuple[Any, Any, Any] | None = None
        self._ended = False

    def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question. Raises Failure."""
        message = protobuf.question_message(question, self._asker)
        return protobuf.reply_of(self._call(self._decisions.Check, message, deadline))

    def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state. Raises Failure."""
        items, denials = expressed(questions, lambda each: protobuf.question_message(each, self._asker))
        replies: list[Reply] = []
        if items:
            message = protobuf.batch_message(items, self._asker)
            replies = protobuf.replies_of(self._call(self._decisions.CheckBatch, message, deadline), len(items))
        return in_order(replies, denials)

    def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Return the trace of an answer as plain data. Raises Failure."""
        request = protobuf.question_message(question, self._asker)
        return protobuf.trace_of(self._call(self._decisions.Explain, ExplainRequest(request=request), deadline))

    def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Let something count no more. Raises Failure."""
        message = protobuf.revocation_message(target)
        return protobuf.revoked_of(self._call(self._admin.Revoke, message, deadline))

    def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """List what an engine has a method for. Raises Failure."""
        message = protobuf.search_message(method, given, terms, self._asker)
        ask = self._decisions.WhoCan if method == "who_can" else self._decisions.WhatCan
        return protobuf.page_of(method, self._call(ask, message, deadline))

    def status(self, deadline: float) -> dict[str, Any]:
        """Tell how the sidecar is. Raises Failure."""
        message = StatusRequest()
        return protobuf.status_of(self._call(self._admin.Status, message, deadline))

    def feed(self, deadline: float) -> RpcFeed:
        """Open a stream. Raises Failure."""
        return RpcFeed(self._decisions.Watch, self._asker, protobuf.metadata(self._asker))

    def forked(self) -> None:
        """Forget the channel of a parent."""
        if self._stubs is not None:
            LEFT.append(self._stubs)
        self._lock, self._stubs = threading.Lock(), None

    def close(self) -> None:
        """Close the channel."""
        self._ended = True
        with self._lock:
            stubs, self._stubs = self._stubs, None
        if stubs is not None:
            stubs[0].close()

    @property
    def _decisions(self) -> Any:
        return self._open()[1]

    @property
    def _admin(self) -> Any:
        return self._open()[2]

    def _open(self) -> tuple[Any, Any, Any]:
        stubs = self._stubs
        if stubs is not None:
            return stubs
        with self._lock:
            if self._ended:
                raise Refused("closed", "the client is closed")
            if self._stubs is None:
                channel = channel_of(grpc, self._address, self._credentials)
                self._stubs = stubs_of(channel)
            return self._stubs

    def _call(self, ask: Any, message: Any, deadline: float) -> Any:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Late()
        try:
            return ask(message, timeout=left, metadata=protobuf.metadata(self._asker))
        except grpc.RpcError as error:
            raise protobuf.failure_of(error) from None
        except ValueError as error:
            # The channel was closed while it was asked.
            raise Refused("closed", str(error)) from error


def channel_of(maker: Any, address: str, credentials: Callable[[], Any] | None) -> Any:
    """Return a channel that `grpc` or `grpc.aio` makes."""
    if credentials is None:
        return maker.insecure_channel(address, options=protobuf.CHANNEL)
    return maker.secure_channel(address, credentials(), options=protobuf.CHANNEL)


def stubs_of(channel: Any) -> tuple[Any, Any, Any]:
    """Return a channel with what asks by it."""
    # What grpcio-tools writes carries no types.
    decisions: Any = DecisionServiceStub
    administration: Any = AdminServiceStub
    return channel, decisions(channel), administration(channel)


class RpcFeed:
    """What a sidecar tells by itself. A thread reads the stream, since to read it waits without an end."""

    def __init__(self, watch: Any, asker: Asker, metadata: Any) -> None:
        """Listen from now on."""
        self._asker, self._process = asker, os.getpid()
        self._said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[Message | Failure] = queue.SimpleQueue()
        try:
            self._call = watch(self._saying(), metadata=metadata)
        except ValueError as error:
            raise Refused("closed", str(error)) from error
        threading.Thread(target=self._read, name="pdp-client-stream", daemon=True).start()

    def next(self, seconds: float) -> Message | None:
        """Return what comes next, None where nothing does in time. Raises Failure where nothing will."""
        try:
            found = self._told.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(found, Failure):
            raise found
        return found

    def subscribe(self, number: int, question: bytes) -> None:
        """Watch a question. Raises Failure."""
        self._said.put(protobuf.subscription(number, question, self._asker))

    def unsubscribe(self, number: int) -> None:
        """Watch it no longer."""
        self._said.put(protobuf.unsubscription(number))

    def close(self) -> None:
        """End it; whoever waits for it is told."""
        self._said.put(None)
        self._call.cancel()
        self._told.put(Lost("the stream was closed"))

    def forget(self) -> None:
        """Let go of it."""
        if os.getpid() == self._process:
            self.close()
        else:
            LEFT.append(self._call)

    def _saying(self) -> Iterator[Any]:
        while (said := self._said.get()) is not None:
            yield said

    def _read(self) -> None:
        try:
            for message in self._call:
                self._told.put(protobuf.told_of(message))
            ended: Failure = Lost("the sidecar ended the stream")
        except grpc.RpcError as error:
            ended = protobuf.failure_of(error)
        except Failure as failure:
            ended = failure
        except Exception as error:
            ended = Garbled(f"the stream cannot be read: {type(error).__name__}")
        self._said.put(None)
        self._told.put(ended)

"""Questions that are answered at once: Check, CheckBatch and CheckStream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from pdp.errors import RequestError
from pdp.model import Decision, Reason, Request
from pdp_sidecar.callers import Caller, May
from pdp_sidecar.generated import check_pb2, decision_service_pb2
from pdp_sidecar.generated.check_pb2 import CheckRequest
from pdp_sidecar.generated.decision_service_pb2 import CheckBatchRequest, CheckStreamRequest, CheckStreamResponse
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.rpc.refusals import abort, refusal
from pdp_sidecar.rpc.streams import Streams
from pdp_sidecar.service import NO_HANDLES, Service, granted
from pdp_sidecar.wire.answers import response_message
from pdp_sidecar.wire.replies import Replies, item
from pdp_sidecar.wire.requests import NO_DEFAULTS, Defaults, Questions

FAILED: Final = check_pb2.CheckResponse(
    decision=check_pb2.DECISION_DENY,
    reason=check_pb2.REASON_INTERNAL_ERROR,
    detail="the request could not be answered",
).SerializeToString()
"""The answer where nothing else can be said. It is made beforehand: it may be needed when there is no memory left."""

_RESPONSE: Final = b"\x12"  # Field 2 of a CheckStreamResponse.
_TIMES: Final = 16
"""The defaults of a batch, taken once for each item, are at most so many times as large as a message may be."""

_UNTIL_YES: Final = {
    decision_service_pb2.SEMANTIC_UNSPECIFIED: None,
    decision_service_pb2.SEMANTIC_EXECUTE_ALL: None,
    decision_service_pb2.SEMANTIC_DENY_ON_FIRST_DENY: False,
    decision_service_pb2.SEMANTIC_PERMIT_ON_FIRST_PERMIT: True,
}


class Checks:
    """Answers what comes as bytes with bytes: to make messages of answers would take longer than to find them."""

    def __init__(self, service: Service, identities: Identities, streams: Streams, options: Options) -> None:
        self._service, self._identities, self._streams, self._options = service, identities, streams, options
        self._replies = Replies(service.kept, lends=service.lends)
        self._questions = Questions()

    # ----------------------------------------------------------------------------------------------------- one by one

    async def check(self, data: bytes, context: Any) -> bytes:
        """Answer Check."""
        try:
            caller = self._asking(context)
            message = CheckRequest.FromString(data)
        except Exception as error:
            await abort(context, refusal(error))
        return await self._answer(caller, message)

    async def stream(self, incoming: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Answer CheckStream: one question after the other, as many as come. The client may send on meanwhile."""
        try:
            self._asking(context)
            with self._streams.take():
                while (data := await self._streams.next(incoming)) is not None:
                    # Anew for each: a certificate may have run out since.
                    caller = self._asking(context)
                    message = CheckStreamRequest.FromString(data)
                    answer = await self._answer(caller, message.request)
                    yield CheckStreamResponse(id=message.id).SerializeToString() + item(answer, _RESPONSE)
        except Exception as error:
            await abort(context, refusal(error))

    def _asking(self, context: Any) -> Caller:
        caller = self._identities.of(context)
        caller.require(May.CHECK)
        return caller

    async def _answer(self, caller: Caller, message: CheckRequest) -> bytes:
        try:
            service = self._service
            try:
                request = self._questions.of(message)
            except RequestError as error:
                decision, epoch = service.deny(Reason.INVALID_REQUEST, str(error)), service.epoch
            else:
                answer = service.check(caller, request)
                decision, epoch = answer.decision, answer.epoch
            handles = frozenset(message.handles) if message.handles else NO_HANDLES
            if message.view == check_pb2.VIEW_FULL:
                return await asyncio.to_thread(self._full, decision, handles, epoch)
            return self._replies.alone(decision, handles, epoch)
        except Exception:
            # INVARIANT: whatever raises is a deny, and one that nobody keeps: it is of no epoch.
            return FAILED

    def _full(self, decision: Decision, handles: frozenset[str], epoch: str) -> bytes:
        under, lease = self._service.kept(decision, epoch)
        return response_message(decision, handles, full=True, epoch=under, lease=lease).SerializeToString()

    # ---------------------------------------------------------------------------------------------------------- many

    async def batch(self, data: bytes, context: Any) -> bytes:
        """Answer CheckBatch. A question that cannot be read is a deny among the others."""
        try:
            caller = self._asking(context)
            message = CheckBatchRequest.FromString(data)
            self._hold_to_limits(message)
            return await self._answers(caller, message, _until_yes(message))
        except Exception as error:
            await abort(context, refusal(error))

    def _hold_to_limits(self, message: CheckBatchRequest) -> None:
        count = len(message.items)
        if count > self._options.batch_items:
            raise RequestError(f"a batch has at most {self._options.batch_items} items, this one has {count}")
        if message.HasField("defaults") and message.defaults.ByteSize() * count > _TIMES * self._options.message_size:
            # They are sent once, and looked at for each item.
            raise RequestError("the defaults of a batch are too large for so many items")

    async def _answers(self, caller: Caller, message: CheckBatchRequest, until_yes: bool | None) -> bytes:
        service, defaults, shared = self._service, NO_DEFAULTS, NO_HANDLES
        if message.HasField("defaults"):
            defaults, shared = self._questions.defaults(message.defaults), frozenset(message.defaults.handles)
        questions = [self._question(each, defaults) for each in message.items]
        asked = [each for each in questions if type(each) is Request]
        decisions, epoch = service.check_many(caller, asked)
        if len(asked) != len(questions):
            decisions = self._filled(questions, decisions)
        handles = [shared.union(each.handles) if each.handles else shared for each in message.items]
        if message.defaults.view == check_pb2.VIEW_FULL:
            return await asyncio.to_thread(self._full_items, decisions, handles, epoch, until_yes)
        return self._replies.items(decisions, handles, epoch, until_yes)

    def _question(self, message: CheckRequest, defaults: Defaults) -> Request | RequestError:
        try:
            return self._questions.of(message, defaults)
        except RequestError as error:
            return error

    def _filled(self, questions: Sequence[Request | RequestError], decisions: Sequence[Decision]) -> list[Decision]:
        """Return decisions with a deny for each question that could not be read."""
        rest = iter(decisions)
        return [
            next(rest) if isinstance(each, Request) else self._service.deny(Reason.INVALID_REQUEST, str(each))
            for each in questions
        ]

    def _full_items(
        self,
        decisions: Sequence[Decision],
        handles: Sequence[frozenset[str]],
        epoch: str,
        until_yes: bool | None,
    ) -> bytes:
        found = []
        for decision, handled in zip(decisions, handles, strict=True):
            found.append(item(self._full(decision, handled, epoch)))
            if granted(decision, handled) is until_yes:
                break
        return b"".join(found)


def _until_yes(message: CheckBatchRequest) -> bool | None:
    """Return the answer after which no other is told, None where all are; raise RequestError."""
    if message.semantic not in _UNTIL_YES:
        raise RequestError("the semantic of a batch is one that is not known here")
    return _UNTIL_YES[message.semantic]

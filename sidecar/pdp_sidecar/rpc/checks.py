"""Questions that are answered at once: Check, CheckBatch and CheckStream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from pdp.errors import PdpError, RequestError, TokenError
from pdp.identity.who import Identity
from pdp.model import Decision, Reason, Request
from pdp_sidecar.callers import Caller, May
from pdp_sidecar.generated import check_pb2, decision_service_pb2
from pdp_sidecar.generated.check_pb2 import CheckRequest
from pdp_sidecar.generated.decision_service_pb2 import CheckBatchRequest, CheckStreamRequest, CheckStreamResponse
from pdp_sidecar.rpc.bearers import asked_for, bearer_of, bearers_of
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.options import Options
from pdp_sidecar.rpc.refusals import abort, refusal
from pdp_sidecar.rpc.streams import Streams
from pdp_sidecar.service import NO_HANDLES, Service, granted
from pdp_sidecar.wire.answers import response_message
from pdp_sidecar.wire.batches import batch_of
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
            caller = await self._asking(context)
            message = CheckRequest.FromString(data)
        except Exception as error:
            await abort(context, refusal(error))
        return await self._answer(caller, message)

    async def stream(self, incoming: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Answer CheckStream: one question after the other, as many as come. The client may send on meanwhile."""
        try:
            await self._asking(context)
            with self._streams.take():
                while (data := await self._streams.next(incoming)) is not None:
                    # Anew for each: a certificate may have run out since.
                    caller = await self._asking(context)
                    message = CheckStreamRequest.FromString(data)
                    answer = await self._answer(caller, message.request)
                    yield CheckStreamResponse(id=message.id).SerializeToString() + item(answer, _RESPONSE)
        except Exception as error:
            await abort(context, refusal(error))

    async def _asking(self, context: Any) -> Caller:
        caller = await self._identities.of(context)
        caller.require(May.CHECK)
        return caller

    async def _answer(self, caller: Caller, message: CheckRequest) -> bytes:
        try:
            decision, epoch = await self._decided(caller, message)
            handles = frozenset(message.handles) if message.handles else NO_HANDLES
            if message.view == check_pb2.VIEW_FULL:
                return await asyncio.to_thread(self._full, decision, handles, epoch)
            return self._replies.alone(decision, handles, epoch)
        except Exception:
            # INVARIANT: whatever raises is a deny, and one that nobody keeps: it is of no epoch.
            return FAILED

    async def _decided(self, caller: Caller, message: CheckRequest) -> tuple[Decision, str]:
        service = self._service
        try:
            token = await bearer_of(service, caller, message) if message.HasField("token") else None
            request = self._questions.of(message, asked_for(caller, token))
        except TokenError as error:
            return service.refused(error), service.epoch
        except RequestError as error:
            return service.deny(Reason.INVALID_REQUEST, str(error)), service.epoch
        answer = service.check(caller, request, token)
        return answer.decision, answer.epoch

    def _full(self, decision: Decision, handles: frozenset[str], epoch: str) -> bytes:
        under, lease = self._service.kept(decision, epoch)
        return response_message(decision, handles, full=True, epoch=under, lease=lease).SerializeToString()

    # ---------------------------------------------------------------------------------------------------------- many

    async def batch(self, data: bytes, context: Any) -> bytes:
        """Answer CheckBatch. A question that cannot be read is a deny among the others."""
        try:
            caller = await self._asking(context)
            if caller.identity is None:
                answers = self._plain(caller, data)
                if answers is not None:
                    return answers
            message = CheckBatchRequest.FromString(data)
            self._hold_to_limits(message)
            return await self._answers(caller, message, _until_yes(message))
        except Exception as error:
            await abort(context, refusal(error))

    def _plain(self, caller: Caller, data: bytes) -> bytes | None:
        """Answer a batch of questions that only name things; return None for any other, and for one that is wrong."""
        batch = batch_of(data, self._options.batch_items, self._questions.naming)
        if batch is None:
            return None
        defaults, shared = NO_DEFAULTS, NO_HANDLES
        if batch.defaults:
            if len(batch.defaults) * len(batch.questions) > _TIMES * self._options.message_size:
                return None
            message = CheckRequest.FromString(batch.defaults)
            if message.HasField("token") or message.HasField("shown") or message.view == check_pb2.VIEW_FULL:
                return None
            defaults, shared = self._questions.defaults(message), frozenset(message.handles)
        requests, handles = [], []
        for named in batch.questions:
            request = named.request(defaults)
            if request is None:
                return None
            requests.append(request)
            handles.append(shared | named.handles if named.handles else shared)
        decisions, epoch = self._service.check_many(caller, requests)
        return self._replies.items(decisions, handles, epoch)

    def _hold_to_limits(self, message: CheckBatchRequest) -> None:
        count = len(message.items)
        if count > self._options.batch_items:
            raise RequestError(f"a batch has at most {self._options.batch_items} items, this one has {count}")
        if message.HasField("defaults") and message.defaults.ByteSize() * count > _TIMES * self._options.message_size:
            # They are sent once, and looked at for each item.
            raise RequestError("the defaults of a batch are too large for so many items")

    async def _answers(self, caller: Caller, message: CheckBatchRequest, until_yes: bool | None) -> bytes:
        has_defaults = message.HasField("defaults")
        tokens = await bearers_of(self._service, caller, message.items, message.defaults if has_defaults else None)
        defaults, shared = asked_for(caller, None), NO_HANDLES
        if has_defaults:
            defaults, shared = self._questions.defaults(message.defaults), frozenset(message.defaults.handles)
            defaults = defaults if tokens else asked_for(caller, None, defaults)
        questions = self._read(caller, message.items, tokens, defaults)
        decisions, epoch = self._decisions(caller, questions, tokens)
        handles = [shared.union(each.handles) if each.handles else shared for each in message.items]
        if message.defaults.view == check_pb2.VIEW_FULL:
            return await asyncio.to_thread(self._full_items, decisions, handles, epoch, until_yes)
        return self._replies.items(decisions, handles, epoch, until_yes)

    def _read(
        self,
        caller: Caller,
        messages: Sequence[CheckRequest],
        tokens: Sequence[Identity | TokenError | None],
        defaults: Defaults,
    ) -> list[Request | PdpError]:
        """Return questions, or why one is none; `tokens` are those that they bring, none at all where no one does."""
        if not tokens:
            return [self._question(each, defaults) for each in messages]
        return [
            token if isinstance(token, TokenError) else self._question(each, asked_for(caller, token, defaults))
            for each, token in zip(messages, tokens, strict=True)
        ]

    def _question(self, message: CheckRequest, defaults: Defaults) -> Request | PdpError:
        try:
            return self._questions.of(message, defaults)
        except RequestError as error:
            return error

    def _decisions(
        self,
        caller: Caller,
        questions: Sequence[Request | PdpError],
        tokens: Sequence[Identity | TokenError | None],
    ) -> tuple[Sequence[Decision], str]:
        """Return the decisions of questions, with a deny for each that could not be read."""
        places = [place for place, each in enumerate(questions) if isinstance(each, Request)]
        asked = [each for each in questions if isinstance(each, Request)]
        brought = {}
        if tokens:
            brought = {at: found for at, place in enumerate(places) if isinstance(found := tokens[place], Identity)}
        decisions, epoch = self._service.check_many(caller, asked, brought)
        if len(asked) == len(questions):
            return decisions, epoch
        rest = iter(decisions)
        return [next(rest) if isinstance(each, Request) else self._denied(each) for each in questions], epoch

    def _denied(self, error: PdpError) -> Decision:
        if isinstance(error, TokenError):
            return self._service.refused(error)
        return self._service.deny(Reason.INVALID_REQUEST, str(error))

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

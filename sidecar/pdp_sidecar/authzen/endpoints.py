"""The endpoints: a body in, a body out. They raise Refused, and NotPermitted for what a caller may not do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from pdp.errors import RequestError, TokenError
from pdp.identity.who import Identity
from pdp.model import Decision, Request
from pdp.search import Asking, Page
from pdp_sidecar.authzen import answers
from pdp_sidecar.authzen.bearers import NO_BEARERS, Bearers, is_token, shown_of
from pdp_sidecar.authzen.clients import Client
from pdp_sidecar.authzen.documents import (
    ActionSearch,
    Evaluation,
    Item,
    Named,
    Paging,
    ResourceSearch,
    Semantic,
    SubjectSearch,
)
from pdp_sidecar.authzen.mapping import Mapping, RequestingMapping
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.authzen.reading import BatchReader, EvaluationReader, Reader, Refused
from pdp_sidecar.authzen.requests import CAPABILITY, KEYS, REQUESTS, Requests
from pdp_sidecar.service import Service, granted

WELL_KNOWN = "/.well-known/authzen-configuration"


def micros() -> int:
    """Return the time of the machine in microseconds since the epoch."""
    return time.time_ns() // 1000


class Endpoints:
    """Answers bodies by a service. `now` is asked for leases that are told."""

    def __init__(self, service: Service, options: Options, *, now: Callable[[], int] = micros) -> None:
        self._service, self._options, self._now = service, options, now
        desk = service.desk
        self.requests: Requests | None = None
        self._mapping = Mapping(options)
        if options.access_requests and desk is not None:
            self.requests, self._mapping = Requests(service, desk, options, now=now), RequestingMapping(options)
        self._evaluation, self._batch, self._item = EvaluationReader(), BatchReader(), Reader(Item)
        self._subjects, self._resources = Reader(SubjectSearch), Reader(ResourceSearch)
        self._actions = Reader(ActionSearch)
        self._turns = asyncio.Semaphore(options.max_searches)

    # ---------------------------------------------------------------------------------------------------- evaluations

    def evaluation(self, client: Client, body: bytes) -> bytes | Awaitable[bytes]:
        """Answer one question."""
        return self._evaluated(client, self._evaluation.read(body))

    def _evaluated(self, client: Client, asked: Evaluation) -> bytes | Awaitable[bytes]:
        if is_token(asked.subject):
            return self._of_token(client, asked, asked.subject)
        return self._answer(client, self._mapping.request(asked, client.itself))

    async def _of_token(self, client: Client, asked: Evaluation, subject: Named) -> bytes:
        try:
            token = await self._service.bearer(client.caller, subject.id, shown_of(subject))
        except TokenError as error:
            return self._told(client, self._service.refused(error), self._service.epoch)
        return self._answer(client, self._mapping.request(asked, token.principal), token)

    def _answer(self, client: Client, request: Request, token: Identity | None = None) -> bytes:
        answer = self._service.check(client.caller, request, token)
        return self._told(client, answer.decision, answer.epoch, token, request)

    def _told(
        self,
        client: Client,
        decision: Decision,
        epoch: str,
        token: Identity | None = None,
        request: Request | None = None,
    ) -> bytes:
        if client.reasons:
            step_up = self._service.step_up(client.caller, decision, token)
            more = answers.NOTHING_MORE if step_up is None else step_up.context()
            if self.requests is not None and request is not None:
                more = {**more, **self.requests.offer(client, request, decision, token)}
            return answers.reasoned(decision, client.handles, epoch, self._now(), more)
        return answers.plain(decision, client.handles)

    def evaluations(self, client: Client, body: bytes) -> bytes | Awaitable[bytes]:
        """Answer many questions, or one where there are no `evaluations`."""
        batch = self._batch.read(body)
        if not batch.evaluations:
            return self._evaluated(client, _alone(batch))
        if len(batch.evaluations) > self._options.max_evaluations:
            raise Refused(400, f"a request has at most {self._options.max_evaluations} evaluations")
        semantic = UNSET if batch.options is UNSET else batch.options.evaluations_semantic
        items = [self._item_of(each) for each in batch.evaluations]
        if is_token(batch.subject) or any(isinstance(each, Item) and is_token(each.subject) for each in items):
            return self._of_tokens(client, items, batch, semantic)
        return answers.many(_as_far(self._answers(client, items, batch, NO_BEARERS), semantic))

    async def _of_tokens(
        self, client: Client, items: Sequence[Item | Refused], batch: Item, semantic: Semantic | msgspec.UnsetType
    ) -> bytes:
        bearers = Bearers()
        subjects = [each.subject for each in items if isinstance(each, Item)]
        await bearers.look(self._service, client.caller, (batch.subject, *subjects))
        return answers.many(_as_far(self._answers(client, items, batch, bearers), semantic))

    def _answers(
        self, client: Client, items: Sequence[Item | Refused], batch: Item, bearers: Bearers
    ) -> list[tuple[bool, bytes]]:
        """Return for each question whether it is granted, and its answer."""
        asked = [self._asked(client, each, batch, bearers) for each in items]
        requests = [each for each in asked if isinstance(each, tuple)]
        tokens = {place: token for place, (_, token) in enumerate(requests) if token is not None}
        decisions, epoch = self._service.check_many(client.caller, [request for request, _ in requests], tokens)
        left = iter(decisions)
        found: list[tuple[bool, bytes]] = []
        for each in asked:
            if isinstance(each, Refused):
                found.append((False, answers.failed(each.status, each.message)))
                continue
            if isinstance(each, TokenError):
                decision, request, token = self._service.refused(each), None, None
            else:
                decision, (request, token) = next(left), each
            found.append((granted(decision, client.handles), self._told(client, decision, epoch, token, request)))
        return found

    def _item_of(self, item: Item | msgspec.Raw) -> Item | Refused:
        try:
            return item if isinstance(item, Item) else self._item.part(bytes(item))
        except Refused as refused:
            return refused

    def _asked(
        self, client: Client, item: Item | Refused, batch: Item, bearers: Bearers
    ) -> tuple[Request, Identity | None] | TokenError | Refused:
        if isinstance(item, Refused):
            return item
        try:
            token = bearers.of(batch.subject if item.subject is UNSET else item.subject)
            who = client.itself if token is None else token.principal
            return self._mapping.item(item, batch, who), token
        except (Refused, TokenError) as refused:
            return refused

    # ------------------------------------------------------------------------------------------------------- searches

    async def subjects(self, client: Client, body: bytes) -> bytes:
        """List who may do something."""
        asked, mapping = self._subjects.read(body), self._mapping
        terms = self._terms(client, mapping.rest(asked.action, asked.context), asked.page)
        page = await self._search(
            lambda: self._service.who_can(
                client.caller,
                mapping.type(asked.subject.type),
                asked.action.name,
                mapping.resource(asked.resource),
                **terms,
            )
        )
        return _listed([{"type": asked.subject.type, "id": each.id} for each in page.results], page, asked.page)

    async def resources(self, client: Client, body: bytes) -> bytes:
        """List on what somebody may do something."""
        asked, mapping = self._resources.read(body), self._mapping
        terms = self._terms(client, mapping.rest(asked.action, asked.context), asked.page)
        page = await self._search(
            lambda: self._service.what_can(
                client.caller,
                mapping.principal(asked.subject),
                asked.action.name,
                mapping.type(asked.resource.type),
                **terms,
            )
        )
        return _listed([{"type": asked.resource.type, "id": each.id} for each in page.results], page, asked.page)

    async def actions(self, client: Client, body: bytes) -> bytes:
        """List what somebody may do."""
        asked, mapping = self._actions.read(body), self._mapping
        terms = self._terms(client, mapping.rest(None, asked.context), asked.page)
        page = await self._search(
            lambda: self._service.actions(
                client.caller, mapping.principal(asked.subject), mapping.resource(asked.resource), **terms
            )
        )
        return _listed([{"name": each} for each in page.results], page, asked.page)

    def _terms(self, client: Client, rest: tuple[Any, Any], page: Paging | msgspec.UnsetType) -> Asking:
        options, found = self._options, Asking(context=rest[0], session=rest[1], handles=client.handles)
        limit = options.page if page is UNSET or page.limit is UNSET else page.limit
        found["limit"] = min(limit, options.max_page)
        found["token"] = "" if page is UNSET else page.token
        return found

    async def _search(self, ask: Callable[[], Page[Any]]) -> Page[Any]:
        async with self._turns:
            try:
                return await asyncio.to_thread(ask)
            except RequestError as error:
                raise Refused(400, str(error)) from None


def _alone(batch: Item) -> Evaluation:
    action, resource = batch.action, batch.resource
    if action is UNSET or resource is UNSET:
        lacking = ((batch.subject, "subject"), (action, "action"), (resource, "resource"))
        raise Refused(400, f"Object missing required field `{next(name for part, name in lacking if part is UNSET)}`")
    return Evaluation(subject=batch.subject, action=action, resource=resource, context=batch.context)


def _as_far(found: list[tuple[bool, bytes]], semantic: Semantic | msgspec.UnsetType) -> list[bytes]:
    """Return the answers up to the one that ends it."""
    if semantic is not UNSET and semantic != "execute_all":
        ends = semantic == "permit_on_first_permit"
        last = next((place for place, (granted, _) in enumerate(found) if granted is ends), len(found))
        found = found[: last + 1]
    return [told for _, told in found]


def _listed(results: list[dict[str, str]], page: Page[Any], asked: Paging | msgspec.UnsetType) -> bytes:
    # Where all is told, there is no page, unless one was asked for.
    paged = bool(page.next_token) or asked is not UNSET
    return answers.encode({**({"page": {"next_token": page.next_token}} if paged else {}), "results": results})


# ------------------------------------------------------------------------------------------------------------ discovery


def prefix_of(options: Options) -> str:
    """Return the path under which clients know the decision point."""
    return urlsplit(options.identifier).path.rstrip("/")


def metadata(options: Options, *, requests: bool = False) -> bytes:
    """Return what discovery tells; `requests` says that access can be asked for."""
    base = options.identifier.rstrip("/")
    names = {"access_evaluation_endpoint": "evaluation", "access_evaluations_endpoint": "evaluations"}
    if options.searches:
        names |= {f"search_{kind}_endpoint": f"search/{kind}" for kind in ("subject", "resource", "action")}
    urls = {name: f"{base}/access/v1/{path}" for name, path in names.items()}
    if requests:
        urls |= {"access_request_endpoint": f"{base}{REQUESTS}", "jwks_uri": f"{base}{KEYS}"}
    capabilities = [CAPABILITY] if requests else []
    return answers.encode({"policy_decision_point": options.identifier, **urls, "capabilities": capabilities})


Endpoint = Callable[[Client, bytes], bytes | Awaitable[bytes]]

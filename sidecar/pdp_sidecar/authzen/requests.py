"""Asking for access that was denied for want of approvals: a profile of AuthZEN that is a draft yet.

A denial says that it may be asked for, whoever was denied asks, people approve at the desk, and the same question is
asked again. What was approved is on record, and what a client says of it counts for nothing.
"""

from __future__ import annotations

import asyncio
import datetime as _datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET

from pdp.approvals.ledger import AccessRequest
from pdp.classes import dataclass
from pdp.errors import RecordError, RequestError, TokenError
from pdp.identity.who import Identity
from pdp.model import Decision, Entity, Outcome, Remedy, Request
from pdp.schema import Schema
from pdp.values import Datetime, EntityRef
from pdp_sidecar.authzen import answers
from pdp_sidecar.authzen.bearers import is_token, shown_of
from pdp_sidecar.authzen.clients import Client
from pdp_sidecar.authzen.denials import Claims, Denials, WrongDenialError, digest, instant
from pdp_sidecar.authzen.documents import Evaluation, Submission
from pdp_sidecar.authzen.mapping import RequestingMapping
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.authzen.reading import Reader, Refused
from pdp_sidecar.authzen.tasks import Names, document
from pdp_sidecar.callers import May, NotPermitted
from pdp_sidecar.desk import Conflict, Desk, TooMany, Wish
from pdp_sidecar.identifying import told
from pdp_sidecar.proven import ProvenRequest
from pdp_sidecar.service import Service

REQUESTS: Final = "/access/v1/requests"
KEYS: Final = "/access/v1/jwks"
CAPABILITY: Final = "urn:openid:authzen:capability:access-request"
REASON: Final = "approval_required"
_ERROR: Final = "urn:openid:authzen:access-request:error:"
_TURNS: Final = 2
_LONGEST_KEY: Final = 256
_WHY: Final = "business_justification"


@dataclass(frozen=True, slots=True)
class Asked:
    """A submission, for whom it is asked, and what it came to as a question."""

    submission: Submission
    asker: Identity
    request: Request


class Requests:
    """Answers what is asked of access that was denied. `now` is in microseconds since the epoch."""

    def __init__(self, service: Service, desk: Desk, options: Options, *, now: Callable[[], int]) -> None:
        self._service, self._desk, self._options, self._now = service, desk, options, now
        self.url = options.identifier.rstrip("/") + REQUESTS
        self._denials = Denials(desk.secret("denials"), options.identifier, self.url)
        self._names = Names(desk.secret("tasks"))
        self._mapping, self._reader = RequestingMapping(options), Reader(Submission)
        self._turns = asyncio.Semaphore(_TURNS)

    @property
    def jwks(self) -> bytes:
        """The key by which denials are signed, as RFC 7517 has it."""
        return answers.encode({"keys": [self._denials.jwk]})

    # ------------------------------------------------------------------------------------------------------- denials

    def offer(self, client: Client, request: Request, decision: Decision, token: Identity | None) -> Mapping[str, Any]:
        """Return what a denial says where its access may be asked for, nothing for any other."""
        asker = client.caller.identity if token is None else token
        if asker is None or asker.actors or not client.known or decision.outcome is not Outcome.DENY:
            return answers.NOTHING_MORE
        rule = next((found for each in decision.remedies if (found := rule_of(each)) is not None), None)
        if rule is None:
            return answers.NOTHING_MORE
        now = self._now()
        try:
            request = self._service.settled(client.caller, request, token)
        except NotPermitted:
            return answers.NOTHING_MORE
        if not self._desk.could_ask(request, rule, Datetime(now)):
            return answers.NOTHING_MORE
        about = self._about(client, asker, request)
        denial = self._denials.sign(about, rule, now=now, seconds=self._options.denial_seconds)
        return {
            "evaluation_id": denial.claims.jti,
            "evaluated_at": instant(denial.claims.iat),
            "reason": REASON,
            "access_request": {
                "endpoint": self.url,
                "template": rule,
                "expires_at": denial.claims.denial_expires_at,
                "binding_token": denial.token,
            },
        }

    def _about(self, client: Client, asker: Identity, request: Request) -> str:
        """Return what stands for a question and whoever asks it: all that is decided by."""
        schema = self._service.engine.policy.schema
        # Of somebody who was verified, attributes are those of their token, which may be another by then.
        proven = isinstance(request, ProvenRequest)
        principal = request.principal.ref if proven and isinstance(request.principal, Entity) else request.principal
        return digest(
            [
                client.whose,
                [asker.issuer, *asker.ref],
                _plain(principal),
                request.action,
                _plain(request.resource),
                _declared(request, schema),
            ]
        )

    # ---------------------------------------------------------------------------------------------------- submission

    async def submit(self, client: Client, body: bytes) -> bytes:
        """Ask for access, and tell of the task that this is; raise Refused or NotPermitted."""
        asked = await self._asked(client, self._reader.read(body))
        claims = self._claims(client, asked)
        wish = self._wish(client, asked, claims)
        known = await self._at_desk(lambda: self._desk.asked(wish))
        if known is None:
            # What was asked for in time may be sent again later: it is the same.
            if self._now() >= claims.exp * 1_000_000:
                raise _problem("expired_denial", 410, "the denial is too old: ask again whether it is allowed")
            most = self._options.max_open_requests
            known = await self._at_desk(lambda: self._desk.ask(asked.asker, wish, most=most))
        return await self._told(self._names.task(known.id, claims.rule, client.whose), known, claims.rule)

    async def _asked(self, client: Client, submission: Submission) -> Asked:
        if submission.items is not UNSET:
            raise Refused(400, "access is asked for one by one: `items` are not taken")
        if submission.client.actor is not UNSET:
            raise NotPermitted("who acts for somebody says a token, and `client.actor` is none")
        if submission.action is UNSET or submission.resource is UNSET:
            name = "action" if submission.action is UNSET else "resource"
            raise Refused(400, f"Object missing required field `{name}`")
        token = None
        if is_token(submission.subject):
            subject = submission.subject
            try:
                token = await self._service.bearer(client.caller, subject.id, shown_of(subject))
            except TokenError as error:
                # No 401: that would be about the token of the client.
                raise Refused(503 if error.passing else 400, told(error)) from None
        asker = client.caller.identity if token is None else token
        if asker is None:
            message = "did not prove to be anybody: who asks for access shows a token, or hands one on"
            raise NotPermitted(f"`{client.caller.name}` {message}")
        question = Evaluation(
            subject=submission.subject,
            action=submission.action,
            resource=submission.resource,
            context=submission.context,
        )
        request = self._mapping.request(question, client.itself if token is None else token.principal)
        return Asked(submission, asker, self._service.settled(client.caller, request, token))

    def _claims(self, client: Client, asked: Asked) -> Claims:
        """Return what the denial says that is shown; raise Refused where it is none of this question and client."""
        shown = asked.submission.denial
        if shown is UNSET or shown.binding_token is UNSET:
            raise _problem("invalid_denial_binding", 400, "nothing says that this was denied: show `binding_token`")
        try:
            claims = self._denials.read(shown.binding_token)
        except WrongDenialError as error:
            raise _problem("invalid_denial_binding", 400, str(error)) from None
        if claims.binding_digest != self._about(client, asked.asker, asked.request):
            raise _problem("invalid_denial_binding", 400, "the denial is of another question, or of another client")
        if _instant(shown.expires_at, "denial.expires_at") != _instant(claims.denial_expires_at, ""):
            raise _problem("invalid_denial_binding", 400, "`denial.expires_at` is not that of the denial")
        if shown.evaluation_id not in (UNSET, claims.jti):
            raise _problem("invalid_denial_binding", 400, "`denial.evaluation_id` is not that of the denial")
        return claims

    def _wish(self, client: Client, asked: Asked, claims: Claims) -> Wish:
        if len(client.key) > _LONGEST_KEY:
            raise Refused(400, f"`Idempotency-Key` has at most {_LONGEST_KEY} characters")
        # Without a name of its own, a submission goes by that of its denial: shown again, it asks for nothing new.
        key = f"key {client.key}" if client.key else f"denial {claims.jti}"
        lasts, why = self._lasts(asked.submission), _why(asked.submission)
        until = None if isinstance(lasts, _datetime.timedelta) else str(Datetime.of(lasts))
        # By what comes of it: the token that is shown may be another the next time.
        meant = digest([claims.binding_digest, claims.jti, until, why])
        begins, id_ = self._names.request(client.whose, repr((*asked.asker.ref, key)), meant)
        return Wish(request=asked.request, rule=claims.rule, lasts=lasts, why=why, key=begins, id=id_)

    def _lasts(self, submission: Submission) -> _datetime.timedelta | _datetime.datetime:
        longest, until = self._options.access_seconds, submission.requested_access.requested_until
        if until is UNSET:
            return _datetime.timedelta(seconds=longest)
        found = _instant(until, "requested_access.requested_until")
        if found.micros > self._now() + longest * 1_000_000:
            raise Refused(400, f"`requested_access.requested_until` is at most {longest} seconds from now")
        return found.to_datetime()

    # --------------------------------------------------------------------------------------------------------- tasks

    async def task(self, client: Client, name: bytes) -> bytes:
        """Tell what became of what a client asked for; raise Refused or NotPermitted."""
        client.caller.require(May.CHECK)
        text = name.decode("latin-1")
        handle = self._names.handle(text, client.whose)
        found = None if handle is None else await self._at_desk(lambda: self._desk.found(handle.request))
        if handle is None or found is None:
            # Whose it is else, nobody is told.
            raise _problem("unknown_task", 404, "there is no such task of this client")
        rule = self._names.rule(handle, self._desk.rules(found.wanted.action))
        return await self._told(text, found, rule)

    async def _told(self, name: str, found: AccessRequest, rule: str | None) -> bytes:
        """Return what is told of a task. Of a rule that is there no more, nothing is approved."""
        now = Datetime(self._now())
        term = None if rule is None else await self._at_desk(lambda: self._desk.term(found, rule, now))
        approval = self._names.approval(found.id)
        return answers.encode(document(self.url, name, found, term, now, approval))

    async def _at_desk(self, do: Callable[[], Any]) -> Any:
        """Do what takes a disk, in a thread of its own; raise Refused for what comes of it."""
        async with self._turns:
            try:
                return await asyncio.to_thread(do)
            except Conflict:
                message = "something else was asked for with this `Idempotency-Key`"
                raise _problem("duplicate_request", 409, message) from None
            except TooMany:
                raise Refused(429, "too many requests wait for approvals: let some be answered") from None
            except RequestError as error:
                raise _problem("not_requestable", 400, str(error)) from None
            except RecordError:
                raise Refused(503, "the record of approvals cannot be used now") from None


def _problem(name: str, status: int, message: str) -> Refused:
    return Refused(status, message, problem=f"{_ERROR}{name}")


def _instant(text: str, what: str) -> Datetime:
    try:
        return Datetime.parse(text)
    except ValueError:
        raise Refused(400, f"`{what}` is no time as RFC 3339 writes it") from None


def _why(submission: Submission) -> str:
    given = None if submission.context is UNSET else submission.context.get(_WHY)
    if type(given) is not str or not given.strip():
        raise Refused(400, f"say why, in `context.{_WHY}`: who reads it decides by it")
    return given


def _plain(entity: Entity | EntityRef) -> list[Any]:
    if isinstance(entity, Entity):
        return [*entity.ref, dict(entity.attributes)]
    return [*entity]


def _declared(request: Request, schema: Schema) -> dict[str, Any]:
    """Return what of a context a policy can see: only that is decided by."""
    context, action = request.context or {}, schema.actions.get(request.action)
    if action is None or schema.open:
        return dict(context)
    return {name: value for name, value in context.items() if name in action.context.fields}


def rule_of(remedy: Remedy) -> str | None:
    """Return the rule to ask approvals for first, None where a remedy takes anything else as well."""
    asks = [need.rule for need in remedy.needs if need.approvals is not None]
    lifts = [[need.rule for need in lift.one_of if need.approvals is not None] for lift in remedy.lifts]
    if len(asks) < len(remedy.needs) or not all(lifts):
        return None
    return next(iter([*asks, *(each for found in lifts for each in found)]), None)

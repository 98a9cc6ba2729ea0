"""The policy decision point: requests in, decisions out, and never an exception that could be taken for an allow."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pdp import conform, trace
from pdp.classes import replace
from pdp.conform import Mismatch
from pdp.entities import Store
from pdp.errors import RequestError
from pdp.evaluation import Question
from pdp.facts import Snapshot
from pdp.folder import Loaded, load, load_sources
from pdp.interpreter import Judgement, judge
from pdp.model import Approval, Decision, Entity, Obligation, Outcome, Reason, Remedy, Request
from pdp.ports import AttributeProvider, DecisionSink
from pdp.schema import Schema
from pdp.source import Source
from pdp.terms import Policy
from pdp.values import Datetime, EntityRef, Unknown, Value

if TYPE_CHECKING:
    from pathlib import Path


class NullSink:
    """Takes note of nothing."""

    def record(self, request: Request, decision: Decision) -> None:
        """Do nothing."""


def _wall_clock() -> _datetime.datetime:
    return _datetime.datetime.now(_datetime.UTC)


class _Refused(Exception):
    """A request that cannot be turned into a question."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Engine:
    """Answers requests by a policy and the facts it holds.

    >>> engine = Engine.from_text('''
    ... type User
    ... type Page
    ... action read on Page by User
    ... rule everybody_reads:
    ...   permit User to read on Page
    ... ''')
    >>> engine.allows(EntityRef("User", "ada"), "read", EntityRef("Page", "home"))
    True
    """

    def __init__(
        self,
        policy: Policy,
        store: Store,
        *,
        providers: Sequence[AttributeProvider] = (),
        approvals: Sequence[Approval] | None = (),
        revoked: Iterable[EntityRef] = (),
        revoked_sessions: Iterable[str] = (),
        handles: Iterable[str] = (),
        sink: DecisionSink | None = None,
        clock: Callable[[], _datetime.datetime] = _wall_clock,
    ) -> None:
        """Hold a policy and facts.

        `providers` are asked for entities that the store does not hold, in their order. `approvals` None says that the
        approvals cannot be read: every rule that asks for one is then unknown. `handles` names the obligations that
        the caller fulfils; an allow with any other is not truthy. `sink` sees every decision. `clock` returns an aware
        datetime, and is asked once for a decision without `now`.
        """
        self.policy = policy
        self._store = store
        self._providers = tuple(providers)
        self._approvals = None if approvals is None else tuple(_approval(each, policy.schema) for each in approvals)
        self._revoked = frozenset(_resolve(ref, policy.schema) for ref in revoked)
        self._revoked_sessions = frozenset(revoked_sessions)
        self._handles = frozenset(handles)
        self._sink: DecisionSink = NullSink() if sink is None else sink
        self._clock = clock

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> Engine:
        """Load a policy folder, or one `.pdp` file, with the options of the constructor.

        Raises PolicyError or FactsError with every diagnostic of every file.
        """
        return cls._of(load(path), options)

    @classmethod
    def from_text(cls, text: str, *, entities: Iterable[Entity] = (), **options: Any) -> Engine:
        """Load a policy from a text, with entities given as objects and the options of the constructor.

        Raises PolicyError with every diagnostic, and RequestError for an entity that the schema does not know.
        """
        policy, _ = load_sources([Source("policy.pdp", text)]).require()
        return cls(policy, store_of(entities, policy.schema), **options)

    @classmethod
    def _of(cls, loaded: Loaded, options: Mapping[str, Any]) -> Engine:
        policy, store = loaded.require()
        return cls(policy, store, **options)

    # ------------------------------------------------------------------------------------------------------ asking

    def decide(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        now: _datetime.datetime | None = None,
        *,
        entities: Iterable[Entity] = (),
    ) -> Decision:
        """Answer a request. Never raises: what cannot be asked, or goes wrong on the way, is a deny with its reason.

        `now` is an aware datetime. An attribute of the context, of the session or of an entity that the request brings
        is unknown where it is not of its declared type.
        """
        return self.answer(
            Request(principal, action, resource, {} if context is None else context, session, now, tuple(entities))
        )

    def allows(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        now: _datetime.datetime | None = None,
        *,
        entities: Iterable[Entity] = (),
    ) -> bool:
        """Tell whether a request is allowed and its every obligation is handled."""
        return bool(self.decide(principal, action, resource, context, session, now, entities=entities))

    def answer(self, request: Request) -> Decision:
        """Answer a request given as one object, as `decide` does."""
        decision = self._judge(request)[0]
        return self._recorded(request, decision)

    def explain(self, request: Request) -> trace.Trace:
        """Answer a request with every rule in its scope and every clause with its values. It is not recorded."""
        decision, judgement, question, facts = self._judge(request)
        return trace.build(request, decision, judgement, question, facts)

    # -------------------------------------------------------------------------------------------------- on the way

    def _recorded(self, request: Request, decision: Decision) -> Decision:
        try:
            self._sink.record(request, decision)
        except Exception as error:
            # What is not on record did not happen: an allow that nobody could audit is none.
            return self._failed(f"the decision could not be recorded: {type(error).__name__}")
        return decision

    def _judge(self, request: Request) -> tuple[Decision, Judgement | None, Question | None, Snapshot | None]:
        question: Question | None = None
        facts: Snapshot | None = None
        try:
            question = self._question(request)
            facts = self._facts(request)
            judgement = judge(self.policy, question, facts)
            return self._decision(judgement), judgement, question, facts
        except _Refused as refused:
            return self._deny(refused.reason, refused.detail), None, question, facts
        except Exception as error:
            # INVARIANT: whatever goes wrong is a deny. RecursionError and MemoryError are Exceptions too.
            return self._failed(f"the decision failed: {type(error).__name__}"), None, question, facts

    def _question(self, request: Request) -> Question:
        schema = self.policy.schema
        if not _is_string(request.action):
            raise _Refused(Reason.INVALID_REQUEST, "the action is not a string")
        name = schema.resolve_action(request.action)
        action = schema.actions.get(name)
        if not isinstance(request.context, Mapping):
            raise _Refused(Reason.INVALID_REQUEST, "the context is not a mapping")
        if request.session is not None and not isinstance(request.session, Mapping):
            raise _Refused(Reason.INVALID_SESSION, "the session is not a mapping")
        context: dict[str, Value | Unknown] = {}
        session: dict[str, Value | Unknown] | None = None
        if action is not None:
            context = conform.conform_attributes(request.context, action.context, schema)
            if request.session is not None:
                session = conform.conform_attributes(request.session, action.session, schema)
        return Question(
            principal=self._name(request.principal, "principal"),
            action=name,
            resource=self._name(request.resource, "resource"),
            context=context,
            session=session,
            now=self._now(request.now),
        )

    def _name(self, given: object, role: str) -> EntityRef:
        if not isinstance(given, Entity | EntityRef):
            raise _Refused(Reason.INVALID_REQUEST, f"the {role} is neither an entity nor a reference")
        if not _is_string(given.type) or not _is_string(given.id):
            raise _Refused(Reason.INVALID_REQUEST, f"the {role}'s type and id are not strings")
        return EntityRef(self.policy.schema.resolve(given.type), given.id)

    def _now(self, now: _datetime.datetime | None) -> int:
        moment: object = self._clock() if now is None else now
        if not isinstance(moment, _datetime.datetime) or moment.utcoffset() is None:
            raise _Refused(Reason.INVALID_REQUEST, "`now` is not a datetime with a time zone")
        return Datetime.of(moment).micros

    def _facts(self, request: Request) -> Snapshot:
        actor = (request.session or {}).get("actor")
        brought = [
            each for each in (request.principal, request.resource, actor, *request.entities) if isinstance(each, Entity)
        ]
        try:
            return Snapshot(
                self._store,
                self.policy.schema,
                providers=self._providers,
                entities=brought,
                approvals=self._approvals,
                revoked=self._revoked,
                revoked_sessions=self._revoked_sessions,
            )
        except (RequestError, Mismatch) as error:
            raise _Refused(Reason.INVALID_REQUEST, str(error)) from error

    def _decision(self, judgement: Judgement) -> Decision:
        obligations = tuple(
            Obligation(duty.name, {name: conform.plain(value) for name, value in duty.arguments.items()}, duty.unknown)
            for duty in judgement.duties
        )
        allow = judgement.outcome is Outcome.ALLOW
        missing = {duty.name for duty in obligations} - self._handles if allow else set()
        until = judgement.valid_until
        return Decision(
            outcome=judgement.outcome,
            reason=judgement.reason,
            determining_rules=tuple(finding.rule.id for finding in judgement.determining),
            erring_rules=tuple(finding.rule.id for finding in judgement.erring),
            obligations=obligations,
            remedies=tuple(_plain_remedy(remedy) for remedy in judgement.remedies),
            valid_until=None if until is None else Datetime(until).to_datetime(),
            revision=self.policy.revision,
            facts_revision=self._store.revision,
            detail=judgement.detail,
            unhandled=tuple(sorted(missing)),
        )

    def _deny(self, reason: Reason, detail: str) -> Decision:
        return Decision(
            outcome=Outcome.DENY,
            reason=reason,
            detail=detail,
            revision=self.policy.revision,
            facts_revision=self._store.revision,
        )

    def _failed(self, detail: str) -> Decision:
        return self._deny(Reason.INTERNAL_ERROR, detail)


def _is_string(given: object) -> bool:
    # Callers are not bound by annotations.
    return isinstance(given, str)


def store_of(entities: Iterable[Entity], schema: Schema) -> Store:
    """Return a store of entities given as objects; raise RequestError for one that the schema does not know."""
    try:
        return Store.of([conform.conform_entity(entity, schema) for entity in entities])
    except Mismatch as error:
        raise RequestError(str(error)) from error


def _resolve(ref: EntityRef, schema: Schema) -> EntityRef:
    return EntityRef(schema.resolve(ref.type), ref.id)


def _approval(record: Approval, schema: Schema) -> Approval:
    return replace(
        record,
        approver=_resolve(record.approver, schema),
        principal=_resolve(record.principal, schema),
        action=schema.resolve_action(record.action),
        resource=_resolve(record.resource, schema),
    )


def _plain_remedy(remedy: Remedy) -> Remedy:
    """Return a remedy whose bound values are plain data."""

    def plain(need: Any) -> Any:
        if need.approvals is None or need.approvals.of is None:
            return need
        return replace(need, approvals=replace(need.approvals, of=conform.plain(need.approvals.of)))

    return replace(
        remedy,
        needs=tuple(plain(need) for need in remedy.needs),
        lifts=tuple(replace(lift, one_of=tuple(plain(need) for need in lift.one_of)) for lift in remedy.lifts),
    )

"""How a request becomes a decision: by what compiled rules tell, where need be by the interpreter."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from pdp import conform
from pdp.arguments import Leased, proved
from pdp.cells import Cell, settled
from pdp.classes import replace
from pdp.clocks import Clocks
from pdp.codegen.support import careful
from pdp.conform import Mismatch
from pdp.entities.held import Held
from pdp.errors import RequestError
from pdp.evaluation import FOREVER, Question, Scene
from pdp.facts import Snapshot
from pdp.ids import wrong_id
from pdp.interpreter import Finding, Judgement, before_rules, conclude, judge, look_at
from pdp.model import Decision, Entity, Leaf, Obligation, Outcome, Reason, Remedy, Request
from pdp.ports import AttributeProvider, Facts
from pdp.schema import Action, Schema
from pdp.session import Session
from pdp.values import Datetime, EntityRef, Unknown, Value
from pdp.world import World, resolved


class _Refused(Exception):
    """A request that cannot be turned into a question."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Answers:
    """Answers requests out of a world; what changes is the world."""

    def __init__(
        self,
        providers: Sequence[AttributeProvider],
        handles: frozenset[str],
        clocks: Clocks,
        *,
        compiles: bool,
    ) -> None:
        """Take what does not change: `compiles` False leaves every question to the interpreter."""
        self._providers, self._handles, self._clocks, self._compiles = providers, handles, clocks, compiles

    def now(self) -> int:
        """Return the time as a decision without `now` takes it, in microseconds since the epoch."""
        return self._now(None)

    def answer(self, world: World, request: Request) -> Decision:
        """Return the decision; whatever goes wrong is a deny."""
        if self._compiles:
            try:
                if request.now is None and not (self._clocks.is_steady and self._clocks.look()):
                    # Whoever answers: it is asked once.
                    request = request._replace(now=self._clocks.now())
                found = self._compiled(world, request)
                if found is not None:
                    return found
            except Exception:
                # INVARIANT: what raises decides nothing: the interpreter looks at the whole question.
                pass
        return self.judge(world, request)[0]

    def _compiled(self, world: World, request: Request) -> Decision | None:
        """Return what compiled rules answer, or nothing."""
        principal, resource, session = _exact(request.principal), _exact(request.resource), request.session
        if principal is None or resource is None or type(request.entities) is not tuple or request.entities:
            return None
        p, r = _held(world, principal), _held(world, resource)
        cell = world.program.cell(world.schema.resolve_action(_text(request.action)), p.kind, r.kind)
        if cell is None:
            return None
        if session is not None and type(session) is not Session:
            if type(session) is not dict:
                # A mapping of the caller's own may say one thing now and another when the interpreter looks.
                return None
            session = Session(session, kept=False)
        try:
            told, until, at = cell.run(p, r, request.context, session, request.now, world), FOREVER, None
            if told.__class__ is Leased:
                told, until, at = told
            if told not in cell.leaves:
                question, _ = self._fixed(world, cell, p, r, request, session)
                at_once = Datetime(question.now).to_datetime()
                told, until, at = cell.run(p, r, question.context, session, at_once, world), FOREVER, None
                if told.__class__ is Leased:
                    told, until, at = told
                self._learn(world, cell, told, told, Scene(question, self._facts(world, question)))
        except Exception:
            return self._looked(world, cell, p, r, request, session)
        return None if cell.leaves[told][0] is None else world.lease(cell, told, until, at)

    def _looked(
        self, world: World, cell: Cell, p: Held, r: Held, request: Request, session: Session | None
    ) -> Decision | None:
        """Return what a question comes to where some rules raise: the interpreter looks at these only."""
        question, until = self._fixed(world, cell, p, r, request, session)
        now = question.now
        told, lasts, raising = cell.look(p, r, question.context, question.session, now, world)
        # A rule that names several of what an entity is in is found by each of them.
        raising = list({rule.id: rule for rule in raising}.values())
        if not all(map(world.program.is_simple, raising)):
            return None
        scene = Scene(question, self._facts(world, question))
        found = [finding for rule in raising if (finding := look_at(rule, scene)) is not None]
        key = told, *((each.rule.id, tuple(truth for _, truth in each.clauses)) for each in found)
        if key not in cell.leaves:
            self._learn(world, cell, told, key, scene, found)
        edges = [edge for each in found for edge in each.edges if edge > now]
        return world.lease(cell, key, min(until, lasts, *edges, FOREVER), now)

    def _fixed(
        self, world: World, cell: Cell, p: Held, r: Held, request: Request, session: Session | None
    ) -> tuple[Question, int]:
        """Return a question in which nothing changes any more, and when its session ends.

        What is learned of it is told to others: compiled rules and the interpreter have to look at the same, though
        time passes, and whoever asks may change what they hand in.
        """
        schema = world.schema
        if schema.is_cedar:
            # There, an action that no policy names is one of its own, and a context is read as a whole.
            question = self._question(world, request)
            fields, _, until = proved(session, question.now, world, cell.way)
            return replace(question, session=fields), until
        now, action = self._now(request.now), schema.actions[cell.setting.action]
        fields, _, until = proved(session, now, world, cell.way)
        context = _context({} if request.context is None else request.context, action, schema)
        # All that is left of a question has been read, or there would be no cell, and nobody held.
        question = Question(
            principal=p.ref,
            action=cell.setting.action,
            resource=r.ref,
            context=context,
            session=fields,
            now=now,
            act=action.ref,
            semantics=schema.semantics,
        )
        return question, until

    def _learn(
        self, world: World, cell: Cell, told: Any, key: Any, scene: Scene, others: Sequence[Finding] = ()
    ) -> None:
        """Find what some rules come to, as the interpreter has it, for all questions that do.

        `others` are what became of rules that are not told; `key` tells all of them.
        """
        rules = cell.who(told)
        if not all(settled(rule) for rule in rules):
            cell.learn(key, None, None)
            return
        found = [finding for rule in rules if (finding := look_at(rule, scene)) is not None]
        if len(found) != len(rules) or any(finding.errs for finding in found):
            careful()
        judgement = conclude(sorted([*found, *others], key=lambda each: each.rule.id), scene)
        rechecks = [each.rule.recheck.micros for each in judgement.determining if each.rule.recheck is not None]
        cell.learn(key, self._leaf(world, judgement), min(rechecks, default=None))

    def judge(
        self, world: World, request: Request, around: Callable[[Snapshot], Facts] | None = None
    ) -> tuple[Decision, Judgement | None, Question | None, Facts | None]:
        """Return what the interpreter alone decides, and what led to it as far as it came.

        It looks at what `around` makes of the facts.
        """
        question: Question | None = None
        facts: Facts | None = None
        try:
            question = self._question(world, request)
            held = self._facts(world, question, request)
            facts = held if around is None else around(held)
            judgement = judge(world.policy, question, facts)
            decision = Decision.made(self._leaf(world, judgement), world.store, judgement.valid_until)
            return decision, judgement, question, facts
        except _Refused as refused:
            return deny(world, refused.reason, refused.detail), None, question, facts
        except Exception as error:
            # INVARIANT: whatever goes wrong is a deny. RecursionError and MemoryError are Exceptions too.
            return _failed(world, f"the decision failed: {type(error).__name__}"), None, question, facts

    def refused(self, world: World, request: Request) -> Decision | None:
        """Return the deny of a request that no rule may be asked about, as `judge` does; None for any other."""
        question = self._question(world, request)
        judgement = before_rules(world.schema, question, self._facts(world, question, request))
        if judgement is None:
            return None
        return Decision.made(self._leaf(world, judgement), world.store, judgement.valid_until)

    def _question(self, world: World, request: Request) -> Question:
        schema = world.schema
        if not is_string(request.action):
            raise _Refused(Reason.INVALID_REQUEST, "the action is not a string")
        name = schema.resolve_action(_text(request.action))
        action = schema.actions.get(name)
        brought = {} if request.context is None else request.context
        if not isinstance(brought, Mapping):
            raise _Refused(Reason.INVALID_REQUEST, "the context is not a mapping")
        if request.session is not None and not isinstance(request.session, Mapping):
            raise _Refused(Reason.INVALID_SESSION, "the session is not a mapping")
        context: dict[str, Value | Unknown] = {}
        session: dict[str, Value | Unknown] | None = None
        act = None if action is None else action.ref
        if act is None and schema.open:
            act = _act(name)
            name = _name_of(act, schema)
            action = schema.actions[name]
        if action is not None:
            context = _context(brought, action, schema)
            if request.session is not None:
                given = request.session
                session = (
                    given.conformed(action.session, schema)
                    if type(given) is Session
                    else conform.conform_attributes(given, action.session, schema)
                )
        return Question(
            principal=_name(request.principal, "principal", schema),
            action=name,
            resource=_name(request.resource, "resource", schema),
            context=context,
            session=session,
            now=self._now(request.now),
            act=act,
            semantics=schema.semantics,
        )

    def _now(self, now: _datetime.datetime | None) -> int:
        if now is None and (found := self._clocks.micros()) is not None:
            return found
        moment: object = self._clocks.now() if now is None else now
        if not isinstance(moment, _datetime.datetime) or moment.utcoffset() is None:
            raise _Refused(Reason.INVALID_REQUEST, "`now` is not a datetime with a time zone")
        return Datetime.of(moment).micros

    def _facts(self, world: World, question: Question, request: Request | None = None) -> Snapshot:
        """Return what is known for one decision; without the request, where that brings nothing."""
        brought = () if request is None else _brought(request)
        asked = question.principal, question.action, question.resource
        try:
            return Snapshot(
                world.store,
                world.schema,
                providers=self._providers,
                entities=brought,
                approvals=None if world.approvals is None else world.approvals.get(asked, ()),
                revocations=world.given.revocations,
                failure=world.given.failure,
            )
        except (RequestError, Mismatch) as error:
            raise _Refused(Reason.INVALID_REQUEST, str(error)) from error

    def _leaf(self, world: World, judgement: Judgement) -> Leaf:
        return leaf_of(judgement, world.policy.revision, self._handles)


def leaf_of(judgement: Judgement, revision: str, handles: Set[str]) -> Leaf:
    """Return what a decision says of a judgement, by the policy of a revision; `handles` are met obligations."""
    obligations = tuple(
        Obligation(duty.name, {name: conform.plain(value) for name, value in duty.arguments.items()}, duty.unknown)
        for duty in judgement.duties
    )
    allow = judgement.outcome is Outcome.ALLOW
    missing = {duty.name for duty in obligations} - handles if allow else set()
    return Leaf(
        outcome=judgement.outcome,
        reason=judgement.reason,
        determining_rules=tuple(finding.rule.id for finding in judgement.determining),
        erring_rules=tuple(finding.rule.id for finding in judgement.erring),
        obligations=obligations,
        remedies=tuple(_plain_remedy(remedy) for remedy in judgement.remedies),
        revision=revision,
        detail=judgement.detail,
        unhandled=tuple(sorted(missing)),
    )


def _brought(request: Request) -> tuple[Entity, ...]:
    """Return the entities that a request brings, wherever it does."""
    actor = (request.session or {}).get("actor")
    named = request.principal, request.resource, actor, *request.entities
    return tuple(each for each in named if isinstance(each, Entity))


def deny(world: World, reason: Reason, detail: str) -> Decision:
    """Return a deny that no rule had a part in."""
    leaf = Leaf(outcome=Outcome.DENY, reason=reason, detail=detail, revision=world.policy.revision)
    return Decision.made(leaf, world.store)


def unrecorded(world: World, error: Exception) -> Decision:
    """Return the deny of a request whose decision the sink did not take."""
    # What is not on record did not happen: an allow that nobody could audit is none.
    return _failed(world, f"the decision could not be recorded: {type(error).__name__}")


def _failed(world: World, detail: str) -> Decision:
    return deny(world, Reason.INTERNAL_ERROR, detail)


def _act(name: str) -> EntityRef:
    """Return the action that a text names, by its whole name or, where it is of no namespace, by its id."""
    from pdp.cedar.escapes import entity
    from pdp.cedar.text import read_ref

    try:
        return read_ref(name) if "::" in name and '"' in name else entity("Action", name)
    except (Mismatch, ValueError) as wrong:
        raise _Refused(Reason.INVALID_REQUEST, f"the action has no name: {wrong}") from None


def _name_of(act: EntityRef, schema: Schema) -> str:
    """Return what an action is called, however a caller spells it; what no policy names is like all others."""
    from pdp.cedar.text import show_ref

    name = schema.resolve_action(show_ref(act))
    return name if name in schema.actions else schema.other


def action_name(given: object, schema: Schema) -> str | None:
    """Return the name of the action whose rules a caller asks for; None for what names none."""
    if not is_string(given):
        return None
    name = schema.resolve_action(_text(given))  # type: ignore[arg-type]  # It is one by its own class.
    if name in schema.actions or not schema.open:
        return name
    try:
        return _name_of(_act(name), schema)
    except _Refused:
        return None


def _context(given: Mapping[str, Any], action: Action, schema: Schema) -> dict[str, Value | Unknown]:
    if not schema.is_cedar:
        return conform.conform_attributes(given, action.context, schema)
    from pdp.cedar.reading import read_context

    try:
        return {**read_context(given, None if schema.open else action.context, schema)}
    except Mismatch as wrong:
        raise _Refused(Reason.INVALID_REQUEST, f"the context cannot be read: {wrong}") from None


def _exact(given: Entity | EntityRef) -> EntityRef | None:
    """Return a reference that is what it seems to be; None for what is none."""
    if type(given) is EntityRef:
        return given
    return EntityRef(_text(given.type), _text(given.id)) if issubclass(type(given), EntityRef) else None


def _held(world: World, ref: EntityRef) -> Held:
    return world.held.get(ref) or world.far(resolved(ref, world.schema))


def _name(given: object, role: str, schema: Schema) -> EntityRef:
    if not isinstance(given, Entity | EntityRef):
        raise _Refused(Reason.INVALID_REQUEST, f"the {role} is neither an entity nor a reference")
    if not is_string(given.type) or not is_string(given.id):
        raise _Refused(Reason.INVALID_REQUEST, f"the {role}'s type and id are not strings")
    if schema.is_cedar:
        return _cedar_name(given, role)
    name = _text(given.id)
    wrong = wrong_id(name)
    if wrong is not None:
        # Files refuse such an id, and so do entities that a request brings. Above all, nobody is called nothing.
        raise _Refused(Reason.INVALID_REQUEST, f"the {role}'s id is none: {wrong.message}")
    return EntityRef(schema.resolve(_text(given.type)), name)


def _cedar_name(given: Entity | EntityRef, role: str) -> EntityRef:
    from pdp.cedar.escapes import entity

    try:
        # Without a schema, any type is asked about. One that is misspelt would be none that a forbid names.
        return entity(given.type, given.id)
    except Mismatch as wrong:
        raise _Refused(Reason.INVALID_REQUEST, f"the {role} is no entity: {wrong}") from None


def is_string(given: object) -> bool:
    """Tell whether something is a text by its own class."""
    # Callers are not bound by annotations, nor is a class to what it says of itself.
    return issubclass(type(given), str)


def _text(given: str) -> str:
    """Return the text itself: a class of the caller's may compare as it likes. Raise TypeError for what is none."""
    return given if type(given) is str else str.__str__(given)


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

"""What a term is worth for one question: three-valued, every operand looked at, so that no order changes an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any, Final

from pdp import extensions, operators, terms, zones
from pdp.classes import dataclass, field
from pdp.model import Approval, Node, RevocationKind
from pdp.operators import (
    Found,
    Truth,
    arithmetic,
    compare,
    conjunction,
    contains,
    disjunction,
    invert,
    is_empty,
    like,
    negate,
    ordered,
    same,
)
from pdp.ports import Facts
from pdp.symbols import CompareOp, QuantifierOp, Semantics
from pdp.values import DATETIME_MAX, UNKNOWN, Datetime, EntityRef, Ip, Record, Unknown, Value, ValueSet, equal

FOREVER: Final = DATETIME_MAX + 1
NEVER: Final = -FOREVER
MAX_COMBINATIONS: Final = 1_000_000

# Members of an enumeration take their time to be found by name, and where something is unknown, each rule asks.
_PRINCIPAL, _RESOURCE, _ACTION, _CONTEXT, _SESSION = (
    terms.RootName.PRINCIPAL,
    terms.RootName.RESOURCE,
    terms.RootName.ACTION,
    terms.RootName.CONTEXT,
    terms.RootName.SESSION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request whose names and values the schema has read. `session` is None where nobody proved who asks.

    `now` is in microseconds since the epoch. An attribute that does not conform to the schema is unknown. `act` is the
    action as an entity, where it is one. `semantics` are those of the policies that are asked.
    """

    principal: EntityRef
    action: str
    resource: EntityRef
    context: Mapping[str, Found]
    session: Mapping[str, Found] | None
    now: int
    act: EntityRef | None = None
    semantics: Semantics = Semantics.PDP

    @property
    def actor(self) -> EntityRef | None:
        """Who acts for the principal, where the session says so."""
        actor = None if self.session is None else self.session.get("actor")
        return actor if isinstance(actor, EntityRef) else None


@dataclass(slots=True)
class Scene:
    """One question, the facts it is asked of, and the edges of the time tests met on the way.

    `masked` makes every time test unknown: what is known all the same does not depend on time. `breadth` is how many
    combinations of elements the quantifiers around a term go through.
    """

    question: Question
    facts: Facts
    masked: bool = False
    edges: set[int] = field(default_factory=set)
    variables: dict[int, Value] = field(default_factory=dict)
    breadth: int = 1
    closures: dict[EntityRef, tuple[dict[EntityRef, int], int]] = field(default_factory=dict)
    roots: dict[terms.RootName, Mapping[str, Found] | Unknown] = field(default_factory=dict)

    def apart(self) -> Scene:
        """Return the same scene for another rule: what the question and the facts come to is not asked for again."""
        return Scene(self.question, self.facts, closures=self.closures, roots=self.roots)

    def mask(self) -> Scene:
        """Return the same scene with every time test unknown."""
        return Scene(self.question, self.facts, masked=True, closures=self.closures, roots=self.roots)

    def edge(self, at: int) -> None:
        """Take note of an instant at which a time test changes. What is past never changes again."""
        if self.question.now < at <= DATETIME_MAX:
            self.edges.add(at)


def evaluate(term: terms.Term, scene: Scene) -> Found:
    """Return the value of a term, or unknown."""
    return _EVALUATED[term.__class__](term, scene)


def _each(operands: Iterable[terms.Term], scene: Scene) -> list[Found]:
    return [evaluate(operand, scene) for operand in operands]


def _in_order(operands: Iterable[terms.Term], neutral: bool, scene: Scene) -> Truth:
    """Look at operands one after the other, up to the first that is something else than `neutral`."""
    for operand in operands:
        found = evaluate(operand, scene)
        if found is not neutral:
            return (not neutral) if found is (not neutral) else UNKNOWN
    return neutral


def _root(term: terms.Root, scene: Scene) -> Found:
    question, name = scene.question, term.name
    if name is _PRINCIPAL:
        return question.principal
    if name is _RESOURCE:
        return question.resource
    if name is _ACTION:
        return UNKNOWN if question.act is None else question.act
    if name is _CONTEXT and question.semantics is Semantics.CEDAR:
        # There the context is a record like any other.
        return _record(dict(question.context))
    # The context and the session are no values: only their attributes are.
    return UNKNOWN


def _compare(term: terms.Compare, scene: Scene) -> Truth:
    left, right = term.left, term.right
    # What most conditions are made of: a step less than by `evaluate`.
    return compare(term.op, _EVALUATED[left.__class__](left, scene), _EVALUATED[right.__class__](right, scene))


def _attribute(term: terms.Attribute, scene: Scene) -> Found:
    attributes = _attributes(term.base, scene)
    return UNKNOWN if isinstance(attributes, Unknown) else attributes.get(term.name, UNKNOWN)


def _is(term: terms.Is, scene: Scene) -> Truth:
    found = evaluate(term.operand, scene)
    if not isinstance(found, EntityRef):
        return UNKNOWN
    if found.type != term.type or term.within is None:
        return found.type == term.type
    return _within(found, evaluate(term.within, scene), scene)


def _attributes(base: terms.Term, scene: Scene) -> Mapping[str, Found] | Unknown:
    """Return the attributes of what a term is worth: of an entity, a record, the context or the session."""
    if not isinstance(base, terms.Root):
        return _attributes_of(evaluate(base, scene), scene)
    found = scene.roots.get(base.name)
    if found is None:
        found = scene.roots[base.name] = _attributes_of_root(base, scene)
    return found


def _attributes_of_root(root: terms.Root, scene: Scene) -> Mapping[str, Found] | Unknown:
    if root.name is _CONTEXT:
        return scene.question.context
    if root.name is _SESSION:
        return UNKNOWN if scene.question.session is None else scene.question.session
    return _attributes_of(_root(root, scene), scene)


def _attributes_of(found: Found, scene: Scene) -> Mapping[str, Found] | Unknown:
    if isinstance(found, EntityRef):
        node = scene.facts.node(found)
        # An entity that nothing holds, like one whose source failed, has attributes that nobody knows: were they taken
        # for absent, a forbid that asks for one would let the request through.
        return node.attributes if isinstance(node, Node) else UNKNOWN
    return found if isinstance(found, Record) else UNKNOWN


def _has(term: terms.Has, scene: Scene) -> Truth:
    attributes = _attributes(term.base, scene)
    if isinstance(attributes, Unknown):
        return UNKNOWN
    # Present, but not of its type: neither there nor not there.
    return UNKNOWN if isinstance(attributes.get(term.name), Unknown) else term.name in attributes


def _has_path(term: terms.HasPath, scene: Scene) -> Truth:
    attributes = _attributes(term.base, scene)
    for at, name in enumerate(term.path):
        if isinstance(attributes, Unknown):
            return UNKNOWN
        if name not in attributes:
            return False
        if at < len(term.path) - 1:
            attributes = _attributes_of(attributes[name], scene)
    return True


def _tags(base: terms.Term, scene: Scene) -> Mapping[str, Value] | Unknown:
    found = evaluate(base, scene)
    node = scene.facts.node(found) if isinstance(found, EntityRef) else None
    return node.tags if isinstance(node, Node) else UNKNOWN


def _has_tag(term: terms.HasTag, scene: Scene) -> Truth:
    tags, name = _tags(term.base, scene), evaluate(term.name, scene)
    return UNKNOWN if isinstance(tags, Unknown) or not isinstance(name, str) else name in tags


def _tag(term: terms.Tag, scene: Scene) -> Found:
    tags, name = _tags(term.base, scene), evaluate(term.name, scene)
    return UNKNOWN if isinstance(tags, Unknown) or not isinstance(name, str) else tags.get(name, UNKNOWN)


def _if(term: terms.If, scene: Scene) -> Found:
    test = evaluate(term.test, scene)
    then, otherwise = evaluate(term.then, scene), evaluate(term.otherwise, scene)
    return then if test is True else otherwise if test is False else UNKNOWN


def _set(items: list[Found]) -> Found:
    known = [item for item in items if not isinstance(item, Unknown)]
    return ValueSet(known) if len(known) == len(items) else UNKNOWN


def _record(fields: dict[str, Found]) -> Found:
    known = {name: value for name, value in fields.items() if not isinstance(value, Unknown)}
    return Record(known) if len(known) == len(fields) else UNKNOWN


def _quantifier(term: terms.Quantifier, scene: Scene) -> Truth:
    domain = evaluate(term.domain, scene)
    if not isinstance(domain, ValueSet) or _too_many(domain, scene):
        return UNKNOWN
    found: list[Found] = []
    outer, scene.breadth = scene.breadth, scene.breadth * len(domain)
    for element in domain:
        scene.variables[term.variable.index] = element
        found.append(evaluate(term.body, scene))
    scene.variables.pop(term.variable.index, None)
    scene.breadth = outer
    return disjunction(found) if term.op is QuantifierOp.ANY else conjunction(found)


def _too_many(elements: ValueSet, scene: Scene) -> bool:
    # Sets inside sets multiply: whoever brings two long ones must not keep the host busy for hours. What counts is the
    # product of their sizes, known before any element is looked at, so that no order of elements changes an answer.
    return scene.breadth * len(elements) > MAX_COMBINATIONS


# ------------------------------------------------------------------------------------------------------- membership


def _in(left: Found, right: Found, scene: Scene) -> Truth:
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    if isinstance(right, ValueSet):
        if _too_many(right, scene):
            return UNKNOWN
        return disjunction([_in_one(left, element, scene) for element in right])
    if isinstance(left, EntityRef | Ip):
        return _in_one(left, right, scene)
    return UNKNOWN


def _within(left: Found, right: Found, scene: Scene) -> Truth:
    # What is not of its kind is an error even where another element matches.
    each = right if isinstance(right, ValueSet) else (right,)
    if not all(isinstance(one, EntityRef) for one in (left, *each)):
        return UNKNOWN
    return _in(left, right, scene)


def _in_one(left: Value, right: Value, scene: Scene) -> Truth:
    if isinstance(left, EntityRef) and isinstance(right, EntityRef):
        truth, end = membership(left, (right,), scene)
        if truth is not False and end < FOREVER:
            scene.edge(end)
            return UNKNOWN if scene.masked else truth
        return truth
    if isinstance(left, Ip) and isinstance(right, Ip):
        return left in right
    return compare(CompareOp.EQ, left, right)


def membership(ref: EntityRef, parents: Iterable[EntityRef], scene: Scene) -> tuple[Truth, int]:
    """Tell whether an entity is one of, or in one of, some others, and the instant up to which that stays so."""
    parents = tuple(parents)
    if not parents:
        # Nothing is in one of none, whatever it is in.
        return False, FOREVER
    ends, doubt = closure(ref, scene)
    found = [ends[parent] for parent in parents if parent in ends]
    if found:
        return True, max(found)
    return (UNKNOWN, doubt) if doubt > NEVER else (False, FOREVER)


def closure(ref: EntityRef, scene: Scene) -> tuple[dict[EntityRef, int], int]:
    """Return what an entity is in, itself too, with the end of the longest way; and up to when it may be in more.

    What lies above an entity of which nothing is known matters as long as a way leads to it, and no longer.
    """
    if ref in scene.closures:
        return scene.closures[ref]
    ends: dict[EntityRef, int] = {}
    doubt, work = NEVER, [(-FOREVER, ref)]
    # The way that lasts longest is gone first, so that each entity is looked at once, however many ways lead to it.
    while work:
        last, here = heappop(work)
        if here in ends:
            continue
        ends[here] = -last
        node = scene.facts.node(here)
        if not isinstance(node, Node):
            doubt = max(doubt, -last)
            continue
        for step in node.parents:
            until = FOREVER if step.until is None else step.until.micros
            if until > scene.question.now and step.parent not in ends:
                heappush(work, (max(last, -until), step.parent))
    scene.closures[ref] = ends, doubt
    return ends, doubt


def holds(scopes: Sequence[terms.Scope], ref: EntityRef, scene: Scene) -> tuple[Truth, int]:
    """Tell whether any of several scopes holds an entity, and the instant up to which that stays so."""
    if len(scopes) == 1 and scopes[0].within is None:
        # So it is with most scopes, and each rule is asked for its own.
        return (True, FOREVER) if scopes[0].type in (None, ref.type) else (False, NEVER)
    found = [
        (True, FOREVER) if scope.within is None else membership(ref, scope.within, scene)
        for scope in scopes
        if scope.type is None or scope.type == ref.type
    ]
    if not found:
        return False, NEVER
    if len(found) == 1:
        return found[0]
    whole = disjunction([truth for truth, _ in found])
    return whole, max(end for truth, end in found if truth is whole)


# ------------------------------------------------------------------------------------------------------ revocations


def revoked(ref: EntityRef, proved: int | None, scene: Scene) -> tuple[bool, int]:
    """Tell whether somebody is revoked, or in a group that is, and the instant up to which that stays so.

    `proved` is when they showed who they are; None where nobody can tell.
    """
    facts = scene.facts
    if facts.revoked(ref, proved):
        return True, FOREVER
    if not facts.groups_revoked or facts.node(ref) is None:
        return False, FOREVER
    ends, doubt = closure(ref, scene)
    found = [end for each, end in ends.items() if facts.group_revoked(each, proved)]
    # Where nobody can tell all that they are in, a group that is revoked may be among it.
    return bool(found) or doubt > NEVER, max([*found, doubt], default=FOREVER)


def proved_at(session: Mapping[str, Found] | None) -> int | None:
    """Return when a principal showed who it is, in microseconds; None where the session does not tell.

    Of two instants it is the earlier one: to renew a token proves nothing anew.
    """
    found = [] if session is None else [session.get(name) for name in ("authenticated_at", "issued_at")]
    return min((each.micros for each in found if isinstance(each, Datetime)), default=None)


def revocable(session: Mapping[str, Found]) -> Iterator[tuple[RevocationKind, str]]:
    """Yield what a session names that may be revoked. A session without a name of its own has that of its token.

    What an issuer named may be revoked as that of this issuer as well: another may use the same name.
    """
    issuer = session.get("issuer")
    for name, kinds in _REVOCABLE.items():
        value = session.get(name)
        if isinstance(value, str):
            yield from ((kind, value) for kind in kinds)
            if isinstance(issuer, str):
                yield from ((kind, of_issuer(issuer, value)) for kind in kinds if kind is not RevocationKind.DEVICE)


def of_issuer(issuer: str, name: str) -> str:
    """Return what a session, a token or a key is revoked as, where that of one issuer is meant."""
    # An issuer with a blank in it may let two pairs come to one text: too much is revoked then, and never too little.
    return f"{issuer} {name}"


_REVOCABLE: Final[Mapping[str, tuple[RevocationKind, ...]]] = {
    "session_id": (RevocationKind.SESSION,),
    "token_id": (RevocationKind.TOKEN, RevocationKind.SESSION),
    "key_id": (RevocationKind.KEY,),
    "device_id": (RevocationKind.DEVICE,),
}


# ------------------------------------------------------------------------------------------------------- time tests


def _time_test(term: terms.TimeTest, scene: Scene) -> Truth:
    bound = 0
    for addend in term.bound:
        found = evaluate(addend.term, scene)
        micros = getattr(found, "micros", None)
        if micros is None:
            return UNKNOWN
        bound += -micros if addend.negative else micros
    # `now <= bound` still holds at the bound and no longer one microsecond later.
    late = term.op in (CompareOp.LE, CompareOp.GT)
    scene.edge(bound + late)
    if term.op in (CompareOp.EQ, CompareOp.NE):
        scene.edge(bound + 1)
    return UNKNOWN if scene.masked else ordered(term.op, scene.question.now, bound)


def _calendar_test(term: terms.CalendarTest, scene: Scene) -> Truth:
    if scene.masked:
        return UNKNOWN
    now = scene.question.now
    edge = zones.next_edge(now, term.zone, term.field, lambda value: _matches(term, value))
    if edge is not None:
        scene.edge(edge)
    return calendar_holds(term, now)


def calendar_holds(term: terms.CalendarTest, now: int) -> bool:
    """Tell whether a calendar test holds at an instant. To find out for how long takes much longer."""
    return _matches(term, zones.read(now, term.zone, term.field))


def _matches(term: terms.CalendarTest, value: int) -> bool:
    return value in term.values if term.op is None else ordered(term.op, value, term.values[0])


# -------------------------------------------------------------------------------------------------------- approvals


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What an approval is worth now: whether it counts, why it does not, and the instants at which that changes."""

    record: Approval
    counts: Truth
    why: str = ""
    edges: tuple[int, ...] = ()


def count_approvals(term: terms.Approvals, scene: Scene) -> tuple[Truth, int]:
    """Tell whether enough people approved, and how many did who are known to be in scope."""
    weighed = weigh_approvals(term, scene)
    if isinstance(weighed, Unknown):
        return UNKNOWN, 0
    certain = {each.record.approver for each in weighed if each.counts is True}
    possible = {each.record.approver for each in weighed if each.counts is not False}
    timed = False
    for edge in (edge for each in weighed for edge in each.edges):
        scene.edge(edge)
        timed = timed or scene.question.now < edge <= DATETIME_MAX
    if scene.masked and timed:
        return UNKNOWN, len(certain)
    if len(certain) >= term.count:
        return True, len(certain)
    return (UNKNOWN if len(possible) >= term.count else False), len(certain)


def weigh_approvals(term: terms.Approvals, scene: Scene) -> list[Weighed] | Unknown:
    """Weigh each approval that there is of what is asked; unknown where nobody can tell what is asked, or approved."""
    question = scene.question
    bound = None if term.of is None else evaluate(term.of, scene)
    if isinstance(bound, Unknown) or scene.facts.approvals is None:
        return UNKNOWN
    asked = (question.principal, question.action, question.resource)
    return [
        _weighed(record, term, bound, scene)
        for record in scene.facts.approvals
        if (record.principal, record.action, record.resource) == asked
    ]


def _weighed(record: Approval, term: terms.Approvals, bound: Value | None, scene: Scene) -> Weighed:
    barred = _barred(record, bound, scene.question)
    if barred is not None:
        return Weighed(record=record, counts=False, why=barred)
    truth, end = holds(term.approvers, record.approver, scene)
    if truth is False:
        return Weighed(record=record, counts=False, why="no approver of this rule")
    gone, back = _revoked(record, scene)
    if gone:
        return Weighed(record=record, counts=False, why="revoked", edges=(back,))
    doubt = "" if truth is True else "whether they may approve is unknown"
    if scene.facts.node(record.approver) is None:
        # Somebody whom nothing holds may have left: a scope of their whole type does not know that.
        truth, doubt = UNKNOWN, "nothing holds them"
    start, lapse = record.at.micros, record.at.micros + term.window.micros
    if record.until is not None:
        lapse = min(lapse, record.until.micros)
    now = scene.question.now
    if not start <= now < lapse:
        truth, doubt = False, "of the future" if now < start else "lapsed"
    return Weighed(record=record, counts=truth, why=doubt, edges=(start, lapse, end))


def _revoked(record: Approval, scene: Scene) -> tuple[bool, int]:
    """Tell whether an approver is revoked, or what they showed then, and the instant up to which that stays so.

    Who is revoked has no say any more, in what they approved up to then, or approved with what they had from before.
    """
    proved = record.at.micros if record.proved is None else min(record.at.micros, record.proved.micros)
    if any(scene.facts.session_revoked(kind, name, proved) for kind, name in record.names):
        return True, FOREVER
    return revoked(record.approver, proved, scene)


def _barred(record: Approval, bound: Value | None, question: Question) -> str | None:
    """Tell why an approval cannot count, whoever may approve and whatever time it is."""
    if not _same_bound(record.of, bound):
        return "of another value"
    # INVARIANT: nobody approves what they do, what is done for them, or what they asked for.
    if record.approver == question.principal:
        return "their own request"
    if record.approver == question.actor:
        return "they act for the principal"
    if record.approver == record.asked_by:
        return "they asked for it"
    if record.actor is not None and record.actor != question.actor:
        return "for another who acts"
    return None


def _same_bound(recorded: Value | None, bound: Value | None) -> bool:
    if recorded is None or bound is None:
        return recorded is bound
    # Callers hand records in: for Python, 1.0 equals 1, and a reference equals a tuple of two texts.
    return recorded.__class__ is bound.__class__ and equal(recorded, bound)


# ----------------------------------------------------------------------------------------------------


# Each term by its class: asking one class after the other would be most of what an evaluation takes.
_EVALUATED: Final[Mapping[type, Callable[[Any, Scene], Found]]] = {
    terms.Constant: lambda term, _: term.value,
    terms.Root: _root,
    terms.Variable: lambda term, scene: scene.variables.get(term.index, UNKNOWN),
    terms.Attribute: _attribute,
    terms.Has: _has,
    terms.Not: lambda term, scene: invert(evaluate(term.operand, scene)),
    terms.And: lambda term, scene: conjunction([_EVALUATED[each.__class__](each, scene) for each in term.operands]),
    terms.Or: lambda term, scene: disjunction([_EVALUATED[each.__class__](each, scene) for each in term.operands]),
    terms.If: _if,
    terms.Compare: _compare,
    terms.Arithmetic: lambda term, scene: arithmetic(term.op, evaluate(term.left, scene), evaluate(term.right, scene)),
    terms.Negate: lambda term, scene: negate(evaluate(term.operand, scene)),
    terms.In: lambda term, scene: _in(evaluate(term.left, scene), evaluate(term.right, scene), scene),
    terms.Is: _is,
    terms.IsEmpty: lambda term, scene: is_empty(evaluate(term.operand, scene)),
    terms.Contains: lambda term, scene: contains(term.op, evaluate(term.left, scene), evaluate(term.right, scene)),
    terms.Like: lambda term, scene: like(evaluate(term.operand, scene), term.parts),
    terms.Quantifier: _quantifier,
    terms.SetOf: lambda term, scene: _set(_each(term.items, scene)),
    terms.RecordOf: lambda term, scene: _record({name: evaluate(value, scene) for name, value in term.fields}),
    terms.TimeTest: _time_test,
    terms.CalendarTest: _calendar_test,
    terms.Approvals: lambda term, scene: count_approvals(term, scene)[0],
    terms.AndThen: lambda term, scene: _in_order(term.operands, True, scene),
    terms.OrElse: lambda term, scene: _in_order(term.operands, False, scene),
    terms.Same: lambda term, scene: same(evaluate(term.left, scene), evaluate(term.right, scene)),
    terms.Holds: lambda term, scene: operators.holds(evaluate(term.left, scene), evaluate(term.right, scene)),
    terms.Within: lambda term, scene: _within(evaluate(term.left, scene), evaluate(term.right, scene), scene),
    terms.HasPath: _has_path,
    terms.Call: lambda term, scene: extensions.apply(term.function, _each(term.operands, scene)),
    terms.HasTag: _has_tag,
    terms.Tag: _tag,
}

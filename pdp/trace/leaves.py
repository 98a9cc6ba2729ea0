"""The values that conditions look at, each by the path that leads to it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pdp import terms, zones
from pdp.classes import dataclass
from pdp.evaluation import Question, Scene, count_approvals, evaluate, weigh_approvals
from pdp.operators import Found
from pdp.source import Span
from pdp.symbols import Semantics
from pdp.terms import path
from pdp.trace.told import Seen
from pdp.types import WEEKDAY
from pdp.values import UNKNOWN, Datetime, EnumMember, Unknown, Value, quote, show


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that a condition looks at. `shared` says that all that are written alike come to the same."""

    text: str
    find: Callable[[Scene], Found]
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """What of a clause is the same for each question; `approvals`, where it asks for them.

    Clauses that look at the same have the same `leaves`, one object, where that tells all that they see.
    """

    kind: str
    text: str
    place: str
    leaves: tuple[Leaf, ...]
    remedy: str | None
    approvals: terms.Approvals | None


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """What of a rule is the same for each question."""

    place: str
    clauses: tuple[Written, ...]


class Writings:
    """The rules of one policy as they are written, each looked at when it is first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, WrittenRule] = {}
        self._leaves: dict[tuple[str, ...], tuple[Leaf, ...]] = {}

    @classmethod
    def of(cls, policy: terms.Policy) -> Writings:
        """Return those of a policy, which are kept as long as that is there."""
        key = id(policy)
        found = _KEPT.get(key)
        if found is None:
            found = _KEPT[key] = cls()
            weakref.finalize(policy, _KEPT.pop, key, None).atexit = False
        return found

    def rule(self, rule: terms.Rule) -> WrittenRule:
        """Return a rule."""
        found = self._found.get(rule.id)
        if found is None:
            clauses = tuple([self._clause(clause) for clause in rule.clauses])
            found = self._found[rule.id] = WrittenRule(place(rule.span), clauses)
        return found

    def _clause(self, clause: terms.Clause) -> Written:
        condition = clause.condition
        # The condition of a grant's own time has its keyword in its span.
        text = written(condition.span or clause.span).removeprefix(f"{clause.kind} ")
        leaves = leaves_of(condition)
        if all(leaf.shared for leaf in leaves):
            leaves = self._leaves.setdefault(tuple([leaf.text for leaf in leaves]), leaves)
        approvals = condition if isinstance(condition, terms.Approvals) else None
        return Written(str(clause.kind), text, place(clause.span), leaves, clause.remedy, approvals)


_KEPT: Final[dict[int, Writings]] = {}


class Looker:
    """Looks at what clauses look at, for one question."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._done: dict[str, Seen] = {}
        self._seen: dict[int, tuple[Sequence[Leaf], tuple[Seen, ...]]] = {}
        self._shown = shower(scene.question)
        self._failed = "an error" if scene.question.semantics is Semantics.CEDAR else "unknown"

    def seen(self, leaves: Sequence[Leaf]) -> tuple[Seen, ...]:
        """Return what is there, in the order in which it is written."""
        found = self._seen.get(id(leaves))
        if found is None:
            # They are kept, so that no others come to be the same object.
            found = self._seen[id(leaves)] = leaves, tuple([self._one(leaf) for leaf in leaves])
        return found[1]

    def _one(self, leaf: Leaf) -> Seen:
        found = self._done.get(leaf.text) if leaf.shared else None
        if found is None:
            value = leaf.find(self._scene)
            known = not isinstance(value, Unknown)
            found = Seen(
                text=leaf.text, value=self._failed if isinstance(value, Unknown) else self._shown(value), known=known
            )
            if leaf.shared:
                self._done[leaf.text] = found
        return found


def shower(question: Question) -> Callable[[Value], str]:
    """Return what writes values, in the language that the policies are in."""
    if question.semantics is not Semantics.CEDAR:
        return show
    from pdp.cedar.text import show_value

    return show_value


def written(span: Span | None) -> str:
    """Return a text as it is written, in one line."""
    return "" if span is None else " ".join(span.text.split())


def place(span: Span | None) -> str:
    """Return where something is written."""
    return "" if span is None else str(span)


def leaves_of(term: terms.Term) -> tuple[Leaf, ...]:
    """Return what a condition looks at, each path once, in the order in which they are written."""
    found: dict[str, Leaf] = {}
    for leaf in _leaves(term):
        found.setdefault(leaf.text, leaf)
    return tuple(found.values())


def _leaves(term: terms.Term) -> Iterator[Leaf]:
    where = path(term)
    if where is not None and not isinstance(term, terms.Constant):
        if not isinstance(where[0], int):
            yield Leaf(_path_text(where), lambda scene: evaluate(term, scene))
        return
    match term:
        case terms.Has() | terms.HasPath():
            base = path(term.base)
            if base is not None and not isinstance(base[0], int):
                names = (term.name,) if isinstance(term, terms.Has) else term.path
                asked = ".".join(map(_name_text, names))
                yield Leaf(f"{_path_text(base)} has {asked}", lambda scene: evaluate(term, scene))
                return
        case terms.HasTag() | terms.Tag():
            yield Leaf(written(term.span), lambda scene: evaluate(term, scene), shared=False)
        case terms.TimeTest():
            yield Leaf("now", lambda scene: Datetime(scene.question.now))
        case terms.CalendarTest():
            yield _calendar(term)
        case terms.Approvals():
            yield Leaf("approvals", lambda scene: _counted(term, scene), shared=False)
        case _:
            pass
    for child in terms.children(term):
        yield from _leaves(child)


def _counted(term: terms.Approvals, scene: Scene) -> Found:
    # Where nobody can tell what is approved, or of what, there are not none.
    unknown = isinstance(weigh_approvals(term, scene), Unknown)
    return UNKNOWN if unknown else count_approvals(term, scene)[1]


def _path_text(steps: Sequence[object]) -> str:
    start, *names = map(str, steps)
    return start + "".join(f".{name}" if _is_word(name) else f"[{quote(name)}]" for name in names)


def _name_text(name: str) -> str:
    return name if _is_word(name) else quote(name)


def _is_word(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _calendar(term: terms.CalendarTest) -> Leaf:
    """Return what the calendar says, as policies write it."""
    where = "now" if term.zone == "UTC" else f"now[{quote(term.zone)}]"

    def find(scene: Scene) -> Found:
        found = zones.read(scene.question.now, term.zone, term.field)
        weekday = term.field is zones.CalendarField.WEEKDAY
        return EnumMember(WEEKDAY.name, WEEKDAY.members[found]) if weekday else found

    return Leaf(f"{where}.{term.field}", find)

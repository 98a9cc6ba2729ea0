"""The tree that the rules of one kind of question are nested in, and the way that one question takes through it.

It is nested as compiled rules are: by the test that most of them share, cheap tests first, needs and time last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pdp import terms
from pdp.classes import dataclass
from pdp.codegen.functions import cost, most_shared
from pdp.evaluation import Question, Scene, evaluate
from pdp.interpreter import judge
from pdp.lowering import Key, key, lower, within
from pdp.model import Effect
from pdp.ports import Facts
from pdp.terms import RootName
from pdp.trace.leaves import Looker, leaves_of, written
from pdp.trace.told import Seen
from pdp.values import show


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test as it is written, and what came of it: None where nobody knows."""

    __test__ = False

    text: str
    truth: bool | None
    values: tuple[Seen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A rule at the end of a way, with the tests that are its own: needs, and those of time."""

    rule: str
    effect: Effect
    tests: tuple[Test, ...]
    determining: bool

    @property
    def holds(self) -> bool:
        """Whether all of its own tests hold."""
        return all(test.truth is True for test in self.tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A test, and what follows where it holds."""

    test: Test
    below: tuple[Branch | End, ...]

    @property
    def ends(self) -> int:
        """How many rules follow."""
        return sum(1 if isinstance(each, End) else each.ends for each in self.below)


class _Rule:
    """A rule on its way down: the tests that are still to come."""

    __slots__ = ("late", "rule", "tests")

    def __init__(self, rule: terms.Rule, tests: list[int], late: list[terms.Term]) -> None:
        self.rule, self.tests, self.late = rule, tests, late


def grow(policy: terms.Policy, question: Question, facts: Facts) -> tuple[Branch | End, ...]:
    """Return the tree for one question. Rules that only those who act for others are in the scope of are left out."""
    return Grower(policy, question, facts).grow()


class Grower:
    """Grows the tree of one kind of question."""

    def __init__(self, policy: terms.Policy, question: Question, facts: Facts) -> None:
        self._question, self._scene = question, Scene(question, facts)
        self._looker = Looker(self._scene)
        judgement = judge(policy, question, facts)
        self._deciding = {finding.rule.id for finding in judgement.determining}
        self._rules = policy.by_action.get(question.action, ())
        self._numbers: dict[Key, int] = {}
        self._terms: list[terms.Term] = []

    def grow(self) -> tuple[Branch | End, ...]:
        """Return the tree."""
        found = [rule for each in self._rules if (rule := self._entered(each)) is not None]
        return tuple(self._nested(found))

    def _entered(self, rule: terms.Rule) -> _Rule | None:
        scope = self._scope(rule)
        if rule.via is not None or scope is None:
            return None
        lowered = lower(rule, tuple(scope))
        numbers = dict.fromkeys(sorted(map(self._number, lowered.tests), key=lambda at: cost(self._terms[at])))
        late = [*lowered.timed, *(each for demand in lowered.demands for each in (*demand.tests, *demand.timed))]
        return _Rule(rule, list(numbers), late)

    def _scope(self, rule: terms.Rule) -> list[terms.Term] | None:
        """Return the tests of a rule's scope; None where its types are others than those that are asked about."""
        found: list[terms.Term] = []
        for root, scopes, ref in (
            (RootName.PRINCIPAL, rule.principals, self._question.principal),
            (RootName.RESOURCE, rule.resources, self._question.resource),
        ):
            mine = [scope for scope in scopes if scope.type in (None, ref.type)]
            if not mine:
                return None
            refs = [parent for scope in mine for parent in scope.within or ()]
            if all(scope.within is not None for scope in mine):
                found.append(within(root, tuple(dict.fromkeys(refs))))
        return found

    def _number(self, term: terms.Term) -> int:
        number = self._numbers.setdefault(key(term), len(self._terms))
        if number == len(self._terms):
            self._terms.append(term)
        return number

    def _nested(self, rules: Sequence[_Rule]) -> Iterator[Branch | End]:
        rest = list(rules)
        while rest:
            shared = most_shared([rule.tests for rule in rest], self._terms)
            if shared is None:
                yield from map(self._alone, rest)
                return
            having = [rule for rule in rest if shared in rule.tests]
            rest = [rule for rule in rest if shared not in rule.tests]
            for rule in having:
                rule.tests.remove(shared)
            yield Branch(test=self._test(self._terms[shared]), below=tuple(self._nested(having)))

    def _alone(self, rule: _Rule) -> Branch | End:
        found: Branch | End = End(
            rule=rule.rule.id,
            effect=rule.rule.effect,
            tests=tuple(map(self._test, rule.late)),
            determining=rule.rule.id in self._deciding,
        )
        for number in reversed(rule.tests):
            found = Branch(test=self._test(self._terms[number]), below=(found,))
        return found

    def _test(self, term: terms.Term) -> Test:
        found = evaluate(term, self._scene)
        return Test(
            text=_text(term),
            truth=found if isinstance(found, bool) else None,
            values=self._looker.seen(leaves_of(term)),
        )


def _text(term: terms.Term) -> str:
    text = written(term.span)
    if isinstance(term, terms.Not) and not text.startswith("not"):
        # Where an `unless` was turned around, it has no text, or that of what is denied.
        return f"not ({_text(term.operand)})"
    if isinstance(term, terms.In) and isinstance(term.left, terms.Root) and not text:
        return f"{term.left.name} in {_value(term.right)}"
    return text or type(term).__name__


def _value(term: terms.Term) -> str:
    return show(term.value) if isinstance(term, terms.Constant) else "…"

"""Rules as functions of Python: their tests as a tree, each shared test once, what is cheap before what is dear.

`decide` gives the rules that matter as bits of a number, and until when they do. `allows` ends at the first rule that
settles the answer. Both raise where anything is unknown. `carefully` then does what `decide` does for each rule by
itself, and names those that raise: the interpreter has to look at no others.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import linecache
import weakref
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import chain, islice
from types import CodeType
from typing import Any, Final

from pdp import terms
from pdp.classes import dataclass
from pdp.codegen.constants import Constants, Shape
from pdp.codegen.edges import Edges
from pdp.codegen.expressions import Expressions, Reader
from pdp.codegen.nodes import Listing, Nodes
from pdp.codegen.reading import Reading
from pdp.codegen.support import clock
from pdp.codegen.unsupported import Unsupported
from pdp.evaluation import FOREVER
from pdp.lowering import Key, Lowered, Setting, key
from pdp.model import Effect
from pdp.terms import RootName
from pdp.types import Type

MAX_NESTED: Final = 30
"""How deep tests are nested; what is deeper is tested in one expression."""

MAX_WHOLE: Final = 100_000
"""Rules with more terms than this between them are left to the interpreter: nobody is to wait for seconds."""

# What is ready besides attributes in local names; no attribute is called so.
_NOW: Final = "\0now"
_PROVED: Final = "\0has "
_COSTS: Final[Mapping[type, int]] = {
    terms.Is: 0,
    terms.Has: 1,
    terms.Compare: 2,
    terms.Attribute: 2,
    terms.Not: 3,
    terms.In: 4,
    terms.IsEmpty: 4,
    terms.Like: 6,
    terms.And: 7,
    terms.Or: 7,
    terms.Contains: 8,
    terms.Quantifier: 9,
    terms.Approvals: 10,
    terms.Same: 2,
    terms.HasPath: 3,
    terms.HasTag: 3,
    terms.Within: 4,
    terms.Holds: 5,
    terms.AndThen: 7,
    terms.OrElse: 7,
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function that was made, with what shows it: its syntax tree, and the lines of the policy that it stands for."""

    call: Callable[..., Any]
    tree: ast.Module
    listing: Listing
    constants: Constants
    file: str


@dataclass(frozen=True, slots=True)
class Prologue:
    """The statements that a function begins with, by the names that it reads after them, and what they name."""

    body: Callable[[frozenset[str]], list[ast.stmt]]
    bindings: Mapping[str, Any]


def show(function: Function) -> None:
    """Let tracebacks and profiles show the policy's own lines for a function, for as long as it is there."""
    lines = function.listing.lines()
    with contextlib.suppress(IndexError):
        while True:
            linecache.cache.pop(_GONE.popleft(), None)
    # Without a time of its own, no file is looked for.
    linecache.cache[function.file] = (sum(map(len, lines)), None, lines, function.file)
    weakref.finalize(function.call, _GONE.append, function.file).atexit = False


_GONE: Final[deque[str]] = deque()
"""Files of functions that are gone. Their lines leave with the next function that comes: the collector may run while
`linecache` goes through its cache, and what is missing then would end a traceback in a KeyError."""


_NUMBERS: Final = itertools.count(1)


class _Rule:
    """One rule on the way through the tree: what is still to be tested."""

    __slots__ = ("apply", "lowered", "needs", "tests", "timed")

    def __init__(
        self, lowered: Lowered, tests: list[int], timed: list[terms.Term], apply: int = 0, needs: Sequence[int] = ()
    ) -> None:
        self.lowered, self.tests, self.timed = lowered, tests, timed
        self.apply, self.needs = apply, needs

    def without(self, done: Container[int]) -> _Rule:
        rest = [each for each in self.tests if each not in done]
        return _Rule(self.lowered, rest, self.timed, self.apply, self.needs)


class Maker:
    """Makes the functions of some rules of one cell."""

    def __init__(
        self,
        setting: Setting,
        rules: Sequence[Lowered],
        reader: Callable[[Type], Reader],
        *,
        title: str,
        shape: Shape | None = None,
        enter: Prologue | None = None,
        leased: type | None = None,
    ) -> None:
        """Take rules; with a `shape`, constants come in a row.

        `enter` is what a function begins with that is called from outside; the others are called after it. What such a
        function tells is put into `leased`, with its end, where it has one.
        """
        self._setting = setting
        self._rules = rules
        self._reader = reader
        self._title = title
        self._shape = shape
        self._enter, self._leased = enter, leased
        self._numbers: dict[Key, int] = {}
        self._terms: list[terms.Term] = []
        self.events: list[int] = []
        """The rule, by its place among the rules, that each bit of the result is about."""

    # ------------------------------------------------------------------------------------------------------ making

    def decide(self) -> Function:
        """Return the function that finds the rules that matter, as bits, and until when they do."""
        self._begin()
        found = [self._tested(lowered, at) for at, lowered in enumerate(self._rules)]
        body = [*self._certain(), *self._block(found, frozenset(), 0, self._settle)]
        edges = "u" in _names(body) or any(lowered.rule.recheck is not None for lowered in self._rules)
        return self._finish("decide", body, self._told(edges), bits=True, ends=edges)

    def _told(self, edges: bool) -> list[ast.stmt]:
        """Return the end of `decide`: the bits alone where they have no end. `edges` says that rules may have some."""
        nodes = self._nodes
        nodes.leave()
        n, m, u = (nodes.name(each) for each in "nmu")
        whole = nodes.tuple(m, u, n)
        if self._enter is None:
            return [nodes.give(whole)]
        leased = nodes.give(nodes.call(self._constants.bind(self._leased, "class"), whole))
        if any(lowered.rule.recheck is not None for lowered in self._rules):
            return [leased]
        forever: ast.expr = nodes.compare(u, "is", nodes.name("FOREVER"))
        if not edges:
            # Without a session there is no `u`: nothing but its end could be one.
            forever = nodes.some([nodes.compare(nodes.name("s"), "is", nodes.constant(None)), forever])
        return [nodes.branch(forever, [nodes.give(m)]), leased]

    def carefully(self) -> Function:
        """Return the function that does the same rule by rule, and names the places of the rules that raise."""
        self._begin()
        nodes = self._nodes
        body = [*self._certain(), nodes.assign("z", nodes.tuple())]
        keep = [nodes.assign("g", nodes.name("m")), nodes.assign("h", nodes.name("u"))]
        drop = [nodes.assign("m", nodes.name("g")), nodes.assign("u", nodes.name("h"))]
        for at, lowered in enumerate(self._rules):
            tests = self._block([self._tested(lowered, at)], frozenset(), 0, self._settle)
            place = nodes.tuple(nodes.constant(at))
            note = nodes.assign("z", nodes.binary(nodes.name("z"), "+", place))
            body += [*keep, nodes.attempt(tests, [*drop, note], self._constants.bind(Exception, "class"))]
        told = nodes.tuple(*(nodes.name(each) for each in "muz"))
        return self._finish("carefully", body, [nodes.give(told)], bits=True, inner=True)

    def allows(self) -> Function:
        """Return the function that tells whether a permit applies and no forbid does."""
        self._begin()
        body = []
        for effect, answer in ((Effect.FORBID, False), (Effect.PERMIT, True)):
            found = [self._tested(each) for each in self._rules if each.rule.effect is effect]

            def give(rule: _Rule, ready: frozenset[str], answer: bool = answer) -> list[ast.stmt]:
                return self._give(rule, ready, answer)

            body += self._block(found, frozenset(), 0, give)
        return self._finish("allows", body, [self._nodes.give(self._nodes.constant(False))], bits=False)

    def _certain(self) -> list[ast.stmt]:
        """Return the statements that leave to the interpreter what is in something for a time, or nobody knows in what.

        The end of a membership that a scope or an obligation looks at is an edge, whatever else is tested first.
        """
        nodes = self._nodes
        open_: list[ast.expr] = []
        if any(lowered.scoped for lowered in self._rules):
            ups = [nodes.attribute(nodes.name(each), "up") for each in ("p", "r")]
            open_ += [nodes.compare(up, "is", nodes.constant(None)) for up in ups]
        open_.append(self._terms_of.endings(each for lowered in self._rules for each in _arguments(lowered)))
        ends = nodes.some(open_)
        return [] if isinstance(ends, ast.Constant) else [nodes.branch(ends, [nodes.run(self._terms_of.leave())])]

    def _begin(self) -> None:
        parts = chain.from_iterable(lowered.parts for lowered in self._rules)
        if any(True for _ in islice(chain.from_iterable(map(terms.walk, parts)), MAX_WHOLE, None)):
            raise Unsupported
        self._nodes = Nodes(Listing(self._title))
        self._constants = Constants(self._nodes, self._shape)
        self._terms_of = Expressions(self._setting, self._nodes, self._constants, self._reader)
        self._edges = Edges(self._nodes, self._terms_of)
        self._reading = Reading(self._setting, self._nodes, self._constants, self._reader)
        self.events = []

    def _finish(
        self,
        name: str,
        body: list[ast.stmt],
        end: list[ast.stmt],
        *,
        bits: bool,
        inner: bool = False,
        ends: bool = False,
    ) -> Function:
        self._nodes.leave()
        own = [self._nodes.assign("m", self._nodes.constant(0))] if bits else []
        enter = None if inner else self._enter
        if enter is not None:
            own = [*enter.body(_names(body) | {"u"} if ends else _names(body)), *own]
            self._constants.bound |= enter.bindings
        else:
            own.append(self._nodes.assign("u", self._nodes.constant(FOREVER)))
            self._constants.bound["clock"] = clock
        own += [
            self._nodes.assign(short, self._nodes.attribute(self._nodes.name(long), "a"))
            for short, long in (("pa", "p"), ("ra", "r"))
            if short in self._terms_of.owners
        ]
        parameters = ["k", "p", "r", "c", "sa", "n", "w"] if enter is None else ["p", "r", "c", "s", "n", "w"]
        tree = self._nodes.function(name, parameters, [*own, *body, *end])
        # INVARIANT: the code can name nothing but what is bound here.
        names: dict[str, Any] = {"__builtins__": {}, **self._constants.bound}
        file = f"<pdp {next(_NUMBERS)}: {self._title}>"
        exec(_compiled(tree, file), names)
        made = Function(names[name], tree, self._nodes.listing, self._constants, file)
        show(made)
        return made

    # ------------------------------------------------------------------------------------------------------- tests

    def _tested(self, lowered: Lowered, at: int | None = None) -> _Rule:
        """Return a rule with its tests in their order; `at` is its place among the rules, where bits are to tell it."""
        demands = lowered.demands
        if at is not None:
            tests, late = list(lowered.tests), list(lowered.timed)
        else:
            tests = [*lowered.tests, *(each for demand in demands for each in demand.tests)]
            late = [*lowered.timed, *(each for demand in demands for each in demand.timed)]
        if _needs_care(lowered):
            # Its obligations can change with time, whatever becomes of its condition.
            tests, late = [], []
        ordered = sorted({self._number(each): each for each in tests}.items(), key=lambda item: cost(item[1]))
        rule = _Rule(lowered, [number for number, _ in ordered], late)
        if at is not None:
            rule.apply = self._bit(at)
            rule.needs = [self._bit(at) for _ in demands]
        return rule

    def _bit(self, at: int) -> int:
        self.events.append(at)
        return 1 << (len(self.events) - 1)

    def _number(self, term: terms.Term) -> int:
        number = self._numbers.setdefault(key(term), len(self._terms))
        if number == len(self._terms):
            self._terms.append(term)
        return number

    # -------------------------------------------------------------------------------------------------------- tree

    def _block(
        self,
        rules: list[_Rule],
        ready: frozenset[str],
        depth: int,
        end: Callable[[_Rule, frozenset[str]], list[ast.stmt]],
    ) -> list[ast.stmt]:
        """Return the statements that take rules from where they are to their end."""
        found: list[ast.stmt] = []
        rest = rules
        while rest:
            shared = most_shared([rule.tests for rule in rest], self._terms)
            if shared is None or depth >= MAX_NESTED:
                for rule in sorted(rest, key=self._weight):
                    made, ready = self._alone(rule, ready, depth, end)
                    found += made
                break
            having = [rule.without((shared,)) for rule in rest if shared in rule.tests]
            rest = [rule for rule in rest if shared not in rule.tests]
            before, ready = self._load([shared], ready)
            test = self._test(shared, ready)
            inner = self._block(having, ready | self._proved(shared), depth + 1, end)
            found += [*before, self._nodes.branch(test, inner)]
        return found

    def _weight(self, rule: _Rule) -> int:
        """Return how dear a rule is: what is cheap may settle the answer."""
        return sum(cost(self._terms[number]) for number in rule.tests) + 10 * len(rule.timed)

    def _alone(
        self, rule: _Rule, ready: frozenset[str], depth: int, end: Callable[[_Rule, frozenset[str]], list[ast.stmt]]
    ) -> tuple[list[ast.stmt], frozenset[str]]:
        """Return the statements of one rule: all tests that need nothing more in local names at once, then the rest.

        And what is ready after them, whether the tests hold or not.
        """
        if not rule.tests:
            return end(rule, ready), ready
        taken: list[int] = []
        for number in rule.tests:
            if taken and depth < MAX_NESTED and self._wanted(number) - ready:
                break
            taken.append(number)
            if self._proved(number) and depth < MAX_NESTED:
                break
        before, then = self._load(taken if depth < MAX_NESTED else [], ready)
        test = self._nodes.every([self._test(number, then) for number in taken])
        proved = then.union(*(self._proved(number) for number in taken))
        inner, _ = self._alone(rule.without(frozenset(taken)), proved, depth + 1, end)
        return [*before, self._nodes.branch(test, inner)], then

    def _test(self, number: int, ready: frozenset[str]) -> ast.expr:
        self._terms_of.ready = _loaded(ready)
        return self._terms_of.holds(self._terms[number])

    # ------------------------------------------------------------------------------------------------------ context

    def _wanted(self, number: int) -> frozenset[str]:
        """Return the attributes of the context that a test reads, by name; none where the whole context is read."""
        return frozenset() if self._setting.schema.is_cedar else frozenset(_context_names(self._terms[number]))

    def _proved(self, number: int) -> frozenset[str]:
        """Return what a test that holds proves to be there."""
        term = self._terms[number]
        if isinstance(term, terms.Has) and _is_context(term.base):
            return frozenset({f"{_PROVED}{term.name}"})
        return frozenset()

    def _load(self, numbers: Sequence[int], ready: frozenset[str]) -> tuple[list[ast.stmt], frozenset[str]]:
        """Return the statements that put attributes of the context into local names, and what is ready after them."""
        wanted = frozenset[str]().union(*(self._wanted(number) for number in numbers))
        return self._load_names(wanted, ready)

    def _load_names(self, wanted: frozenset[str], ready: frozenset[str]) -> tuple[list[ast.stmt], frozenset[str]]:
        found: list[ast.stmt] = []
        if self._setting.schema.is_cedar:
            return found, ready
        for name in sorted(wanted - ready):
            declared = self._setting.context.fields.get(name)
            if declared is not None and (not declared.optional or f"{_PROVED}{name}" in ready):
                found += self._reading.of(name, declared.type)
                ready |= {name}
        return found, ready

    # --------------------------------------------------------------------------------------------------------- ends

    def _give(self, rule: _Rule, ready: frozenset[str], answer: bool) -> list[ast.stmt]:
        """Return the end of a rule in `allows`."""
        if _needs_care(rule.lowered):
            return [self._nodes.run(self._terms_of.leave())]
        before, ready = self._clock(rule.timed, ready)
        self._terms_of.spans = {}
        wanted = frozenset[str]().union(*(_context_names(each) for each in rule.timed))
        loads, ready = self._load_names(wanted, ready)
        self._terms_of.ready = _loaded(ready)
        end = self._nodes.give(self._nodes.constant(answer))
        if not rule.timed:
            return [end]
        test = self._nodes.every([self._terms_of.holds(each) for each in rule.timed])
        return [*before, *loads, self._nodes.branch(test, [end])]

    def _clock(self, timed: Sequence[terms.Term], ready: frozenset[str]) -> tuple[list[ast.stmt], frozenset[str]]:
        if not timed or _NOW in ready:
            return [], ready
        nodes = self._nodes
        tick = nodes.assign("n", nodes.call(nodes.name("clock")))
        late = nodes.compare(nodes.name("n"), "is", nodes.constant(None))
        return [nodes.branch(late, [tick])], ready | {_NOW}

    def _settle(self, rule: _Rule, ready: frozenset[str]) -> list[ast.stmt]:
        """Return the end of a rule in `decide`, where all its tests but those of needs and of time hold."""
        if _needs_care(rule.lowered):
            return [self._nodes.run(self._terms_of.leave())]
        lowered, nodes = rule.lowered, self._nodes
        late = [*lowered.timed, *(each for demand in lowered.demands for each in demand.timed)]
        found, ready = self._clock(late, ready)
        asked = [*late, *(each for demand in lowered.demands for each in demand.tests)]
        loads, ready = self._load_names(frozenset[str]().union(*(_context_names(each) for each in asked)), ready)
        found += loads
        self._terms_of.ready, self._terms_of.spans = _loaded(ready), {}
        for number, demand in enumerate(lowered.demands):
            found.append(nodes.assign(f"d{number}", self._all(demand.tests)))
        if late:
            found += self._edges.of(lowered, late)
        met = [
            nodes.every([nodes.name(f"d{number}"), *([self._all(demand.timed)] if demand.timed else [])])
            for number, demand in enumerate(lowered.demands)
        ]
        end = self._outcome(rule, met)
        return [*found, nodes.branch(self._all(lowered.timed), end)] if lowered.timed else [*found, *end]

    def _all(self, tests: Sequence[terms.Term]) -> ast.expr:
        return self._nodes.every([self._terms_of.holds(each) for each in tests])

    def _outcome(self, rule: _Rule, met: Sequence[ast.expr]) -> list[ast.stmt]:
        """Return the statements that mark a rule as applying, or its needs that are not met."""
        nodes = self._nodes
        nodes.move(rule.lowered.rule.span)
        if not met:
            return [nodes.mark("m", rule.apply)]
        missing: list[ast.stmt] = [nodes.assign("x", nodes.constant(0))]
        for bit, each in zip(rule.needs, met, strict=True):
            missing.append(nodes.branch(nodes.denied(each), [nodes.mark("x", bit)]))
        none = nodes.some([nodes.name("x"), nodes.constant(rule.apply)])
        return [*missing, nodes.assign("m", nodes.binary(nodes.name("m"), "|", none))]


def _compiled(tree: ast.Module, name: str) -> CodeType:
    # Python takes no name of a file with this character in it, and a type may be called by any text.
    return compile(tree, name.replace("\0", "\\0"), "exec", dont_inherit=True)


def most_shared(rules: Iterable[Iterable[int]], found: Sequence[terms.Term]) -> int | None:
    """Return the test that most rules have in common, the cheapest of equals; None where no two share one."""
    counts = Counter(number for tests in rules for number in tests)
    several = [number for number, count in counts.items() if count > 1]
    if not several:
        return None
    return min(several, key=lambda number: (-counts[number], cost(found[number]), number))


def cost(term: terms.Term) -> int:
    """Return how dear a test is, beside others."""
    found = _COSTS.get(term.__class__, 5)
    return found + 3 * any(_is_context(each) for each in terms.walk(term))


def _arguments(lowered: Lowered) -> list[terms.Term]:
    return [each for obligation in lowered.rule.obligations for _, each in obligation.arguments]


def _names(body: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that statements read or write."""
    return frozenset(each.id for one in body for each in ast.walk(one) if isinstance(each, ast.Name))


def _needs_care(lowered: Lowered) -> bool:
    return any(
        isinstance(each, terms.TimeTest | terms.CalendarTest)
        for argument in _arguments(lowered)
        for each in terms.walk(argument)
    )


def _loaded(ready: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in ready if not name.startswith("\0"))


def _is_context(term: terms.Term) -> bool:
    return isinstance(term, terms.Root) and term.name is RootName.CONTEXT


def _context_names(term: terms.Term) -> set[str]:
    return {each.name for each in terms.walk(term) if isinstance(each, terms.Attribute) and _is_context(each.base)}

"""Compiled policies: for each kind of question the functions that answer it, made when the first one is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from pdp import terms
from pdp.arguments import Leased, Readers, prologue
from pdp.codegen.constants import Shape
from pdp.codegen.functions import Function, Maker, Prologue
from pdp.codegen.support import careful
from pdp.lowering import Lowered, Setting, lower, reads, varies
from pdp.model import Effect, Leaf
from pdp.session import Way
from pdp.terms import Policy, RootName, Rule
from pdp.tree import Index, Placed
from pdp.wide import WHOLE, Looked, Wide, places_of

T = TypeVar("T")
_TRIES: Final = 3
"""So often something is tried that fails."""


class Program:
    """A policy, compiled cell by cell. `gates` and `doors` lead from types and action to what answers.

    `handled` names the obligations that the caller fulfils.
    """

    def __init__(self, policy: Policy, handled: frozenset[str] = frozenset()) -> None:
        self.policy = policy
        self.schema = policy.schema
        self.handled = handled
        self.index = Index(policy.rules)
        self.gates: dict[str, dict[str, dict[str, Callable[..., bool]]]] = {}
        self.doors: dict[str, dict[str, dict[str, Any]]] = {}
        self.readers = Readers(policy.schema)
        self.shapes: dict[Any, tuple[Function, Sequence[int]]] = {}
        self._simple: dict[str, bool] = {}
        self._failures: Counter[Hashable] = Counter()
        self._ways: dict[str, Way] = {}
        for name in policy.schema.entities:
            self.gates[name], self.doors[name] = {}, {}

    def cell(self, action: str, principal: str, resource: str) -> Cell | None:
        """Return what answers a kind of question, made now if need be; None where it cannot be asked."""
        found = self.doors.get(principal, {}).get(action, {}).get(resource)
        if found is None:
            placed = self.placed(action, principal, resource)
            if placed is None:
                return None
            setting = Setting(schema=self.schema, action=action, principal=principal, resource=resource)
            make = partial(Cell, self, setting, placed, self._way(action))
            found = self.attempt((action, principal, resource), make)
            if found.allows is not None:
                self.gates[principal].setdefault(action, {})[resource] = found.allows
            self.doors[principal].setdefault(action, {})[resource] = found
        return found

    def prepare(self, before: Program, due: Callable[[], bool]) -> None:
        """Make the cells that another program has, until it is due: whoever asks first does not wait for them."""
        kinds = [
            (action, principal, resource)
            # Others may make cells of it meanwhile.
            for principal, actions in list(before.doors.items())
            for action, resources in list(actions.items())
            for resource in list(resources)
        ]
        for kind in kinds:
            if due():
                return
            try:
                self.cell(*kind)
            except Exception:
                # Whoever asks tries again.
                pass

    def placed(self, action: str, principal: str, resource: str) -> Placed | None:
        """Return the rules of a kind of question; None where it cannot be asked."""
        declared = self.schema.actions.get(action)
        if declared is None or principal not in declared.principals or resource not in declared.resources:
            return None
        return self.index.cell(action, principal, resource)

    def _way(self, action: str) -> Way:
        found = self._ways.get(action)
        if found is None:
            take = None
            if self.schema.is_cedar:
                from pdp.cedar.reading import context_reader

                take = context_reader(None if self.schema.open else self.schema.actions[action].context, self.schema)
            found = self._ways.setdefault(action, Way(action, self.schema, take))
        return found

    def attempt(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return what is made, which takes long; what has failed often is the interpreter's from then on.

        A request may meet a stack or a memory that is nearly used up: so one failure says nothing yet.
        """
        if self._failures[what] >= _TRIES:
            careful()
        try:
            return make()
        except Exception:
            self._failures[what] += 1
            raise

    def is_simple(self, rule: Rule) -> bool:
        """Tell whether all that a rule adds to a decision follows from what its clauses are worth."""
        found = self._simple.get(rule.id)
        if found is None:
            # How many approvals there are is part of a remedy.
            found = self._simple[rule.id] = settled(rule) and not any(
                isinstance(each, terms.Approvals) for clause in rule.clauses for each in terms.walk(clause.condition)
            )
        return found


LEAVES: Final = 4096
"""So many different decisions are remembered of each cell."""


class Cell:
    """The rules of one action, principal type and resource type.

    `run(p, r, c, s, n, w)` gives what tells the rules that matter, `Leased` where that has an end; `allows`, with the
    same arguments, the answer: it is there where no obligation can make an allow worthless. `who` gives the rules that
    are told. `look` answers where `run` raises: it gives what tells the rules that matter, until when they do, and the
    rules that only the interpreter can speak of.

    `leaves` are what is known to come of rules that matter, by what tells them: the decision but for its lease, and the
    longest that it may hold, in microseconds. No leaf says that there is more to it than which rules matter.
    """

    __slots__ = (
        "allows",
        "functions",
        "leaves",
        "look",
        "placed",
        "program",
        "run",
        "setting",
        "title",
        "way",
        "who",
        "wide",
    )

    def __init__(self, program: Program, setting: Setting, placed: Placed, way: Way) -> None:
        self.program, self.setting, self.placed, self.way = program, setting, placed, way
        self.title = f"{setting.principal} to {setting.action} on {setting.resource}"
        self.functions: list[Function] = []
        self.leaves: dict[Any, tuple[Leaf | None, int | None]] = {}
        self.run: Callable[..., Any]
        self.who: Callable[[Any], list[Rule]]
        self.look: Callable[..., Looked]
        self.wide: Wide | None = None
        self.allows: Callable[..., bool] | None = None
        if placed.rows or len(placed.open) > WHOLE:
            wide = Wide(self)
            self.run, self.who, self.look, self.wide = wide.run, wide.who, wide.look, wide
            if self._is_simple():
                self.allows = wide.allows
        else:
            self._compile()

    def _compile(self) -> None:
        maker = self._whole_maker()
        decide = maker.decide()
        events, rules = tuple(maker.events), [rule for rule, _ in self.placed.open]
        self.run, self.who = decide.call, lambda bits: [rules[at] for at in places_of(bits, events)]
        self.look = self._first_look
        self.functions.append(decide)
        if self._is_simple():
            self.allows = self._first_allows

    def _whole_maker(self) -> Maker:
        lowered = [lower(rule, scope) for rule, scope in self.placed.open]
        uses = any(reads(RootName.CONTEXT, each) for one in lowered for each in one.parts)

        return self.maker(lowered, self.title, enter=prologue(self.way, context=uses))

    def _first_allows(self, *arguments: Any) -> bool:
        return self._compile_allows()(*arguments)

    def _compile_allows(self) -> Callable[..., bool]:
        function = self.program.attempt((self, "allows"), lambda: self._whole_maker().allows())
        self.functions.append(function)
        self.allows = function.call
        setting = self.setting
        self.program.gates[setting.principal][setting.action][setting.resource] = function.call
        return function.call

    def _first_look(self, *arguments: Any) -> Looked:
        lowered = [lower(rule, scope) for rule, scope in self.placed.open]
        function = self.program.attempt((self, "look"), lambda: self.maker(lowered, self.title).carefully())
        rules = [each.rule for each in lowered]

        def look(*arguments: Any) -> Looked:
            bits, until, raising = function.call((), *arguments)
            return bits, until, [rules[at] for at in raising]

        self.functions.append(function)
        self.look = look
        return look(*arguments)

    def maker(
        self,
        lowered: Sequence[Lowered],
        title: str,
        *,
        enter: Prologue | None = None,
        shape: Shape | None = None,
    ) -> Maker:
        """Return what makes functions of rules of this cell."""
        return Maker(
            self.setting,
            lowered,
            self.program.readers,
            title=title,
            shape=shape,
            enter=enter,
            leased=Leased,
        )

    def shown(self) -> list[tuple[Function, tuple[Any, ...], list[Rule]]]:
        """Return the functions that answer, each with the rules that it stands for and the row of the first of them."""
        if self.wide is None:
            if self.allows == self._first_allows:
                self._compile_allows()
            rules = [rule for rule, _ in self.placed.open]
            return [(each, (), rules) for each in self.functions if rules]
        found: dict[str, tuple[Function, tuple[Any, ...], list[Rule]]] = {}
        for part in self.wide.parts():
            function, row, rules = part.function()
            found.setdefault(function.file, (function, row, []))[2].extend(rules)
        return list(found.values())

    def learn(self, key: Any, leaf: Leaf | None, recheck: int | None) -> None:
        """Remember what comes of the rules that a key tells, for all questions that come to the same."""
        if len(self.leaves) >= LEAVES:
            self.leaves.clear()
        self.leaves[key] = leaf, recheck

    def _is_simple(self) -> bool:
        """Tell whether every obligation of a permit is handled, and always complete."""
        return not self.placed.duties and all(
            obligation.name in self.program.handled and not varies(obligation)
            for rule, _ in self.placed.open
            if rule.effect is Effect.PERMIT
            for obligation in rule.obligations
        )


def settled(rule: Rule) -> bool:
    """Tell whether what a rule adds to a decision does not depend on the question, once it is known whether it applies.

    An obligation with computed arguments does, and so does an approval of a value.
    """
    return not any(varies(obligation) for obligation in rule.obligations) and not any(
        isinstance(clause.condition, terms.Approvals) and clause.condition.of is not None for clause in rule.clauses
    )

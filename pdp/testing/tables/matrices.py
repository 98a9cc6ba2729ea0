"""Principals, resources and actions of a table, and what is said of each request that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from pdp import terms
from pdp.classes import dataclass, field
from pdp.conform.mismatch import clip, named
from pdp.entities.document import Range
from pdp.errors import article
from pdp.schema import Action
from pdp.testing.runner import Unspecified
from pdp.testing.tables.cells import Cell
from pdp.testing.tables.given import Given
from pdp.testing.tables.sheets import Sheet, Spot
from pdp.testing.tables.words import Vocabulary
from pdp.testing.tables.worlds import Holding, World, entities_of
from pdp.values import EntityRef, Value

MAX_CASES: Final = 500_000
"""The requests that the tables of one file look at: with lists of names, a short file asks very many."""

_Asked: TypeAlias = tuple[EntityRef, str, EntityRef]
_T = TypeVar("_T")


@dataclass(slots=True)
class Axes:
    """What a table is about, each with where it was named. None is for what its cells are to say.

    `named` tells where cells name entities first.
    """

    principals: dict[EntityRef, Range] | None = None
    resources: dict[EntityRef, Range] | None = None
    actions: dict[str, Range] | None = None
    named: dict[EntityRef, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Area:
    """A part of a table: all of an axis where it is None."""

    principals: tuple[EntityRef, ...] | None = None
    resources: tuple[EntityRef, ...] | None = None
    actions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is expected of a part of a table; `at` is where the part is named."""

    area: Area
    cells: list[Cell]
    at: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is expected from one step to the next. `rest` is for all else, `skip` leaves that out."""

    world: World
    leaves: list[Leaf]
    rest: Cell | None = None
    skip: bool = False
    at: Range


@dataclass(slots=True)
class Matrix:
    """One table: its parts into a test, and what it says nothing of. `count` is told how many requests it looks at."""

    sheet: Sheet
    words: Vocabulary
    holding: Holding
    name: str
    at: Range
    axes: Axes
    steps: list[Step]
    count: Callable[[int], bool]
    # Contexts of cells over those of worlds: each is there once, and is kept with what it was made of.
    _merged: dict[tuple[int, int], tuple[Given, Given, Given]] = field(default_factory=dict)

    def build(self) -> tuple[terms.Test | None, list[Unspecified]]:
        """Return the test that a table is, and the requests that it says nothing of."""
        if not self._complete():
            return None, []
        told: set[_Asked] = set()
        stages = []
        for step in self.steps:
            self.holding.check(step.world)
            expected = [*self._expected(step, told)]
            if expected:
                stages.append(self._stage(step, expected))
        if not stages:
            if not self.sheet.report.faults:
                help_ = "say of some request what is expected: `rest: skip` is for what else there is"
                self.sheet.wrong("empty_table", "the table expects nothing", self.at, help_)
            return None, []
        test = terms.Test(
            name=self.name, stages=tuple(stages), beside=self.steps[0].world.beside, span=self.sheet.span(self.at)
        )
        return test, [*self._unspecified(told)]

    def _complete(self) -> bool:
        """Fill axes that are left out with what cells name; tell whether there is anything to ask."""
        axes, whole = self.axes, True
        leaves = [leaf for step in self.steps for leaf in step.leaves]
        if axes.principals is None:
            axes.principals = self._placed(ref for leaf in leaves for ref in leaf.area.principals or ())
        if axes.resources is None:
            axes.resources = self._placed(ref for leaf in leaves for ref in leaf.area.resources or ())
        if axes.actions is None:
            axes.actions = {name: leaf.at for leaf in leaves for name in leaf.area.actions or ()}
        for size, what in (
            (len(axes.principals), "principals"),
            (len(axes.resources), "resources"),
            (len(axes.actions), "actions"),
        ):
            if not size:
                whole = False
                # What is reported already may be what would have named them.
                if not self.sheet.report.faults:
                    help_ = f"list them under `{what}`, or name them in `expect`"
                    self.sheet.wrong("empty_table", f"the table has no {what}", self.at, help_)
        if whole and not self.count(len(axes.principals) * len(axes.resources) * len(axes.actions)):
            return False
        for axis in (axes.principals, axes.resources):
            for ref, where in axis.items():
                self.holding.want(self.sheet, where, ref, self.steps[-1].world)
        return whole

    def _placed(self, refs: Iterable[EntityRef]) -> dict[EntityRef, Range]:
        return {ref: self.axes.named.get(ref, self.at) for ref in refs}

    def _stage(self, step: Step, expected: list[terms.Expectation]) -> terms.Stage:
        world = step.world
        return terms.Stage(
            entities=entities_of(world, self.words),
            grants=world.grants,
            approvals=world.approvals,
            revocations=world.revocations,
            expectations=tuple(expected),
            span=self.sheet.span(step.at),
        )

    def _expected(self, step: Step, told: set[_Asked]) -> Iterator[terms.Expectation]:
        here: set[_Asked] = set()
        seen: dict[tuple[object, ...], Range] = {}
        for leaf in step.leaves:
            asked = self._within(leaf)
            for cell in leaf.cells:
                for each in asked:
                    found = self._expect(step, cell, each)
                    key = (*each, found.at, id(found.context), id(found.session))
                    first = seen.setdefault(key, cell.range)
                    if first is not cell.range:
                        self._twice(each, cell.range, first)
                        break
                    yield found
            here.update(asked)
        if step.rest is not None:
            for each in self._all(Area()):
                if each not in here:
                    yield self._expect(step, step.rest, each)
        told |= set(self._all(Area())) if step.rest is not None or step.skip else here

    def _expect(self, step: Step, cell: Cell, asked: _Asked) -> terms.Expectation:
        principal, action, resource = asked
        world, declared = step.world, self.words.schema.actions[action]
        session = None if cell.alone else cell.session or world.session
        return terms.Expectation(
            at=cell.at or world.at,
            allow=cell.allow,
            principal=principal,
            action=action,
            resource=resource,
            context=self._context(world, cell, declared),
            session=None if session is None else session.read(declared.session, self.words),
            rules=cell.rules,
            erring=cell.erring,
            needs=cell.needs,
            obligations=cell.obligations,
            until=cell.until,
            standing=cell.standing,
            span=self.sheet.span(cell.range),
        )

    def _context(self, world: World, cell: Cell, action: Action) -> Mapping[str, Value]:
        given = world.context
        if cell.context is not None:
            key = (id(given), id(cell.context))
            if key not in self._merged:
                self._merged[key] = (given, cell.context, given.with_others(cell.context))
            given = self._merged[key][2]
        schema = self.words.schema
        found = given.read(action.context, self.words, every=schema.open)
        if schema.is_cedar and not schema.open:
            # To Cedar, a request whose context is not all there is none.
            required = {name for name, field in action.context.fields.items() if not field.optional}
            for name in sorted(required - found.keys() - given.attributes.keys()):
                message = f"the context of `{clip(action.name)}` lacks `{clip(name)}`"
                self.sheet.wrong("missing_attribute", message, cell.range, "give it under `context`")
        return found

    def _twice(self, asked: _Asked, where: Range, first: Range) -> None:
        message = f"`{asked[1]}` by {named(asked[0])} on {named(asked[2])} is there twice"
        note = ("first here", Spot(self.sheet, first))
        self.sheet.wrong("cell_twice", message, where, "keep one of them", note)

    def _within(self, leaf: Leaf) -> list[_Asked]:
        area = leaf.area
        size = 1
        for part, axis in (
            (area.principals, self.axes.principals),
            (area.resources, self.axes.resources),
            (area.actions, self.axes.actions),
        ):
            size *= len((axis or ()) if part is None else part)
        if not self.count(size * max(1, len(leaf.cells) - 1)):
            return []
        found = [*self._all(area)]
        if not found:
            self._pointless(leaf)
        return found

    def _all(self, area: Area) -> Iterator[_Asked]:
        """Yield the requests of a part of the table that can be asked, by their types."""
        applies = self.words.applies
        for principal in self._axis(area.principals, self.axes.principals):
            for resource in self._axis(area.resources, self.axes.resources):
                for action in self._axis(area.actions, self.axes.actions):
                    if applies(action, principal.type, resource.type):
                        yield principal, action, resource

    @staticmethod
    def _axis(part: tuple[_T, ...] | None, axis: dict[_T, Range] | None) -> Iterable[_T]:
        return (axis or ()) if part is None else part

    def _pointless(self, leaf: Leaf) -> None:
        action = next(iter(self._axis(leaf.area.actions, self.axes.actions)))
        principals = [*self._axis(leaf.area.principals, self.axes.principals)]
        resources = [*self._axis(leaf.area.resources, self.axes.resources)]
        self.sheet.wrong("action_does_not_apply", *inapplicable(action, principals, resources, leaf.at, self.words))

    def _unspecified(self, told: set[_Asked]) -> Iterator[Unspecified]:
        place = self.sheet.span(self.at)
        for asked in self._all(Area()):
            if asked not in told:
                principal, action, resource = asked
                yield Unspecified(test=self.name, principal=principal, action=action, resource=resource, span=place)


def inapplicable(
    action: str, principals: Sequence[EntityRef], resources: Sequence[EntityRef], where: Range, words: Vocabulary
) -> tuple[str, Range, str]:
    """Say that none of some entities can ask for an action on any of some others: the message, where, and help."""
    allowed = words.principals(action)
    for refs, able, word in ((principals, allowed, "by"), (resources, words.resources(action), "on")):
        if refs and not any(ref.type in able for ref in refs):
            message = f"action `{clip(action)}` is not {word} {article(refs[0].type)}"
            return message, where, f"it is {word} {', '.join(sorted(able)) or 'nothing'}"
    return f"action `{clip(action)}` goes with none of these", where, "leave it out"

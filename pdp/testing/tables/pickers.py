"""What the keys under `expect` name: each narrows a table to some of its principals, resources or actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pdp.classes import dataclass
from pdp.conform import Mismatch
from pdp.conform.mismatch import clip, near
from pdp.entities.document import Range
from pdp.entities.yamlfile import Map, Node
from pdp.testing.tables.cells import KEYS, CellReader
from pdp.testing.tables.matrices import Area, Axes, Leaf
from pdp.testing.tables.sheets import Sheet
from pdp.testing.tables.words import Vocabulary
from pdp.testing.tables.worlds import World
from pdp.values import EntityRef

_KEYS_HELP = "each key names a principal, a resource or an action, each of them once"
_NAMES_HELP = "name a principal, a resource or an action, or say `allow` or `deny`"


@dataclass(slots=True)
class Picker:
    """Tells what the keys of `expect` name. Each narrows the table to some principals, resources or actions."""

    sheet: Sheet
    words: Vocabulary
    axes: Axes
    world: World
    cells: CellReader
    _may: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    def __post_init__(self) -> None:
        actions = self.words.schema.actions if self.axes.actions is None else self.axes.actions
        self._may = (
            frozenset().union(*(self.words.principals(each) for each in actions)),
            frozenset().union(*(self.words.resources(each) for each in actions)),
        )

    def leaves(self, node: Node, area: Area, at: Range) -> Iterator[Leaf]:
        """Yield what a part of a table says."""
        if not isinstance(node, Map) or self._is_cell(node, area):
            yield Leaf(area, self.cells.cells(node, self.world), at)
            return
        if not node.items:
            self.sheet.wrong("empty_table", "this expects nothing", node.range, "write `allow` or `deny`")
        for key, (where, inner) in node.items.items():
            narrowed = self._narrow(key, area)
            if narrowed is None:
                self._unknown(key, where, area)
            else:
                for refs in (narrowed.principals, narrowed.resources):
                    for ref in refs or ():
                        self.axes.named.setdefault(ref, where)
                yield from self.leaves(inner, narrowed, where)

    def _is_cell(self, node: Map, area: Area) -> bool:
        # Where a name of the policy is a key of cells as well, it is that name.
        return any(key in KEYS and self._narrow(key, area) is None for key in node.items)

    def _narrow(self, key: str, area: Area) -> Area | None:
        actions = self.words.actions(key)
        if actions:
            if self.axes.actions is not None:
                actions = tuple(each for each in actions if each in self.axes.actions)
            return None if area.actions or not actions else Area(area.principals, area.resources, actions)
        for refs in self._refs(key):
            if area.principals is None and self._fits(refs, self.axes.principals, self.axes.resources, self._may[0]):
                return Area(refs, area.resources, area.actions)
            if area.resources is None and self._fits(refs, self.axes.resources, None, self._may[1]):
                return Area(area.principals, refs, area.actions)
        return None

    def _refs(self, key: str) -> Iterator[tuple[EntityRef, ...]]:
        for groups in (self.world.principals, self.world.resources):
            if key in groups:
                yield groups[key]
        try:
            yield (self.words.ref(key),)
        except Mismatch:
            pass

    @staticmethod
    def _fits(
        refs: tuple[EntityRef, ...],
        axis: dict[EntityRef, Range] | None,
        other: dict[EntityRef, Range] | None,
        may: frozenset[str],
    ) -> bool:
        if axis is not None:
            return all(ref in axis for ref in refs)
        # What the one list names is not taken for what the other one, which is left out, would name.
        return all(ref.type in may and (other is None or ref not in other) for ref in refs)

    def _unknown(self, key: str, where: Range, area: Area) -> None:
        known = [*(self.axes.actions or self.words.action_words()), *self.world.principals, *self.world.resources]
        names = [*self._names(self.axes.principals), *self._names(self.axes.resources)]
        try:
            found = bool(self.words.actions(key)) or bool(self.words.ref(key))
        except Mismatch as odd:
            if ":" in key or '"' in key:
                self.sheet.wrong(odd.code, odd.message, where, odd.help)
                return
            found = False
        if found:
            help_ = _KEYS_HELP if key in known else near(key, names) or _KEYS_HELP
            self.sheet.wrong("not_in_table", f"`{clip(key)}` is nothing that this table is about", where, help_)
        else:
            help_ = near(key, [*known, *names, *KEYS]) or _NAMES_HELP
            self.sheet.wrong("unknown_table_name", f"there is no action and no group `{clip(key)}`", where, help_)

    @staticmethod
    def _names(axis: Mapping[EntityRef, Range] | None) -> Iterator[str]:
        for ref in axis or ():
            yield f"{ref.type}:{ref.id}"

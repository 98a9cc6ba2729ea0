"""A file's part of a policy, as the checker takes it, to data and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack

from pdp.cache import declarations
from pdp.cache.forms import NAMES, NUMBER, TEXT, Places, listed, packed, pair, several
from pdp.cache.packs import KeptFile, text_digest
from pdp.cache.policies import read_rules, read_tests, write_rules, write_tests
from pdp.cache.schemas import DIAGNOSTICS
from pdp.checker.parts import Granted, Part
from pdp.classes import dataclass
from pdp.source import Source
from pdp.syntax import tree

_GRANTED = several(pair(pair(TEXT, TEXT), pair(NUMBER, NUMBER)))


def keep(file: tree.File, part: Part, places: Places) -> KeptFile:
    """Return what is kept of a file."""
    grants = [(each.resource, (each.start, each.end)) for each in part.grants]
    found = [DIAGNOSTICS.write(each, places) for each in (part.in_rules, part.in_grants, part.in_tests)]
    spent = [part.added, part.looked]
    names, ranges = declarations.names_of(file), declarations.ranges_of(file)
    return KeptFile(
        path=file.source.path,
        digest=text_digest(file.source),
        interface=declarations.interface(file),
        rules=write_rules(part.rules, places),
        grants=write_rules([each.rule for each in part.grants], places),
        tests=write_tests(part.tests, places),
        part=packed(
            [
                ranges,
                names,
                NAMES.write(part.used, places),
                _GRANTED.write(grants, places),
                found,
                spent,
            ]
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A file's part, and what its declarations and the names of its rules are made of again."""

    source: Source
    part: Part
    ranges: Sequence[Sequence[int]]
    names: Sequence[Sequence[Any]]

    @property
    def plain(self) -> bool:
        """Whether every rule is called as its file calls it: no other namespace has one of that name."""
        return [name for name, _, _ in self.names] == [rule.id for rule in self.part.rules]

    def file(self, *, named: bool) -> tree.File | None:
        """Return the declarations, with the names of the rules if asked; None where they do not parse."""
        return declarations.restore(self.source, self.ranges, self.names if named else ())


def restore(kept: KeptFile, source: Source, places: Places) -> Restored:
    """Return what is kept of a file."""
    ranges, names, used, grants, found, spent = listed(msgpack.unpackb(kept.part), 6)
    rules = read_rules(kept.grants, places)
    granted = [
        Granted(rule=rule, resource=resource, start=start, end=end)
        for rule, (resource, (start, end)) in zip(rules, _GRANTED.read(grants, places), strict=True)
    ]
    added, looked = listed(spent, 2)
    in_rules, in_grants, in_tests = (DIAGNOSTICS.read(each, places) for each in listed(found, 3))
    part = Part(
        rules=read_rules(kept.rules, places),
        grants=granted,
        tests=read_tests(kept.tests, places),
        in_rules=in_rules,
        in_grants=in_grants,
        in_tests=in_tests,
        used=NAMES.read(used, places),
        added=NUMBER.read(added, places),
        looked=NUMBER.read(looked, places),
    )
    return Restored(source=source, part=part, ranges=ranges, names=names)


def rule_names(kept: KeptFile) -> set[str]:
    """Return the names of the rules of a file."""
    names = listed(msgpack.unpackb(kept.part), 6)[1]
    return {name for name, _, _ in names}

"""Attributes: whose they are, of which type, and whether what may be absent was asked for first."""

from __future__ import annotations

from typing import TypeAlias

from pdp import terms
from pdp.checker import presence
from pdp.checker.place import Place, problem, text
from pdp.errors import listed
from pdp.source import Span
from pdp.types import WRONG, EntityTypes, Primitive, RecordType, SetType, Type, Wrong, join

Owners: TypeAlias = list[tuple[str, RecordType]]
"""Whose attributes a term has, in words, and their types: of one record, or of each entity type that it may be."""


def owners(base: terms.Term, kind: Type, at: Place) -> Owners | None:
    """Return whose attributes a term of that type has, or None where it has none, or an error was reported."""
    match base, kind:
        case terms.Root(name=terms.RootName.CONTEXT), RecordType():
            return [("the context" if at.cell is None else f"the context of `{at.cell.action}`", kind)]
        case terms.Root(name=terms.RootName.SESSION), RecordType():
            return [("the session", kind)]
        case _, RecordType():
            return [(f"`{text(base)}`", kind)]
        case _, EntityTypes():
            return [
                (f"entity type `{name}`", at.schema.entities[name].attributes)
                for name in sorted(kind.names)
                if name in at.schema.entities
            ]
        case _, Wrong():
            return None
        case _:
            problem(at, "no_attributes", f"a value of type `{kind}` has no attributes", base.span, _value_help(kind))
            return None


def _value_help(kind: Type) -> str:
    if isinstance(kind, SetType):
        return "look at its elements: `any x in …: x.…`"
    return "only entities and records have attributes"


def attribute(term: terms.Attribute, kind: Type, at: Place) -> Type:
    """Return the type of an attribute of something of that type."""
    of = owners(term.base, kind, at)
    if of is None:
        return WRONG
    found: Type | None = None
    for owner, record in of:
        declared = record.fields.get(term.name)
        if declared is None:
            return _missing(term, owner, record, kind, at)
        if declared.optional and not at.lenient and not _known(term, at):
            return _unguarded(term, owner, at)
        joined = declared.type if found is None else join(found, declared.type)
        if joined is None:
            return problem(
                at,
                "ambiguous_type",
                f"`{term.name}` is of type `{found}` in one type and of type `{declared.type}` in another",
                _name_span(term),
                "write a rule for each type",
            )
        found = joined
    return WRONG if found is None else found


def has(term: terms.Has, kind: Type, at: Place) -> Type:
    """Check a test for an attribute of something of that type."""
    of = owners(term.base, kind, at)
    if of is None:
        return Primitive.BOOL
    declared = [record.fields.get(term.name) for _, record in of]
    if of and not any(declared):
        _missing(term, *of[0], kind, at)
    elif all(each is not None and not each.optional for each in declared):
        message = f"every {of[0][0].removeprefix('the ')} has `{term.name}`"
        at.verdicts.note(term.span, True, "constant_condition", message)
    else:
        at.verdicts.note(term.span, None, "", "")
    return Primitive.BOOL


def _known(term: terms.Attribute, at: Place) -> bool:
    where = presence.path(term)
    return where is not None and where in at.facts


def _missing(term: terms.Attribute | terms.Has, owner: str, record: RecordType, kind: Type, at: Place) -> Type:
    return problem(
        at,
        "unknown_attribute",
        f"attribute `{term.name}` not found on {owner}",
        _name_span(term),
        _container(term, kind, at)
        or at.report.suggest(term.name, record.fields)
        or f"it has {listed(record.fields, 'no attributes')}",
    )


def _container(term: terms.Attribute | terms.Has, kind: Type, at: Place) -> str | None:
    """Return what helps where the name of an attribute is that of a type that the entity can be in."""
    word = term.name.replace("_", "").removesuffix("s").lower()
    for name in sorted(kind.names) if isinstance(kind, EntityTypes) else ():
        for parent in sorted(at.schema.entities[name].parents if name in at.schema.entities else ()):
            if parent.rsplit(".", 1)[-1].lower() == word:
                return f'what an entity is in is no attribute: ask `{text(term.base)} in {parent} "…"`'
    return None


def _unguarded(term: terms.Attribute, owner: str, at: Place) -> Type:
    return problem(
        at,
        "optional_attribute",
        f"attribute `{term.name}` of {owner} is optional",
        _name_span(term),
        f"ask first whether it is there: `{text(term.base)} has {term.name} and …`",
    )


def _name_span(term: terms.Attribute | terms.Has) -> Span | None:
    """Return where the attribute's name stands: at the end of the term."""
    span = term.span
    if span is None or not span.text.endswith(term.name):
        return span
    return Span(span.source, span.end - len(term.name), span.end)

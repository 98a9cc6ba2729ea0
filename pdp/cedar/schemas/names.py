"""Who declares what, and what a name leads to from where it is written.

A name leads to what its own namespace declares, then to what stands in none, then to Cedar's own types; in each, to a
common type before an entity type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, assert_never

from pdp.cedar.schemas import words
from pdp.cedar.schemas.declarations import (
    ActionDecl,
    ActionName,
    Declaration,
    EntityDecl,
    Name,
    Named,
    Namespace,
    TypeDecl,
    Wanted,
    qualify,
)
from pdp.checker.report import Report
from pdp.classes import dataclass, field
from pdp.syntax.characters import show
from pdp.types import Primitive
from pdp.values import EntityRef, quote


@dataclass(frozen=True, slots=True)
class EntityPath:
    """The entity type that a name leads to."""

    name: str


@dataclass(frozen=True, slots=True)
class CommonPath:
    """The common type that a name leads to."""

    name: str


Target: TypeAlias = EntityPath | CommonPath | Primitive


def action_type(namespace: str) -> str:
    """Return the type of the actions of a namespace."""
    return qualify(namespace, words.ACTION)


def action_text(ref: EntityRef) -> str:
    """Return the full name of an action, as policies write it.

    >>> action_text(EntityRef("Photos::Action", "view"))
    'Photos::Action::"view"'
    """
    return f"{ref.type}::{quote(ref.id)}"


@dataclass(frozen=True, slots=True)
class Names:
    """All declarations of all files by their full names, each with its namespace."""

    entities: dict[str, tuple[str, EntityDecl]] = field(default_factory=dict)
    types: dict[str, tuple[str, TypeDecl]] = field(default_factory=dict)
    actions: dict[EntityRef, tuple[str, ActionDecl]] = field(default_factory=dict)
    action_types: set[str] = field(default_factory=set)

    def find(self, named: Named, namespace: str) -> Target | None:
        """Return what a name leads to, or None where it leads nowhere."""
        for path in _candidates(named.path, namespace):
            if named.wanted is not Wanted.ENTITY and path in self.types:
                return CommonPath(path)
            if named.wanted is not Wanted.COMMON and (path in self.entities or path in self.action_types):
                return EntityPath(path)
        return None if named.wanted is Wanted.ENTITY else self._builtin(named.path)

    def _builtin(self, path: str) -> Primitive | None:
        own, _, name = path.rpartition("::")
        # An entity type of that name hides it, even where nothing but a common type can stand.
        if own != words.OWN and (own or path in self.entities):
            return None
        return words.BUILTINS.get(name)

    def find_action(self, named: ActionName, namespace: str) -> EntityRef | None:
        """Return the action that a name leads to, or None where it leads nowhere."""
        for path in _candidates(named.type or words.ACTION, namespace):
            if (ref := EntityRef(path, named.id)) in self.actions:
                return ref
        return None

    def known(self, wanted: Wanted, namespace: str) -> Iterator[str]:
        """Yield the names that can be written in a namespace, for whoever misspelt one."""
        tables: list[Iterable[str]] = []
        if wanted is not Wanted.COMMON:
            tables.append(self.entities)
        if wanted is not Wanted.ENTITY:
            tables += [self.types, words.BUILTINS]
        for table in tables:
            for path in table:
                yield path
                own, _, name = path.rpartition("::")
                if own and own == namespace:
                    yield name


def _candidates(path: str, namespace: str) -> tuple[str, ...]:
    return (qualify(namespace, path), path) if namespace and "::" not in path else (path,)


# ------------------------------------------------------------------------------------------------------- collection


def collect(namespaces: Iterable[Namespace], report: Report) -> Names:
    """Put the declarations of all files together, and report what cannot stand beside something else."""
    names = Names()
    for namespace in namespaces:
        for declaration in namespace.declarations:
            _declare(declaration, namespace.path, names, report)
    _report_shadows(names, report)
    return names


def _declare(declaration: Declaration, namespace: str, names: Names, report: Report) -> None:
    path = qualify(namespace, declaration.name.text)
    first: Declaration
    match declaration:
        case EntityDecl():
            if declaration.name.text == words.ACTION:
                message, help_ = f"`{path}` is the type of actions", "choose another name: actions are declared alone"
                report.error("reserved_name", message, declaration.name.span, help_)
            first = names.entities.setdefault(path, (namespace, declaration))[1]
            what = f"entity type `{path}`"
        case TypeDecl():
            first = names.types.setdefault(path, (namespace, declaration))[1]
            what = f"common type `{path}`"
        case ActionDecl():
            ref = EntityRef(action_type(namespace), declaration.name.text)
            first = names.actions.setdefault(ref, (namespace, declaration))[1]
            names.action_types.add(ref.type)
            what = f"action `{show(ref.id)}`"
        case _:
            assert_never(declaration)
    if first is not declaration:
        message, notes = f"{what} is declared twice", (("the first is here", first.name.span),)
        report.error("duplicate_declaration", message, declaration.name.span, "remove one of them", notes)


def _report_shadows(names: Names, report: Report) -> None:
    # A name with one meaning outside and another inside of a namespace is refused by Cedar, as it is here.
    types: list[tuple[str, Name]] = [(namespace, declared.name) for namespace, declared in names.entities.values()]
    types += [(namespace, declared.name) for namespace, declared in names.types.values()]
    outside: dict[str, Name] = {}
    for namespace, name in types:
        if not namespace:
            outside.setdefault(name.text, name)
    for namespace, name in types:
        if namespace and (hidden := outside.get(name.text)) is not None:
            _shadows(qualify(namespace, name.text), hidden.text, name, hidden, report)
    for ref, (namespace, action) in names.actions.items():
        bare = EntityRef(words.ACTION, ref.id)
        if namespace and bare in names.actions:
            _shadows(action_text(ref), action_text(bare), action.name, names.actions[bare][1].name, report)


def _shadows(path: str, bare: str, inside: Name, outside: Name, report: Report) -> None:
    message = f"`{show(path)}` hides `{show(bare)}`, which is in no namespace"
    report.error("shadowed_declaration", message, inside.span, "rename one of them", (("hidden", outside.span),))

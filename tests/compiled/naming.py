"""A policy whose every name can be any text, and a watch over the code that becomes of it."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import pdp
from pdp.classes import fields
from pdp.model import Entity, Membership
from pdp.values import EntityRef, quote
from tests.compiled.beside import Beside, checked

PLACES: Mapping[str, str] = {
    "group": "AGroup",
    "user": "AUser",
    "page": "APage",
    "enum": "AnEnum",
    "member": "a_member",
    "of_principal": "an_attribute",
    "of_resource": "another_attribute",
    "of_record": "a_part",
    "of_context": "from_the_context",
    "optional": "perhaps",
    "of_action": "from_the_action",
    "of_session": "from_the_session",
    "action": "an_action",
    "several": "several_actions",
    "role": "a_role",
    "duty": "a_duty",
    "argument": "an_argument",
    "define": "a_define",
    "parameter": "a_parameter",
    "variable": "a_variable",
    "rule": "a_rule",
}
"""Every place where a name stands, with the name that stands there where nothing else is said."""

TEXTS: Mapping[str, str] = {
    "principal_id": "ada",
    "resource_id": "home",
    "group_id": "team",
    "text": "a text",
    "pattern": "begins",
    "remedy": "do it",
    "duty_text": "an argument",
    "why": "since it is so",
    "context_text": "of the context",
    "session_text": "of the session",
}
"""Every place where a text stands, in the policy, the entities or the request."""

TEMPLATE = """
context {{ {of_context}: String, {optional}?: String }}
session {{ {of_session}?: String }}
type {group}
type {user} in {group} {{ {of_principal}: String, level: Int, inner: {{ {of_record}: String }} }}
enum {enum} {{ {member}, nothing_else }}
type {page} {{ {of_resource}: {enum}, title: String, tags: [String] }}
action {action} on {page} by {user}
action plainly on {page} by {user} with {{ {of_action}: String }}
actions {several} = {action}
role {role} on {page}: {action}
obligation {duty} {{ {argument}: String, computed: String }}
define {define}({parameter}: String) = context.{of_context} == {parameter}
rule {rule}:
  permit {user} in {group} {group_id} to {several} on {page}
  when principal.{of_principal} like {pattern_like} and resource.{of_resource} == {member}
  when {define}({context_text}) and (any {variable} in resource.tags: {variable} == {text})
  when principal.inner.{of_record} in [{text}, "other"]
  needs context has {optional} and context.{optional} == {context_text} else {remedy}
  oblige {duty} {{ {argument}: {duty_text}, computed: context.{of_context} }}
rule of_the_session:
  permit {user} to {action} on {page} when session has {of_session} and session.{of_session} == {session_text}
rule shut:
  forbid {user} {principal_id} to {action} on {page} when resource.title == {text} because {why}
rule plain:
  permit {user} in {group} {group_id} to plainly on {page}
  when principal.{of_principal} like {pattern_like} and resource.{of_resource} == {member}
  when context.{of_action} == {text} and context.{of_context} in [{context_text}, {text}]
grant {role} on {page} {resource_id} to {user} {principal_id} standing because {why}
"""


MANY = """
rule many{number}:
  permit {user} to plainly on {page}
  when resource.title == {title} and context.{of_action} == {text} and context.{of_context} == "{number}"
"""


# Many tests begin with the usual policy, and nothing changes it.
@functools.lru_cache(maxsize=8)
def policy(*, many: int = 0, **named: str) -> pdp.terms.Policy:
    """Return the policy as its text gives it, with names and texts of one's own; with `many`, rules of one shape."""
    names = {**PLACES, **named}
    texts = {place: quote(named.get(place, text)) for place, text in TEXTS.items()}
    pattern = quote(named.get("pattern", TEXTS["pattern"]))[:-1].replace("*", "\\*") + '*"'
    known = {**names, **texts, "pattern_like": pattern}
    rows = [
        MANY.format(**known, number=number, title=quote(f"{named.get('text', '')}{number}")) for number in range(many)
    ]
    return checked(TEMPLATE.format(**known) + "".join(rows))


def renamed(found: Any, name: str, to: str) -> Any:
    """Return data with one name in the place of another, as no text could state it."""

    def again(value: Any) -> Any:
        match value:
            case str() if value.__class__ is str:
                return to if value == name else value
            case EntityRef():
                return EntityRef(again(value.type), again(value.id))
            case tuple() | frozenset() | list():
                return value.__class__([again(each) for each in value])
            case dict():
                return {again(key): again(each) for key, each in value.items()}
            case pdp.values.ValueSet():
                return pdp.values.ValueSet([again(each) for each in value])
            case pdp.values.Record():
                return pdp.values.Record({again(key): again(each) for key, each in value.items()})
            case pdp.source.Span():
                return None
            case _ if hasattr(value, "__dataclass_fields__") or dataclasses.is_dataclass(value):
                told = {each.name: again(getattr(value, each.name)) for each in fields(value) if each.name != "_late"}
                return value.__class__(**told)
            case _:
                return value

    return again(found)


def entities(**named: str) -> list[Entity]:
    """Return the world of the policy, under the same names."""
    at = {**PLACES, **TEXTS, **named}
    group = EntityRef(at["group"], at["group_id"])
    user = {at["of_principal"]: f"{at['pattern']} and more", "level": 1, "inner": {at["of_record"]: at["text"]}}
    page = {at["of_resource"]: at["member"], "tags": [at["text"], "x"]}
    return [
        Entity(*group),
        Entity(at["user"], at["principal_id"], user, [Membership(group)]),
        Entity(at["user"], "someone else", user, [group]),
        Entity(at["user"], "outside", user),
        Entity(at["page"], at["resource_id"], {**page, "title": "open"}),
        Entity(at["page"], "shut away", {**page, "title": at["text"]}),
        Entity(at["page"], "numbered", {**page, "title": named.get("text", "") + "3"}),
    ]


def ask_all(beside: Beside, **named: str) -> list[Any]:
    """Ask every question of this world, and return what determined each answer."""
    at = {**PLACES, **TEXTS, **named}
    both = {at["of_context"]: at["context_text"], at["optional"]: at["context_text"]}
    plain = {**both, at["of_action"]: at["text"]}
    questions = [
        (at["action"], both, None),
        (at["action"], {at["of_context"]: at["context_text"]}, None),
        (at["action"], {**both, at["of_context"]: at["context_text"] + " "}, None),
        (at["action"], both, {at["of_session"]: at["session_text"]}),
        ("plainly", plain, None),
        ("plainly", {**plain, at["of_context"]: "3"}, None),
    ]
    found = []
    for who in (at["principal_id"], "outside"):
        for what in (at["resource_id"], "shut away", "numbered"):
            for action, context, session in questions:
                user, page = EntityRef(at["user"], who), EntityRef(at["page"], what)
                told = beside.ask(user, action, page, context, session)
                found.append((told.determining_rules, told.obligations, told.remedies))
    return found


# -------------------------------------------------------------------------------------------------------- the watch


@dataclass
class Watch:
    """All code that was made: syntax trees, what was compiled from text, and what it can name."""

    trees: list[ast.AST] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    worlds: list[dict[str, Any]] = field(default_factory=list)
    tripped: list[str] = field(default_factory=list)

    def names(self) -> set[str]:
        """Return every name in the code, without its number: of variables, attributes, functions and arguments."""
        found: set[str] = set()
        for tree in self.trees:
            for node in ast.walk(tree):
                for part in ("id", "attr", "name", "arg"):
                    name = getattr(node, part, None)
                    if isinstance(name, str):
                        found.add(_NUMBER.sub("", name))
        return found

    def kinds(self) -> set[str]:
        """Return the kinds of all nodes."""
        return {type(node).__name__ for tree in self.trees for node in ast.walk(tree)}

    def constants(self) -> set[Any]:
        """Return the constants in the code."""
        return {node.value for tree in self.trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}


_NUMBER = re.compile(r"(?<=[a-z])_?[0-9]+\Z", re.ASCII)


class _Finder:
    """Trips where anybody imports the canary."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.startswith("canary"):
            self._watch.tripped.append(f"import {name}")


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch what is compiled and run, with a canary where hostile text would look for one."""
    watch = Watch()
    make, run = builtins.compile, builtins.exec

    def compiled(source: Any, filename: Any, *rest: Any, **more: Any) -> Any:
        code = make(source, filename, *rest, **more)
        if isinstance(code, CodeType):
            if isinstance(source, ast.AST):
                watch.trees.append(source)
            else:
                watch.texts.append(str(source))
        elif not isinstance(source, ast.AST):
            watch.texts.append(str(source))
        return code

    def executed(code: Any, names: Any = None, *rest: Any) -> None:
        if isinstance(code, CodeType) and code.co_filename.startswith("<pdp"):
            watch.worlds.append(names)
        run(code, names, *rest)

    finder = _Finder(watch)
    builtins.compile, builtins.exec = compiled, executed  # type: ignore[assignment]
    builtins.canary = lambda *_: watch.tripped.append("called")  # type: ignore[attr-defined]
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    try:
        yield watch
    finally:
        builtins.compile, builtins.exec = make, run
        del builtins.canary  # type: ignore[attr-defined]
        sys.meta_path.remove(finder)  # type: ignore[arg-type]

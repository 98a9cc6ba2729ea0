"""Approvals in the JSON that comes with a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pdp import conform, terms
from pdp.classes import replace
from pdp.cli.entities import read_reference
from pdp.conform import Mismatch
from pdp.conform.mismatch import clip, listed, misplaced, near
from pdp.conform.references import reference
from pdp.conform.scalars import datetime
from pdp.model import Approval, Request
from pdp.schema import Action, Schema
from pdp.types import EntityTypes, RecordType, Type
from pdp.values import Datetime, EntityRef, Value

_KEYS: Final = ("approver", "at", "of", "until", "asked_by", "principal", "actor", "action", "resource")
_LAYOUT: Final = 'write `[{"approver": "User:bob", "at": "2026-11-23T09:00:00Z", "of": "c1"}, …]`'


def read_approvals(data: Any, request: Request, policy: terms.Policy) -> tuple[Approval, ...]:
    """Read a list of approvals; raise Mismatch for anything else.

    One that does not say of what is one of the request.
    """
    if not isinstance(data, list):
        raise misplaced("a list of approvals", data, _LAYOUT)
    found: list[Approval] = []
    for index, item in enumerate(data):
        try:
            found += _approvals(item, request, policy)
        except Mismatch as wrong:
            raise wrong.under(index) from None
    return tuple(found)


def _approvals(item: Any, request: Request, policy: terms.Policy) -> Iterator[Approval]:
    """Yield an approval for each value that its `of` can be read as."""
    if not isinstance(item, dict):
        raise misplaced("an approval", item, _LAYOUT)
    for key in item:
        if key not in _KEYS:
            help_ = near(key, _KEYS) or f"it has {', '.join(f'`{name}`' for name in _KEYS)}"
            raise Mismatch("unknown_key", f"an approval has no `{clip(key)}`", help_, (key,))
    for key in _KEYS[:2]:
        if key not in item:
            raise Mismatch("missing_key", f"an approval needs `{key}`", _LAYOUT)
    action = item.get("action", request.action)
    if not isinstance(action, str):
        raise misplaced("the name of an action", action).under("action")
    if "action" in item and policy.schema.resolve_action(action) not in policy.schema.actions:
        # An approval of what nobody can ask for is a slip of the pen, and would count for nothing.
        help_ = near(action, policy.schema.actions) or listed(policy.schema.actions)
        raise Mismatch("unknown_action", f"there is no action `{clip(action)}`", help_, ("action",))
    values: Iterable[Value | None] = [None]
    if "of" in item:
        values = _readings(item["of"], policy, policy.schema.resolve_action(action))
    record = Approval(
        approver=_name(item, "approver", policy.schema),
        principal=_name(item, "principal", policy.schema) if "principal" in item else _ref(request.principal),
        action=action,
        resource=_name(item, "resource", policy.schema) if "resource" in item else _ref(request.resource),
        at=_instant(item, "at"),
        until=_instant(item, "until") if "until" in item else None,
        asked_by=_name(item, "asked_by", policy.schema) if "asked_by" in item else None,
        actor=_name(item, "actor", policy.schema) if "actor" in item else None,
    )
    for value in values:
        yield replace(record, of=value)


def _ref(given: Any) -> EntityRef:
    return EntityRef(given.type, given.id)


def _name(item: dict[str, Any], key: str, schema: Schema) -> EntityRef:
    try:
        return read_reference(item[key], schema)
    except Mismatch as wrong:
        raise wrong.under(key) from None


def _instant(item: dict[str, Any], key: str) -> Datetime:
    try:
        return datetime(item[key])
    except Mismatch as wrong:
        raise wrong.under(key) from None


# ------------------------------------------------------------------------------------------------- what was approved


def _readings(data: Any, policy: terms.Policy, name: str) -> tuple[Value, ...]:
    """Return every value that data can stand for: by itself, and where a rule asks for approvals of such a value.

    JSON has no times and no addresses, so the rules have to say what a text is. Values of different types are never
    equal: a reading that no rule asks for does nothing.
    """
    action = policy.schema.actions.get(name)
    found: list[Value] = [data] if isinstance(data, bool | int | str) else []
    if isinstance(data, dict):
        try:
            found.append(reference(data, policy.schema))
        except Mismatch:
            pass
    for kind in _bound_types(policy, action) if action is not None else ():
        try:
            value = conform.conform(data, kind, policy.schema)
        except Mismatch:
            continue
        if not any(value == each and type(value) is type(each) for each in found):
            found.append(value)
    if not found:
        raise misplaced("what a rule asks approvals of", data).under("of")
    return tuple(found)


def _bound_types(policy: terms.Policy, action: Action) -> Iterator[Type]:
    for rule in policy.rules:
        if action.name in rule.actions:
            for clause in rule.clauses:
                for term in terms.walk(clause.condition):
                    if isinstance(term, terms.Approvals) and term.of is not None:
                        yield from _types(term.of, action, policy.schema)


def _types(term: terms.Term, action: Action, schema: Schema) -> list[Type]:
    """Return the types that a path can have; none for another term."""
    match term:
        case terms.Root(name=terms.RootName.CONTEXT):
            return [action.context]
        case terms.Root(name=terms.RootName.SESSION):
            return [action.session]
        case terms.Root(name=terms.RootName.PRINCIPAL):
            return [EntityTypes(action.principals)]
        case terms.Root(name=terms.RootName.RESOURCE):
            return [EntityTypes(action.resources)]
        case terms.Attribute():
            return [
                found for base in _types(term.base, action, schema) for found in _attribute(base, term.name, schema)
            ]
        case _:
            return []


def _attribute(base: Type, name: str, schema: Schema) -> Iterator[Type]:
    if isinstance(base, RecordType) and name in base.fields:
        yield base.fields[name].type
    elif isinstance(base, EntityTypes):
        for each in sorted(base.names):
            declared = schema.attribute(each, name)
            if declared is not None:
                yield declared.type

"""The types that expressions of Cedar have for one action: of whom it is asked, on what, and with which context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdp.cedar import tree
from pdp.schema import Action, Schema
from pdp.symbols import Function
from pdp.types import EntityTypes, FieldType, Primitive, RecordType, SetType, Type

_CALLS: Final[dict[str, Type]] = {
    Function.DECIMAL: Primitive.DECIMAL,
    Function.IP: Primitive.IP,
    Function.DATETIME: Primitive.DATETIME,
    Function.DURATION: Primitive.DURATION,
    Function.OFFSET: Primitive.DATETIME,
    Function.DURATION_SINCE: Primitive.DURATION,
    Function.TO_DATE: Primitive.DATETIME,
    Function.TO_TIME: Primitive.DURATION,
    **dict.fromkeys(
        (
            Function.TO_MILLISECONDS,
            Function.TO_SECONDS,
            Function.TO_MINUTES,
            Function.TO_HOURS,
            Function.TO_DAYS,
        ),
        Primitive.INT,
    ),
}
_NUMBERS: Final = (tree.BinaryOp.ADD, tree.BinaryOp.SUB, tree.BinaryOp.MUL)


class Kinds:
    """What is known of the types of one action's requests."""

    def __init__(self, schema: Schema, action: Action, principals: frozenset[str], resources: frozenset[str]) -> None:
        self.schema = schema
        self.action = action
        self.principals = principals
        self.resources = resources
        self.roots: dict[tree.VariableName, Type] = {
            tree.VariableName.PRINCIPAL: EntityTypes(principals),
            tree.VariableName.RESOURCE: EntityTypes(resources),
            tree.VariableName.CONTEXT: action.context,
        }

    def of(self, found: tree.Expression) -> Type | None:
        """Return the type of an expression; None where that is not known."""
        match found:
            case tree.Literal():
                return _literal(found.value)
            case tree.Entity():
                return EntityTypes(frozenset([found.ref.type]))
            case tree.Variable():
                return self.roots.get(found.name)
            case tree.Negate():
                return Primitive.INT
            case tree.If():
                return self._all([found.then, found.otherwise])
            case tree.Binary():
                return Primitive.INT if found.op in _NUMBERS else Primitive.BOOL
            case tree.Access():
                fields = [field for field in self.fields(found.base, found.name) or () if field is not None]
                return _joined([field.type for field in fields])
            case tree.Call():
                return _CALLS.get(found.name, Primitive.BOOL if found.name != "getTag" else None)
            case tree.SetOf():
                return SetType(self._all(found.items))
            case tree.RecordOf():
                return self._record(found)
            case _:
                return Primitive.BOOL

    def _all(self, found: Sequence[tree.Expression]) -> Type | None:
        kinds = [self.of(each) for each in found]
        return _joined([kind for kind in kinds if kind is not None]) if None not in kinds else None

    def _record(self, found: tree.RecordOf) -> Type | None:
        kinds = {name: self.of(value) for name, value in found.fields}
        known = {name: FieldType(kind) for name, kind in kinds.items() if kind is not None}
        return RecordType(known) if len(known) == len(kinds) else None

    def fields(self, base: tree.Expression, name: str) -> list[FieldType | None] | None:
        """Return what each type that the base may be of says of an attribute; None where its type is not known."""
        kind = self.of(base)
        if isinstance(kind, RecordType):
            return [kind.fields.get(name)]
        if isinstance(kind, EntityTypes):
            return [self.schema.attribute(each, name) for each in sorted(kind.names)]
        return None

    def may_err(self, found: tree.Expression) -> bool:
        """Tell whether an expression may have no value though the request and its entities conform to the schema."""
        match found:
            case tree.Literal() | tree.Entity() | tree.Variable():
                return False
            case tree.Access():
                base = self.of(found.base)
                deep = isinstance(base, EntityTypes) and not isinstance(found.base, tree.Variable)
                return deep or self.may_err(found.base)
            case tree.Negate():
                return True
            case tree.Binary():
                return found.op in _NUMBERS or self.may_err(found.left) or self.may_err(found.right)
            case tree.Not():
                return self.may_err(found.operand)
            case tree.And() | tree.Or():
                return any(map(self.may_err, found.operands))
            case tree.If():
                return any(map(self.may_err, (found.test, found.then, found.otherwise)))
            case tree.Has() | tree.Like() | tree.Is():
                return self.may_err(found.operand)
            case tree.Call():
                risky = found.name in (Function.OFFSET, Function.DURATION_SINCE, "getTag")
                return risky or any(map(self.may_err, found.arguments))
            case tree.SetOf():
                return any(map(self.may_err, found.items))
            case tree.RecordOf():
                return any(self.may_err(value) for _, value in found.fields)


def _literal(value: bool | int | str) -> Type:
    if isinstance(value, bool):
        return Primitive.BOOL
    return Primitive.INT if isinstance(value, int) else Primitive.STRING


def _joined(kinds: list[Type]) -> Type | None:
    """Return the type of what may be of several."""
    if not kinds:
        return None
    names: set[str] = set()
    for kind in kinds:
        if not isinstance(kind, EntityTypes):
            return kinds[0] if all(each == kinds[0] for each in kinds) else None
        names |= kind.names
    return EntityTypes(frozenset(names))

"""Conditions of Cedar as conditions of pdp, for one action.

What is the same for every request is left out, since pdp takes a constant condition for a mistake: the result is then a
truth value in place of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from pdp import extensions
from pdp.cedar import tree
from pdp.cedar.conversion.kinds import Kinds
from pdp.cedar.conversion.names import Names
from pdp.cedar.conversion.notes import Untranslatable
from pdp.cedar.conversion.phrases import (
    CHOICE,
    COMPARE,
    MINUS,
    POSTFIX,
    PRODUCT,
    SUM,
    Out,
    Text,
    at,
    conjunction,
    disjunction,
    negated,
)
from pdp.cedar.conversion.schema import key
from pdp.cedar.text import show_ref
from pdp.classes import replace
from pdp.ids import wrong_id
from pdp.symbols import Function
from pdp.types import EntityTypes, Primitive, SetType, comparable
from pdp.values import DATETIME_MAX, DATETIME_MIN, Datetime, EntityRef, Ip, Unknown, Value, quote, show

_LEVELS: Final = {tree.BinaryOp.ADD: SUM, tree.BinaryOp.SUB: SUM, tree.BinaryOp.MUL: PRODUCT}
_ORDERS: Final[dict[str, str]] = {
    Function.LESS_THAN: "<",
    Function.LESS_THAN_OR_EQUAL: "<=",
    Function.GREATER_THAN: ">",
    Function.GREATER_THAN_OR_EQUAL: ">=",
}
_RANGES: Final[dict[str, str]] = {
    Function.IS_IPV4: "0.0.0.0/0",
    Function.IS_IPV6: "::/0",
    Function.IS_LOOPBACK: "[127.0.0.0/8, ::1]",
    Function.IS_MULTICAST: "[224.0.0.0/4, ff00::/8]",
}
_EXTENSIONS: Final = (Function.DECIMAL, Function.IP, Function.DATETIME, Function.DURATION)


class Translator:
    """Says conditions of Cedar in pdp; raises Untranslatable for what cannot be said."""

    def __init__(self, kinds: Kinds, names: Names, note: Callable[[str, str], None]) -> None:
        """Take the types of an action's requests, the names in pdp, and what takes each difference."""
        self.kinds = kinds
        self.names = names
        self.note = note

    def condition(self, found: tree.Expression, *, required: bool) -> Out:
        """Return a condition; `required` says that the policy applies only where it is true."""
        if required and isinstance(found, tree.And):
            # Where one side fails, the whole is not true, whatever the others are.
            return conjunction([self.condition(each, required=True) for each in found.operands])
        return self._of(found)

    # --------------------------------------------------------------------------------------------------------- pieces

    def _of(self, found: tree.Expression) -> Out:
        match found:
            case tree.Literal():
                return found.value if isinstance(found.value, bool) else _number_or_text(found.value)
            case tree.Entity():
                return Text(self.entity(found.ref, found))
            case tree.Variable():
                if found.name is tree.VariableName.ACTION:
                    raise Untranslatable("in pdp, the action is no value", found)
                return Text(str(found.name))
            case tree.Not():
                return negated(self._of(found.operand))
            case tree.Negate():
                return Text(f"-{self._at(found.operand, MINUS)}", MINUS)
            case tree.And():
                return self._and(found)
            case tree.Or():
                return self._or(found)
            case tree.If():
                return self._if(found)
            case tree.Binary():
                return self._binary(found)
            case tree.Has():
                return self._has(found)
            case tree.Like():
                return self._like(found)
            case tree.Is():
                return self._is(found)
            case tree.Access():
                return self._access(found)
            case tree.Call():
                return self._call(found)
            case tree.SetOf():
                return Text("[" + ", ".join(self._at(each, CHOICE) for each in found.items) + "]")
            case tree.RecordOf():
                inner = ", ".join(f"{key(name)}: {self._at(each, CHOICE)}" for name, each in found.fields)
                return Text(f"{{ {inner} }}" if inner else "{}")

    def _at(self, found: tree.Expression, level: int) -> str:
        return at(self._of(found), level)

    def entity(self, ref: EntityRef, node: tree.Node | None = None) -> str:
        """Write an entity, or a member of an enum."""
        if ref.type in self.names.enums:
            return f"{self.names.types[ref.type]}.{ref.id}"
        if ref.type not in self.names.types:
            raise Untranslatable(f"in pdp, `{show_ref(ref)}` is no entity", node)
        wrong = wrong_id(ref.id)
        if wrong is not None:
            raise Untranslatable(wrong.message, node)
        return f"{self.names.types[ref.type]} {quote(ref.id)}"

    def _and(self, found: tree.And) -> Out:
        if any(map(self.kinds.may_err, found.operands[:-1])):
            self.note("and", "an `and` is false where any side of it is, also where one before it cannot be evaluated")
        return conjunction(map(self._of, found.operands))

    def _or(self, found: tree.Or) -> Out:
        if any(map(self.kinds.may_err, found.operands[:-1])):
            self.note("or", "an `or` is true where any side of it is, also where one before it cannot be evaluated")
        return disjunction(map(self._of, found.operands))

    def _if(self, found: tree.If) -> Out:
        test, then, otherwise = map(self._of, (found.test, found.then, found.otherwise))
        if isinstance(test, bool):
            return then if test else otherwise
        if then is True and self.kinds.of(found.otherwise) is Primitive.BOOL:
            return disjunction([test, otherwise])
        if otherwise is False and self.kinds.of(found.then) is Primitive.BOOL:
            return conjunction([test, then])
        if then is False and self.kinds.of(found.otherwise) is Primitive.BOOL:
            return conjunction([negated(test), otherwise])
        parts = at(test, CHOICE), at(then, CHOICE), at(otherwise, CHOICE)
        return Text("if {} then {} else {}".format(*parts), CHOICE)

    # ----------------------------------------------------------------------------------------------------- comparisons

    def _binary(self, found: tree.Binary) -> Out:
        match found.op:
            case tree.BinaryOp.EQ:
                return self._equal(found)
            case tree.BinaryOp.NE:
                same = self._equal(found)
                plain = isinstance(same, Text) and same.level == COMPARE and not same.text.startswith("(")
                if not plain:
                    return negated(same)
                return Text(f"{self._at(found.left, SUM)} != {self._at(found.right, SUM)}", COMPARE)
            case tree.BinaryOp.IN:
                return self._in(found)
            case _:
                level = _LEVELS.get(found.op, COMPARE)
                left = self._at(found.left, SUM if level == COMPARE else level)
                return Text(f"{left} {found.op} {self._at(found.right, min(level + 1, MINUS))}", level)

    def _equal(self, found: tree.Binary) -> Out:
        if isinstance(found.left, tree.Variable) and found.left.name is tree.VariableName.ACTION:
            if isinstance(found.right, tree.Entity):
                return self.kinds.action.ref == found.right.ref
        elif isinstance(found.right, tree.Variable) and found.right.name is tree.VariableName.ACTION:
            return self._equal(replace(found, left=found.right, right=found.left))
        if found.left == found.right:
            return self._fold(True, found.left)
        if isinstance(found.left, tree.Literal) and isinstance(found.right, tree.Literal):
            return found.left.value is found.right.value or (
                type(found.left.value) is type(found.right.value) and found.left.value == found.right.value
            )
        left, right = self.kinds.of(found.left), self.kinds.of(found.right)
        guards: list[Out] = []
        if isinstance(left, EntityTypes) and isinstance(right, EntityTypes):
            common = left.names & right.names
            if not common:
                return self._fold(False, found.left, found.right)
            guards = [self._guard(found.left, left, common), self._guard(found.right, right, common)]
        elif left is not None and right is not None and not comparable(left, right):
            self.note("equality", "values of different types are never equal, so this comparison is left out")
            return self._fold(False, found.left, found.right)
        text = Text(f"{self._at(found.left, SUM)} == {self._at(found.right, SUM)}", COMPARE)
        return conjunction([*guards, text])

    def _fold(self, value: bool, *operands: tree.Expression) -> bool:
        """Return what a test of these comes to for every request; pdp has no test of whether they have a value."""
        for each in operands:
            if self.kinds.may_err(each):
                # INVARIANT: what may fail is not left out: the rule would apply where Cedar skips the policy.
                raise Untranslatable("this is the same for every request for which it can be evaluated", each)
        return value

    def _guard(self, found: tree.Expression, kind: EntityTypes, wanted: frozenset[str]) -> Out:
        """Return that something is of a type for which a test makes sense; pdp refuses it for all others."""
        if kind.names <= wanted:
            return True
        return self._is_one_of(found, kind, kind.names & wanted)

    def _is_one_of(self, found: tree.Expression, kind: EntityTypes, wanted: frozenset[str]) -> Out:
        if not wanted or kind.names <= wanted:
            return self._fold(bool(wanted), found)
        text = self._at(found, SUM)
        return disjunction([Text(f"{text} is {self.names.types[each]}", COMPARE) for each in sorted(wanted)])

    def _in(self, found: tree.Binary) -> Out:
        if isinstance(found.left, tree.Variable) and found.left.name is tree.VariableName.ACTION:
            return self._action_in(found.right)
        left, right = self.kinds.of(found.left), self.kinds.of(found.right)
        if isinstance(found.right, tree.SetOf):
            if not found.right.items:
                return self._fold(False, found.left)
            if len(found.right.items) == 1:
                return self._in(replace(found, right=found.right.items[0]))
            items = [self._in(replace(found, right=item)) for item in found.right.items]
            if any(isinstance(each, bool) for each in items) or not isinstance(left, EntityTypes):
                return disjunction(items)
            kinds = [self.kinds.of(item) for item in found.right.items]
            if any(not isinstance(kind, EntityTypes) or not self._all_in(left, kind) for kind in kinds):
                return disjunction(items)
        target = right.element if isinstance(right, SetType) else right
        if not isinstance(left, EntityTypes) or not isinstance(target, EntityTypes):
            raise Untranslatable("nobody can tell what `in` is asked of here", found)
        able = frozenset(each for each in left.names if self._can_be_in(each, target.names))
        if not able:
            return self._fold(False, found.left, found.right)
        if left.names <= self.names.enums.keys():
            return self._equal(replace(found, op=tree.BinaryOp.EQ))
        if found.left == found.right:
            return self._fold(True, found.left)
        text = Text(f"{self._at(found.left, SUM)} in {self._at(found.right, SUM)}", COMPARE)
        return conjunction([self._guard(found.left, left, able), text])

    def _all_in(self, left: EntityTypes, right: EntityTypes) -> bool:
        return all(self._can_be_in(each, right.names) for each in left.names)

    def _can_be_in(self, member: str, parents: Iterable[str]) -> bool:
        return any(member == each or self.kinds.schema.can_be_in(member, each) for each in parents)

    def _action_in(self, right: tree.Expression) -> bool:
        groups = right.items if isinstance(right, tree.SetOf) else (right,)
        refs = [each.ref for each in groups if isinstance(each, tree.Entity)]
        if len(refs) != len(groups):
            raise Untranslatable("in pdp, the action is no value", right)
        own = self.kinds.action.ref
        return any(own is not None and (own == ref or own in self.names.members.get(ref, ())) for ref in refs)

    def _is(self, found: tree.Is) -> Out:
        kind = self.kinds.of(found.operand)
        if not isinstance(kind, EntityTypes):
            raise Untranslatable("nobody can tell what `is` is asked of here", found)
        test = self._is_one_of(found.operand, kind, kind.names & {found.type})
        if found.within is None or test is False:
            return test
        inside = tree.Binary(op=tree.BinaryOp.IN, left=found.operand, right=found.within)
        narrowed = self._in(inside)
        if isinstance(narrowed, Text) and isinstance(test, Text):
            within = Text(f"{self._at(found.operand, SUM)} in {self._at(found.within, SUM)}", COMPARE)
            return conjunction([test, within])
        return conjunction([test, narrowed])

    def _has(self, found: tree.Has) -> Out:
        if len(found.path) > 1:
            base, tests = found.operand, []
            for name in found.path:
                tests.append(self._has(tree.Has(operand=base, path=(name,), span=found.span)))
                base = tree.Access(base=base, name=name)
            return conjunction(tests)
        (name,) = found.path
        fields = self.kinds.fields(found.operand, name)
        if fields is None:
            raise Untranslatable("nobody can tell what `has` is asked of here", found)
        declared = [field for field in fields if field is not None]
        if not declared:
            return self._fold(False, found.operand)
        kind = self.kinds.of(found.operand)
        guard: Out = True
        if isinstance(kind, EntityTypes) and len(declared) < len(fields):
            having = frozenset(each for each in kind.names if self.kinds.schema.attribute(each, name) is not None)
            guard = self._is_one_of(found.operand, kind, having)
        if not any(field.optional for field in declared):
            return self._fold(True, found.operand) if guard is True else guard
        return conjunction([guard, Text(f"{self._at(found.operand, SUM)} has {key(name)}", COMPARE)])

    def _like(self, found: tree.Like) -> Out:
        if set(found.parts) == {""} and len(found.parts) > 1:
            return self._fold(True, found.operand)
        pattern = "*".join(quote(part)[1:-1].replace("*", "\\*") for part in found.parts)
        return Text(f'{self._at(found.operand, SUM)} like "{pattern}"', COMPARE)

    def _access(self, found: tree.Access) -> Text:
        base = self._at(found.base, POSTFIX)
        word = found.name.isascii() and found.name.isidentifier()
        return Text(f"{base}.{found.name}" if word else f"{base}[{quote(found.name)}]")

    # ----------------------------------------------------------------------------------------------------------- calls

    def _call(self, found: tree.Call) -> Out:
        name, arguments = found.name, found.arguments
        if name in _EXTENSIONS:
            return self._extension(found)
        if name in _RANGES:
            return Text(f"{self._at(arguments[0], SUM)} in {_RANGES[name]}", COMPARE)
        if name in _ORDERS and len(arguments) == 2:
            return Text(f"{self._at(arguments[0], SUM)} {_ORDERS[name]} {self._at(arguments[1], SUM)}", COMPARE)
        match name:
            case "contains":
                return self._contains(arguments[0], arguments[1])
            case "containsAll" | "containsAny":
                empty = isinstance(arguments[1], tree.SetOf) and not arguments[1].items
                if empty:
                    return self._fold(name == "containsAll", arguments[0])
                return Text(f"{self._at(arguments[0], SUM)} {name} {self._at(arguments[1], SUM)}", COMPARE)
            case "isEmpty":
                return Text(f"{self._at(arguments[0], SUM)} is empty", COMPARE)
            case Function.IS_IN_RANGE if len(arguments) == 2:
                return Text(f"{self._at(arguments[0], SUM)} in {self._range(arguments[1])}", COMPARE)
            case Function.OFFSET if len(arguments) == 2:
                return Text(f"{self._at(arguments[0], SUM)} + {self._at(arguments[1], PRODUCT)}", SUM)
            case Function.DURATION_SINCE if len(arguments) == 2:
                return Text(f"{self._at(arguments[0], SUM)} - {self._at(arguments[1], PRODUCT)}", SUM)
            case "getTag" | "hasTag":
                raise Untranslatable("in pdp, entities have no tags", found)
            case _:
                raise Untranslatable(f"pdp has nothing that is `{name}`", found)

    def _contains(self, whole: tree.Expression, item: tree.Expression) -> Out:
        set_, kind = self.kinds.of(whole), self.kinds.of(item)
        element = set_.element if isinstance(set_, SetType) else None
        if set_ == SetType(None) and isinstance(whole, tree.SetOf) and not whole.items:
            return self._fold(False, item)
        if element is None or kind is None:
            raise Untranslatable("nobody can tell what is looked for here", item)
        if isinstance(element, EntityTypes) and isinstance(kind, EntityTypes):
            common = element.names & kind.names
            if not common:
                return self._fold(False, whole, item)
            guard = self._guard(item, kind, common)
            holds = any(name in self.kinds.schema.containers for name in element.names)
        else:
            guard, holds = True, element is Primitive.IP
        if not holds:
            return conjunction([guard, Text(f"{self._at(item, SUM)} in {self._at(whole, SUM)}", COMPARE)])
        # What is in an element of the set, or in a range of it, would count as well.
        each = self.names.variable
        inner = f"any {each} in {self._at(whole, SUM)}: {each} == {self._at(item, SUM)}"
        return conjunction([guard, Text(inner, CHOICE)])

    def _value(self, found: tree.Call) -> Value:
        argument = found.arguments[0] if len(found.arguments) == 1 else None
        if not isinstance(argument, tree.Literal):
            raise Untranslatable(f"in pdp, what `{found.name}` makes is written out: it is not made of a text", found)
        value = extensions.apply(Function(found.name), [argument.value])
        if isinstance(value, Unknown):
            raise Untranslatable(f"this text is no value of `{found.name}`", found)
        return value

    def _extension(self, found: tree.Call) -> Text:
        value = self._value(found)
        if isinstance(value, Datetime) and not DATETIME_MIN <= value.micros <= DATETIME_MAX:
            raise Untranslatable("in pdp, an instant is of the years 1 to 9999", found)
        if isinstance(value, Ip):
            _check_mapped(value, found)
            if value.written is not None:
                raise Untranslatable("in pdp, a range of addresses has no host bits", found)
        text = show(value)
        return Text(text, MINUS if text.startswith("-") else POSTFIX)

    def _range(self, found: tree.Expression) -> str:
        if isinstance(found, tree.Call) and found.name == Function.IP:
            value = self._value(found)
            if isinstance(value, Ip) and value.written is not None:
                _check_mapped(value, found)
                self.note("host_bits", "the range is written without its host bits; it holds the same addresses")
                return show(replace(value, written=None))
        return self._at(found, SUM)


def _check_mapped(value: Ip, found: tree.Expression) -> None:
    if value.version == 6 and value.first >> 32 == 0xFFFF:
        raise Untranslatable("in pdp, an IPv4 address that is written as one of version 6 is the IPv4 address", found)


def _number_or_text(value: int | str) -> Text:
    if isinstance(value, str):
        return Text(quote(value))
    return Text(str(value), MINUS if value < 0 else POSTFIX)

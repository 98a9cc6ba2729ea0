"""The text of parts of Cedar policies: what the parser reads, written so that it reads the same."""

from __future__ import annotations

from typing import Final, assert_never

from pdp import patterns
from pdp.cedar.limits import MAX_SIGNS
from pdp.cedar.names import Names
from pdp.cedar.tree import (
    Access,
    And,
    Binary,
    BinaryOp,
    Call,
    Entity,
    Expression,
    Has,
    If,
    Is,
    Like,
    Literal,
    Negate,
    Not,
    Or,
    RecordOf,
    SetOf,
    Variable,
)
from pdp.cedar.words import FUNCTIONS, RESERVED
from pdp.source import Source
from pdp.symbols import Function
from pdp.syntax.reports import Abandoned, Failure
from pdp.values import Datetime, Decimal, Duration, EntityRef, Ip, Record, Value, ValueSet

# How tightly expressions bind; an operand that binds less stands in parentheses.
_IF, _OR, _AND, _RELATION, _SUM, _PRODUCT, _SIGNED, _MEMBER = range(8)

_LEVELS: Final = {BinaryOp.ADD: _SUM, BinaryOp.SUB: _SUM, BinaryOp.MUL: _PRODUCT}
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
_WORD: Final = patterns.compile(r"[A-Za-z_][A-Za-z0-9_]*+")


_EXTENSIONS: Final[dict[type, str]] = {
    Decimal: Function.DECIMAL,
    Datetime: Function.DATETIME,
    Duration: Function.DURATION,
    Ip: Function.IP,
}


def quote(text: str) -> str:
    """Write a string as Cedar does, with everything that does not print as an escape.

    >>> print(quote('say "hi"'))
    "say \\"hi\\""
    """
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    if text.isalnum():
        return text
    return "".join(_ESCAPES.get(char) or (char if char.isprintable() else f"\\u{{{ord(char):x}}}") for char in text)


def show_ref(ref: EntityRef) -> str:
    """Write the name of an entity as Cedar does.

    >>> print(show_ref(EntityRef("Photos::User", "ada")))
    Photos::User::"ada"
    """
    return f"{ref.type}::{quote(ref.id)}"


def read_ref(text: str) -> EntityRef:
    """Read the name of an entity; raise ValueError, with a message for people, where the text is none.

    >>> read_ref('Photos::User::"ada"').type
    'Photos::User'
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("the name of an entity holds half a character")
    reader = Names(Source("", text))
    try:
        reader.advance()
        found = reader.entity('an entity like `User::"ada"`')
        if reader.kind == "end" and not reader.diagnostics:
            return found.ref
        reader.fail("nothing after the id")
    except (Failure, Abandoned):
        pass
    told = reader.diagnostics[0]
    raise ValueError(told.message if told.help is None else f"{told.message}: {told.help}")


def show_value(value: Value) -> str:
    """Write a value as an expression of Cedar.

    >>> print(show_value(ValueSet([EntityRef("User", "ada")])))
    [User::"ada"]
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case EntityRef():
            return show_ref(value)
        case ValueSet():
            return "[" + ", ".join(sorted(map(show_value, value))) + "]"
        case Record():
            return "{" + ", ".join(f"{_key(name)}: {show_value(each)}" for name, each in value.items()) + "}"
        case _:
            name = _EXTENSIONS.get(type(value))
            return str(value) if name is None else f"{name}({quote(str(value))})"


def is_type(text: str) -> bool:
    """Tell whether a text is the name of an entity type, with its namespaces.

    >>> is_type("Photos::User"), is_type("Photos::if"), is_type("")
    (True, False, False)
    """
    return all(_is_name(part) for part in text.split("::"))


def show(expression: Expression) -> str:
    """Write an expression in Cedar's canonical form, with the parentheses that it needs and no others."""
    return _write(expression)[0]


def _at(expression: Expression, level: int) -> str:
    """Write an operand, in parentheses where it binds less tightly than it has to."""
    text, binds = _write(expression)
    return text if binds >= level else f"({text})"


def _write(expression: Expression) -> tuple[str, int]:
    """Return the text of an expression, and how tightly it binds."""
    match expression:
        case Literal() | Entity() | Variable():
            return _atom(expression)
        case Not() | Negate():
            return _signed(expression), _SIGNED
        case And():
            return " && ".join([_at(each, _RELATION) for each in expression.operands]), _AND
        case Or():
            return " || ".join([_at(each, _AND) for each in expression.operands]), _OR
        case If():
            parts = (_at(each, _IF) for each in (expression.test, expression.then, expression.otherwise))
            return "if {} then {} else {}".format(*parts), _IF
        case Binary():
            level = _LEVELS.get(expression.op, _RELATION)
            # What chains leans to the left; comparisons do not chain.
            left = _at(expression.left, _SUM if level == _RELATION else level)
            return f"{left} {expression.op} {_at(expression.right, level + 1)}", level
        case Has() | Like() | Is():
            return _test(expression)
        case Access():
            base = _at(expression.base, _MEMBER)
            return base + (
                f".{expression.name}" if _is_name(expression.name) else f"[{quote(expression.name)}]"
            ), _MEMBER
        case Call():
            return _call(expression), _MEMBER
        case SetOf():
            return "[" + ", ".join([_at(each, _IF) for each in expression.items]) + "]", _MEMBER
        case RecordOf():
            fields = [f"{_key(name)}: {_at(value, _IF)}" for name, value in expression.fields]
            return "{" + ", ".join(fields) + "}", _MEMBER
        case _:
            assert_never(expression)


def _atom(expression: Literal | Entity | Variable) -> tuple[str, int]:
    if isinstance(expression, Entity):
        return show_ref(expression.ref), _MEMBER
    if isinstance(expression, Variable):
        return str(expression.name), _MEMBER
    value = expression.value
    if isinstance(value, str):
        return quote(value), _MEMBER
    if isinstance(value, bool):
        return "true" if value else "false", _MEMBER
    return str(value), _MEMBER if value >= 0 else _SIGNED


def _signed(expression: Not | Negate) -> str:
    kind = type(expression)
    signs = 0
    inner: Expression = expression
    while isinstance(inner, kind) and signs < MAX_SIGNS:
        signs += 1
        inner = inner.operand
    text = _at(inner, _MEMBER)
    if kind is Not:
        return "!" * signs + text
    # A minus right before a number would be a part of it.
    return "-" * signs + (f"({text})" if text[0].isdigit() and isinstance(inner, Literal) else text)


def _test(expression: Has | Like | Is) -> tuple[str, int]:
    operand = _at(expression.operand, _SUM)
    match expression:
        case Like():
            parts = (_escaped(part).replace("*", "\\*") for part in expression.parts)
            return f'{operand} like "{"*".join(parts)}"', _RELATION
        case Is():
            within = "" if expression.within is None else f" in {_at(expression.within, _SUM)}"
            return f"{operand} is {expression.type}{within}", _RELATION
        case Has():
            first, *rest = expression.path
            if rest and not all(_is_name(name) for name in expression.path):
                return _long_path(expression)
            return f"{operand} has " + ".".join([_key(first), *rest]), _RELATION
        case _:
            assert_never(expression)


def _long_path(expression: Has) -> tuple[str, int]:
    """Write a path whose names are no words as what it stands for: one `has` after the other."""
    found: list[Expression] = []
    base = expression.operand
    for name in expression.path:
        found.append(Has(operand=base, path=(name,)))
        base = Access(base=base, name=name)
    return _write(And(operands=tuple(found)))


def _call(expression: Call) -> str:
    if expression.name in FUNCTIONS:
        return f"{expression.name}({', '.join([_at(each, _IF) for each in expression.arguments])})"
    receiver, *others = expression.arguments
    return f"{_at(receiver, _MEMBER)}.{expression.name}({', '.join([_at(each, _IF) for each in others])})"


def _is_name(text: str) -> bool:
    return text not in RESERVED and _WORD.fullmatch(text) is not None


def _key(name: str) -> str:
    return name if _is_name(name) else quote(name)

"""Pieces of conditions of pdp, put together with the parentheses that they need; what is constant is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from pdp.classes import dataclass

# How tightly expressions bind; an operand that binds less stands in parentheses.
CHOICE, OR, AND, NOT, COMPARE, SUM, PRODUCT, MINUS, POSTFIX = range(9)


@dataclass(frozen=True, slots=True)
class Text:
    """An expression of pdp, and how tightly it binds."""

    text: str
    level: int = POSTFIX


Out: TypeAlias = Text | bool


def at(found: Out, level: int) -> str:
    """Write an operand, in parentheses where it binds less tightly than it has to."""
    if isinstance(found, bool):
        return "true" if found else "false"
    return found.text if found.level >= level else f"({found.text})"


def negated(found: Out) -> Out:
    """Return the opposite."""
    return not found if isinstance(found, bool) else Text(f"not {at(found, NOT)}", NOT)


def conjunction(found: Iterable[Out]) -> Out:
    """Return that all hold."""
    return _chain(found, "and", AND, neutral=True)


def disjunction(found: Iterable[Out]) -> Out:
    """Return that any holds."""
    return _chain(found, "or", OR, neutral=False)


def _chain(found: Iterable[Out], word: str, level: int, *, neutral: bool) -> Out:
    texts: list[Text] = []
    for each in found:
        if isinstance(each, bool):
            if each is not neutral:
                return not neutral
        elif each not in texts:
            texts.append(each)
    if len(texts) < 2:
        return texts[0] if texts else neutral
    return Text(f" {word} ".join(_operands(texts, level)), level)


def _operands(texts: Sequence[Text], level: int) -> list[str]:
    return [each.text if each.level in (level, *range(NOT, POSTFIX + 1)) else f"({each.text})" for each in texts]

"""Texts of a policy that read as something else than they are: Cedar warns of them, and so does this."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pdp.cedar import tree
from pdp.cedar.validation.findings import Findings
from pdp.cedar.validation.shapes import walk
from pdp.syntax.characters import name_of

_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_MIXTURES: Final = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"CJK", "HANGUL"}),
    frozenset({"CJK", "BOPOMOFO"}),
)
"""The scripts that are written together."""


def check_texts(policy: tree.Policy, findings: Findings) -> None:
    """Warn of texts that are shown in another order than they have, and of letters that pass for others."""
    for constraint in (policy.principal, policy.resource):
        if isinstance(constraint.target, tree.Entity):
            _check(constraint.target.ref.id, constraint.target, True, findings)
    for entity in policy.action.entities:
        _check(entity.ref.id, entity, True, findings)
    for condition in policy.conditions:
        for each in walk(condition.body):
            for text, is_name in _texts(each):
                _check(text, each, is_name, findings)


def _texts(expression: tree.Expression) -> Iterator[tuple[str, bool]]:
    """Yield the texts of an expression itself, and whether they are names."""
    match expression:
        case tree.Literal(value=str() as text):
            yield text, False
        case tree.Like():
            yield "*".join(expression.parts), False
        case tree.Entity():
            yield expression.ref.id, True
        case tree.Access():
            yield expression.name, True
        case tree.Has():
            yield from ((name, True) for name in expression.path)
        case tree.RecordOf():
            yield from ((name, True) for name, _ in expression.fields)
        case _:
            return


def _check(text: str, at: tree.Node, is_name: bool, findings: Findings) -> None:
    if text.isascii() and (text.isprintable() or not is_name):
        return
    hidden = next((char for char in text if char in _BIDI), None)
    odd = next((char for char in text if is_name and not _allowed(char)), None)
    if hidden is not None:
        message = f"{name_of(hidden)} changes the order in which this text is shown"
        findings.warn("bidi_in_text", message, at, "remove it")
    elif odd is not None:
        message = f"a name holds {name_of(odd)}, which passes for something else"
        findings.warn("odd_character_in_name", message, at, "use letters, digits and signs that print")
    elif not _is_one_script(text):
        message = f"a text mixes letters of {' and '.join(sorted(name.title() for name in _scripts(text)))}"
        findings.warn("mixed_scripts", message, at, "letters of two scripts may look alike")


def _allowed(char: str) -> bool:
    return (char.isprintable() if char.isascii() else unicodedata.category(char)[0] in "LMN") or char == " "


def _is_one_script(text: str) -> bool:
    scripts = _scripts(text)
    return len(scripts) < 2 or any(scripts <= mixture for mixture in _MIXTURES)


def _scripts(text: str) -> frozenset[str]:
    return frozenset(script for char in text if (script := _script(char)))


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    # Python has no table of scripts, but the names of letters start with theirs.
    if not char.isalpha():
        return ""
    word = unicodedata.name(char, "").partition(" ")[0]
    return "" if word in ("", "MODIFIER", "MASCULINE", "FEMININE", "MICRO") else word.partition("-")[0]

"""The reference grammar of Cedar and the parser accept the same texts."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, UnexpectedInput

from pdp import resources
from pdp.cedar.parser import parse_policies
from pdp.cedar.words import COUNTED, FUNCTIONS, METHODS, RESERVED
from pdp.source import Source
from tests.cedar import corpus
from tests.cedar.samples import FINE, FINE_POLICIES, HEAD, REFUSED, REFUSED_POLICIES

# What the grammar does not say: it looks at no values, at no limits, and at nothing that stands twice.
VALUES = {"duplicate_annotation", "duplicate_attribute", "duplicate_policy_id", "int_out_of_range"}
LIMITS = {"nested_too_deep", "too_many_errors", "too_many_tokens"}

SAMPLES = [
    *FINE_POLICIES,
    *REFUSED_POLICIES,
    *(f"{HEAD} when {{{condition}}};" for condition in [*FINE, *REFUSED]),
]


@pytest.fixture(scope="module")
def grammar() -> Lark:
    return Lark(resources.grammar("cedar.lark").read_text(encoding="utf-8"), parser="lalr")


def accepts(grammar: Lark, text: str) -> bool:
    try:
        grammar.parse(text)
    except UnexpectedInput:
        return False
    return True


def assert_agreement(grammar: Lark, text: str) -> None:
    _, diagnostics = parse_policies(Source("p.cedar", text))
    codes = {each.code for each in diagnostics}
    if codes & LIMITS:
        return
    assert accepts(grammar, text) == (codes <= VALUES), (text, sorted(map(str, diagnostics)))


def test_the_grammar_is_free_of_conflicts() -> None:
    pytest.importorskip("interegular", reason="the strict check of lark needs it")

    Lark(resources.grammar("cedar.lark").read_text(encoding="utf-8"), parser="lalr", strict=True)


@pytest.mark.parametrize("text", SAMPLES)
def test_they_agree_on_a_sample(grammar: Lark, text: str) -> None:
    assert_agreement(grammar, text)


def test_they_agree_on_what_others_wrote(grammar: Lark) -> None:
    for text in corpus.policies():
        assert_agreement(grammar, text)
        assert accepts(grammar, text)


# --------------------------------------------------------------------------------------------------------- mutations

PIECE = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|[0-9]+|\s+|\?\w+|::|[=!<>]=|&&|\|\||.', re.DOTALL)

WHOLE = r"""@id("z") @a permit (principal is A::B in ?principal, action in [Action::"a", A::Action::"b",], resource ==
?resource) when { (if context.a then [1, 2].contains(-3) else {a: 1, "b": -2 * 3,}["a"] == 4) && !principal.b ||
ip("1.1.1.1").isInRange(context["x"].y) } unless { resource has a.b.c && resource like "a\*b*" && principal is A::C in
A::D::"e" || --1 < 2 - -3 }; // what follows
forbid(principal in A::"b", action == Action::"x", resource is R) when { principal.hasTag("x") && decimal("1") < 2 };"""
PIECES = PIECE.findall(WHOLE)

FOREIGN = r"""
&& || ! - :: == != < <= > >= in has like is if then else true false __cedar principal action resource context
?principal ?resource ?x ( ) [ ] { } , . : ; @ = + * / % 1 007 9223372036854775808 "a" "a*" "\*" "\x41" "\u{41}" "\q"
ip decimal contains isEmpty hasTag isIpv4 lessThan Action A B permit forbid when unless 'a' # // null and & | é @b
"""
POOL = sorted({piece for piece in PIECES if not piece.isspace()} | {*FOREIGN.split(), "// x\n", "\u00a0", '"a\nb"'})


@pytest.mark.parametrize("seed", range(4))
def test_they_agree_when_tokens_are_replaced_at_random(grammar: Lark, seed: int) -> None:
    chance = random.Random(seed)

    for _ in range(250):
        pieces = list(PIECES)
        for _ in range(chance.choice([1, 1, 2])):
            pieces[chance.randrange(len(pieces))] = f" {chance.choice(POOL)} "
        assert_agreement(grammar, "".join(pieces))


@pytest.mark.parametrize("seed", range(2))
def test_they_agree_on_what_others_wrote_with_mistakes(grammar: Lark, seed: int) -> None:
    chance = random.Random(seed)
    texts = [text for text in corpus.policies() if len(text) < 1000]

    for _ in range(200):
        pieces = PIECE.findall(chance.choice(texts))
        at = chance.randrange(len(pieces))
        pieces[at : at + chance.choice([0, 1])] = [chance.choice(["", f" {chance.choice(POOL)} "])]
        assert_agreement(grammar, "".join(pieces))


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """Draw a policy with tokens left out, doubled, swapped, replaced or put in."""
    pieces = list(PIECES)
    for _ in range(draw(st.integers(1, 3))):
        at, other = draw(st.integers(0, len(pieces) - 1)), draw(st.integers(0, len(pieces) - 1))
        match draw(st.sampled_from(["drop", "double", "swap", "replace", "insert"])):
            case "drop":
                del pieces[at]
            case "double":
                pieces.insert(at, pieces[at])
            case "swap":
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case "replace":
                pieces[at] = draw(st.sampled_from(POOL))
            case _:
                pieces[at:at] = [" ", draw(st.sampled_from(POOL)), " "]
    return "".join(pieces)


@given(mutations())
@settings(deadline=None)
def test_they_agree_on_what_is_almost_a_policy(grammar: Lark, text: str) -> None:
    assert_agreement(grammar, text)


@given(st.lists(st.sampled_from(POOL), max_size=10).map(lambda pieces: f"{HEAD} when {{ {' '.join(pieces)} }};"))
def test_they_agree_on_tokens_in_any_order(grammar: Lark, text: str) -> None:
    assert_agreement(grammar, text)


def test_the_words_of_the_grammar_are_those_of_the_parser(grammar: Lark) -> None:
    def words(terminal: str) -> set[str]:
        (pattern,) = [each.pattern.value for each in grammar.terminals if each.name == terminal]
        found = re.match(r"(?:\(\?!)?\(\?:([A-Za-z0-9_|]+)\)", pattern)
        assert found is not None
        return set(found[1].split("|"))

    assert words("NAME") == RESERVED
    assert words("FUNCTION") == set(FUNCTIONS)
    assert words("METHOD") == METHODS.keys() - COUNTED
    assert words("METHOD_OF_NONE") == {name for name in COUNTED if METHODS[name] == 0}
    assert words("METHOD_OF_ONE") == {name for name in COUNTED if METHODS[name] == 1}

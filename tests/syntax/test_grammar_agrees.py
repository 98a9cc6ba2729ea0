"""The grammar file and the parser accept the same texts."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, UnexpectedInput

from pdp import resources
from pdp.source import Source
from pdp.syntax import parse
from pdp.syntax.words import KEYWORDS, NOT_ACTIONS, NOT_DECLARED, NOT_RULES, NULLS, RESERVED

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.pdp"))
POLICIES = [path for folder in ("tests", "examples") for path in sorted((ROOT / folder).rglob("*.pdp"))]

# What the grammar does not say: it looks at the shape of literals, not at their values, and at no limits. Characters
# that may not stand in a file are refused before there is any grammar.
VALUES = {
    "approval_count",
    "host_bits",
    "int_out_of_range",
    "invalid_datetime",
    "invalid_decimal",
    "invalid_duration",
    "invalid_ip",
    "string_too_long",
}
LIMITS = {"file_too_large", "nested_too_deep", "too_many_errors", "too_many_tokens"}
CHARACTERS = {"bidi_character", "byte_order_mark", "control_character", "invisible_character", "lone_surrogate"}

SHORT = {
    "nothing": "",
    "a comment alone": "#",
    "declarations on one line": "import a: b type A type B enum C{d}rule e:permit A to f on B define h=i",
    "no space where none is needed": 'rule a:permit B"c"to d on E when[1]containsAll[2]and"x"like"y"',
    "Windows line ends": "namespace x\r\n\r\n## Documented.\r\n##\r\ntype User\t{ a: Int,\r\n\tb: String }\r\n# last",
    "docs on docs": "## a\n\n# b\n##\n##\tc\ntype A",
    "a doc without a line end": "##",
    "a doc after a declaration": "type A ## b",
    "a comment that is no doc": "##a\n###\ntype A",
    "two heads": "namespace a namespace b",
    "an import after a declaration": "type A import b: c",
    "a month too many": "define a = 2026-13-01",
    "bits after a prefix": "define a = 10.1.1.1/8",
    "an escape of half a surrogate pair": r'define a = "\u{00d800}"',
    "an escape of the last character": r'define a = "\u{10ffff}"',
    "an escape beyond the last character": r'define a = "\u{110000}"',
    "an escaped star": r'define a = "\*"',
    "an escaped star in a pattern": r'define a = b like "\*"',
    "an address before a string": 'define a = fe80::"x"',
    "a quantifier over an address": "define a = any x in a::1: x",
    "approvals as a name": "rule a: permit B to c on D when approvals needs (approvals)",
    "approvals without from": "rule a: permit B to c on D needs approvals == 1",
}


@pytest.fixture(scope="module")
def grammar() -> Lark:
    return Lark(resources.grammar("pdp.lark").read_text(encoding="utf-8"), parser="lalr")


def accepts(grammar: Lark, text: str) -> bool:
    try:
        grammar.parse(text)
    except UnexpectedInput:
        return False
    return True


def assert_agreement(grammar: Lark, text: str) -> None:
    _, diagnostics = parse(Source("test.pdp", text))
    codes = {each.code for each in diagnostics}
    if codes & (LIMITS | CHARACTERS):
        return
    assert accepts(grammar, text) == (codes <= VALUES), (text, sorted(map(str, diagnostics)))


def test_the_grammar_is_free_of_conflicts():
    pytest.importorskip("interegular", reason="the strict check of lark needs it")
    text = resources.grammar("pdp.lark").read_text(encoding="utf-8")

    Lark(text, parser="lalr", strict=True)


def test_no_two_kinds_of_names_meet(grammar):
    # The strict check cannot compare them. Upper-case and lower-case words differ by their first letter.
    names = {"NAME", "ACTION_NAME", "RULE_NAME", "UPPER", "LOWER", "FREE"}
    states = grammar.parser.parser._parse_table.states

    together = [names & set(expected) for expected in states.values()]

    assert {len(each) for each in together if each != {"UPPER", "LOWER"}} == {0, 1}


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_they_agree_on_every_policy_of_this_repository(grammar, path):
    assert_agreement(grammar, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_both_accept_the_samples(grammar, path):
    text = path.read_text(encoding="utf-8")

    assert accepts(grammar, text)
    assert parse(Source(path.name, text))[1] == []


@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT)
def test_they_agree_on_a_short_text(grammar, text):
    assert_agreement(grammar, text)


# --------------------------------------------------------------------------------------------------------- mutations

PIECE = re.compile(r'#[^\n]*|"(?:[^"\\\n]|\\.)*"|[A-Za-z_]\w*|[0-9][\w.:/-]*|\s+|[=!<>]=|.', re.DOTALL)

# What is not in the samples, since it is wrong.
FOREIGN = """
&& || ! :: => === <> 1e3 .5 1. 1-2 0x1 ( ) [ ] { } , . : ? | - == = < ; null None default principal any all not if
"\\*" "a 'a' "\\u{d800}" "\\q" fe80::1 a:::1 10.1.1.1/8 2026-13-01 99999999999999999999 1d1d 1.23456 // @
"""


def pieces_of(text: str) -> list[str]:
    return PIECE.findall(text)


DECLARATIONS = [
    pieces_of(part)
    for path in SAMPLES
    for part in re.split(r"\n(?=[a-z#])", path.read_text(encoding="utf-8"))
    if part.strip()
]
POOL = sorted(
    {piece for pieces in DECLARATIONS for piece in pieces if not piece.isspace()} | {*FOREIGN.split(), "## a\n", "#a\n"}
)


def test_the_samples_fall_apart_into_declarations():
    assert len(DECLARATIONS) > 60
    assert all(parse(Source("test.pdp", "".join(pieces)))[0] for pieces in DECLARATIONS)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_they_agree_when_any_one_token_is_left_out_or_doubled(grammar, path):
    for part in re.split(r"\n(?=[a-z#])", path.read_text(encoding="utf-8")):
        pieces = pieces_of(part)
        for at, piece in enumerate(pieces):
            assert_agreement(grammar, "".join([*pieces[:at], *pieces[at + 1 :]]))
            assert_agreement(grammar, "".join([*pieces[: at + 1], " ", *pieces[at:]]) if not piece.isspace() else part)


@pytest.mark.parametrize("seed", range(4))
def test_they_agree_when_tokens_are_replaced_at_random(grammar, seed):
    chance = random.Random(seed)

    for _ in range(500):
        pieces = list(chance.choice(DECLARATIONS))
        for _ in range(chance.choice([1, 1, 2])):
            pieces[chance.randrange(len(pieces))] = f" {chance.choice(POOL)} "
        assert_agreement(grammar, "".join(pieces))


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """Draw declarations of the samples with tokens left out, doubled, swapped, replaced or put in."""
    pieces = [
        piece
        for part in draw(st.lists(st.sampled_from(DECLARATIONS), min_size=1, max_size=2))
        for piece in [*part, "\n"]
    ]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(pieces) - 1))
        other = draw(st.integers(0, len(pieces) - 1))
        match draw(st.sampled_from(["drop", "double", "swap", "replace", "insert"])):
            case "drop" if len(pieces) > 1:
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
@settings(max_examples=400)
def test_they_agree_on_what_is_almost_a_policy(grammar, text):
    assert_agreement(grammar, text)


@given(st.lists(st.sampled_from(POOL), max_size=12).map(" ".join))
def test_they_agree_on_tokens_in_any_order(grammar, text):
    assert_agreement(grammar, text)


def test_every_keyword_of_the_grammar_is_one_of_the_parser(grammar):
    patterns = [terminal.pattern.value for terminal in grammar.terminals]
    words = {
        match[1] for pattern in patterns if (match := re.fullmatch(r"([A-Za-z]+\??)\(\?!\[A-Za-z0-9_\]\)", pattern))
    }

    # `principal` is a root, and the grammar knows it as a word of its own where a step revokes one.
    assert (words - {"approvals?"}) | {"approval", "approvals"} == KEYWORDS | {"principal"}


def test_the_reserved_words_are_the_same(grammar):
    def refused(terminal: str) -> set[str]:
        (pattern,) = [each.pattern.value for each in grammar.terminals if each.name == terminal]
        return set(re.match(r"\(\?!(?:\(\?:)?([A-Za-z|]+)", pattern)[1].split("|"))

    assert refused("LOWER") == {word for word in RESERVED | NULLS if word[0].islower()}
    assert refused("UPPER") == {word for word in RESERVED | NULLS if word[0].isupper()}
    assert refused("FREE") == NOT_DECLARED
    assert refused("ACTION_NAME") == NOT_ACTIONS
    assert refused("RULE_NAME") == NOT_RULES

"""No text of Cedar exhausts the stack, the memory or anyone's patience."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from pdp.cedar.limits import MAX_DEPTH
from pdp.cedar.parser import parse_policies
from pdp.cedar.text import show
from pdp.source import Source
from pdp.syntax import limits
from tests.cedar.samples import HEAD

MANY = 50_000

DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "true" + ")" * n,
    "sets": lambda n: "[" * n + "]" * n,
    "records": lambda n: "{a:" * n + "1" + "}" * n,
    "arguments": lambda n: "ip(" * n + "1" + ")" * n,
    "ifs": lambda n: "if " * n + "true" + " then 1 else 2" * n,
    "elses": lambda n: "if true then 1 else " * n + "2",
    "attributes": lambda n: "principal" + ".a" * n,
    "indexes": lambda n: "principal" + '["a"]' * n,
    "methods": lambda n: "principal" + ".isEmpty()" * n,
    "sums": lambda n: "1" + " + 1" * n,
    "products": lambda n: "1" + "*1" * n,
    "differences": lambda n: "1" + "-1" * n,
    "paths": lambda n: "principal has a" + ".a" * n,
    "negations in parentheses": lambda n: "!(" * n + "true" + ")" * n,
    "minuses in parentheses": lambda n: "-(" * n + "1" + ")" * n,
    "everything at once": lambda n: "1 == [1 + 2 * (" * n,
    "tests in sets": lambda n: "context is A in [" * n,
    "conjunctions in parentheses": lambda n: "true || true && (" * n,
}


@pytest.mark.parametrize("form", DEEP.values(), ids=DEEP)
def test_what_nests_without_end_is_told_with_its_place_at_once(form: Callable[[int], str]) -> None:
    text = f"{HEAD};\n{HEAD} when {{ {form(MANY)} }};\n{HEAD};\n"
    begun = time.perf_counter()

    policies, (told,) = parse_policies(Source("p.cedar", text))

    assert time.perf_counter() - begun < 20
    assert [policy.id for policy in policies] == ["policy0", "policy2"]
    assert told.span is not None and told.span.line == 2
    assert (told.code, told.message) == ("nested_too_deep", "this is nested more than 128 levels deep")
    assert told.help == "split it into several policies"


def test_nearly_a_million_parentheses_are_told_as_any_others() -> None:
    (told,) = parse_policies(Source("p.cedar", f"{HEAD} when {{ {DEEP['parentheses'](900_000)} }};"))[1]

    assert told.span is not None
    assert (told.code, told.span.start) == ("nested_too_deep", len(f"{HEAD} when {{ ") + MAX_DEPTH)


@pytest.mark.parametrize("sign", ["!", "-"])
def test_signs_in_a_row_are_told_at_once(sign: str) -> None:
    text = f"{HEAD} when {{ {sign * MANY}true }};"

    (told,) = parse_policies(Source("p.cedar", text))[1]

    assert (told.code, told.message) == ("chained_signs", f"more than four `{sign}` stand in a row")


@pytest.mark.parametrize(
    "head", ["permit(principal == {}, action, resource);", "permit(principal, action in {}, resource);"]
)
def test_parentheses_in_a_scope_have_the_same_bound(head: str) -> None:
    def told(levels: int) -> list[str]:
        text = head.format("(" * levels + 'Action::"a"' + ")" * levels)
        return [each.code for each in parse_policies(Source("p.cedar", text))[1]]

    assert told(MAX_DEPTH) == []
    assert told(MAX_DEPTH + 1) == ["nested_too_deep"]
    assert told(MANY) == ["nested_too_deep"]


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("parentheses", MAX_DEPTH - 1),
        ("sets", MAX_DEPTH),
        ("records", MAX_DEPTH - 1),
        ("arguments", MAX_DEPTH - 1),
        ("ifs", MAX_DEPTH - 1),
        ("elses", MAX_DEPTH - 1),
        ("attributes", MAX_DEPTH - 1),
        ("methods", MAX_DEPTH - 1),
        ("sums", MAX_DEPTH - 1),
        ("paths", MAX_DEPTH - 2),
        ("negations in parentheses", MAX_DEPTH - 1),
    ],
)
def test_all_that_is_allowed_is_read_and_written_again(name: str, fits: int) -> None:
    def read(levels: int) -> tuple[int, list[str], str]:
        policies, diagnostics = parse_policies(Source("p.cedar", f"{HEAD} when {{ {DEEP[name](levels)} }};"))
        written = show(policies[0].conditions[0].body) if policies else ""
        return len(policies), [each.code for each in diagnostics], written

    count, codes, written = read(fits)

    assert (count, codes) == (1, [])
    assert parse_policies(Source("p.cedar", f"{HEAD} when {{ {written} }};"))[1] == []
    assert read(fits + 1)[1] == ["nested_too_deep"]


def test_a_caller_that_stands_deep_already_gets_a_diagnostic() -> None:
    text = f"{HEAD};\n{HEAD} when {{ {'(' * 100}true{')' * 100} }};\n{HEAD};\n"

    def fall(levels: int) -> list[str]:
        if levels:
            return fall(levels - 1)
        return [each.code for each in parse_policies(Source("p.cedar", text))[1]]

    frame, used = sys._getframe(), 0
    while frame.f_back is not None:
        frame, used = frame.f_back, used + 1
    assert fall(sys.getrecursionlimit() - used - 150) == ["nested_too_deep"]


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * MANY,
        '"\\\n' * MANY,
        "@a " * MANY,
        "permit " * MANY,
        "permit(" * MANY,
        "// c\r" * MANY,
        "//\n" * MANY,
        ";" * MANY,
        "\u00e9" * MANY,
        "\ud800" * MANY,
        f"{HEAD} when {{ {'a + ' * MANY} }};",
        f"{HEAD} when {{ {'/' * MANY} }};",
        f"{HEAD} when {{ {'1' * MANY} }};",
        f"{HEAD} when {{ {'a' * MANY} }};",
        f"{HEAD} when {{ {'A::' * MANY} }};",
        f'{HEAD} when {{ "{chr(92) + "q" * MANY}" }};',
        f'{HEAD} when {{ "{(chr(92) + "q") * MANY}" }};',
        f'{HEAD} when {{ "{chr(92)}u{{{"_" * MANY}}}" }};',
        f'{HEAD} when {{ principal like "{"*" * MANY}" }};' + "x",
        f"{HEAD} when {{ [{'1,' * MANY}] }};;",
        f"{HEAD} when {{ {{{'a:1,' * MANY}}} }};",
    ],
    ids=lambda text: ascii(text[:60]),
)
def test_long_texts_take_time_by_their_length(text: str) -> None:
    begun = time.perf_counter()

    diagnostics = parse_policies(Source("p.cedar", text))[1]

    assert time.perf_counter() - begun < 20
    assert 1 <= len(diagnostics) <= 51 or text.startswith("//")


def test_a_text_with_too_many_words_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TOKENS", 20)
    source = Source("p.cedar", f"{HEAD};\n{HEAD};\n{HEAD};")

    policies, (told,) = parse_policies(source)

    assert len(policies) == 2
    assert (told.code, told.message) == ("too_many_tokens", "the file holds more than 20 words and signs")
    assert told.help == "split it into several files"


def test_comments_count_as_two_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TOKENS", 9)

    (told,) = parse_policies(Source("p.cedar", "// a\n" * 5))[1]

    assert told.span is not None and (told.code, told.span.text) == ("too_many_tokens", "// a")
    assert told.span.line == 5

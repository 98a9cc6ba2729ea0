"""What is too large, too deep or too much is told at once, in bounded time and memory."""

import gc
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pdp.source import Source
from pdp.syntax import limits, parse

ROOT = Path(__file__).resolve().parent.parent.parent
MIB = 2**20
RSS = 512 * MIB

# A text is written as an expression, since some are too large to be handed over.
ATTACKS = {
    # Nesting.
    "a million parentheses": ("'define a = ' + '(' * 10**6", "nested_too_deep"),
    "a million exclamation marks": ("'define a = ' + '!' * 10**6", "foreign_operator"),
    "a million nots": ("'define a = ' + 'not ' * 10**6", "nested_too_deep"),
    "a million minuses": ("'define a = ' + '-' * 10**6", "nested_too_deep"),
    "a hundred thousand nested sets": ("'define a = ' + '[' * 10**5 + ']' * 10**5", "nested_too_deep"),
    "a hundred thousand nested records": ("'define a = ' + '{a:' * 10**5 + '1' + '}' * 10**5", "nested_too_deep"),
    "a hundred thousand nested ifs": ("'define a = ' + 'if ' * 10**5", "nested_too_deep"),
    "a hundred thousand nested elses": ("'define a = ' + 'if a then b else ' * 10**5 + 'c'", "nested_too_deep"),
    "a hundred thousand nested quantifiers": ("'define a = ' + 'any x in y: ' * 10**5 + 'x'", "nested_too_deep"),
    "a hundred thousand nested calls": ("'define a = ' + 'f(' * 10**5", "nested_too_deep"),
    "a hundred thousand nested types": ("'type A { a: ' + '[' * 10**5", "nested_too_deep"),
    "a hundred thousand nested record types": ("'type A { a: ' + '{ a: ' * 10**5", "nested_too_deep"),
    "a million sums": ("'define a = 1' + ' + 1' * 10**6", "nested_too_deep"),
    "a million products": ("'define a = 1' + ' * 1' * 10**6", "nested_too_deep"),
    "a million attributes": ("'define a = b' + '.c' * 10**6", "nested_too_deep"),
    "a million quoted attributes": ("'define a = b' + '[\"c\"]' * 10**6", "nested_too_deep"),
    # Long literals.
    "a string of seven megabytes": ("'define a = \"' + 'a' * 7_000_000 + '\"'", "string_too_long"),
    "a string of ten megabytes": ("'define a = \"' + 'a' * 10_000_000 + '\"'", "file_too_large"),
    "a million rules": ("'rule a: permit B to c on D\\n' * 10**6", "file_too_large"),
    "a million exclamation marks and no value": ("'define a = b and ' + '!' * 10**6 + '\\n'", "foreign_operator"),
    "a string of escapes": ("'define a = \"' + '\\\\n' * 3_500_000 + '\"'", "string_too_long"),
    "a string that is not closed": ("'define a = \"' + 'a' * 7_000_000", "unterminated_string"),
    "a string of escaped quotes": ("'define a = \"' + '\\\\\"' * 3_500_000", "unterminated_string"),
    "a hundred thousand digits": ("'define a = ' + '1' * 10**5", "int_out_of_range"),
    "seven million digits": ("'define a = ' + '1' * 7_000_000", "int_out_of_range"),
    "seven million digits after a point": ("'define a = 1.' + '1' * 7_000_000", "invalid_decimal"),
    "a duration without end": ("'define a = ' + '1m' * 3_500_000 + 'x'", "malformed_literal"),
    "an address without end": ("'define a = ' + '1:' * 3_500_000", "malformed_literal"),
    "points without end": ("'define a = ' + '1.' * 3_500_000", "malformed_literal"),
    "approvals of seven million digits": (
        "'rule a: permit B to c on D needs ' + '1' * 7_000_000 + ' approvals from E for 1h'",
        "approval_count",
    ),
    "a pattern of stars": ("'define a = b like \"' + '*' * 60_000 + '\"'", None),
    # Sheer size.
    "eight megabytes and one": ("'#' * (8 * 2**20 + 1)", "file_too_large"),
    "eight megabytes of line ends": ("'\\n' * (8 * 2**20)", None),
    "eight megabytes of one comment": ("'#' * (8 * 2**20)", None),
    "comments alone": ("'#a\\n' * 2_500_000", "too_many_tokens"),
    "doc lines alone": ("'##\\n' * 2_500_000", "too_many_tokens"),
    "a set of strings of wide characters": ("'define a = [' + '\"\\U0001f600\",' * 10**6 + ']'", "too_many_tokens"),
    "a million attributes in one type": (
        "'type A {' + ','.join(f'a{n}: B' for n in range(600_000)) + '}'",
        "too_many_tokens",
    ),
    "a million types on one line": ("'type A ' * 10**6 + 'type A'", "too_many_tokens"),
    "a rule a line": ("'rule a: permit B to c on D\\n' * 250_000", "too_many_tokens"),
    "one word": ("'a' * (8 * 2**20)", "expected_declaration"),
    "comments before approvals": (
        "'rule a: permit B to c on D needs 2 ' + '# a comment\\n' * 600_000 + 'approvals from E for 1h'",
        None,
    ),
    # Mistakes on mistakes.
    "a mistake a line": ("'rule a permit\\n' * 500_000", "too_many_errors"),
    "a declaration in each other": ("'define a = [\\n' * 500_000", "too_many_errors"),
    "an unclosed string a line": ("'define a = \"\\n' * 500_000", "too_many_errors"),
    "quotes": ("'\"' * 7_000_001", "expected_declaration"),
    "NULs": ("'\\0' * 7_000_000", "too_many_errors"),
    "controls that turn the text around": ("'\\u202e' * 2_000_000", "too_many_errors"),
    "letters of another script": ("'\\u0430' * 3_000_000", "unexpected_character"),
}

CHILD = """
import json, resource, sys, time
from pdp.source import Source
from pdp.syntax import parse

text = eval(sys.argv[1])
source = Source("test.pdp", text)
began = time.process_time()
file, found = parse(source)
seconds = time.process_time() - began
try:
    # The peak of this program alone: what `getrusage` tells includes the process that started it, where it was larger.
    with open("/proc/self/status") as status:
        usage = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
except OSError:
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "seconds": seconds,
    "bytes": len(text.encode("utf-8", "surrogatepass")),
    "rss": usage if sys.platform == "darwin" else usage * 1024,
    "codes": [each.code for each in found],
    "at": [each.span.start for each in found],
}))
"""


def attack(text: str) -> dict:
    run = subprocess.run([sys.executable, "-c", CHILD, text], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


# A file that is read to its last token takes longer than one that is refused at once: a token of two characters costs
# what one of ten does. Such a file is bounded by the number of its tokens.
READ_TO_THE_END = {"too_many_tokens"}


@pytest.mark.parametrize(("text", "code"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_told_in_bounded_time_and_memory(text, code):
    pytest.importorskip("resource", reason="memory is measured by the operating system")

    found = attack(text)

    assert found["codes"][-1:] == ([] if code is None else [code])
    assert found["rss"] < RSS
    seconds = 1.0 * max(found["bytes"] / MIB, 1.0)
    assert found["seconds"] < (max(seconds, 20.0) if code in READ_TO_THE_END else seconds)


# ---------------------------------------------------------------------------------------------------------- depth

DEEP = {
    "parentheses": lambda depth: "define a = " + "(" * (depth - 1) + "b" + ")" * (depth - 1),
    "sets": lambda depth: "define a = " + "[" * (depth - 1) + "b" + "]" * (depth - 1),
    "records": lambda depth: "define a = " + "{b:" * (depth - 1) + "c" + "}" * (depth - 1),
    "calls": lambda depth: "define a = " + "f(" * (depth - 1) + "b" + ")" * (depth - 1),
    "not": lambda depth: "define a = " + "not " * (depth - 1) + "b",
    "minus": lambda depth: "define a = " + "-" * (depth - 1) + "b",
    "sums": lambda depth: "define a = b" + " + b" * (depth - 1),
    "differences": lambda depth: "define a = b" + " - b" * (depth - 1),
    "products": lambda depth: "define a = b" + " * b" * (depth - 1),
    "attributes": lambda depth: "define a = b" + ".c" * (depth - 1),
    "quoted attributes": lambda depth: "define a = b" + '["c"]' * (depth - 1),
    "if": lambda depth: "define a = " + "if b then c else " * (depth - 1) + "d",
    "tests of if": lambda depth: "define a = " + "if " * (depth - 1) + "b" + " then c else d" * (depth - 1),
    "any": lambda depth: "define a = " + "any x in y: " * (depth - 1) + "x",
    "and in or": lambda depth: "define a = " + "b and (c or (" * (depth // 2 - 1) + "d" + "))" * (depth // 2 - 1),
    "sums on the left of sums": lambda depth: "define a = " + "[" * 40 + "b" + " + b" * (depth - 41) + "]" * 40,
    "types": lambda depth: "type A { b: " + "[" * (depth - 1) + "C" + "]" * (depth - 1) + " }",
    "record types": lambda depth: "type A { b: " + "{ b: " * (depth - 1) + "C" + " }" * (depth - 1) + " }",
}


def codes(text: str) -> list[str]:
    return [each.code for each in parse(Source("test.pdp", text))[1]]


@pytest.mark.parametrize("nested", DEEP.values(), ids=DEEP)
def test_nesting_is_read_up_to_the_limit(nested):
    assert codes(nested(limits.MAX_DEPTH)) == []
    assert codes(nested(limits.MAX_DEPTH + 2)) == ["nested_too_deep"]


@pytest.mark.parametrize("nested", DEEP.values(), ids=DEEP)
def test_nesting_is_read_where_the_caller_is_deep_already(nested):
    text = nested(limits.MAX_DEPTH)

    def call(depth: int) -> list[str]:
        return call(depth - 1) if depth else codes(text)

    assert call(550) == []


@pytest.mark.parametrize("word", ["and", "or"])
def test_conjunctions_do_not_nest(word):
    assert codes("define a = b" + f" {word} b" * 10_000) == []


def test_the_place_of_what_is_too_deep_is_told():
    (found,) = parse(Source("test.pdp", "define a = " + "[" * 100))[1]

    assert (found.message, found.span.start, found.span.text) == (
        "this is nested more than 64 levels deep",
        11 + limits.MAX_DEPTH,
        "[",
    )
    assert found.help == "simplify it, or name a part of it with `define`"


# --------------------------------------------------------------------------------------------------------- strings


@pytest.mark.parametrize("char", ["a", "é", "日", "😀"])
def test_a_string_is_read_up_to_the_limit(char):
    longest = char * (limits.MAX_STRING_BYTES // len(char.encode()))

    assert codes(f'define a = "{longest}"') == []
    assert codes(f'define a = "{longest}{char}"') == ["string_too_long"]
    assert codes(f'define a = b like "{longest}{char}"') == ["string_too_long"]


def test_the_longest_string_is_told():
    (found,) = parse(Source("test.pdp", 'define a = "' + "b" * 70_000 + '"'))[1]

    assert (found.message, found.span.text, found.help) == (
        "the string is longer than 65536 bytes",
        '"' + "b" * 70_000 + '"',
        "a policy holds rules, not texts: compare an id instead",
    )


# ------------------------------------------------------------------------------------------------------------ files


def test_a_file_is_read_up_to_the_limit():
    largest = "#" * limits.MAX_FILE_BYTES

    assert codes(largest) == []
    assert codes(largest + "#") == ["file_too_large"]


def test_the_size_of_a_file_is_counted_in_bytes():
    assert codes("#" + "é" * (limits.MAX_FILE_BYTES // 2)) == ["file_too_large"]


def test_a_file_that_is_too_large_is_told_at_its_start():
    (found,) = parse(Source("test.pdp", " " * (limits.MAX_FILE_BYTES + 1)))[1]

    assert (found.message, str(found.span), found.help) == (
        "the file is larger than 8388608 bytes",
        "test.pdp:1:1",
        "split it into several files",
    )


def test_too_many_tokens_are_told_where_they_are(monkeypatch):
    monkeypatch.setattr(limits, "MAX_TOKENS", 10)

    (found,) = parse(Source("test.pdp", "type A\n" * 6))[1]

    assert (found.message, str(found.span), found.help) == (
        "the file holds more than 10 words and signs",
        "test.pdp:6:1",
        "split it into several files",
    )


def test_what_was_read_before_a_limit_is_kept(monkeypatch):
    monkeypatch.setattr(limits, "MAX_TOKENS", 10)

    file, _ = parse(Source("test.pdp", "type A\n" * 6))

    assert len(file.declarations) == 4


# ---------------------------------------------------------------------------------------------------------- speed


def test_reading_takes_time_in_proportion_to_the_text():
    rules = "".join(
        f'rule r{number}:\n  permit User in Group "g{number}" to read on Doc\n'
        f'  when resource.level >= {number} and principal.team == "t"\n'
        for number in range(4000)
    )

    def seconds(text: str) -> float:
        best = float("inf")
        for _ in range(3):
            gc.collect()
            began = time.process_time()
            assert parse(Source("test.pdp", text))[1] == []
            best = min(best, time.process_time() - began)
        return best

    assert seconds(rules) < 8 * seconds(rules[: rules.index("rule r1000:")])


def test_the_collector_runs_again_after_reading():
    assert gc.isenabled()

    parse(Source("test.pdp", "type A"))

    assert gc.isenabled()


def test_a_collector_that_does_not_run_is_left_alone():
    gc.disable()
    try:
        parse(Source("test.pdp", "type A"))

        assert not gc.isenabled()
    finally:
        gc.enable()

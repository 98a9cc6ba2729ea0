"""Every example of docs/language.md is run: policies, conditions, errors, entity files and Python.

The first words of a fence say what its block is:

    pdp                     a complete policy; its tests pass
    pdp prelude             the declarations that fragments stand on
    pdp fragment            declarations that are put after the prelude; their tests pass
    pdp request             a fragment with one test, whose request the conditions are asked of
    pdp folder              several files, each after a line `# file: path`
    pdp condition           a condition a line; a comment `# true`, `# false` or `# unknown` says what it comes to
    pdp condition forbid    the same, as the `when` of a forbid
    json entities …         an entity file for the prelude's types; also yaml and csv, `file=` names it
    python                  doctests, which may use the names of those before
    text, ebnf              not run

`error=a,b` asks for exactly these errors and `warning=a` for these warnings. In `pdp condition error` each line names
its own errors in its comment.
"""

import doctest
import re
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path

import pytest

from pdp import facts, folder, ids, values
from pdp import testing as policy_tests
from pdp.checker import expansion, world
from pdp.codes import CODES
from pdp.conform import reading
from pdp.entities import loading
from pdp.entities.document import MAX_FAULTS
from pdp.entities.reading import MAX_ENTITIES
from pdp.errors import Severity
from pdp.evaluation import MAX_COMBINATIONS
from pdp.model import Effect, Reason
from pdp.source import Source
from pdp.syntax import limits, parse, tree, words
from pdp.syntax.messages import render_all
from pdp.types import WEEKDAY, Primitive
from pdp.values import Datetime, Decimal, Duration, Ip
from pdp.zones import CalendarField

PAGE = Path(__file__).resolve().parent.parent / "docs" / "language.md"
TEXT = PAGE.read_text(encoding="utf-8")
SILENT = {"text", "ebnf"}
KINDS = {
    "pdp": {"", "prelude", "fragment", "request", "folder", "condition", "condition forbid", "condition error"},
    "json": {"entities"},
    "yaml": {"entities"},
    "csv": {"entities"},
    "python": {""},
}


@dataclass(frozen=True, eq=False)
class Block:
    line: int
    heading: str
    language: str
    kind: str
    options: dict
    text: str

    def __str__(self):
        return f"line {self.line} {self.heading}"

    def wanted(self, option):
        return sorted(self.options.get(option, "").split(",")) if option in self.options else []


def read_blocks(page):
    """Return the fenced blocks of a page in their order."""
    heading, opened, lines = "", None, []
    for number, line in enumerate(page.splitlines(), start=1):
        if opened is None and line.startswith("#"):
            heading = line.lstrip("# ")
        elif opened is None and line.startswith("```"):
            opened, lines = (number, line[3:].split()), []
        elif opened is not None and line == "```":
            start, info = opened
            options = dict(word.split("=", 1) for word in info if "=" in word)
            kind = " ".join(word for word in info[1:] if "=" not in word)
            yield Block(start, heading, info[0] if info else "", kind, options, "".join(f"{each}\n" for each in lines))
            opened = None
        elif opened is not None:
            lines.append(line)


BLOCKS = list(read_blocks(TEXT))
RUN = [block for block in BLOCKS if block.language not in SILENT]


def only(kind):
    (found,) = [block for block in BLOCKS if block.kind == kind]
    return found


PRELUDE = only("prelude").text
REQUEST = only("request").text


# ------------------------------------------------------------------------------------------------------------ running


def run_block(block):
    """Check a block as its kind asks; raise AssertionError where it does not hold."""
    if block.language == "python":
        run_python(block)
    elif block.kind.startswith("condition"):
        for line, wanted in conditions(block):
            run_condition(line, wanted, block.kind)
    else:
        loaded = folder.load_sources(sources(block))
        assert_diagnostics(loaded, block)
        if loaded.policy is not None:
            failures = [str(result) for result in policy_tests.run(loaded.policy) if not result.passed]
            assert not failures, "\n".join(failures)


def sources(block):
    """Return the files that a block stands for."""
    if block.kind == "entities":
        name = block.options.get("file", f"entities.{block.language}")
        return [Source("prelude.pdp", PRELUDE), Source(name, block.text)]
    if block.kind in ("fragment", "request"):
        return [Source("example.pdp", PRELUDE + block.text)]
    if block.kind == "folder":
        parts = re.split(r"^# file: (.+)\n", block.text, flags=re.MULTILINE)
        assert parts[0] == "", "a folder starts with `# file: path`"
        return [Source(path, text) for path, text in zip(parts[1::2], parts[2::2], strict=True)]
    return [Source("example.pdp", block.text)]


def codes(loaded, severity):
    return sorted(each.code for each in loaded.diagnostics if each.severity is severity)


def assert_diagnostics(loaded, block):
    shown = render_all(loaded.diagnostics)
    assert codes(loaded, Severity.ERROR) == block.wanted("error"), shown
    assert codes(loaded, Severity.WARNING) == block.wanted("warning"), shown


def run_python(block):
    """Run a block of doctests after those before it, whose names it may use."""
    said, names = [], {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for each in (*(other for other in BLOCKS if other.language == "python" and other.line < block.line), block):
        examples = doctest.DocTestParser().get_doctest(each.text, names, str(each), str(PAGE), each.line)
        assert examples.examples, "a Python block holds doctests"
        result = runner.run(examples, out=said.append, clear_globs=False)
        names = examples.globs
    assert result.failed == 0, "".join(said)


def conditions(block):
    """Return each condition with what its comment says of it."""
    for line in block.text.splitlines():
        condition, _, comment = line.rpartition("  # ") if "  # " in line else (line, "", "")
        if condition.strip() and not condition.startswith("#"):
            yield condition.strip(), comment.strip()


def run_condition(condition, wanted, kind):
    tail = '\n  because "it is an example"' if kind == "condition forbid" else ""
    effect = "forbid" if kind == "condition forbid" else "permit"
    rule = f"rule asked:\n  {effect} User to deploy on Service\n  when {condition}{tail}\n"
    loaded = folder.load_sources([Source("example.pdp", PRELUDE + REQUEST + rule)])
    errors = codes(loaded, Severity.ERROR)
    if kind == "condition error":
        assert errors == sorted(wanted.split(", ")), render_all(loaded.diagnostics)
        return
    assert loaded.policy is not None, render_all(loaded.diagnostics)
    assert wanted in ("", "true", "false", "unknown"), wanted
    (test,) = loaded.policy.tests
    (result,) = policy_tests.run(loaded.policy, [test])
    (finding,) = [each for each in result.judgement.findings if each.rule.id == "asked"]
    assert not wanted or repr(finding.condition).lower() == wanted, f"`{condition}` is {finding.condition}"


@pytest.mark.parametrize("block", RUN, ids=str)
def test_every_example_does_what_the_page_says(block):
    run_block(block)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_fence_says_what_its_block_is(block):
    known = block.language in SILENT or block.kind in KINDS.get(block.language, ())

    assert known, f"`{block.language} {block.kind}` is no kind of example"
    assert block.options.keys() <= {"error", "warning", "file"}


def a_block(text, kind="", language="pdp", **options):
    return Block(1, "made up", language, kind, options, text)


@pytest.mark.parametrize(
    "block",
    [
        a_block("type user"),
        a_block("type User", error="lower_case_type"),
        a_block("type user", error="lower_case_type,unknown_type"),
        a_block("import a: B", warning="unused_import"),
        a_block('test "t":\n  expect allow User "a" to read on Service "b"', "fragment"),
        a_block("resource.tier == 1  # false", "condition"),
        a_block("resource.tire == 1", "condition"),
        a_block("resource.tier == 1  # unknown_attribute", "condition error"),
        a_block("principal.hired < now  # true", "condition forbid"),
        a_block('{"entities": [{"type": "User"}]}', "entities", "json"),
        a_block(">>> 1 + 1\n3", "", "python"),
        a_block("1 + 1", "", "python"),
    ],
    ids=lambda block: f"{block.language} {block.kind} {block.text.splitlines()[0]}",
)
def test_an_example_that_is_wrong_fails(block):
    with pytest.raises(AssertionError):
        run_block(block)


# ----------------------------------------------------------------------------------------------------------- coverage

WRONG = {block for block in RUN if "error" in block.kind or "error" in block.options}
GOOD = [block for block in RUN if block.language == "pdp" and block not in WRONG]


def policies(block):
    """Return the policy texts of a block that stand on the page."""
    if block.kind.startswith("condition"):
        rule = "permit User to read on Service\n  when"
        return "\n".join(f"rule r{n}:\n  {rule} {each}" for n, (each, _) in enumerate(conditions(block)))
    return "\n".join(source.text for source in sources(block) if source.path.endswith(".pdp"))


def trees():
    for block in GOOD:
        texts = [each.text for each in sources(block)] if block.kind == "folder" else [policies(block)]
        for text in texts:
            file, errors = parse(Source(f"{block}", text))
            assert not errors or block.kind == "folder"
            yield file


def nodes(value):
    """Yield every node of a tree, the values of literals, and the operators."""
    if isinstance(value, tuple):
        for item in value:
            yield from nodes(item)
    elif is_dataclass(value) and isinstance(value, tree.Node):
        yield value
        for each in fields(value):
            if each.name not in ("span", "source"):
                yield from nodes(getattr(value, each.name))
    elif isinstance(value, Enum):
        yield value


SEEN = [node for file in trees() for node in nodes(file)]
EVERY_NODE = sorted(
    {kind.__name__ for kind in vars(tree).values() if isinstance(kind, type) and issubclass(kind, tree.Node)}
    - {"Node", "Declaration"}
)
OPERATORS = [*tree.CompareOp, *tree.ArithmeticOp, *tree.ContainsOp, *tree.QuantifierOp, *Effect]
WORDS = {
    word
    for block in GOOD
    for line in policies(block).splitlines()
    for word in re.findall(r"[A-Za-z_]+", re.sub(r'"(?:[^"\\]|\\.)*"|#.*', " ", line))
}


@pytest.mark.parametrize("name", EVERY_NODE)
def test_every_construct_of_the_syntax_tree_has_an_example(name):
    assert name in {type(node).__name__ for node in SEEN}


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_every_operator_has_an_example(operator):
    assert any(node is operator for node in SEEN)


@pytest.mark.parametrize("kind", [bool, int, str, Decimal, Datetime, Duration, Ip])
def test_every_kind_of_literal_has_an_example(kind):
    assert any(isinstance(node, tree.Literal) and type(node.value) is kind for node in SEEN)


@pytest.mark.parametrize("word", sorted(words.KEYWORDS | words.ROOTS))
def test_every_keyword_has_an_example(word):
    assert word in WORDS


@pytest.mark.parametrize("name", [*Primitive, WEEKDAY.name])
def test_every_named_type_has_an_example(name):
    assert str(name) in WORDS


@pytest.mark.parametrize("field", [*CalendarField])
def test_every_calendar_field_has_an_example(field):
    assert str(field) in WORDS


@pytest.mark.parametrize("reason", [*Reason])
def test_every_reason_is_named(reason):
    assert f"`{reason}`" in TEXT


# ------------------------------------------------------------------------------------------------------- what it says


def test_the_limits_are_those_of_the_code():
    table = TEXT.split("\n## Limits\n")[1].split("\n## ")[0]
    figures = [int(row.split("|")[2].split()[0]) for row in table.splitlines() if re.match(r"\|.*\| [0-9]", row)]

    assert limits.MAX_DEPTH == world._MAX_NESTING
    assert figures == [
        limits.MAX_FILE_BYTES,
        limits.MAX_TOKENS,
        limits.MAX_DEPTH,
        limits.MAX_STRING_BYTES,
        limits.MAX_ERRORS,
        limits.MAX_APPROVALS,
        expansion.MAX_TERMS,
        expansion.MAX_ADDED,
        limits.MAX_DEPTH,
        expansion.MAX_LOOKS,
        folder.MAX_FILES,
        loading.MAX_FILE,
        MAX_ENTITIES,
        reading.MAX_PARENTS,
        facts.MAX_ASKED,
        values.MAX_SET,
        MAX_COMBINATIONS,
        reading.MAX_DEPTH,
        values.MAX_STRING,
        ids.MAX_ID,
        MAX_FAULTS,
    ]


def test_the_words_are_those_of_the_code():
    reserved, roots, others = [set(each.text.split()) for each in BLOCKS if each.heading == "Words"]

    assert reserved == words.RESERVED
    assert roots == words.ROOTS
    assert others == words.KEYWORDS - words.RESERVED - words.ROOTS


def test_every_session_attribute_is_named():
    section = TEXT.split("### `session`")[1].split("\n### ")[0]

    named = {word.rstrip("?") for word in re.findall(r"`([a-z_]+\??)`", section)}
    assert {*world.SESSION, "actor"} <= named


def test_every_link_leads_somewhere():
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}

    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        assert anchor in anchors if not path else (PAGE.parent / path).is_file(), target


def test_every_code_that_the_page_names_is_a_code():
    section = TEXT.split("### What is an error")[1].split("```")[0]

    for code in re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", section):
        assert code in CODES, code

"""Coverage as text, LCOV, Cobertura, HTML and JSON: each is read again, and nothing in a policy acts on its reader."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from pdp.cli.terminal import Terminal
from pdp.folder import load
from pdp.testing.coverage import Coverage, Report
from pdp.testing.coverage.cobertura import cobertura
from pdp.testing.coverage.document import to_json
from pdp.testing.coverage.lcov import lcov
from pdp.testing.coverage.page import page
from pdp.testing.coverage.text import text_lines
from tests.testing.coverage.policies import WORLD, asked, cover, policy_of

PLAIN = Terminal(color=False, unicode=True)
RULES = """
rule staff_reads:
  permit User in Group "staff" to read on Doc
  when principal.admin and
    resource.public
"""
ROLES = """
role reader on Doc: read
role writer on Doc: reader, write
rule robots_do_nothing:
  forbid Robot to any on Doc
  because "<b>robots</b> & co"
"""


@pytest.fixture
def report() -> Report:
    yes, no = 'expect allow User "ada" to read on Doc "open"', 'expect deny User "cy" to read on Doc "open"'
    return cover(policy_of(WORLD + RULES + asked(yes, no), ROLES))


@pytest.fixture
def hostile(tmp_path) -> Report:
    name = '<script>alert(1)<\\/script>&"\\n\\u{1b}[31m,x\\u{202e}'.replace("\\/", "/")
    folder = tmp_path / 'a"<b>&'
    folder.mkdir()
    text = f'@id("{name.replace(chr(34), chr(92) + chr(34))}")\npermit (principal, action, resource)\n'
    (folder / "p.cedar").write_text(text + 'when { principal.name == "</code><script>" };\n', encoding="utf-8")
    policy, _ = load(tmp_path, cache="off").require()
    return Coverage(policy).report()


# ------------------------------------------------------------------------------------------------------------- text


def test_text_marks_what_is_missing_in_the_source(report):
    assert list(text_lines(report, PLAIN)) == [
        "✗ a.pdp   80.0 %  8 of 10 outcomes",
        "",
        "  rule staff_reads",
        '  12 |   permit User in Group "staff" to read on Doc',
        "     |          ^^^^^^^^^^^^^^^^^^^^^ never outside of it",
        "  14 |     resource.public",
        "     |     ^^^^^^^^^^^^^^^ never false",
        "",
        "✗ b.pdp   20.0 %  1 of 5 outcomes",
        "",
        "  role reader",
        "  2 | role reader on Doc: read",
        "    |      ^^^^^^ never allowed by a grant of it: read",
        "  role writer",
        "  3 | role writer on Doc: reader, write",
        "    |      ^^^^^^ never allowed by a grant of it: read, write",
        "  rule robots_do_nothing",
        "  4 | rule robots_do_nothing:",
        "    | ^^^^^^^^^^^^^^^^^^^^^^^ never applies",
        "",
        "✗ coverage:  60.0 %  9 of 15 outcomes",
        "  complete: 1 of 2 rules, 0 of 1 scope, 1 of 1 clause, 1 of 2 operands, 0 of 3 actions of roles",
    ]


def test_text_marks_each_line_of_the_whole_source(report):
    lines = list(text_lines(report, PLAIN, everything=True))

    assert [line for line in lines if line.startswith("✓ 1")] == [
        "✓ 11 | rule staff_reads:",
        "✓ 13 |   when principal.admin and",
    ]
    assert "✗ 14 |     resource.public" in lines
    assert '  15 | test "t":' in lines


def test_colours_are_used_where_they_are_wanted(report):
    lines = list(text_lines(report, Terminal(color=True, unicode=True)))

    assert any("\x1b[31m" in line for line in lines)


def test_nothing_in_a_policy_acts_on_a_terminal(hostile):
    for everything in (False, True):
        for line in text_lines(hostile, PLAIN, everything=everything):
            assert line.isprintable(), line


def test_a_policy_with_nothing_to_cover_says_so():
    lines = list(text_lines(cover(policy_of(WORLD)), PLAIN))

    assert lines == ["✓ coverage: nothing to cover"]


# ------------------------------------------------------------------------------------------------------------- LCOV


def read_lcov(text: str) -> dict[str, dict[str, list[str]]]:
    files: dict[str, dict[str, list[str]]] = {}
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line == "end_of_record":
            files[fields["SF"][0]] = fields
            fields = {}
            continue
        match = re.fullmatch(r"(TN|SF|FN|FNDA|FNF|FNH|BRDA|BRF|BRH|DA|LF|LH):(.*)", line)
        assert match, line
        fields.setdefault(match[1], []).append(match[2])
    assert not fields
    return files


def test_lcov_has_lines_outcomes_and_rules(report):
    files = read_lcov(lcov(report, root="policies"))

    first = files["policies/a.pdp"]
    assert first["FN"] == ["11,staff_reads"]
    assert first["FNDA"] == ["1,staff_reads"]
    assert first["DA"] == ["11,1", "12,1", "13,1", "14,1"]
    assert [each for each in first["BRDA"] if each.endswith(",0")] == ["12,0,1,0", "14,0,1,0"]
    assert files["policies/b.pdp"]["BRDA"] == ["2,0,0,-", "3,0,0,-", "3,1,0,-", "4,0,0,0", "4,0,1,1"]
    assert files["policies/b.pdp"]["FNDA"] == ["0,robots_do_nothing"]


def test_the_sums_of_lcov_are_those_of_its_lines(report):
    for fields in read_lcov(lcov(report)).values():
        taken = [each.rsplit(",", 1)[1] for each in fields["BRDA"]]
        assert (fields["BRF"], fields["BRH"]) == ([str(len(taken))], [str(taken.count("1"))])
        assert (fields["LF"], fields["LH"]) == (
            [str(len(fields["DA"]))],
            [str(sum(each.endswith(",1") for each in fields["DA"]))],
        )
        assert (fields["FNF"], len(fields["FN"])) == ([str(len(fields["FNDA"]))], len(fields["FNDA"]))
    covered = sum(int(fields["BRH"][0]) for fields in read_lcov(lcov(report)).values())
    assert covered == report.covered


@pytest.mark.parametrize(
    ("root", "path"),
    [("", "a.pdp"), (".", "a.pdp"), ("./policies/", "policies/a.pdp"), ("x\\y", "x/y/a.pdp"), ("/abs", "/abs/a.pdp")],
)
def test_paths_lead_from_where_the_report_is_read(report, root, path):
    assert path in read_lcov(lcov(report, root=root))


def test_a_name_breaks_no_line_of_lcov(hostile):
    (fields,) = read_lcov(lcov(hostile)).values()

    assert len(fields["FN"]) == 1
    assert fields["FN"][0].count(",") == 1


# -------------------------------------------------------------------------------------------------------- Cobertura


_RATES = {"line-rate", "branch-rate"}
# coverage-04.dtd: what each element holds, in this order, and the attributes that it must have.
DTD = {
    "coverage": (
        "(sources )?packages ",
        _RATES
        | {"lines-covered", "lines-valid", "branches-covered", "branches-valid", "complexity", "version", "timestamp"},
    ),
    "sources": ("(source )*", set()),
    "source": ("", set()),
    "packages": ("(package )*", set()),
    "package": ("classes ", _RATES | {"name", "complexity"}),
    "classes": ("(class )*", set()),
    "class": ("methods lines ", _RATES | {"name", "filename", "complexity"}),
    "methods": ("(method )*", set()),
    "method": ("lines ", _RATES | {"name", "signature", "complexity"}),
    "lines": ("(line )*", set()),
    "line": ("(conditions )*", {"number", "hits", "branch", "condition-coverage"}),
    "conditions": ("(condition )*", set()),
    "condition": ("", {"number", "type", "coverage"}),
}


def valid_tree(text: str) -> ET.Element:
    """Read a report, and hold it to the document type."""
    tree = ET.fromstring(text)
    for node in tree.iter():
        content, attributes = DTD[node.tag]
        assert re.fullmatch(content, "".join(f"{child.tag} " for child in node)), node.tag
        assert set(node.attrib) == attributes, node.tag
    return tree


def test_cobertura_is_of_its_document_type(report):
    tree = valid_tree(cobertura(report, root="policies", timestamp=1_795_424_400, version="1.0"))

    assert tree.findtext("sources/source") == "policies"
    assert (tree.get("timestamp"), tree.get("version")) == ("1795424400", "pdp 1.0")
    assert (tree.get("branches-covered"), tree.get("branches-valid")) == (str(report.covered), str(report.wanted))


def test_cobertura_has_a_condition_for_each_point_of_a_line(report):
    tree = valid_tree(cobertura(report))

    line = tree.find(".//class[@filename='a.pdp']/lines/line[@number='14']")
    assert line is not None
    assert (line.get("hits"), line.get("condition-coverage")) == ("1", "50% (1/2)")
    assert [each.get("coverage") for each in line.iter("condition")] == ["50%"]
    unseen = tree.find(".//class[@filename='b.pdp']/lines/line[@number='2']")
    assert unseen is not None
    assert (unseen.get("hits"), unseen.get("condition-coverage")) == ("0", "0% (0/1)")


def test_a_rate_of_cobertura_is_never_lifted_to_all():
    actions = [f"a{at}" for at in range(20_001)]
    text = f"type User\ntype Doc\naction {', '.join(actions)} on Doc by User\nrole r on Doc: {', '.join(actions)}\n"
    policy = policy_of(text)
    coverage = Coverage(policy)
    seen = coverage.seen

    coverage.merge(type(seen)(seen.revision, b"\x01" * 20_000 + b"\x00"))

    tree = valid_tree(cobertura(coverage.report()))
    assert tree.get("branch-rate") == "0.9999"


def test_cobertura_of_hostile_names_is_xml(hostile):
    tree = valid_tree(cobertura(hostile))

    name = tree.findall(".//method")[0].get("name") or ""
    assert name.startswith("<script>alert(1)</script>&")
    assert name.isprintable()


# ------------------------------------------------------------------------------------------------------------- HTML


class Page(HTMLParser):
    """Reads a page, and holds its elements to be closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_a_page_shows_all_sources_and_what_is_missing(report):
    read = Page(page(report, title="Coverage of policies"))

    text = "".join(read.words)
    assert read.open == []
    assert f"Coverage of policies: {report.percent} %" in text
    for file in report.files:
        for line in file.source.text.splitlines():
            assert line in text
    assert "resource.public never false" in text


def test_a_page_runs_and_loads_nothing(report, hostile):
    for each in (report, hostile):
        read = Page(page(each, title="<script>x</script>"))

        assert not {"script", "link", "img", "iframe", "b"} & set(read.tags)
        assert all(not name.startswith("on") and name != "src" for name, _ in read.attributes)
        assert all((value or "").startswith("#f") for name, value in read.attributes if name == "href")
        assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in read.attributes


def test_nothing_in_a_policy_turns_a_page_around(hostile):
    assert all(char.isprintable() or char == "\n" for char in page(hostile))


# ------------------------------------------------------------------------------------------------------------- JSON


def test_json_tells_each_point(report):
    data = json.loads(json.dumps(to_json(report)))

    assert (data["covered"], data["wanted"]) == (report.covered, report.wanted)
    point = next(each for each in data["files"][0]["points"] if each["text"] == "resource.public")
    assert point == {
        "kind": "operand",
        "owner": "staff_reads",
        "text": "resource.public",
        "line": 14,
        "column": 5,
        "covered": ["true"],
        "missing": ["false"],
        "unknown": False,
        "remark": "never false",
    }

import pytest

from pdp.errors import Diagnostic, Severity
from pdp.source import Source, Span
from pdp.syntax import parse
from pdp.syntax.messages import render, render_all

TEXT = """namespace payroll

type User { clearance: Int }

rule r:
  permit User to read on Doc
  when principal.clearence >= 3
"""


def about(text: str, part: str, **more) -> Diagnostic:
    """Return a diagnostic about the first place where a part of a text stands."""
    start = text.index(part)
    span = Span(Source("payroll.pdp", text), start, start + len(part))
    return Diagnostic(**{"code": "some_code", "message": "a message", "span": span} | more)


def excerpt(diagnostic: Diagnostic) -> list[str]:
    """Return the line that is shown and its underline, without the gutter."""
    return [line[line.index("|") + 2 :] for line in render(diagnostic).splitlines()[3:5]]


def test_a_diagnostic_shows_place_excerpt_underline_and_help():
    found = about(
        TEXT,
        "clearence",
        code="unknown_attribute",
        message="attribute `clearence` not found on entity type `User`",
        help="did you mean `clearance`?",
    )

    assert render(found) == (
        "error[unknown_attribute]: attribute `clearence` not found on entity type `User`\n"
        " --> payroll.pdp:7:18\n"
        "  |\n"
        "7 |   when principal.clearence >= 3\n"
        "  |                  ^^^^^^^^^\n"
        "help: did you mean `clearance`?"
    )


def test_the_gutter_is_as_wide_as_the_longest_line_number():
    text = "\n" * 99 + "type a\n"

    assert render(about(text, "a")) == (
        "error[some_code]: a message\n   --> payroll.pdp:100:6\n    |\n100 | type a\n    |      ^"
    )


def test_notes_have_excerpts_of_their_own():
    (found,) = parse(Source("a.pdp", "\n" * 8 + "type A {\n  a: Int\n\ntype B"))[1]

    assert render(found) == (
        "error[unclosed_bracket]: the `{` is never closed\n"
        "  --> a.pdp:9:8\n"
        "   |\n"
        " 9 | type A {\n"
        "   |        ^\n"
        "note: expected `,` or `}`, found `type`\n"
        "  --> a.pdp:12:1\n"
        "   |\n"
        "12 | type B\n"
        "   | ^^^^"
    )


def test_a_warning_says_so():
    found = about(TEXT, "payroll", severity=Severity.WARNING)

    assert render(found).startswith("warning[some_code]: a message\n")


def test_a_diagnostic_without_a_place_has_no_excerpt():
    found = Diagnostic(code="some_code", message="a message", help="some help")

    assert render(found) == "error[some_code]: a message\nhelp: some help"


def test_a_file_without_a_text_has_no_excerpt():
    found = Diagnostic(code="some_code", message="a message", span=Span(Source("a.pdp", ""), 0, 0))

    assert render(found) == "error[some_code]: a message\n --> a.pdp"


def test_a_span_of_several_lines_is_underlined_to_the_end_of_its_first():
    found = about(TEXT, "permit User to read on Doc\n  when")

    assert excerpt(found) == ["  permit User to read on Doc", "  ^^^^^^^^^^^^^^^^^^^^^^^^^^"]


def test_a_span_of_nothing_is_underlined_once():
    source = Source("a.pdp", "define a =")
    found = Diagnostic(code="some_code", message="a message", span=Span(source, 10, 10))

    assert excerpt(found) == ["define a =", "          ^"]


def test_a_span_after_the_last_line_is_underlined():
    source = Source("a.pdp", "type A\n")
    found = Diagnostic(code="some_code", message="a message", span=Span(source, 7, 7))

    assert render(found).splitlines()[1:] == [" --> a.pdp:2:1", "  |", "2 |", "  | ^"]


def test_tabs_keep_the_underline_aligned():
    found = about("\ttype\tuser", "user")

    assert excerpt(found) == ["    type    user", "            ^^^^"]


@pytest.mark.parametrize(
    ("text", "shown", "underline"),
    [
        pytest.param(
            'a = "日本" == here', 'a = "日本" == here', "              ^^^^", id="wide characters take two columns"
        ),
        pytest.param("here日本 x", "here日本 x", "^^^^", id="wide characters after the underline"),
        pytest.param(
            '"e\u0301e\u0301" here', '"e\u0301e\u0301" here', "     ^^^^", id="combining characters take none"
        ),
        pytest.param("ＡＢ here", "ＡＢ here", "     ^^^^", id="full-width letters take two"),
    ],
)
def test_the_underline_stands_below_what_it_is_about(text, shown, underline):
    found = about(text, "here")

    assert excerpt(found) == [shown, underline]


def test_an_underline_is_as_wide_as_what_it_is_about():
    found = about('a == "日本"', '"日本"')

    assert excerpt(found)[1] == "     ^^^^^^"


def test_a_line_ends_before_its_carriage_return():
    found = about("type a\r\ntype B\r\n", "a")

    assert excerpt(found) == ["type a", "     ^"]


@pytest.mark.parametrize(
    ("before", "after", "cut_before", "cut_after"),
    [
        (0, 96, False, False),
        (96, 0, False, False),
        (0, 97, False, True),
        (97, 0, True, False),
        (60, 60, True, True),
        (300, 300, True, True),
        (5_000_000, 5, True, False),
    ],
)
def test_a_long_line_is_cut_around_what_it_is_about(before, after, cut_before, cut_after):
    text = "a" * before + "HERE" + "b" * after

    line, underline = excerpt(about(text, "HERE"))

    assert len(line) <= 101
    assert line[underline.index("^") : underline.index("^") + 4] == "HERE"
    assert underline.strip() == "^^^^"
    assert (line.startswith("…"), line.endswith("…")) == (cut_before, cut_after)


def test_a_long_line_of_wide_characters_is_cut():
    line, underline = excerpt(about("日" * 200 + "HERE" + "本" * 200, "HERE"))

    assert line.count("日") + line.count("本") < 51
    assert underline.strip() == "^^^^"
    assert underline.index("^") == 1 + 2 * line.count("日")


def test_a_long_span_is_underlined_as_far_as_it_is_shown():
    line, underline = excerpt(about("x = " + "a" * 1000, "a" * 1000))

    assert len(underline) == 100
    assert line == "x = " + "a" * 96 + "…"


# ------------------------------------------------------------------------------------------------------- terminals

ATTACK = "\x1b[2J\x1b]0;owned\x07\u202e\u200b\x00\x85\r\u2028"


def test_nothing_of_a_policy_reaches_a_terminal_as_a_control():
    found = about(f"type A # {ATTACK} x", "x", message=f"a {ATTACK}", help=f"b {ATTACK}")

    shown = render(found)

    assert all(char == "\n" or char.isprintable() for char in shown)
    assert "\\u{1b}[2J" in shown.splitlines()[3]


def test_a_path_reaches_a_terminal_without_controls():
    found = Diagnostic(code="some_code", message="a message", span=Span(Source("a\x1b[2J\n.pdp", "x"), 0, 1))

    assert render(found).splitlines()[1] == " --> a\\u{1b}[2J\\u{a}.pdp:1:1"


def test_an_escape_is_underlined_as_it_is_shown():
    found = about("type A # \u202e", "\u202e")

    assert excerpt(found) == ["type A # \\u{202e}", "         ^^^^^^^^"]


def test_half_a_surrogate_pair_can_be_written():
    (found,) = parse(Source("a.pdp", "# \ud800"))[1]

    assert render(found).encode("utf-8")


def test_colors_are_ansi_codes_around_the_same_text():
    found = about(TEXT, "clearence", help="some help", notes=(("a note", Span(Source("b.pdp", "type A"), 5, 6)),))

    colored = render(found, color=True)

    assert "\x1b[1;31merror[some_code]\x1b[0m: a message" in colored
    assert "\x1b[1;31m^^^^^^^^^\x1b[0m" in colored
    plain = colored
    for code in ("\x1b[0m", "\x1b[1;31m", "\x1b[1;34m", "\x1b[1;36m"):
        plain = plain.replace(code, "")
    assert plain == render(found)


# ------------------------------------------------------------------------------------------------------ all of them


def test_nothing_is_written_where_there_is_nothing_to_say():
    assert render_all([]) == ""


def test_all_diagnostics_are_followed_by_their_number():
    warning = about(TEXT, "payroll", severity=Severity.WARNING)
    other = Diagnostic(code="some_code", message="a message", span=Span(Source("b.pdp", "x"), 0, 1))

    shown = render_all([about(TEXT, "User"), warning, other])

    assert shown.split("\n\n") == [
        render(about(TEXT, "User")),
        render(warning),
        render(other),
        "2 errors, 1 warning in 2 files",
    ]


@pytest.mark.parametrize(
    ("severities", "summary"),
    [
        ([Severity.ERROR], "1 error in 1 file"),
        ([Severity.WARNING, Severity.WARNING], "2 warnings in 1 file"),
    ],
)
def test_the_summary_counts(severities, summary):
    shown = render_all([about(TEXT, "User", severity=severity) for severity in severities])

    assert shown.splitlines()[-1] == summary


def test_the_summary_names_no_files_where_there_are_none():
    assert render_all([Diagnostic(code="some_code", message="a message")]).splitlines()[-1] == "1 error"

"""The page of a trace: it stands by itself, and whatever anybody calls anything, it stays text."""

import html.parser

import pytest

from pdp.engine import Engine
from pdp.model import Entity, Request
from pdp.trace.page import render
from pdp.trace.tree import Branch, End, grow
from pdp.values import ref

POLICY = """
type Team
type User in Team { level: Int }
type Page { code: String, open: Bool }
context { word: String }
session { actor?: User }
action read, edit on Page by User
rule insiders:
  permit User in Team "a" to read on Page
  when resource.open
  when principal.level >= 3
  needs session.mfa else "sign in"
rule seniors:
  permit User to read on Page
  when resource.open
  when principal.level >= 9
rule hostile:
  forbid User to read on Page
  when resource.open
  unless context.word == "</style><script>alert(1)</script>"
  because "<img src=x onerror=alert(2)>"
"""
HOSTILE = ['</title><script>alert("x")</script>', "'\"><svg/onload=alert(1)>", "a\u202eb\x1b[31m", "&lt;"]


class Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    parser = Parser()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def traced(name="u", **request):
    engine = Engine.from_text(
        POLICY,
        entities=[
            Entity("Team", "a"),
            Entity("User", name, {"level": 3}, [ref("Team", "a")]),
            Entity("Page", "p", {"code": name, "open": True}),
        ],
    )
    asked = Request(ref("User", name), "read", ref("Page", "p"), **request)
    trace = engine.explain(asked)
    _, _, question, facts = engine.judged(asked)
    return trace, () if question is None else grow(engine.policy, question, facts)


def test_a_page_stands_by_itself():
    page = render(*traced())

    found = read(page)
    assert set(found.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer", "h1", "h2", "h3"),
        *("dl", "dt", "dd", "p", "span", "strong", "code", "div", "table", "tbody", "tr", "td", "ul", "li"),
        *("details", "summary"),
    }
    assert {name for _, name, _ in found.attributes} <= {
        "charset",
        "class",
        "content",
        "http-equiv",
        "lang",
        "name",
        "open",
        "title",
    }
    assert "url(" not in page
    assert "@import" not in page
    assert any("default-src 'none'" in value for _, name, value in found.attributes if name == "content")


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\u202e" not in name])
def test_whatever_somebody_is_called_stays_text(name):
    page = render(*traced(name, context={"word": name}))

    found = read(page)
    assert not {"script", "svg", "img"} & {*found.tags}
    assert not any(attribute.startswith("on") for _, attribute, _ in found.attributes)
    assert any(name in text or repr(name)[1:-1] in text for text in found.text) or "\\" in "".join(found.text)


def test_what_does_not_print_is_an_escape():
    page = render(*traced(context={"word": HOSTILE[2]}))

    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "\\u{202e}" in page


def test_texts_of_the_policy_stay_text():
    page = render(*traced(context={"word": "x"}))

    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(2)&gt;" in page


def test_a_page_tells_the_decision_the_changes_and_the_nearest_rule():
    text = "".join(read(render(*traced(context={"word": "x"}))).text)

    assert "deny forbidden" in text
    assert "What it would take to be allowed" in text
    assert "The nearest rule that did not decide" in text
    assert "administrator" in text or "caller" in text


def test_a_request_that_never_became_a_question_has_a_page_too():
    trace, tree = traced(context=7)

    text = "".join(read(render(trace, tree)).text)

    assert "invalid_request" in text
    assert "the context is not a mapping" in text


def test_the_tree_is_nested_by_the_test_that_most_rules_share_and_tells_the_way():
    _, tree = traced(context={"word": "x"})

    first = tree[0]
    assert isinstance(first, Branch)
    assert (first.test.text, first.test.truth, first.ends) == ("resource.open", True, 3)
    ends = {end.rule: end for end in ends_of(tree)}
    assert ends["hostile"].determining
    assert [(test.text, test.truth) for test in ends["insiders"].tests] == [("session.mfa", None)]


def ends_of(tree):
    for each in tree:
        if isinstance(each, End):
            yield each
        else:
            yield from ends_of(each.below)

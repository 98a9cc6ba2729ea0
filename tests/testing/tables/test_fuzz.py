"""Whatever a file of tables holds, it is read or reported."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.testing.tables import Tables
from pdp.testing.tables.books import FILE
from pdp.testing.tables.cells import KEYS
from pdp.testing.tables.worlds import SHARED
from tests.testing.tables.worlds import DATA, FIXTURES, read

BOOK = """
at: 2026-11-23T09:00:00Z
context: {ip: 10.0.0.1}
tests:
  - name: who may deploy
    principals: [people]
    resources: [Service:api, Service:pay]
    actions: [read, deploy]
    grants: [{role: viewer, on: Service:pay, to: User:ben, until: 2027-01-01}]
    approvals: [{by: User:ben, of: User:ada, to: deploy, on: Service:api, at: 2026-11-22}]
    expect:
      User:ada: {deploy: {allow: staff_deploy, session: strong}, read: [allow, {deny: default, at: 2027-01-01}]}
    rest: {deny: default}
    then: [{at: 2026-11-24, revoke: [{principal: User:ada}], expect: {User:ada: deny}}]
"""
ROWS = '''test,principal,action,resource,decision,by,needs,until,session,context.ip
a,User:ada,read,Service:api,allow,staff_read,nothing,,strong,10.0.0.1
"a b",User:ben,deploy,Service:pay,deny,default,"x; ""y; z""",2027-01-01,,
a,rest,,,skip,,,,,
'''
WORDS = st.sampled_from(
    [
        *(*FILE, *SHARED, *KEYS, "User:ada", "Service:api", "people", "read", "spin", "operate", "strong", "allow"),
        *("rest", "then", "revoke", "actions", "name", "skip", "none", "nothing", "default", "type", "id", "in"),
        *("2026-11-24", "", "true", "User", "x", "principal", "group", "staff_read", "folder", "to", "on", "role"),
    ]
)
SIGNS = st.sampled_from(["", "\n", "  ", ":", ",", '"', "{", "]", "- ", "é", ";", "x"])
trees: st.SearchStrategy[Any] = st.recursive(
    st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.just("\u202e")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)


def assert_read_or_reported(tables: Tables) -> None:
    assert not (tables.tests and tables.diagnostics)
    for each in tables.diagnostics:
        assert each.span is not None
        assert 0 <= each.span.start <= each.span.end <= len(each.span.source.text)
        assert str(each)


@st.composite
def mangled(draw: st.DrawFn, text: str) -> str:
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + draw(SIGNS | WORDS) + text[end:]
    return text


def test_what_is_mangled_here_is_sound() -> None:
    assert read(BOOK).diagnostics == read(ROWS, "t.test.csv").diagnostics == ()


@settings(deadline=None, max_examples=300)
@given(mangled(BOOK))
def test_a_mangled_table_is_read_or_reported(text: str) -> None:
    assert_read_or_reported(read(text))


@settings(deadline=None, max_examples=300)
@given(mangled(ROWS))
def test_mangled_rows_are_read_or_reported(text: str) -> None:
    assert_read_or_reported(read(text, "t.test.csv"))


@settings(deadline=None, max_examples=200)
@given(mangled(FIXTURES))
def test_mangled_fixtures_are_read_or_reported(text: str) -> None:
    assert_read_or_reported(read(BOOK, fixtures=text))


@settings(deadline=None, max_examples=400)
@given(trees, st.dictionaries(WORDS, trees, max_size=4), st.dictionaries(WORDS, trees, max_size=4))
def test_any_data_under_the_keys_of_tables_is_read_or_reported(
    expect: Any, table: dict[str, Any], file: dict[str, Any]
) -> None:
    table = {"name": "t", "expect": expect, **table}

    assert_read_or_reported(read(json.dumps({"tests": [table], **file})))


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60), st.sampled_from(["t.test.yaml", "t.test.csv"]))
def test_any_text_is_read_or_reported(text: str, name: str) -> None:
    assert_read_or_reported(read(text, name))


def test_every_mistake_of_the_page_is_a_diagnostic_in_fixtures_too() -> None:
    for case in DATA["cases"]:
        assert_read_or_reported(read(BOOK, fixtures=case["text"]))

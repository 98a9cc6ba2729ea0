"""Keys and values are found where they stand in a text."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.configuration.places import Path, locate

TEXT = '''# a comment with = and [brackets]
policies = "policies" # and one more
a.b . "c d" = 'x'
numbers = [1, 2,
  # between
  { deep = [ "]", '}' ], "q\\"q" = 1979-05-27 07:32:00 },
  """three " quotes
  over lines""", ]
[listen]
grpc = { address = "unix:/a#b", mode = "0600" }
http="x=y"
[[callers]]
name = "shop"
may = ["check"]
[callers.more]
x = true
[[callers]]
name = """ci"""
[listen.more]
y = 1.5e3
'''


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    match value:
        case dict():
            inner = [leaves(each, (*path, name)) for name, each in value.items()]
        case list():
            inner = [leaves(each, (*path, number)) for number, each in enumerate(value)]
        case _:
            return {path: value}
    return {name: each for one in inner for name, each in one.items()}


def test_each_value_stands_where_it_is_found():
    places = locate(TEXT)

    found = {
        path: tomllib.loads(f"x = {TEXT[slice(*places.values[path])]}")["x"] for path in leaves(tomllib.loads(TEXT))
    }

    assert found == leaves(tomllib.loads(TEXT))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("policies",), "policies"),
        (("a", "b", "c d"), '"c d"'),
        (("numbers", 2, 'q"q'), '"q\\"q"'),
        (("listen",), "listen"),
        (("listen", "grpc", "mode"), "mode"),
        (("callers", 1), "callers"),
        (("callers", 0, "more"), "more"),
        (("listen", "more", "y"), "y"),
    ],
)
def test_each_key_stands_where_it_is_found(path, key):
    places = locate(TEXT)

    assert TEXT[slice(*places.key(path))] == key


def test_what_does_not_stand_anywhere_is_where_what_holds_it_is():
    places = locate(TEXT)

    assert TEXT[slice(*places.of(("callers", 1, "uid")))] == "callers"
    assert TEXT[slice(*places.of(("listen", "grpc", "missing")))] == '{ address = "unix:/a#b", mode = "0600" }'
    assert places.of(("nothing",)) == (0, 0)


NAMES = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=5)
VALUES = st.recursive(
    st.booleans() | st.integers(-9, 999) | NAMES,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(NAMES, each, max_size=3),
    max_leaves=12,
)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case list():
            return f"[ {', '.join(map(write, value))} ]"
        case dict():
            return "{" + ", ".join(f"{quote(name)} = {write(each)}" for name, each in value.items()) + "}"
        case _:
            return str(value)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4), st.integers(0, 3))
def test_whatever_is_written_is_found(top, table, times):
    top.pop("t", None)
    text = "".join(f"{quote(name)} = {write(each)} # {name}\n" for name, each in top.items())
    text += ("[[t]]\n" + "".join(f"{quote(name)} = {write(each)}\n" for name, each in table.items())) * times
    places = locate(text)

    found = {
        path: tomllib.loads(f"x = {text[slice(*places.values[path])]}")["x"] for path in leaves(tomllib.loads(text))
    }

    assert found == leaves(tomllib.loads(text))

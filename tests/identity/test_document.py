"""JSON that may be read in two ways is read in none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.identity import document

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_was_written_is_what_is_read(value: object) -> None:
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")

    try:
        found = document.read(data)
    except document.DocumentError:
        # Half of a pair is a character of no text.
        found = None
        assert b"\xed" in data

    assert found is None or found == value


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is no JSON"),
        (b"<html></html>", "it is no JSON"),
        (b'{"a": 1} ]', "it is no JSON"),
        (b'{"a": 1,}', "it is no JSON"),
        (b'{"a": "\n"}', "it is no JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "it is no JSON"),
        (b'{"a": 1, "a": 2}', "it has the same name twice in one object"),
        (b'{"a": 1, "\\u0061": 2}', "it has the same name twice in one object"),
        (b'{"a": {"b": 1, "b": 1}}', "it has the same name twice in one object"),
        (b'{"a": NaN}', "it has a number that is none"),
        (b'{"a": -Infinity}', "it has a number that is none"),
        (b'{"a": 1e400}', "it has a number that is too large"),
        (b'\xef\xbb\xbf{"a": 1}', "it is no JSON"),
        ('{"a": 1}'.encode("utf-16"), "it is not in UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "it is no JSON"),
        (b'{"a": "\xff"}', "it is not in UTF-8"),
        (b"[" * 100_000, "it is nested too deep"),
        (b'{"a":' * 50_000, "it is nested too deep"),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(document.DocumentError) as found:
        document.read(data)

    assert str(found.value) == said

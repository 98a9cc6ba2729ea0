"""Routes: what they match, and which one hides another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp_sidecar.envoy.routes import Pattern, Reach, host, method


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("/", "/", {}),
        ("/a", "/a", {}),
        ("/a", "/A", None),
        ("/a", "/a/", None),
        ("/a/", "/a/", {}),
        ("/a/", "/a", None),
        ("/a/{x}", "/a/b", {"x": "b"}),
        ("/a/{x}", "/a/", None),
        ("/a/{x}", "/a/b/c", None),
        ("/{x}/{y}", "/a/b", {"x": "a", "y": "b"}),
        ("/a/{x*}", "/a/b", {"x": "b"}),
        ("/a/{x*}", "/a/b/c/", {"x": "b/c/"}),
        ("/a/{x*}", "/a", None),
        ("/a/{x*}", "/a/", None),
        ("/{x*}", "/", None),
        ("/pay roll", "/pay roll", {}),
    ],
)
def test_a_pattern_matches_whole_segments(pattern, path, found):
    assert Pattern.of(pattern).match(path[1:].split("/")) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "does not begin with a slash"),
        ("", "does not begin with a slash"),
        ("/{x*}/a", "goes on after"),
        ("/a//b", "two slashes"),
        ("//a", "two slashes"),
        ("/{x}/{x}", "two places of one name"),
        ("/{X}", "no place"),
        ("/{x-y}", "no place"),
        ("/a{x}", "no segment"),
        ("/{x", "no segment"),
        ("/a/../b", "no segment"),
        ("/a%20b", "no segment"),
        ("/a?b", "no segment"),
        ("/a*", "no segment"),
    ],
)
def test_what_is_no_pattern_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        Pattern.of(text)


@pytest.mark.parametrize(
    ("name", "there", "matches"),
    [
        ("shop.example.com", "shop.example.com", True),
        ("shop.example.com", "xshop.example.com", False),
        ("*.example.com", "shop.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
    ],
)
def test_a_host_is_a_name_or_all_under_one(name, there, matches):
    reach = Reach(frozenset(), frozenset({host(name)}), Pattern.of("/"))

    assert (reach.match("GET", there, [""]) is not None) is matches


@pytest.mark.parametrize("text", ["Shop.com", "a:80", "", "*", "*.*.com", "a.*", "a b", "a..b"])
def test_what_is_no_host_of_a_route_is_refused(text):
    with pytest.raises(ValueError, match="no host"):
        host(text)


@pytest.mark.parametrize("text", ["get", "GET ", "", "G ET", "*"])
def test_what_is_no_method_is_refused(text):
    with pytest.raises(ValueError, match="no method"):
        method(text)


SEGMENTS = ["a", "b", "{x}", "{y}"]
PATTERNS = st.builds(
    lambda parts, last: "/" + "/".join([*dict.fromkeys(parts), *last]),
    st.lists(st.sampled_from(SEGMENTS), max_size=3),
    st.sampled_from([["{z*}"], ["{z}"], [""], ["a"]]),
)
REACHES = st.builds(
    Reach,
    st.frozensets(st.sampled_from(["GET", "PUT"])),
    st.frozensets(st.sampled_from(["a.x", "*.x", "*.a.x"]), max_size=2),
    PATTERNS.map(Pattern.of),
)
PATHS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=4).flatmap(
    lambda parts: st.sampled_from([parts, [*parts, ""]])
)


@given(REACHES, REACHES, st.sampled_from(["GET", "PUT", "HEAD"]), st.sampled_from(["a.x", "b.x", "c.a.x", "x"]), PATHS)
def test_what_a_route_covers_it_matches(first, second, asked, there, path):
    if first.covers(second) and second.match(asked, there, path) is not None:
        assert first.match(asked, there, path) is not None


@given(PATTERNS.map(Pattern.of), PATTERNS.map(Pattern.of))
def test_a_pattern_covers_what_matches_nothing_else(first, second):
    """What is said not to be covered has a path to show for it, among short ones."""
    names = ["a", "b", "c", ""]
    paths = [[*middle] for size in range(1, 5) for middle in _words(names, size) if "" not in middle[:-1]]

    shown = any(second.match(path) is not None and first.match(path) is None for path in paths)

    assert first.covers(second) is not shown


def _words(names, size):
    words = [[]]
    for _ in range(size):
        words = [[*word, name] for word in words for name in names]
    return words

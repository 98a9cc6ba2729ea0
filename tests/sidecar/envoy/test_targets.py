"""A target is read in one way, or refused."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.envoy.targets import LONGEST, host, parameters, target


@pytest.mark.parametrize(
    ("text", "path", "query"),
    [
        ("/", "/", ""),
        ("/services/pay", "/services/pay", ""),
        ("/services/pay?x=1&y", "/services/pay", "x=1&y"),
        ("/services/pay?", "/services/pay", ""),
        ("/services/pay?next=//evil/../%2f;#"[:-1], "/services/pay", "next=//evil/../%2f;"),
        ("/services/", "/services/", ""),
        ("/pay%20roll", "/pay roll", ""),
        ("/Zo%C3%AB", "/Zoë", ""),
        ("/%70ay", "/pay", ""),
        ("/100%25", "/100%", ""),
        ("/a.b/..c/...", "/a.b/..c/...", ""),
        ("/user@x:1", "/user@x:1", ""),
    ],
)
def test_a_plain_path_is_decoded_once(text, path, query):
    found = target(text)

    assert (found.path, found.query) == (path, query)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "target_form"),
        ("*", "target_form"),
        ("services/pay", "target_form"),
        ("http://shop.example.com/admin", "target_form"),
        ("shop.example.com:443", "target_form"),
        ("//admin", "authority_form"),
        ("///admin", "authority_form"),
        ("//admin/../public", "authority_form"),
        ("/a#b", "fragment"),
        ("/public?x#/../admin", "fragment"),
        ("/a/../admin", "not_normal"),
        ("/a/..", "not_normal"),
        ("/./admin", "not_normal"),
        ("/a//b", "not_normal"),
        ("/a//", "not_normal"),
        ("/a//../b", "not_normal"),
        ("/%2e%2e/admin", "encoded_dots"),
        ("/a/%2e/admin", "encoded_dots"),
        ("/a/.%2E/admin", "encoded_dots"),
        ("/a%2fadmin", "delimiter"),
        ("/a%2Fadmin", "delimiter"),
        ("/a%5cadmin", "delimiter"),
        ("/a%3fadmin", "delimiter"),
        ("/a%23admin", "delimiter"),
        ("/a%3bx=1", "delimiter"),
        ("/a;x=1/admin", "delimiter"),
        ("/..;/admin", "delimiter"),
        ("/a\\admin", "delimiter"),
        ("/a%00", "odd_character"),
        ("/a%0d%0aX", "odd_character"),
        ("/a%7f", "odd_character"),
        ("/a%e2%80%8bb", "odd_character"),
        ("/a%e2%80%aeb", "odd_character"),
        ("/a b", "odd_character"),
        ("/a\tb", "odd_character"),
        ("/a\r\nb", "odd_character"),
        ("/a\x00b", "odd_character"),
        ("/ë", "odd_character"),
        ("/%252e%252e/admin", "encoded_twice"),
        ("/a%252fb", "encoded_twice"),
        ("/%25%32%65", "encoded_twice"),
        ("/a%", "loose_percent"),
        ("/a%2", "loose_percent"),
        ("/a%zz", "loose_percent"),
        ("/a%u002f", "loose_percent"),
        ("/%c0%ae%c0%ae/admin", "not_utf8"),
        ("/%c0%afadmin", "not_utf8"),
        ("/%e0%80%af", "not_utf8"),
        ("/%ed%a0%80", "not_utf8"),
        ("/%ff", "not_utf8"),
        ("/%e2%80%a4%e2%80%a4/admin", "lookalike"),
        ("/a%ef%bc%8fadmin", "lookalike"),
        ("/%e2%80%a5/admin", "lookalike"),
        ("/" + "a" * LONGEST, "target_too_long"),
        ("/a" * 300, "too_many_segments"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text, why):
    with pytest.raises(Refused) as refused:
        target(text)

    assert (refused.value.status, refused.value.why) == (400, why)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/a/../admin", "/admin"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/./a/./b", "/a/b"),
        ("/a//b", "/a/b"),
        ("/a///b//", "/a/b/"),
    ],
)
def test_a_path_is_made_plain_where_that_is_asked_for(text, path):
    assert target(text, normalise=True).path == path


@pytest.mark.parametrize("text", ["/..", "/a/../..", "/a/../../b", "/a//../b", "//a", "/a/%2e%2e/b", "/a/%2f/b"])
def test_no_path_is_guessed_even_then(text):
    with pytest.raises(Refused):
        target(text, normalise=True)


# ------------------------------------------------------------------------------------------------ others that read it


def merged(path: str) -> str:
    return re.sub("/+", "/", path)


def without_dots(path: str) -> str:
    found = posixpath.normpath(path)
    return found if found == "/" or (path[-1:] != "/" and not path.endswith(("/.", "/.."))) else found + "/"


def cut(text: str) -> str:
    return text.partition("#")[0].partition("?")[0]


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def by_rfc_3986(path: str) -> str:
    found: list[str] = []
    *steps, last = path[1:].split("/")
    for step in (*steps, last, *([""] if last in (".", "..") else [])):
        if step == "..":
            del found[-1:]
        elif step != ".":
            found.append(step)
    return "/" + "/".join(found)


def without_parameters(path: str) -> str:
    return "/".join(segment.partition(";")[0] for segment in path.split("/"))


READERS = {
    "decodes": lambda text: unquote(cut(text)),
    "decodes twice": lambda text: unquote(unquote(cut(text))),
    "decodes, then cuts": lambda text: cut(unquote(text.partition("?")[0])),
    "merges slashes, then removes dots": lambda text: without_dots(merged(unquote(cut(text)))),
    "removes dots, then decodes": lambda text: unquote(without_dots(merged(cut(text)))),
    "removes dots of what it decoded twice": lambda text: without_dots(merged(unquote(unquote(cut(text))))),
    "drops parameters": lambda text: unquote(without_parameters(cut(text))),
    "decodes, then drops parameters": lambda text: without_parameters(unquote(cut(text))),
    "takes backslashes for slashes": lambda text: without_dots(merged(unquote(cut(text)).replace("\\", "/"))),
    "ends at NUL": lambda text: unquote(cut(text)).partition("\0")[0],
    "reads a URL": lambda text: unquote(urlsplit(text).path),
    "folds compatibility forms": lambda text: without_dots(merged(folded(unquote(cut(text))))),
    "knows %u": lambda text: unquote(re.sub("%u([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), cut(text))),
    "takes Latin-1 for UTF-8": lambda text: unquote(cut(text), "latin-1").encode("latin-1").decode("utf-8"),
}
NORMALISING = {
    "merges slashes, then removes dots": lambda text: without_dots(merged(unquote(cut(text)))),
    "removes dots, then decodes": lambda text: unquote(without_dots(merged(cut(text)))),
    "removes dots, then merges slashes": lambda text: merged(unquote(by_rfc_3986(cut(text)))),
    "reads a URL": lambda text: without_dots(merged(unquote(urlsplit(text).path))),
}
PLAIN = st.sampled_from(["/", "/a", "/b", "/admin", "c", "/%c3%ab", "/%41"])
ODD = st.sampled_from(
    [
        *(
            "/",
            "//",
            "/.",
            "/..",
            ".",
            "..",
            "%2f",
            "%2F",
            "%5c",
            "\\",
            "%2e",
            "/%2E",
            "/%2e%2e",
            "%00",
            "%25",
            "%252f",
        ),
        *("%252e", ";", ";x=1", "%3b", "?", "#", "%3f", "%23", "%c0%ae", "%c0%af", "%ff", "%e2%80%a4", "%ef%bc%8f"),
        *(
            "/%e2%80%a5",
            "%20",
            "%0a",
            "%",
            "2e",
            "5c",
            ":",
            "@",
            "http:",
            "*",
            "%ef%b8%ba",
            "+",
            "~",
            "%u002f",
            "%u002e",
        ),
    ]
)
TARGETS = st.lists(PLAIN | ODD, min_size=1, max_size=6).map("".join).map(lambda text: "/" + text.removeprefix("/"))


@given(TARGETS | st.text(st.characters(max_codepoint=0x17F), max_size=12).map("/".__add__))
@settings(max_examples=300)
@example("/a/..;/admin")
def test_whoever_reads_the_path_again_reads_what_was_decided_for(text):
    try:
        path = target(text).path
    except Refused:
        return

    for name, reader in READERS.items():
        # Compatibility forms change letters too; what counts is where segments begin and end.
        there = "/".join(map(folded, path.split("/"))) if name == "folds compatibility forms" else path
        assert reader(text) == there, name


@given(TARGETS)
@settings(max_examples=300)
def test_whoever_makes_the_path_plain_reads_what_was_decided_for(text):
    try:
        path = target(text, normalise=True).path
    except Refused:
        return

    for name, reader in NORMALISING.items():
        assert reader(text) == path, name


@given(TARGETS)
def test_a_path_that_is_decided_for_is_plain(text):
    try:
        found = target(text, normalise=True)
    except Refused:
        return

    assert not {".", ".."}.intersection(found.segments)
    assert "" not in found.segments[:-1]
    assert found.path == "/" + "/".join(found.segments)


# ----------------------------------------------------------------------------------------------------- host and query


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shop.example.com", "shop.example.com"),
        ("Shop.EXAMPLE.com:8443", "shop.example.com"),
        ("shop.example.com.", "shop.example.com"),
        ("shop.example.com.:80", "shop.example.com"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("pay_roll", "pay_roll"),
    ],
)
def test_a_host_is_a_name_in_lower_case(text, name):
    assert host(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "user@shop",
        "a,b",
        "shop/x",
        "shop:80:80",
        "shop:x",
        "shop..com",
        "-a",
        ".a",
        "\u212a.com",
        "a\n",
        "a\0",
        "a" * 400,
    ],
)
def test_what_is_no_host_is_refused(text):
    with pytest.raises(Refused, match="the host is not one"):
        host(text)


def test_a_query_is_read_by_its_names():
    assert parameters("a=1&b=x+y&a=%C3%AB&c&&") == {"a": ("1", "ë"), "b": ("x y",), "c": ("",)}


@pytest.mark.parametrize("text", ["a=1;b=2", "a=%ff", "a=%", "%zz=1", "a&" * 300])
def test_a_query_that_servers_disagree_about_is_refused(text):
    with pytest.raises(Refused):
        parameters(text)

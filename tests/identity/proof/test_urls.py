"""What is one place to everybody is one text, and what is not is none."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pdp.identity.proof.urls import normal

WANTED = "https://api.example.org/orders/~7"
PARTS = st.sampled_from(["a", "B", "~", "%7e", "%2F", "%2f", "/", ".", "..", "%2e", ";", ":", "@", "=", "%C3%A9", "é"])


@pytest.mark.parametrize(
    "url",
    [
        WANTED,
        "HTTPS://API.example.ORG/orders/~7",
        "https://api.example.org:443/orders/~7",
        "https://api.example.org:/orders/~7",
        "https://api.example.org/orders/%7E7",
        "https://api.example.org/orders/%7e7",
        "https://api.example.org/orders/~7?page=2&x=/../",
        "https://api.example.org/orders/~7#top",
        "https://api.example.org/orders/~7?#",
    ],
)
def test_one_place_may_be_written_in_several_ways(url):
    assert normal(url) == WANTED


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org/orders/~7",
        "https://api.example.org/Orders/~7",
        "https://api.example.org/orders/~7/",
        "https://api.example.org//orders/~7",
        "https://api.example.org:8443/orders/~7",
        "https://api.example.org:80/orders/~7",
        "https://api.example.org./orders/~7",
        "https://api.example.com/orders/~7",
        "https://api.example.org/orders%2F~7",
        "https://api.example.org/orders/~7;x",
        "https://api.example.org/",
    ],
)
def test_another_place_is_another(url):
    assert normal(url) not in (None, WANTED)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/orders",
        "api.example.org/orders",
        "//api.example.org/orders",
        "ftp://api.example.org/",
        "https:///orders",
        "https://",
        "https://me@api.example.org/orders",
        "https://me:secret@api.example.org/orders",
        "https://api.example.org/a/../orders",
        "https://api.example.org/./orders",
        "https://api.example.org/%2e%2E/orders",
        "https://api.example.org/..",
        "https://api.example.org\\orders",
        "https://api.example.org/orders\\x",
        "https://api.example.org/or ders",
        "https://api.example.org/orders\n",
        "https://api.example.org/orders?a\0",
        "https://api.example.org/%zz",
        "https://api.example.org/%4",
        "https://api.example.org/ö",
        "https://äpi.example.org/",
        "https://api.example.org:0/",
        "https://api.example.org:65536/",
        "https://api.example.org:4430000/",
        "https://api.example.org:-1/",
        "https://[::1/",
        "https://api.example.org/" + "x" * 8192,
    ],
)
def test_what_may_be_read_in_two_ways_is_none(url):
    assert normal(url) is None


def test_an_address_of_the_sixth_version_is_a_host():
    assert normal("http://[2001:DB8::1]:80/x") == "http://[2001:db8::1]/x"


@given(st.lists(PARTS, max_size=8))
def test_what_is_normal_stays_so_and_names_the_same_path(parts):
    url = "https://h.example/" + "".join(parts)
    found = normal(url)
    assume(found is not None)

    assert normal(found) == found
    assert unquote(urlsplit(found).path) == unquote(urlsplit(url).path)
    assert found.count("/") == url.count("/")


@given(st.lists(st.sampled_from(["a", "%61", "b", "/", "%2f", "%2F"]), max_size=3), st.data())
def test_two_paths_are_one_just_where_they_unescape_alike(parts, data):
    other = data.draw(st.permutations(["a" if each == "%61" else each for each in parts]))
    first, second = ("https://h.example/" + "".join(each) for each in (parts, other))

    unescaped = [[unquote(each) for each in url.split("/")] for url in (first, second)]
    assert (normal(first) == normal(second)) == (unescaped[0] == unescaped[1])


@given(st.text(max_size=40))
def test_no_text_is_taken_for_a_url_with_anything_odd_in_it(text):
    found = normal(f"https://h.example/{text}")

    assert found is None or (found.isascii() and found.isprintable() and " " not in found and "\\" not in found)

"""What a token may be written in, before anything is verified."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity.entries import refusal
from identity.tokens import encode

from pdp.errors import TokenError
from pdp.identity import objects, parts
from pdp.identity.objects import UnreadableError

HEADER = {"alg": "RS256", "kid": "k1"}


def unsigned(header: Any = HEADER, payload: Any = b"{}", signature: bytes = b"sig") -> str:
    """Return a token of data, or of what is written as JSON."""
    written = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, payload)]
    return ".".join(encode(each) for each in (*written, signature))


def code(token: Any, largest: int = 8192) -> str:
    return refusal(parts.read, token, largest).code


def test_a_token_is_taken_apart():
    found = parts.read(unsigned({"alg": "ES256", "typ": "JWT"}, {"sub": "ada"}), 8192)

    assert (found.algorithm, found.kid, found.kind) == ("ES256", "", "jwt")
    assert found.claims == {"sub": "ada"}
    assert found.signed.decode() == unsigned({"alg": "ES256", "typ": "JWT"}, {"sub": "ada"}).rpartition(".")[0]
    assert found.signature == b"sig"


def test_the_size_is_looked_at_before_anything_else():
    token = unsigned()

    assert parts.read(token, len(token)).claims == {}
    assert code(token, len(token) - 1) == "token_too_large"
    assert code("?" * 9000) == "token_too_large"


def test_a_megabyte_takes_no_time():
    began = time.thread_time()

    assert code("a" * 8_000_000) == "token_too_large"
    assert time.thread_time() - began < 0.1


@pytest.mark.parametrize("token", [None, 7, b"a.b.c", ["a.b.c"], type("Text", (str,), {})("a.b.c")])
def test_only_a_text_is_a_token(token):
    assert code(token) == "malformed_token"


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", unsigned() + ".c", unsigned().rpartition(".")[0], ".".join("abcdef"), "." * 8000]
)
def test_a_token_has_three_parts(token):
    assert code(token) in ("malformed_token", "invalid_header")


def test_five_parts_are_an_encrypted_token():
    assert code("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn") == "encrypted_token"


def test_json_serialization_is_no_token():
    assert code('{"payload":"e30","protected":"eyJhbGciOiJSUzI1NiJ9","signature":"c2ln"}') == "malformed_token"


@pytest.mark.parametrize("suffix", ["=", "==", "\n", " ", "\r\n", "\0", "?", "#", "é", "\u202e", "+", "/", "%3D"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_nothing_but_the_alphabet_is_in_a_token(place, suffix):
    texts = unsigned().split(".")
    texts[place] += suffix

    assert code(".".join(texts)) == "malformed_token"
    assert code(".".join(texts)[::-1]) == "malformed_token"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_bits_that_are_left_over_are_zero(place):
    whole = unsigned(b'{"alg":"RS256"}  ', b"{} ", b"s")
    texts = whole.replace(encode(b"{} "), encode(b"{}  ")).split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(texts[place][-1])
    assert len(texts[place]) % 4

    texts[place] = texts[place][:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last + 1]

    assert code(".".join(texts)) == "malformed_token"


def test_a_part_has_no_length_that_bytes_have_not():
    assert code(unsigned() + "AA"[: 1 + (len(encode(b"sig")) % 4 == 3)]) == "malformed_token"
    assert code(f"{encode(b'{} ')}A.e30.c2ln") == "malformed_token"


JUNK = {
    "utf-16": json.dumps({"alg": "RS256"}).encode("utf-16"),
    "utf-16 without a mark": json.dumps({"alg": "RS256"}).encode("utf-16-le"),
    "utf-32": json.dumps({"alg": "RS256"}).encode("utf-32"),
    "a mark of order": b'\xef\xbb\xbf{"alg":"RS256"}',
    "latin-1": b'{"alg":"RS256","a":"\xe9"}',
    "overlong": b'{"alg":"RS256","a":"\xc0\xaf"}',
    "half a pair in utf-8": b'{"alg":"RS256","a":"\xed\xa0\x80"}',
    "half a pair": b'{"alg":"RS256","a":"\\ud800"}',
    "half a pair as a name": b'{"alg":"RS256","\\udc00":1}',
    "half a pair, deep": b'{"alg":"RS256","a":[{"b":"x\\ud83dy"}]}',
    "nothing": b"",
    "no object": b'["alg","RS256"]',
    "a text": b'"RS256"',
    "null": b"null",
    "no end": b'{"alg":"RS256"',
    "two of them": b'{"alg":"RS256"}{}',
    "a comment": b'{"alg":"RS256"/**/}',
    "a comma at the end": b'{"alg":"RS256",}',
    "single quotes": b"{'alg':'RS256'}",
    "a line in a text": b'{"alg":"RS256","a":"\n"}',
    "a NUL": b'{"alg":"RS256"}\0',
    "NaN": b'{"alg":"RS256","a":NaN}',
    "Infinity": b'{"alg":"RS256","a":-Infinity}',
    "1e400": b'{"alg":"RS256","a":1e400}',
    "4000 digits": b'{"alg":"RS256","a":' + b"9" * 4000 + b"}",
    "4000 digits of a fraction": b'{"alg":"RS256","a":0.' + b"9" * 4000 + b"}",
    "more than 64 bits": b'{"alg":"RS256","a":9223372036854775808}',
    "less than 64 bits": b'{"alg":"RS256","a":-9223372036854775808}',
    "lists in lists": b'{"alg":"RS256","a":' + b"[" * 2900 + b"]" * 2900 + b"}",
    "objects in objects": b'{"alg":"RS256","a":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    "lists without an end": b'{"alg":"RS256","a":' + b"[" * 5900,
    "seventeen deep": b'{"alg":"RS256","a":' + b"[" * 16 + b"]" * 16 + b"}",
}


@pytest.mark.parametrize("name", JUNK)
def test_a_header_that_others_might_read_as_something_else_is_refused(name):
    assert code(unsigned(JUNK[name])) == "invalid_header"


@pytest.mark.parametrize("name", JUNK)
def test_claims_that_others_might_read_as_something_else_are_refused(name):
    assert code(unsigned(payload=JUNK[name])) == "malformed_token"


TWICE = [
    b'{"alg":"RS256","alg":"none"}',
    b'{"alg":"RS256","alg":"RS256"}',
    b'{"alg":"RS256","a":{"b":1,"b":1}}',
    b'{"alg":"RS256","a":[[{"b":1,"\\u0062":2}]]}',
    b'{"alg":"RS256","":1,"":2}',
]


@pytest.mark.parametrize("data", TWICE)
def test_no_name_stands_twice(data):
    assert code(unsigned(data)) == "invalid_header"
    assert code(unsigned(payload=data)) == "invalid_claims"


@pytest.mark.parametrize("name", ["sub", "aud", "exp", "iss"])
def test_no_claim_stands_twice(name):
    assert code(unsigned(payload=f'{{"{name}":1,"{name}":2}}'.encode())) == "invalid_claims"


def test_depth_counts_brackets_and_not_what_texts_hold():
    deep: Any = '[[[[[[[[[[[[[[[[[[[[{{{{{{{{{{{{{{{{{{{\\"'
    for _ in range(15):
        deep = [deep]

    assert parts.read(unsigned(payload={"a": deep}), 8192).claims == {"a": deep}
    assert code(unsigned(payload={"a": [deep]})) == "malformed_token"


def test_depth_is_bounded_whatever_the_interpreter_allows():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        assert code(unsigned(payload=b'{"a":' + b"[" * 700_000), 2_000_000) == "malformed_token"
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    "piece", [b'"\\', b'"', b"[", b'["', b'{"a":', b"\\", b'[""', b"[1,", b'"\\u0000', b"9", b"-", b"1e"]
)
def test_what_has_no_end_takes_no_time(piece):
    began = time.thread_time()

    with pytest.raises(UnreadableError):
        objects.read(b"[" * 17 + piece * (100_000 // len(piece)))

    assert time.thread_time() - began < 0.5


def test_a_pair_of_escapes_is_a_character():
    assert objects.read(b'{"a":"\\ud83d\\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize(
    "algorithm",
    [
        "none",
        "None",
        "NONE",
        "noNE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "rs256",
        "RS256 ",
        "RS1",
        "ES256K",
        "ES521",
        "Ed25519",
        "Ed448",
        "A128KW",
        "dir",
        "RSA-OAEP",
        "PBES2-HS256+A128KW",
    ],
)
def test_an_algorithm_is_one_of_those_that_are_taken_and_written_so(algorithm):
    assert code(unsigned({"alg": algorithm})) == "wrong_algorithm"
    assert code(unsigned({"alg": algorithm}, signature=b"")) == "wrong_algorithm"


@pytest.mark.parametrize("algorithm", [None, 7, True, ["RS256"], {"RS256": 1}])
def test_an_algorithm_is_a_text(algorithm):
    assert code(unsigned({"alg": algorithm})) == "invalid_header"
    assert code(unsigned({"kid": "k1"})) == "invalid_header"


@pytest.mark.parametrize(
    "member",
    [
        {"crit": []},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": None},
        {"b64": False},
        {"b64": True},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"jwk": {"kty": "RSA"}},
        {"x5c": ["MII"]},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"jku": "file:///etc/passwd"},
    ],
)
def test_a_header_names_no_key_and_changes_nothing(member):
    assert code(unsigned(HEADER | member)) == "invalid_header"


@pytest.mark.parametrize(
    "kid", [7, None, True, ["k1"], {"k": 1}, "", "k" * 257, "k" * 2048, "k\0", "k\n1", "\x7f", "\x85"]
)
def test_the_name_of_a_key_is_a_short_text(kid):
    assert code(unsigned(HEADER | {"kid": kid})) == "invalid_header"


@pytest.mark.parametrize("kid", ["../../etc/passwd", "/dev/null", "' OR 1=1 --", "k" * 256, "ключ", "file:///x", "%00"])
def test_the_name_of_a_key_is_only_a_name(kid):
    assert parts.read(unsigned(HEADER | {"kid": kid}), 8192).kid == kid


@pytest.mark.parametrize("kind", ["", 7, None, True, ["JWT"], "ＪＷＴ", "at+jwt\u212a"])
def test_a_type_is_a_text_of_ascii(kind):
    assert code(unsigned(HEADER | {"typ": kind})) == "invalid_header"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("JWT", "jwt"),
        ("application/at+JWT", "at+jwt"),
        ("at+jwt", "at+jwt"),
        ("application/application/x", "application/x"),
        ("text/jwt", "text/jwt"),
    ],
)
def test_types_are_compared_as_media_types_are(kind, told):
    assert parts.read(unsigned(HEADER | {"typ": kind}), 8192).kind == told


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "x"]), VALUES), VALUES, st.binary())
def test_nothing_that_is_written_in_json_ends_in_another_error(header, payload, signature):
    try:
        found = parts.read(unsigned(header, payload, signature), 8192)
    except TokenError as error:
        assert error.code in ("invalid_header", "wrong_algorithm", "malformed_token", "token_too_large")
    else:
        assert found.algorithm in parts.ALGORITHMS


@given(
    st.text(max_size=300)
    | st.text("abcABC012-_.=", max_size=300)
    | st.binary(max_size=200).map(lambda data: f"{encode(data)}.{encode(data)}.{encode(data)}")
)
def test_no_text_ends_in_another_error(text):
    with pytest.raises(TokenError):
        parts.read(text, 8192)


@given(st.binary(max_size=200))
def test_no_bytes_are_read_but_as_json_reads_them(data):
    try:
        found = objects.read(data)
    except UnreadableError:
        return
    assert found == json.loads(data)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_is_read_is_what_was_written(value):
    try:
        written = json.dumps(value, allow_nan=False).encode()
        found = objects.read(written)
    except (UnreadableError, ValueError):
        return
    assert json.dumps(found) == json.dumps(value)

"""What a proxy tells of a certificate is plain, or nothing."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdp.errors import TokenError
from pdp.identity.certificates import leaf_of
from pdp.identity.proof.forwarded import Forwarded, forwarded
from tests.sidecar.authorities import Authority

SHOP = "spiffe://example.org/shop"
ISSUED = Authority().issue(SHOP)
LEAF = leaf_of(ISSUED.certificate)
assert LEAF is not None
HASH = LEAF.digest.hex()
CERT = quote(ISSUED.certificate.decode(), safe="")
OTHER = "ab" * 32


def refused(header: str, **options: bool) -> str:
    with pytest.raises(TokenError) as caught:
        forwarded(header, **options)
    assert caught.value.code == "wrong_certificate"
    assert not caught.value.passing
    return str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        f"Hash={HASH};URI={SHOP}",
        f"By=spiffe://example.org/edge;Hash={HASH};URI={SHOP}",
        f'By=spiffe://example.org/edge;Hash={HASH};Subject="CN=a leaf, O=\\"b\\";c";URI={SHOP};DNS=a.b;DNS=b.c',
        f"HASH={HASH.upper()};uri={SHOP}",
        f'Hash="{HASH}";URI="{SHOP}";Subject=""',
    ],
    ids=lambda _: "header",
)
def test_one_certificate_is_told_as_envoy_tells_it(header):
    assert forwarded(header) == Forwarded(LEAF.digest, (SHOP,))


@pytest.mark.parametrize("said", [f"Hash={HASH};", ""], ids=["digest", "none"])
def test_a_certificate_that_is_told_is_what_the_digest_is_of(said):
    found = forwarded(f'{said}Cert="{CERT}"')

    assert found == Forwarded(LEAF.digest, (), ISSUED.certificate)


def test_a_certificate_without_names_is_told_without_them():
    assert forwarded(f'Hash={HASH};Subject="";URI=').uris == ()


def test_every_name_is_told():
    assert forwarded(f"Hash={HASH};URI={SHOP};URI=https://x").uris == (SHOP, "https://x")


@pytest.mark.parametrize("between", [",", ", ", ",  "])
def test_of_several_certificates_the_last_one_counts_where_somebody_says_so(between):
    header = f"Hash={OTHER};URI=spiffe://x/other{between}Hash={HASH};URI={SHOP}"

    assert forwarded(header, last=True) == Forwarded(LEAF.digest, (SHOP,))
    assert refused(header) == "the proxy tells of more than one certificate"


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        f"Hash={HASH},",
        f"Hash={HASH},,Hash={HASH}",
        f",Hash={HASH}",
        f"Hash={HASH};",
        f";Hash={HASH}",
        f" Hash={HASH}",
        f"Hash = {HASH}",
        f"Hash={HASH} ",
        f"Hash={HASH};;URI={SHOP}",
        f"Hash={HASH};Other=x",
        f"Hash={HASH};URI",
        f"Hash={HASH};=x",
        f'Hash={HASH};Subject="a',
        f'Hash={HASH};Subject="a\\"',
        f'Hash={HASH};Subject="a"b',
        f'Hash={HASH};Subject=a"b"',
        f"Hash={HASH};URI=a=b",
        f"Hash={HASH};URI=a\\b",
        f"Hash={HASH};URI=spiffe://é",
        f"Hash={HASH};URI=a\r\nb",
        f"Hash={HASH};Hash={HASH}",
        f"Hash={HASH};hash={OTHER}",
        f'Hash={HASH};Cert="{CERT}";Cert="{CERT}"',
        f"Hash={HASH[:-1]}",
        f"Hash={HASH}0",
        f"Hash={HASH[:-1]}g",
        "Hash=",
        f"URI={SHOP}",
        f'Hash={OTHER};Cert="{CERT}"',
        f'Hash=;Cert="{CERT}"',
        f'Hash={HASH};Cert="{CERT[:-60]}"',
        f'Hash={HASH};Cert=""',
        f"Hash={HASH};URI=" + "x" * 65_536,
    ],
    ids=lambda _: "header",
)
@pytest.mark.parametrize("last", [False, True])
def test_what_is_not_plain_is_refused(header, last):
    message = refused(header, last=last)

    assert HASH not in message and SHOP not in message


@pytest.mark.parametrize(
    "forged",
    [
        f'Hash={OTHER};Subject="',
        f'Hash={OTHER};Subject="\\',
        f"Hash={OTHER};URI=",
        f"Hash={OTHER};",
        f'Hash={OTHER};Subject="x";Cert="',
    ],
    ids=lambda _: "forged",
)
def test_what_a_client_writes_before_does_not_reach_into_what_the_proxy_adds(forged):
    header = f'{forged},By=x;Hash={HASH};Subject="CN=,Hash={OTHER};Subject=";URI={SHOP}'

    try:
        found = forwarded(header, last=True)
    except TokenError:
        return
    assert found.digest == LEAF.digest


QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.lists(QUOTED, max_size=3), QUOTED)
def test_what_stands_in_quotes_is_no_more_than_that(uris, subject):
    def shown(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ";".join([f"Subject={shown(subject)}", *(f"URI={shown(each)}" for each in uris), f"Hash={HASH}"])

    assert forwarded(header) == Forwarded(LEAF.digest, tuple(filter(None, uris)))


@given(st.text(alphabet='Hash=URI",;\\ ab\n', max_size=60), st.booleans())
@example('"' * 2000, True)
@example("\\" * 2000, True)
def test_whatever_is_written_is_told_plainly_or_refused(text, last):
    try:
        found = forwarded(text, last=last)
    except TokenError as error:
        assert error.code == "wrong_certificate"
    else:
        assert len(found.digest) == 32

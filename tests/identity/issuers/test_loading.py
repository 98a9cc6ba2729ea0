"""A configuration of issuers is checked as policies are: all that is wrong, each at its place, with what would help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import certifi
import pytest

from pdp import Engine
from pdp.configuration import ConfigurationError
from pdp.errors import Diagnostic
from pdp.identity.issuers import Issuers
from pdp.identity.loading import Configuration, load
from pdp.syntax.messages import render_all

ISSUER = """
[[issuers]]
issuer = "https://id.example.org"
profile = "access-token"
audience = ["https://pdp.example.org"]
lifetime = "10m"
algorithms = ["RS256", "ES256"]
keys = { discovery = true }
principal = { type = "User", id = "sub" }
"""

GITHUB = """
[[issuers]]
issuer = "https://token.actions.githubusercontent.com"
profile = "github-actions"
audience = ["pdp"]
lifetime = "15m"
algorithms = ["RS256"]
keys = { discovery = true }
principal = { type = "Workload", id = "repo:{repository_id}", attributes = { ref = "ref" } }
require = { repository_owner_id = "77", event_name = ["push", "workflow_dispatch"] }
"""

WORKLOADS = """
[[workloads]]
trust_domain = "example.org"
type = "Workload"
"""

POLICY = """
type Group
type User in Group { email: String, boss?: User, seen: [Bool] }
type Workload { ref: String }
type Agent
type Page
session { actor?: Agent }
action read on Page by User, Workload
"""
SCHEMA = Engine.from_text(POLICY).policy.schema


@pytest.fixture
def take(tmp_path: Path) -> Any:
    def take(text: str, **more: Any) -> Configuration:
        path = tmp_path / "identity.toml"
        path.write_text(text, "utf-8")
        return load(path, **{"environment": {}, **more})

    return take


@pytest.fixture
def refuse(take: Any) -> Any:
    def refuse(text: str, **more: Any) -> list[Diagnostic]:
        with pytest.raises(ConfigurationError) as caught:
            take(text, **more)
        return list(caught.value.diagnostics)

    return refuse


def changed(text: str = ISSUER, **keys: str) -> str:
    """Return an entry with keys changed, added, or left out where nothing is given."""
    for name, value in keys.items():
        line = re.compile(rf"^{name} = .*\n", re.MULTILINE)
        new = f"{name} = {value}\n" if value else ""
        text = line.sub(lambda _, new=new: new, text) if line.search(text) else text + new
    return text


def test_a_configuration_is_read_with_its_defaults(take):
    options = take(ISSUER).options

    assert options.issuers[0].lifetime == 600.0
    assert options.issuers[0].session.mfa_amr == ("mfa",)
    assert (options.leeway, options.largest, options.kept) == (30.0, 8192, 10_000)


def test_everything_at_once_holds_up_beside_a_policy(take):
    assert len(take(ISSUER + GITHUB + WORKLOADS, schema=SCHEMA).options.issuers) == 2


@pytest.mark.parametrize("name", ["audience", "lifetime", "algorithms", "keys", "principal", "profile", "issuer"])
def test_nothing_stands_in_for_what_has_to_be_said(refuse, name):
    (found,) = refuse(changed(**{name: ""}))

    assert (found.code, found.message) == ("missing_key", f"`issuers[0]` needs {found.message.split('needs ')[1]}")
    assert name in found.message


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_places(refuse):
    found = refuse(
        changed(
            audience="[]",
            lifetime='"2d"',
            algorithms='["EdDSA"]',
            profile='"jwt-svid"',
            principal='{ type = "U", id = "{" }',
        )
    )

    assert [each.code for each in found] == ["no_audience", "out_of_bounds", "unfit_algorithm", "invalid_claim"]


INVALID = [
    ("leeway = 61\n" + ISSUER, "out_of_bounds", "61", "`leeway` is from 0 to 60"),
    ("kept = 5000000\n" + ISSUER, "out_of_bounds", "5000000", "`kept` is from 0 to 1 000 000"),
    ("largest = 10\n" + ISSUER, "out_of_bounds", "10", "`largest` is from 256 to 65 536"),
    (changed(lifetime="0"), "out_of_bounds", "0", "`lifetime` is from 1 to 86 400"),
    (changed(lifetime='"25h"'), "out_of_bounds", '"25h"', "`lifetime` is from 1 to 86 400"),
    (changed(audience='["", "a"]'), "no_audience", '["", "a"]', "nothing says for whom tokens have to be"),
    (changed(algorithms="[]"), "unfit_algorithm", "[]", "there is no algorithm"),
    (changed(issuer='"https://x y"', keys='{ file = "k" }'), "invalid_issuer", '"https://x y"', "an issuer is a text"),
    (changed(issuer='"x"'), "invalid_url", '"x"', "an address begins by https:// and a host"),
    (
        changed(issuer='"http://id.example.org"'),
        "invalid_url",
        '"http://id.example.org"',
        "plain http is for this machine alone",
    ),
    (changed(keys="{}"), "key_sources", "{}", "keys come from nowhere"),
    (
        changed(keys='{ discovery = true, file = "k" }'),
        "key_sources",
        '{ discovery = true, file = "k" }',
        "keys come from `discovery` and `file`",
    ),
    (
        changed(keys='{ jwks_uri = "http://x/k" }'),
        "invalid_url",
        '"http://x/k"',
        "plain http is for this machine alone",
    ),
    (
        changed(keys='{ jwks_uri = "https://a:b@x/k" }'),
        "invalid_url",
        '"https://a:b@x/k"',
        "an address holds no name",
    ),
    (
        changed(keys='{ jwks_uri = "file:///k" }'),
        "invalid_url",
        '"file:///k"',
        "an address begins by https://",
    ),
    (
        changed(keys='{ jwks_uri = "https://x/#a" }'),
        "invalid_url",
        '"https://x/#a"',
        "an address has no fragment",
    ),
    (
        changed(keys='{ jwks_uri = "https://x:y/" }'),
        "invalid_url",
        '"https://x:y/"',
        "this is no address",
    ),
    (
        changed(keys='{ jwks_uri = "https://ü/" }'),
        "invalid_url",
        '"https://ü/"',
        "an address is of visible characters",
    ),
    (changed(keys='{ spiffe_bundle = "b.json" }'), "misplaced_key", '"b.json"', "the keys of a SPIFFE bundle are for"),
    (changed(keys="{ discovery = true, refresh = 1 }"), "out_of_bounds", "1", "`refresh` is from 30 to 86 400"),
    (
        changed(keys="{ discovery = true, max_stale = 60 }"),
        "out_of_bounds",
        "{ discovery = true, max_stale = 60 }",
        "`refresh` is at",
    ),
    (changed(principal='{ type = "User", id = "" }'), "invalid_claim", '""', "a claim has a name"),
    (
        changed(principal='{ type = "User", id = "{a}{b}" }'),
        "invalid_claim",
        '"{a}{b}"',
        "two claims stand side by side",
    ),
    (
        changed(principal='{ type = "User", id = "a", groups = { G = [] } }'),
        "invalid_claim",
        "[]",
        "a claim has a name",
    ),
    (
        changed(issuer='"https://x/?a=b"'),
        "no_keys",
        "{ discovery = true }",
        "no keys are taken from `https://x/?a=b`: it has",
    ),
    (
        changed(keys='{ discovery = true, ca = "/nowhere" }'),
        "no_certificates",
        '"/nowhere"',
        "`/nowhere` cannot be read",
    ),
    (
        changed(GITHUB, require='{ ref = "x" }'),
        "unfit_profile",
        '"github-actions"',
        "tokens of everybody that this issuer",
    ),
    (changed(profile='"jwt-svid"'), "unfit_profile", '"jwt-svid"', "`issuer` is no trust domain such as"),
    ("[replay]\nmost = 5\n" + ISSUER, "out_of_bounds", "5", "`most` is from 100 to 10 000 000"),
    (changed(session='{ session = "" }'), "invalid_claim", '""', "a claim has a name"),
    (changed(require="{ scope = [] }"), "weak_requirement", "[]", "a claim cannot be held to this"),
    (changed(require="{ scope = { a = {} } }"), "weak_requirement", "{ a = {} }", "a claim cannot be held to this"),
    (changed(require="{ scope = [[1]] }"), "weak_requirement", "[[1]]", "a claim cannot be held to this"),
    (changed(require="{ scope = 1.5 }"), "weak_requirement", "1.5", "a claim cannot be held to this"),
    (changed(proof="{ ways = [] }"), "invalid_value", "[]", "there is no way of proof"),
    (changed(proof="{ max_age = 301 }"), "out_of_bounds", "301", "`max_age` is from 1 to 300"),
    (changed(actor='{ type = "Agent", most = 0 }'), "out_of_bounds", "0", "`most` is from 1 to 16"),
    (changed(review="{}"), "misplaced_key", "review", "TokenReview is for tokens of Kubernetes"),
    (
        changed(introspection='{ url = "https://x/", client_id = "pdp", client_secret = { env = "NONE" } }'),
        "no_secret",
        '{ env = "NONE" }',
        "the environment has no `NONE`",
    ),
    (
        changed(introspection='{ url = "https://x/", client_id = "pdp", client_secret = "hunter2" }'),
        "literal_secret",
        "*" * len('"hunter2"'),
        "a secret is not written into a configuration",
    ),
    (
        changed(GITHUB, principal='{ type = "Workload", id = "{sub}" }'),
        "mutable_subject",
        '"{sub}"',
        "the form of `sub` is the issuer's to change",
    ),
    (changed(GITHUB, logout='{ audience = ["pdp"] }'), "misplaced_key", "logout", "only people log out"),
    (changed(logout="{ audience = [] }"), "no_audience", "[]", "nothing says for whom tokens have to be"),
    (
        changed(
            principal='{ type = "User", id = "email" }', session='{ session = "s" }', logout='{ audience = ["a"] }'
        ),
        "unknown_sessions",
        "logout",
        "a logout names `sid` or `sub`",
    ),
    (
        ISSUER + changed(profile='"generic"'),
        "ambiguous_issuer",
        '"https://id.example.org"',
        "a token of this issuer could",
    ),
    (ISSUER + ISSUER, "ambiguous_issuer", '"https://id.example.org"', "a token of this issuer could be taken by"),
    (WORKLOADS + WORKLOADS, "ambiguous_issuer", '"example.org"', "there is an entry for this trust domain already"),
    (
        WORKLOADS.replace("example.org", "Example.org/ci"),
        "invalid_issuer",
        '"Example.org/ci"',
        "a trust domain is such as",
    ),
    (WORKLOADS + 'groups = { Team = [""] }\n', "invalid_value", '""', "this is no id"),
    ("leeway = 5\n", "nobody", "", "there is nobody whose word is taken"),
    ("[scim]\n", "missing_key", "scim", "`scim` needs a `type`"),
    ("issuers = 5\n", "wrong_type", "5", "this is a list, and not a number"),
    ("issuer = 5\n", "unknown_key", "issuer", "there is no `issuer` in the configuration"),
    ("[[issuers]\n", "invalid_toml", "]", "expected"),
]


@pytest.mark.parametrize(("text", "code", "underlined", "message"), INVALID)
def test_what_is_wrong_is_told_at_its_place(refuse, text, code, underlined, message):
    found = refuse(text)[0]

    assert (found.code, found.span.text if found.span else "") == (code, underlined)
    assert message in found.message


def test_no_error_shows_a_secret(refuse):
    text = changed(introspection='{ url = "https://x/", client_id = "pdp", client_secret = "hunter2" }', leeways="5")

    assert "hunter2" not in render_all(refuse(text))


# ------------------------------------------------------------------------------------------- who names whom


@pytest.mark.parametrize(
    ("mine", "theirs", "meet"),
    [
        ("sub", "sub", True),
        ("sub", "b:{sub}", True),
        ("a:{sub}", "a:b:{sub}", True),
        ("a:{sub}", "b:{sub}", False),
    ],
)
def test_two_issuers_never_name_the_same_principals_unseen(take, refuse, mine, theirs, meet):
    one = changed(principal=f'{{ type = "User", id = "{mine}" }}')
    other = changed(issuer='"https://b.example.org"', principal=f'{{ type = "User", id = "{theirs}" }}')

    if not meet:
        assert take(one + other)
        return
    (found,) = refuse(one + other)
    assert (found.code, found.span.text) == ("ambiguous_principals", f'"{theirs}"')
    assert found.message.startswith("`issuers[0]` names entities of `User` too")


def test_two_issuers_name_the_same_principals_where_both_say_so(take, refuse):
    shared = '{ type = "User", id = "email", shared = true }'
    one, other = changed(principal=shared), changed(issuer='"https://b.example.org"', principal=shared)

    assert take(one + other)
    assert refuse(one + other.replace(", shared = true", ""))[0].code == "ambiguous_principals"


def acting(id_: str, *, shared: bool = False) -> str:
    return f'{{ type = "Agent", id = "{id_}", shared = {str(shared).lower()} }}'


def test_two_issuers_name_those_who_act_by_names_that_differ(take, refuse):
    def both(one: str, other: str) -> str:
        theirs = changed(issuer='"https://b.example.org"', principal='{ type = "Robot", id = "sub" }', actor=other)
        return changed(actor=one) + theirs

    assert refuse(both(acting("sub"), acting("sub")))[0].code == "ambiguous_principals"
    assert refuse(both(acting("sub"), acting("bot:{sub}")))[0].code == "ambiguous_principals"
    assert take(both(acting("tool:{sub}"), acting("bot:{sub}")))
    assert take(both(acting("sub", shared=True), acting("sub", shared=True)))


def test_nobody_acts_for_others_by_the_name_of_a_principal_of_another_issuer(refuse):
    agents = changed(principal='{ type = "Agent", id = "sub" }')
    theirs = changed(issuer='"https://b.example.org"', principal='{ type = "Robot", id = "sub" }', actor=acting("sub"))

    assert refuse(agents + theirs)[0].code == "ambiguous_principals"


def test_a_type_by_its_other_name_is_the_same_type(take):
    other = changed(issuer='"https://b.example.org"', principal='{ type = "shop.User", id = "sub" }')
    configuration, text = take(ISSUER + other), "namespace shop\ntype User\ntype Page\naction read on Page by User\n"

    with pytest.raises(ConfigurationError) as caught:
        configuration.check(Engine.from_text(text).policy.schema)

    assert [each.code for each in caught.value.diagnostics] == ["ambiguous_principals"]


def test_what_cannot_be_opened_is_told_as_what_is_wrong_with_the_configuration(take, tmp_path):
    (tmp_path / "junk").write_text("junk", "utf-8")
    ca = changed(keys='{ discovery = true, ca = "junk" }')

    for text, code in ((ca, "no_certificates"), (f'{ISSUER}\n[replay]\nfile = "none/here.db"\n', "no_proofs")):
        (tmp_path / "identity.toml").write_text(text, "utf-8")
        with pytest.raises(ConfigurationError) as caught:
            Issuers.load(tmp_path / "identity.toml")
        assert [each.code for each in caught.value.diagnostics] == [code]


def test_other_types_are_other_principals(take):
    assert take(ISSUER + changed(issuer='"https://b.example.org"', principal='{ type = "Robot", id = "sub" }'))


@pytest.mark.parametrize("names", [{"session": '{ session = "s" }'}, {"principal": '{ type = "User", id = "email" }'}])
def test_a_logout_ends_what_is_called_by_one_of_both_names(take, names):
    assert take(changed(logout='{ audience = ["app"] }', **names))


def test_one_issuer_may_have_an_entry_for_access_tokens_and_one_for_others(take):
    assert take(ISSUER + changed(profile='"id-token"'))


def test_tokens_and_certificates_of_one_trust_domain_name_the_same_workloads(take, refuse):
    svid = changed(
        issuer='"spiffe://example.org"',
        profile='"jwt-svid"',
        keys='{ spiffe_bundle = "bundle.json" }',
        principal='{ type = "Workload", id = "sub" }',
    )

    assert take(svid + WORKLOADS)
    assert take(svid + WORKLOADS.replace("example.org", "other.org"))
    assert refuse(changed(principal='{ type = "Workload", id = "sub" }') + WORKLOADS)[0].code == "ambiguous_principals"


# --------------------------------------------------------------------------------------------- beside policies


UNDECLARED = [
    (changed(principal='{ type = "Usr", id = "sub" }'), '"Usr"', "the policies declare no type `Usr`", "`User`?"),
    (
        changed(principal='{ type = "User", id = "sub", attributes = { emial = "email" } }'),
        '"email"',
        "`User` has no attribute `emial`",
        "did you mean `email`?",
    ),
    (
        changed(principal='{ type = "User", id = "sub", attributes = { boss = "manager" } }'),
        '"manager"',
        "`boss` is User: a claim is a text, and names no entity",
        "`groups` tells",
    ),
    (
        changed(principal='{ type = "User", id = "sub", groups = { Grup = "groups" } }'),
        '"groups"',
        "the policies declare no type `Grup`",
        "did you mean `Group`?",
    ),
    (
        changed(principal='{ type = "User", id = "sub", groups = { Page = "groups" } }'),
        '"groups"',
        "`User` is not declared to be in `Page`",
        "there are `Group`",
    ),
    (changed(actor='{ type = "Agnt" }'), '"Agnt"', "the policies declare no type `Agnt`", "did you mean `Agent`?"),
    (changed(actor='{ type = "Page" }'), '"Page"', "`session` declares no actor that is of type `Page`", "`Agent`"),
    (WORKLOADS.replace("Workload", "Worklod"), '"Worklod"', "the policies declare no type `Worklod`", "`Workload`?"),
    (
        WORKLOADS + 'groups = { Group = ["x"] }\n',
        '["x"]',
        "`Workload` is not declared to be in `Group`",
        "it is declared to be in nothing",
    ),
]


@pytest.mark.parametrize(("text", "underlined", "message", "help_"), UNDECLARED)
def test_what_the_policies_do_not_declare_is_told_at_its_place(refuse, text, underlined, message, help_):
    found = refuse(text, schema=SCHEMA)[0]

    assert (found.code, found.span.text, found.message) == ("undeclared", underlined, message)
    assert help_ in found.help


def test_each_policy_is_held_to_anew(take):
    found = take(ISSUER + GITHUB)
    less = Engine.from_text("type User\ntype Page\naction read on Page by User").policy.schema

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="declare no type `Workload`"):
            found.check(less)
    found.check(SCHEMA)


def test_policies_that_declare_nothing_are_not_held_to(take):
    cedar = Engine.load_cedar("permit (principal, action, resource);").policy.schema

    assert take(ISSUER, schema=cedar)


# ------------------------------------------------------------------------------------------------------- paths


def test_paths_are_relative_to_the_file(take, tmp_path):
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_text("s3cret\n", "utf-8")
    authorities = certifi.where()
    (tmp_path / "ca.pem").write_bytes(Path(authorities).read_bytes())
    text = changed(
        keys='{ file = "keys.json", ca = "ca.pem" }',
        introspection=f'{{ url = "https://x/", client_id = "a", ca = "{authorities}", client_secret.file = "secret" }}',
    )

    issuer = take(text).options.issuers[0]

    assert (issuer.keys.file, issuer.keys.ca) == (str(tmp_path / "keys.json"), str(tmp_path / "ca.pem"))
    assert issuer.introspection.ca == authorities
    assert issuer.introspection.client_secret.text() == "s3cret"


@pytest.mark.parametrize(("bundle", "placed"), [("b.json", True), ("https://x/b", False)])
def test_a_bundle_is_a_path_or_an_address(take, tmp_path, bundle, placed):
    text = changed(issuer='"spiffe://x"', profile='"jwt-svid"', keys=f'{{ spiffe_bundle = "{bundle}" }}')

    found = take(text).options.issuers[0].keys.spiffe_bundle

    assert found == (str(tmp_path / bundle) if placed else bundle)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")

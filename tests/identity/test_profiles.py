"""Each kind of token has rules of its own, and they exclude the other kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from identity.entries import AUDIENCE, DOMAIN, ISSUER, PROFILES, claims, code, entry, header, made, options, verify
from identity.tokens import NOW, token

from pdp.identity import profiles, spiffe
from pdp.identity.profiles import svid

KINDS: dict[str, set[str | None]] = {
    "access-token": {"at+jwt", "application/at+jwt", "AT+JWT"},
    "id-token": {None, "JWT", "jwt", "application/jwt"},
    "jwt-svid": {None, "JWT", "JOSE"},
    "github-actions": {None, "JWT", "jwt", "application/jwt"},
    "gitlab": {None, "JWT", "jwt", "application/jwt"},
    "kubernetes": {None, "JWT", "jwt", "application/jwt"},
    "generic": {None, "JWT", "jwt", "application/jwt", "at+jwt", "application/at+jwt", "AT+JWT"},
}
FOREIGN = ["secevent+jwt", "logout+jwt", "statuslist+jwt", "dpop+jwt", "wit+jwt", "oauth-authz-req+jwt", "vc+sd-jwt"]
FOREIGN += ["application/secevent+jwt", "Logout+JWT", "token-introspection+jwt", "kb+jwt", "at+jwt ", "a", "text/jwt"]
ALL = [*FOREIGN, *sorted({each for kinds in KINDS.values() for each in kinds}, key=str)]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_header_says_what_a_token_is(profile, kind):
    text = token(claims(profile), header(profile, typ=kind))

    if kind in KINDS[profile]:
        assert verify(text, entry(profile)).claims == claims(profile)
    else:
        assert code(text, entry(profile)) == "wrong_type"


NEEDED = [
    ("access-token", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]),
    ("id-token", ["iss", "sub", "aud", "exp", "iat"]),
    ("jwt-svid", ["sub", "aud", "exp", "iat"]),
    ("github-actions", ["sub", "repository_id", "repository_owner_id", "actor_id", "run_id", "ref_protected"]),
    ("gitlab", ["sub", "jti", "namespace_id", "project_id", "pipeline_id", "job_id", "user_id", "ref", "ref_type"]),
    ("gitlab", ["ref_protected", "pipeline_source", "project_path", "namespace_path"]),
    ("kubernetes", ["sub", "kubernetes.io"]),
    ("generic", ["iss", "sub", "aud", "exp", "iat"]),
]


@pytest.mark.parametrize(("profile", "name"), [(profile, name) for profile, names in NEEDED for name in names])
@pytest.mark.parametrize("value", [None, "", 7, True, [], {}, ["x"], "x\0"])
def test_a_claim_that_a_kind_needs_is_there_and_is_of_its_type(profile, name, value):
    found = code(made(profile, **{name: value}), entry(profile))

    assert found == {("aud", '["x"]'): "wrong_audience", ("iat", "7"): "token_lives_too_long"}.get(
        (name, json.dumps(value)), "invalid_claims"
    )


# What tells of another kind: each is in no token of the kinds beside it.
STRANGE: list[tuple[str, dict[str, Any]]] = [
    *[(profile, {"events": {"https://schemas.openid.net/event/backchannel-logout": {}}}) for profile in PROFILES],
    *[(profile, {"status_list": {"bits": 1, "lst": "eNo"}}) for profile in PROFILES],
    ("access-token", {"nonce": "n"}),
    ("access-token", {"at_hash": "h"}),
    ("access-token", {"token_use": "id"}),
    ("access-token", {"typ": "ID"}),
    ("generic", {"nonce": "n"}),
    ("generic", {"at_hash": "h"}),
    ("generic", {"c_hash": "h"}),
    ("generic", {"token_use": "id"}),
    ("generic", {"typ": "ID"}),
    ("generic", {"kubernetes.io": {}}),
    ("generic", {"repository_owner_id": "65"}),
    ("generic", {"pipeline_source": "push"}),
    ("generic", {"sub": f"spiffe://{DOMAIN}/api"}),
    ("generic", {"sub": f"SPIFFE://{DOMAIN}/api"}),
    ("id-token", {"client_id": "shop"}),
    ("id-token", {"scope": "openid"}),
    ("id-token", {"scp": ["read"]}),
    ("id-token", {"token_use": "access"}),
    ("id-token", {"typ": "Bearer"}),
    ("id-token", {"typ": "Refresh"}),
    ("id-token", {"kubernetes.io": {}}),
    ("id-token", {"sub": f"spiffe://{DOMAIN}/api"}),
    ("github-actions", {"nonce": "n"}),
    ("gitlab", {"nonce": "n"}),
    ("kubernetes", {"client_id": "c"}),
]


@pytest.mark.parametrize(("profile", "more"), STRANGE)
def test_a_claim_of_another_kind_is_refused(profile, more):
    assert code(made(profile, **more), entry(profile)) == "wrong_type"


@pytest.mark.parametrize(
    ("profile", "more"),
    [
        ("access-token", {"token_use": "access"}),
        ("generic", {"typ": "Bearer"}),
        ("generic", {"azp": "shop", "scope": ["a"], "client_id": "shop"}),
        ("id-token", {"token_use": "id", "typ": "ID", "azp": AUDIENCE}),
        ("access-token", {"scope": ""}),
    ],
)
def test_a_claim_of_its_own_kind_is_taken(profile, more):
    assert verify(made(profile, **more), entry(profile)).claims == claims(profile, **more)


def test_an_id_token_is_for_those_who_are_configured_and_nobody_else():
    both = entry("id-token", audience=(AUDIENCE, "shop"))

    assert verify(made("id-token", aud=[AUDIENCE, "shop"], azp="shop"), both)
    assert code(made("id-token", aud=[AUDIENCE, "shop"]), both) == "invalid_claims"
    assert code(made("id-token", aud=[AUDIENCE, "other"], azp=AUDIENCE), both) == "wrong_audience"
    assert code(made("id-token", azp="other"), both) == "wrong_audience"


def test_the_scope_of_an_access_token_is_a_text():
    assert code(made("access-token", scope=["deploy"]), entry("access-token")) == "invalid_claims"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "ES512"])
def test_a_jwt_svid_is_signed_by_what_its_standard_lets_it(algorithm):
    assert verify(made("jwt-svid", algorithm), entry("jwt-svid")).key.algorithm == algorithm
    assert code(made("jwt-svid", "EdDSA"), entry("jwt-svid")) == "wrong_algorithm"


@pytest.mark.parametrize("more", [{"x5t": "t"}, {"cty": "JWT"}, {"foo": 1}, {"kid": None}, {"iss": ISSUER}])
def test_the_header_of_a_jwt_svid_holds_what_its_standard_lets_it(more):
    text = token(claims("jwt-svid"), header("jwt-svid") | more)

    assert code(text, entry("jwt-svid")) == "invalid_header"


@pytest.mark.parametrize("kind", ["jwt", "jose", "application/JWT", "Jose"])
def test_the_type_of_a_jwt_svid_is_written_as_its_standard_has_it(kind):
    assert code(token(claims("jwt-svid"), header("jwt-svid", typ=kind)), entry("jwt-svid")) == "wrong_type"


NO_WORKLOADS = ["ada", f"spiffe://{DOMAIN}", f"spiffe://{DOMAIN}/", f"spiffe://{DOMAIN}/a//b", "spiffe:///a"]
NO_WORKLOADS += [
    f"spiffe://{DOMAIN}/a/../b",
    f"spiffe://{DOMAIN}/a/.",
    f"SPIFFE://{DOMAIN}/a",
    f"spiffe://{DOMAIN}/a?b",
]
NO_WORKLOADS += [
    f"spiffe://{DOMAIN}:8080/a",
    f"spiffe://u@{DOMAIN}/a",
    f"spiffe://{DOMAIN}/a%2fb",
    f"https://{DOMAIN}/a",
]
NO_WORKLOADS += [
    f"spiffe://{DOMAIN}/a\n",
    f"spiffe://{DOMAIN}/é",
    f"spiffe://{DOMAIN.upper()}/a",
    f"spiffe://{DOMAIN}/a#",
]
NO_WORKLOADS += [f"spiffe://{DOMAIN}/{'a' * 2048}", f"spiffe://{'d' * 256}/a", f" spiffe://{DOMAIN}/a"]


@pytest.mark.parametrize("subject", NO_WORKLOADS)
def test_the_subject_of_a_jwt_svid_is_a_workload(subject):
    text = made("jwt-svid", sub=subject, iss=f"spiffe://{DOMAIN}")

    assert code(text, entry("jwt-svid")) == "invalid_claims"


@pytest.mark.parametrize("domain", ["evil.example", f"{DOMAIN}.evil.example", f"a.{DOMAIN}", DOMAIN[:-1]])
def test_a_jwt_svid_is_of_the_trust_domain_of_its_entry(domain):
    subject = f"spiffe://{domain}/api"

    assert code(made("jwt-svid", sub=subject), entry("jwt-svid")) == "unknown_issuer"
    assert code(made("jwt-svid", sub=subject, iss=f"spiffe://{DOMAIN}"), entry("jwt-svid")) == "wrong_claim"


def test_a_trust_domain_is_that_of_the_issuer_or_the_one_that_is_named():
    assert svid.trust_domain(options("jwt-svid")) == DOMAIN
    assert svid.trust_domain(options("jwt-svid", issuer=ISSUER, trust_domain=DOMAIN)) == DOMAIN
    assert svid.trust_domain(options("jwt-svid", issuer=ISSUER)) is None
    assert svid.trust_domain(options("jwt-svid", trust_domain="a/b")) is None
    assert svid.trust_domain(options("jwt-svid", trust_domain="")) is None


def test_an_entry_without_a_trust_domain_takes_no_jwt_svid():
    assert code(made("jwt-svid", iss=ISSUER), entry("jwt-svid", issuer=ISSUER)) == "wrong_claim"


@pytest.mark.parametrize("value", ["", "7a", "-7", " 7", "7\n", "٧", "1" * 21, 7, ["7"]])
@pytest.mark.parametrize(("profile", "name"), [("github-actions", "repository_id"), ("gitlab", "project_id")])
def test_what_is_known_by_a_number_has_one(profile, name, value):
    assert code(made(profile, **{name: value}), entry(profile)) == "invalid_claims"


@pytest.mark.parametrize("value", [True, False, "True", "TRUE", "1", "yes", "", "true ", ["true"], 1])
@pytest.mark.parametrize("profile", ["github-actions", "gitlab"])
def test_whether_a_ref_is_protected_is_one_of_two_texts(profile, value):
    assert code(made(profile, ref_protected=value), entry(profile)) == "invalid_claims"
    assert verify(made(profile, ref_protected="false"), entry(profile)).claims["ref_protected"] == "false"


@pytest.mark.parametrize(
    "name", ["ref", "environment", "job_workflow_ref", "event_name", "head_ref", "sha", "run_attempt"]
)
@pytest.mark.parametrize("value", [7, True, None, ["x"], {"x": 1}])
def test_what_a_policy_reads_of_a_job_of_github_is_a_text(name, value):
    written = claims("github-actions") | {name: value}

    assert code(token(written, header("github-actions")), entry("github-actions")) == "invalid_claims"


@pytest.mark.parametrize(
    "subject",
    ["repo:octo/pay:ref:refs/heads/main", "repo:octo@1/pay@2:environment:prod", "repo:evil/pay:x", "anything"],
)
def test_what_a_subject_of_github_is_written_like_decides_nothing(subject):
    taking = entry("github-actions", require={"repository_id": "74", "environment": "prod"})

    assert verify(made("github-actions", sub=subject), taking).claims["sub"] == subject
    assert code(made("github-actions", sub=subject, repository_id="75"), taking) == "wrong_claim"


def test_the_pipeline_of_a_fork_is_not_that_of_the_project():
    taking = entry("gitlab", require={"project_id": "20", "pipeline_source": ["push", "web"]})

    assert verify(made("gitlab"), taking)
    assert code(made("gitlab", pipeline_source="merge_request_event"), taking) == "wrong_claim"
    assert code(made("gitlab", project_id="21"), taking) == "wrong_claim"


@pytest.mark.parametrize("name", ["environment", "ci_config_ref_uri", "user_login", "sha"])
def test_what_a_policy_reads_of_a_job_of_gitlab_is_a_text(name):
    assert code(made("gitlab", **{name: ["x"]}), entry("gitlab")) == "invalid_claims"
    assert code(made("gitlab", environment_protected=True), entry("gitlab")) == "invalid_claims"


def runs(**more: Any) -> dict[str, Any]:
    return {name: each for name, each in (claims("kubernetes")["kubernetes.io"] | more).items() if each is not None}


NO_RUNS: list[Any] = [
    "shop",
    [],
    runs(namespace=None),
    runs(namespace=7),
    runs(namespace="shop:evil"),
    runs(namespace="other"),
    runs(serviceaccount=None),
    runs(serviceaccount="pay"),
    runs(serviceaccount={"name": "pay"}),
    runs(serviceaccount={"uid": "u-3"}),
    runs(serviceaccount={"name": "admin", "uid": "u-3"}),
    runs(serviceaccount={"name": "pay", "uid": ""}),
    runs(serviceaccount={"name": "PAY", "uid": "u-3"}),
    runs(pod="pay-1"),
    runs(pod={"name": "pay-1"}),
    runs(pod={"uid": "u-2"}),
    runs(node={"uid": "u-1"}),
    runs(secret={"name": "s", "uid": 7}),
]


@pytest.mark.parametrize("value", NO_RUNS)
def test_a_service_account_is_named_once_and_whole(value):
    assert code(made("kubernetes", **{"kubernetes.io": value}), entry("kubernetes")) == "invalid_claims"


@pytest.mark.parametrize(
    "subject",
    ["system:serviceaccount:shop:admin", "system:serviceaccount:shop", "pay", "system:serviceaccount:shop:pay:x"],
)
def test_the_subject_of_a_service_account_is_what_runs(subject):
    assert code(made("kubernetes", sub=subject), entry("kubernetes")) == "invalid_claims"


@pytest.mark.parametrize("value", [runs(namespace="shop:x"), runs(serviceaccount={"name": "x:pay", "uid": "u-3"})])
def test_a_name_that_could_be_cut_in_two_ways_is_none(value):
    more = {"sub": "system:serviceaccount:shop:x:pay", "kubernetes.io": value}

    assert code(made("kubernetes", **more), entry("kubernetes")) == "invalid_claims"


@pytest.mark.parametrize("value", [runs(pod=None, node=None), runs(node={"name": "n1"}), runs(warnafter=None)])
def test_a_service_account_runs_in_a_pod_or_elsewhere(value):
    assert verify(made("kubernetes", **{"kubernetes.io": value}), entry("kubernetes")).claims["kubernetes.io"] == value


def test_a_token_of_an_older_kubernetes_that_never_ends_is_refused():
    old = {"kubernetes.io/serviceaccount/namespace": "shop", "kubernetes.io": None, "exp": None, "aud": None}

    assert code(made("kubernetes", **old), entry("kubernetes")) == "invalid_claims"


def test_members_of_an_object_may_be_required():
    taking = entry("kubernetes", require={"kubernetes.io": {"namespace": "shop", "pod": {"name": ["pay-1", "pay-2"]}}})

    assert verify(made("kubernetes"), taking)
    assert code(made("kubernetes", **{"kubernetes.io": runs(pod={"name": "x", "uid": "u"})}), taking) == "wrong_claim"


@pytest.mark.parametrize(
    ("profile", "more", "wrong"),
    [
        ("github-actions", {}, "`require` has to name one of `repository_id`, `repository_owner_id`, `enterprise_id`"),
        ("github-actions", {"require": {"repository": "octo/pay"}}, "tokens of everybody"),
        ("github-actions", {"require": {"repository_owner_id": "65"}}, None),
        ("gitlab", {}, "`require` has to name one of `project_id`, `namespace_id`"),
        ("gitlab", {"require": {"namespace_id": "72"}}, None),
        ("jwt-svid", {}, "no JWT-SVID is signed by `EdDSA`"),
        ("jwt-svid", {"algorithms": ("ES256",)}, None),
        ("jwt-svid", {"algorithms": ("ES256",), "issuer": ISSUER}, "`trust_domain` names none"),
        ("generic", {}, None),
        ("access-token", {}, None),
        ("id-token", {}, None),
        ("kubernetes", {}, None),
    ],
)
def test_an_entry_has_what_its_profile_needs(profile, more, wrong):
    found = profiles.problem(options(profile, **more))

    assert found is None if wrong is None else wrong in str(found)


def test_profiles_that_a_header_does_not_tell_apart_are_alike():
    alike = {(one, other) for one in PROFILES for other in PROFILES if profiles.alike(one, other)}

    assert ("access-token", "id-token") not in alike
    assert ("access-token", "generic") in alike
    assert all((other, one) in alike for one, other in alike)
    assert {(one, one) for one in PROFILES} <= alike


def test_a_spiffe_id_is_written_as_it_is_read():
    text = f"spiffe://{DOMAIN}/billing/api"
    longest = text.ljust(2048, "a")

    assert str(spiffe.read(text)) == text
    assert str(spiffe.read(longest)) == longest
    assert spiffe.read(longest + "a") is None


def test_a_profile_is_held_to_a_clock_like_any_other():
    for profile in PROFILES:
        assert code(made(profile), entry(profile), now=NOW + 700) == "token_expired"
        assert code(made(profile, exp=NOW + 86_400), entry(profile)) == "token_lives_too_long"
        assert code(made(profile, aud="other"), entry(profile)) == "wrong_audience"

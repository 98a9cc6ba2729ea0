"""The ready configurations of examples/identity take the tokens that they are for, as their issuers write them."""

from __future__ import annotations

import datetime
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import pdp
from pdp.errors import TokenError
from pdp.identity import certificates
from pdp.identity.issuers import Issuers
from pdp.identity.who import Identity
from tests.identity import shapes
from tests.identity.keys.servers import says, serving
from tests.identity.ready import EXAMPLES, NAMES, copied, published, ready
from tests.identity.tokens import NOW, token
from tests.sidecar.authorities import Authority

AT = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
PEOPLE = "https://id.example.org"


class Ready:
    """An example: its policy, and its issuers with keys of the tests."""

    def __init__(self, name: str, folder: Path) -> None:
        copy = ready(name, folder)
        self.engine = pdp.Engine.load(copy, cache="off")
        self.issuers = Issuers.load(copy / "identity.toml", schema=self.engine.policy.schema, now=lambda: NOW * 10**6)

    def who(self, text: str) -> Identity:
        return self.issuers.identify(text)

    def decide(self, text: str, action: str, resource: pdp.EntityRef) -> pdp.Decision:
        """Decide about whoever a token speaks for."""
        who = self.who(text)
        return self.engine.decide(who.principal, action, resource, session=who.session, now=AT)

    def refusal(self, text: str) -> str:
        """Return why a token is refused."""
        with pytest.raises(TokenError) as caught:
            self.who(text)
        return caught.value.code


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Ready]:
    return lambda name: Ready(name, tmp_path)


def texts(decision: pdp.Decision) -> list[str]:
    """Return what it would take."""
    return [text for remedy in decision.remedies for text in remedy.texts]


def person(name: str, algorithm: str = "RS256", **changes: Any) -> str:
    """Return an access token by which a person asks (RFC 9068), signed by the key of an example."""
    claims = {
        "iss": PEOPLE,
        "sub": "ada",
        "aud": "https://api.example.org",
        "client_id": "app",
        "jti": "t-1",
        "iat": NOW - 60,
        "exp": NOW + 540,
        "auth_time": NOW - 60,
        "acr": "pwd",
        "amr": ["pwd"],
        "sid": "s-1",
        "scope": "api",
    }
    return token(claims | changes, {"typ": "at+jwt"}, algorithm, name)


STRONG = {"acr": "phr", "amr": ["hwk", "mfa"]}


def test_there_are_six_of_them():
    found = sorted(path.parent.name for path in EXAMPLES.glob("*/identity.toml"))

    assert found == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_loads_with_the_policy_beside_it(example, name):
    found = example(name)

    found.issuers.start().result(10)

    assert found.issuers.problems() == ()


@pytest.mark.parametrize("name", NAMES)
def test_each_takes_no_token_of_another(example, name):
    found = example(name)
    others = {
        "github-actions": shapes.github(NOW),
        "gitlab-ci": shapes.gitlab(NOW),
        "kubernetes": shapes.kubernetes(NOW),
        "spiffe": shapes.svid(NOW),
    }
    others.pop(name, None)

    codes = {found.refusal(text) for text in others.values()}

    assert codes == {"unknown_issuer"}


def test_keys_are_read_where_an_issuer_publishes_them(tmp_path):
    with serving(says(published("github-actions").encode())) as server:
        copy = copied("github-actions", tmp_path, f'jwks_uri = "{server.url}/.well-known/jwks"')
        issuers = Issuers.load(copy / "identity.toml", now=lambda: NOW * 10**6)
        who = [issuers.identify(shapes.github(NOW, jti=str(number))) for number in range(3)]
        issuers.close()

    assert {each.subject for each in who} == {"repo:acme@65/shop@74:ref:refs/heads/main"}
    assert server.asked == ["/.well-known/jwks"]


# ------------------------------------------------------------------------------------------------------ GitHub Actions

TRUNK_TARGET, TARGET = pdp.ref("Target", "shop-staging"), pdp.ref("Target", "shop")


def test_a_job_of_trunk_deploys_to_staging_as_long_as_its_token_counts(example):
    decision = example("github-actions").decide(shapes.github(NOW), "ship", TRUNK_TARGET)

    assert decision.determining_rules == ("trunk_ships_to_staging",)
    assert decision
    assert decision.valid_until == AT + datetime.timedelta(minutes=5)


def test_a_job_that_people_approved_deploys_a_version_to_production(example):
    job = shapes.github(NOW, ref="refs/tags/v1.4.0", ref_type="tag", environment="production")

    decision = example("github-actions").decide(job, "ship", TARGET)

    assert decision.determining_rules == ("approved_tags_ship_to_production",)
    assert decision


@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "refs/heads/wip"},
        {"event_name": "pull_request"},
        {"repository_id": "75"},
        {"job_workflow_ref": "acme/shop/.github/workflows/release.yml@refs/heads/main"},
        {"job_workflow_ref": None},
    ],
    ids=str,
)
def test_another_job_does_not_deploy_to_staging(example, changes):
    decision = example("github-actions").decide(shapes.github(NOW, **changes), "ship", TRUNK_TARGET)

    assert not decision


def test_a_job_is_the_same_whichever_way_its_subject_is_written(example):
    found = example("github-actions")

    old = found.who(shapes.github(NOW, sub="repo:acme/shop:ref:refs/heads/main"))
    new = found.who(shapes.github(NOW))

    assert old.principal == new.principal
    assert old.ref == pdp.ref("Repository", "74")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repository_owner_id": "66"}, "wrong_claim"),
        ({"repository_owner_id": None}, "invalid_claims"),
        ({"runner_environment": "self-hosted"}, "wrong_claim"),
        ({"aud": "https://github.com/acme"}, "wrong_audience"),
        ({"exp": NOW + 3600}, "token_lives_too_long"),
        ({"iss": "https://token.actions.githubusercontent.com/"}, "unknown_issuer"),
    ],
    ids=str,
)
def test_a_token_of_github_that_is_for_others_is_refused(example, changes, code):
    assert example("github-actions").refusal(shapes.github(NOW, **changes)) == code


def test_a_job_that_is_asserted_without_its_token_deploys_nothing(example):
    found = example("github-actions")
    claimed = found.who(shapes.github(NOW)).principal

    decision = found.engine.decide(claimed, "ship", TRUNK_TARGET, now=AT)

    assert not decision
    assert decision.erring_rules == ("jobs_show_their_token",)


# ---------------------------------------------------------------------------------------------------------- GitLab CI

PACKAGE = pdp.ref("Package", "shop")
TRUNK = {"ref": "main", "ref_type": "branch", "environment": "eu", "deployment_tier": "production"}


def test_a_protected_tag_is_published(example):
    assert example("gitlab-ci").decide(shapes.gitlab(NOW), "publish", PACKAGE)


def test_trunk_is_installed(example):
    assert example("gitlab-ci").decide(shapes.gitlab(NOW, **TRUNK), "install", PACKAGE)


@pytest.mark.parametrize(
    "changes",
    [
        {"ref_protected": "false"},
        {"project_id": "21"},
        {"pipeline_source": "merge_request_event"},
        {"ref_type": "branch"},
    ],
    ids=str,
)
def test_another_job_publishes_nothing(example, changes):
    assert not example("gitlab-ci").decide(shapes.gitlab(NOW, **changes), "publish", PACKAGE)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"namespace_id": "73"}, "wrong_claim"),
        ({"namespace_id": 72}, "invalid_claims"),
        ({"ref_protected": True}, "invalid_claims"),
        ({"aud": "https://gitlab.com"}, "wrong_audience"),
        ({"exp": NOW + 7200}, "token_lives_too_long"),
    ],
    ids=str,
)
def test_a_token_of_gitlab_that_is_for_others_is_refused(example, changes, code):
    assert example("gitlab-ci").refusal(shapes.gitlab(NOW, **changes)) == code


# --------------------------------------------------------------------------------------------------------- Kubernetes

ORDERS = pdp.ref("Topic", "orders")


def test_a_service_account_publishes_where_it_is_listed(example):
    found = example("kubernetes")

    assert found.decide(shapes.kubernetes(NOW), "publish", ORDERS)
    assert not found.decide(shapes.kubernetes(NOW, name="report"), "publish", ORDERS)


def test_a_service_account_reads_what_is_of_its_namespace(example):
    found = example("kubernetes")

    assert found.decide(shapes.kubernetes(NOW, namespace="shop", name="cart"), "read", ORDERS)
    assert not found.decide(shapes.kubernetes(NOW), "read", ORDERS)


def test_a_pod_is_revoked_by_itself(example):
    found = example("kubernetes")
    again = shapes.kubernetes_claims(NOW)["kubernetes.io"]
    again = again | {"pod": {"name": "ledger-x2", "uid": "11111111-e0fb-45fb-be8e-ff44f97722e8"}}

    found.engine.revoke(device="0d8b260e-ef0e-45fb-be8e-ff44f97722e8", not_before=AT)

    assert not found.decide(shapes.kubernetes(NOW), "publish", ORDERS)
    assert found.decide(shapes.kubernetes(NOW, **{"kubernetes.io": again}), "publish", ORDERS)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": ["https://kubernetes.default.svc.cluster.local"]}, "wrong_audience"),
        ({"sub": "system:serviceaccount:pay:admin"}, "invalid_claims"),
        ({"exp": NOW + 365 * 86_400}, "token_lives_too_long"),
        ({"exp": None}, "invalid_claims"),
    ],
    ids=str,
)
def test_a_token_of_a_cluster_that_is_for_others_is_refused(example, changes, code):
    assert example("kubernetes").refusal(shapes.kubernetes(NOW, **changes)) == code


def test_what_is_commented_out_is_taken_once_it_is_not(tmp_path):
    copy = ready("kubernetes", tmp_path)
    path, token, ca = copy / "identity.toml", tmp_path / "token", tmp_path / "ca.crt"
    token.touch(mode=0o600)
    token.write_text("a-token-of-the-sidecar", "utf-8")
    ca.write_bytes(Authority().certificate)
    text = re.sub(r"^# (?=\[issuers\.review\]|token = |ca = )", "", path.read_text("utf-8"), flags=re.M)
    text = text.replace("/var/run/secrets/kubernetes.io/serviceaccount", str(tmp_path))
    path.write_text(text, "utf-8")

    issuers = Issuers.load(path, now=lambda: NOW * 10**6)

    # Nobody of this cluster is there to be asked.
    with pytest.raises(TokenError) as caught:
        issuers.identify(shapes.kubernetes(NOW))
    issuers.close()
    assert caught.value.code == "token_unconfirmed"


# ------------------------------------------------------------------------------------------------------------- SPIFFE

CHARGE, RECEIPT = pdp.ref("Endpoint", "pay:charge"), pdp.ref("Endpoint", "pay:receipt")


def test_a_token_of_a_workload_reads_and_changes_nothing(example):
    found = example("spiffe")

    assert found.decide(shapes.svid(NOW), "call", RECEIPT)
    denied = found.decide(shapes.svid(NOW), "call", CHARGE)
    assert texts(denied) == ["call with your certificate, not with a token"]


def certificate(*uris: str) -> bytes:
    """Return a certificate of these names, in DER. It counts from the day before `NOW`."""
    issued = Authority().issue(*uris, begins=AT - datetime.timedelta(days=1), ends=AT + datetime.timedelta(hours=1))
    return ssl.PEM_cert_to_DER_cert(issued.certificate.decode())


def certified(found: Ready, der: bytes) -> Identity:
    """Return whom the certificate of a connection names, as a server reads it once TLS has verified it."""
    leaf = certificates.leaf_of(der)
    assert leaf is not None
    begins, ends = (int(each.timestamp()) * 10**6 for each in (leaf.begins, leaf.ends))
    names = certificates.identities_of(der, AT)
    return found.issuers.certified(names, leaf.digest, issued_at=begins, until=ends)


CART = "spiffe://acme.example/ns/shop/sa/cart"


def test_an_x509_svid_of_a_workload_changes_something_until_it_ends(example):
    found = example("spiffe")

    who = certified(found, certificate(CART))

    decision = found.engine.decide(who.principal, "call", CHARGE, session=who.session, now=AT)
    assert decision
    assert decision.valid_until == AT + datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    "names", [(), (CART, "spiffe://acme.example/ns/ads/sa/tracker"), ("https://acme.example/cart",)], ids=str
)
def test_a_certificate_that_is_no_x509_svid_names_nobody(example, names):
    found = example("spiffe")

    with pytest.raises(TokenError) as caught:
        certified(found, certificate(*names))

    assert caught.value.code == "wrong_certificate"


def test_a_workload_of_another_trust_domain_is_nobody(example):
    with pytest.raises(TokenError):
        certified(example("spiffe"), certificate("spiffe://eve.example/ns/shop/sa/cart"))


def test_token_and_certificate_of_a_workload_name_the_same(example):
    found = example("spiffe")

    by_token = found.who(shapes.svid(NOW))
    by_certificate = certified(found, certificate(CART))

    assert by_token.ref == by_certificate.ref
    assert by_token.session["issuer"] == by_certificate.session["issuer"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sub": "spiffe://eve.example/ns/shop/sa/cart"}, "unknown_issuer"),
        ({"aud": ["spiffe://acme.example/ns/shop/sa/cart"]}, "wrong_audience"),
        ({"sub": "spiffe://acme.example"}, "invalid_claims"),
    ],
    ids=str,
)
def test_a_token_of_a_workload_that_is_for_others_is_refused(example, changes, code):
    assert example("spiffe").refusal(shapes.svid(NOW, **changes)) == code


# ------------------------------------------------------------------------------------------------------------- people


STAGING, SHOP = pdp.ref("Service", "shop-staging"), pdp.ref("Service", "shop")


def test_a_person_deploys_to_production_once_signed_in_with_a_second_factor(example):
    found = example("people")

    weak = found.decide(person("people"), "deploy", SHOP)
    strong = found.decide(person("people", **STRONG), "deploy", SHOP)

    assert texts(weak) == ["sign in again with a second factor"]
    assert strong
    assert strong.valid_until == AT + datetime.timedelta(minutes=9)


def test_a_second_factor_of_an_hour_ago_is_none(example):
    old = person("people", **STRONG, auth_time=NOW - 3600)

    assert not example("people").decide(old, "deploy", SHOP)


def test_somebody_else_deploys_nothing(example):
    assert not example("people").decide(person("people", **STRONG, sub="bo"), "deploy", STAGING)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"act": {"sub": "helper"}}, "invalid_claims"),
        ({"aud": "app"}, "wrong_audience"),
        ({"client_id": None}, "invalid_claims"),
        ({"exp": NOW + 3600}, "token_lives_too_long"),
    ],
    ids=str,
)
def test_a_token_of_a_person_that_is_for_others_is_refused(example, changes, code):
    assert example("people").refusal(person("people", **changes)) == code


# -------------------------------------------------------------------------------------------------------------- agents

CALENDAR = pdp.ref("Calendar", "ada")
HELPER = {"act": {"sub": "helper"}}


def test_an_agent_does_for_a_person_what_its_rules_say(example):
    found = example("agent")

    decided = {
        action: bool(found.decide(person("agent", **HELPER, **STRONG), action, CALENDAR))
        for action in ("read", "invite", "share")
    }

    assert decided == {"read": True, "invite": True, "share": False}


def test_an_agent_invites_nobody_before_the_person_confirms(example):
    decision = example("agent").decide(person("agent", **HELPER), "invite", CALENDAR)

    assert texts(decision) == ["confirm with a second factor"]


def test_the_agent_that_acts_now_decides_and_those_before_it_are_told(example):
    found = example("agent")
    chain = person("agent", act={"sub": "stray", "act": {"sub": "helper"}})

    who = found.who(chain)

    assert [each.subject for each in who.actors] == ["stray", "helper"]
    assert not found.decide(chain, "read", CALENDAR)


def test_a_chain_that_is_too_long_is_refused(example):
    act: dict[str, Any] = {"sub": "helper"}
    for _ in range(3):
        act = {"sub": "helper", "act": act}

    assert example("agent").refusal(person("agent", act=act)) == "invalid_claims"


# ---------------------------------------------------------------------------------- what stands beside a configuration


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def audience(name: str) -> str:
    found = re.search(r'^audience = \["([^"]+)"\]$', (EXAMPLES / name / "identity.toml").read_text("utf-8"), re.M)
    assert found is not None
    return found[1]


def test_the_workflow_of_github_asks_for_a_token_for_this_service_and_shows_it_to_nobody_else():
    (workflow,) = documents(EXAMPLES / "github-actions" / "deploy.yml")
    job = workflow["jobs"]["deploy"]
    runs = "\n".join(step.get("run", "") for step in job["steps"])

    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    assert job["env"]["AUDIENCE"] == audience("github-actions")
    assert "secrets." not in str(workflow)
    # What somebody calls a service is a value for the shell, and never part of its text.
    assert "${{" not in runs


def test_the_job_of_gitlab_gets_a_token_for_this_service():
    (file,) = documents(EXAMPLES / "gitlab-ci" / "gitlab-ci.yml")

    assert file["publish"]["id_tokens"] == {"PDP_TOKEN": {"aud": audience("gitlab-ci")}}


def manifests() -> dict[str, Any]:
    return {each["kind"]: each for each in documents(EXAMPLES / "kubernetes" / "deployment.yaml")}


def test_the_pod_of_kubernetes_gets_a_token_for_the_sidecar_alone():
    found = manifests()
    pod = found["Deployment"]["spec"]["template"]["spec"]
    volumes = {each["name"]: each for each in pod["volumes"]}
    (source,) = volumes["identity"]["projected"]["sources"]
    (program,), (sidecar,) = pod["containers"], pod["initContainers"]

    assert source["serviceAccountToken"]["audience"] == audience("kubernetes")
    assert found["ServiceAccount"]["metadata"]["name"] == pod["serviceAccountName"]
    # Neither can be the other: each has a token of its own.
    assert {each["name"] for each in program["volumeMounts"]} == {"sockets", "identity"}
    assert "identity" not in {each["name"] for each in sidecar["volumeMounts"]}


def test_the_sidecar_of_the_pod_starts_with_its_configuration(tmp_path):
    copy = ready("kubernetes", tmp_path)
    written = tmp_path / "serve.toml"
    text: str = manifests()["ConfigMap"]["data"]["serve.toml"]
    written.write_text(text.replace("/etc/pdp/policies", str(copy)), "utf-8")
    command = [sys.executable, "-m", "pdp", "serve", "--config", str(written), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "file"), [("github-actions", "deploy.yml"), ("gitlab-ci", "gitlab-ci.yml")], ids=lambda each: str(each)
)
def test_the_commands_of_a_job_are_those_that_there_are(name, file):
    text = (EXAMPLES / name / file).read_text("utf-8").replace("\\\n", " ")
    commands = [shlex.split(line.strip()) for line in re.findall(r"^\s+pdp decide .*(?:\n\s+--.*)*", text, re.M)]

    assert len(commands) == 1
    flags = {each for each in commands[0] if each.startswith("--")}
    assert "--identity" in flags
    assert flags <= {"--identity", "--token-file", "--token-env"}

"""A configuration is checked as policies are: all that is wrong with it, each at its place, with what would help."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import Diagnostic
from pdp.syntax.messages import render_all
from pdp_sidecar.addresses import Address
from pdp_sidecar.callers import May, Peer
from pdp_sidecar.config import Configuration, ConfigurationError, Flags, load
from pdp_sidecar.config.asking import callers_at
from pdp_sidecar.config.layers import PREFIX, variables
from pdp_sidecar.config.sections import Options
from pdp_sidecar.rpc.options import Options as RpcOptions
from tests.sidecar.authorities import Authority
from tests.sidecar.scene import engine

TOKEN = "0123456789abcdef0123"
AUTHORITY = Authority()
SERVER = AUTHORITY.issue()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    SERVER.write(tmp_path, "server")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate)
    return tmp_path


@pytest.fixture
def take(tmp_path: Path) -> Any:
    def take(text: str = "", environment: dict[str, str] | None = None, **flags: Any) -> Configuration:
        path = tmp_path / "serve.toml"
        path.write_text('policies = "policies"\n' + text if "policies =" not in text else text, "utf-8")
        return load(Flags(file=str(path), **flags), environment or {})

    return take


@pytest.fixture
def refuse(take: Any) -> Any:
    def refuse(text: str = "", environment: dict[str, str] | None = None, **flags: Any) -> list[Diagnostic]:
        with pytest.raises(ConfigurationError) as caught:
            take(text, environment, **flags)
        return list(caught.value.diagnostics)

    return refuse


def told(each: Diagnostic) -> tuple[str, str, str | None, str | None]:
    return each.code, each.message, None if each.span is None else each.span.text, each.help


TLS = '[tls]\ncert = "server.crt"\nkey = { file = "server.key" }\n'
MTLS = TLS + 'client_ca = "ca.crt"\n'
ANYONE = '[[callers]]\nname = "all"\nanyone = true\n'
IDENTITY = '[identity]\nfile = "identity.toml"\n'
FACTS = '[facts]\nrevocations = "r.db"\n'

REFUSED = [
    (
        "[listen]\ngrpc = 5",
        ("wrong_type", "this is a text or a table, and not a number", "5", None),
    ),
    (
        "[listen]\ngrcp = 5",
        ("unknown_key", "there is no `grcp` in `listen`", "grcp", "did you mean `grpc`?"),
    ),
    (
        '[listen]\ngrpc = { mode = "0600" }',
        ("missing_key", "`listen.grpc` needs an `address`", "grpc", None),
    ),
    (
        '[listen]\nhttp = "8443"',
        (
            "invalid_address",
            "`8443` is no address to listen at",
            '"8443"',
            "an address is `unix:/run/pdp.sock`, `127.0.0.1:8443`, `[::1]:8443` or `localhost:8443`",
        ),
    ),
    (
        '[listen]\ngrpc = { address = "unix:/run/x", mode = "666x" }',
        ("invalid_mode", "`666x` is no mode of a socket", '"666x"', 'such as "0600", or "0660" with a `group`'),
    ),
    (
        '[listen]\ngrpc = { address = "unix:/run/x", mode = "0066" }',
        ("invalid_mode", "its owner reads and writes a socket", '"0066"', 'such as "0600"'),
    ),
    (
        '[listen]\ngrpc = { address = "unix:/run/x", plaintext = true }',
        ("misplaced_key", "a Unix socket is not encrypted in any case", "true", None),
    ),
    (
        '[listen]\nhttp = { address = "127.0.0.1:1", plaintext = true, group = "web" }',
        ("misplaced_key", "`group` is for a Unix socket", "group", None),
    ),
    (
        '[listen]\nhttp = "127.0.0.1:8080"',
        (
            "plaintext",
            "nothing encrypts what goes through `127.0.0.1:8080`, and nothing says who is at its other end",
            '"127.0.0.1:8080"',
            "give it a section `[tls]`; or `plaintext = true` in its table, or `--insecure`, to go on without",
        ),
    ),
    (
        '[listen]\nframes = "unix:/run/x"\ngrpc = "unix:/run/x"',
        ("duplicate_address", "`grpc` listens at `unix:/run/x` already", '"unix:/run/x"', None),
    ),
    (
        '[listen]\ngrpc = "unix:/run/x"\n[workers]\ncount = 2\n' + FACTS,
        (
            "unix_workers",
            "a Unix socket has one worker, and `grpc` is spoken at one",
            '"unix:/run/x"',
            "several workers share a TCP port; beside them, run another `pdp serve` for the socket",
        ),
    ),
    (
        '[listen]\ngrpc = { address = "127.0.0.1:0", plaintext = true }\n[workers]\ncount = 2\n' + FACTS + ANYONE,
        (
            "unnamed_port",
            "several workers share a port that is named, not one that the system chooses",
            '"127.0.0.1:0"',
            None,
        ),
    ),
    (
        '[listen]\ngrpc = { address = "127.0.0.1:81", plaintext = true }\n[workers]\ncount = 2\n' + ANYONE,
        (
            "no_shared_record",
            "several workers need a record of revocations: what one is told would not hold in the others",
            "2",
            'name it: `revocations = "…"` in the section `[facts]`',
        ),
    ),
    ("[workers]\ncount = 0", ("invalid_value", "there are between 1 and 256 workers", "0", None)),
    ("[workers]\ncount = true", ("wrong_type", "this is a whole number, and not `true`", "true", None)),
    ("[workers]\ncount = 1.5", ("wrong_type", "this is a whole number, and not a number", "1.5", None)),
    ("[limits]\ndrain = -1", ("invalid_value", "this is a number from nothing upwards", "-1", None)),
    ("[limits]\ndrain = nan", ("invalid_value", "this is a number from nothing upwards", "nan", None)),
    (
        '[limits]\ndrain = "soon"',
        (
            "invalid_value",
            "a duration is written like 15m, 1h30m or 90d",
            '"soon"',
            "a number alone is one of seconds",
        ),
    ),
    ("[limits]\ndrain = 2026-11-23", ("wrong_type", "this is a number, and not a date or time", "2026-11-23", None)),
    ("callers = 1", ("wrong_type", "this is a list, and not a number", "1", "lists stand in brackets: `[…]`")),
    (
        "tls = 1",
        (
            "wrong_type",
            "this is a table, and not a number",
            "1",
            "it has `cert`, `key`, `client_ca`, `trust_domain`",
        ),
    ),
    (
        ANYONE + 'uid = "self"',
        (
            "caller_ways",
            "`all` is told by `uid` and `anyone`",
            "callers",
            "a caller has exactly one of `uid`, `spiffe`, `token`, `identity` and `anyone`",
        ),
    ),
    (
        '[[callers]]\nname = "root"\nuid = 0\nanyone = true',
        (
            "caller_ways",
            "`root` is told by `uid` and `anyone`",
            "callers",
            "a caller has exactly one of `uid`, `spiffe`, `token`, `identity` and `anyone`",
        ),
    ),
    (
        '[[callers]]\nname = "none"',
        (
            "caller_ways",
            "`none` is told by nothing",
            "callers",
            "a caller has exactly one of `uid`, `spiffe`, `token`, `identity` and `anyone`",
        ),
    ),
    (
        ANYONE + 'may = ["check", "revoke"]',
        ("unproven_caller", "whoever shows nothing of who they are may not revoke", '["check", "revoke"]', None),
    ),
    (
        ANYONE + 'may = ["check", "approve"]\n[facts]\napprovals = "a.db"\ndesk = { env = "DESK" }',
        ("unproven_caller", "whoever shows nothing of who they are may not approve", '["check", "approve"]', None),
    ),
    (
        '[[callers]]\nname = "ours"\nuid = "self"\nmay = ["approve"]',
        (
            "unproven_caller",
            "`ours` is told by `uid`, and who approves shows a token of their own",
            '["approve"]',
            "give it to a caller that is told by `identity`",
        ),
    ),
    (
        '[[callers]]\nname = "people"\nidentity = "User"\nmay = ["approve"]\n[facts]\napprovals = "a.db"\n' + IDENTITY,
        (
            "no_desk",
            "a caller may `approve`, and no `desk` has a key to sign that",
            "facts",
            "make one: `pdp key new`, and let it vouch in the file of keys",
        ),
    ),
    (
        '[authzen]\nidentifier = "https://pdp.example.com"\naccess_requests = true\n' + IDENTITY,
        (
            "no_desk",
            "who asks for access is vouched for, and no `desk` has a key to sign that",
            "true",
            "give `approvals` and `desk` to the section `[facts]`: `pdp key new` makes the key",
        ),
    ),
    (
        '[authzen]\nidentifier = "https://pdp.example.com"\naccess_requests = true',
        (
            "no_identity",
            "who asks for access shows a token, and nobody's are verified without a section `[identity]`",
            "true",
            'name whose are: `file = "identity.toml"` in that section',
        ),
    ),
    (
        "[authzen]\naccess_requests = true",
        (
            "invalid_value",
            "`access_requests` needs an `identifier`: clients are told a URL at which to ask",
            "authzen",
            None,
        ),
    ),
    (
        '[facts]\ndesk = { env = "PDP_SERVE_DESK" }',
        ("misplaced_key", "`desk` says nothing without `approvals`", "desk", None),
    ),
    (
        '[facts]\napprovals = "a.db"\ndesk = { env = "DESK" }',
        ("no_secret", "the environment has no `DESK`", '{ env = "DESK" }', None),
    ),
    (
        '[facts]\napprovals = "a.db"\ndesk = { file = "server.key" }',
        (
            "no_secret",
            "the key: this is no key of Ed25519 (help: `pdp key new` makes one)",
            '{ file = "server.key" }',
            None,
        ),
    ),
    (
        ANYONE + 'may = ["chekc"]',
        ("invalid_value", "`chekc` is none of what this can be", '"chekc"', "did you mean `check`?"),
    ),
    (
        ANYONE + 'principals = ["User", "a b"]',
        (
            "invalid_principal",
            '`a b` names no entity: write `Type "id"` or `Type:id`',
            '"a b"',
            "such as `User`, `User:ada`, or `Workload:spiffe://example.org/ci/*`",
        ),
    ),
    (
        '[[callers]]\nname = "a"\nuid = 1\n[[callers]]\nname = "a"\nuid = 2',
        ("duplicate_caller", "there is a caller `a` already", '"a"', None),
    ),
    (
        '[[callers]]\nname = "a"\nuid = 1\n[[callers]]\nname = "b"\nuid = 1',
        ("duplicate_caller", "this user is that of `a` already", "1", None),
    ),
    (
        '[[callers]]\nname = "a"\nspiffe = "spiffe://example.org/../x"\n' + MTLS,
        (
            "invalid_spiffe",
            "`spiffe://example.org/../x` is no SPIFFE id",
            '"spiffe://example.org/../x"',
            "such as `spiffe://example.org/shop`, or `spiffe://example.org/ci/*` for all under it",
        ),
    ),
    (
        '[[callers]]\nname = "a"\nspiffe = "spiffe://example.org/x"\n' + TLS,
        (
            "no_client_ca",
            "nobody shows a certificate without `client_ca`",
            '"spiffe://example.org/x"',
            "give it to the section `[tls]`",
        ),
    ),
    (
        '[[callers]]\nname = "a"\nspiffe = "spiffe://example.com/x"\n' + MTLS + 'trust_domain = "example.org"',
        (
            "other_trust_domain",
            "`example.com` is not the trust domain `example.org`",
            '"spiffe://example.com/x"',
            "nobody of another is let in",
        ),
    ),
    (
        TLS + 'trust_domain = "example.org"',
        (
            "no_client_ca",
            "nobody shows a certificate without `client_ca`",
            '"example.org"',
            "give the authorities of that domain",
        ),
    ),
    (
        '[[callers]]\nname = "a"\ntoken = { env = "NOT_THERE" }',
        ("no_secret", "the environment has no `NOT_THERE`", '{ env = "NOT_THERE" }', None),
    ),
    (
        '[[callers]]\nname = "a"\ntoken = { env = "SHORT" }',
        (
            "short_token",
            "a token has at least 16 characters: a shorter one is guessed",
            '{ env = "SHORT" }',
            "make one: `openssl rand -hex 32`",
        ),
    ),
    (
        '[listen]\nhttp = { address = "127.0.0.1:81", plaintext = true }',
        (
            "nobody_asks",
            "nobody who connects to `127.0.0.1:81` is anybody who may ask",
            '{ address = "127.0.0.1:81", plaintext = true }',
            "name who may in a section `[[callers]]`, by `spiffe`, `token`, `identity`, `uid` (at a Unix socket) or "
            "`anyone`",
        ),
    ),
    (
        '[[callers]]\nname = "ci"\nidentity = "Workload"',
        (
            "no_identity",
            "nobody's tokens and certificates are verified without a section `[identity]`",
            '"Workload"',
            'name whose are: `file = "identity.toml"` in that section',
        ),
    ),
    (
        '[[callers]]\nname = "ci"\nidentity = "a b"\n' + IDENTITY,
        (
            "invalid_principal",
            '`a b` names no entity: write `Type "id"` or `Type:id`',
            '"a b"',
            "such as `User`, `User:ada`, or `Workload:spiffe://example.org/ci/*`",
        ),
    ),
    (
        '[[callers]]\nname = "a"\nidentity = "User"\n[[callers]]\nname = "b"\nidentity = "User"\n' + IDENTITY,
        ("duplicate_caller", "this identity is that of `a` already", '"User"', None),
    ),
    (
        '[envoy]\ntoken = { verify = true }\n[[envoy.routes]]\nname = "a"\npath = "/"\naction = "read"\n'
        'resource = "Page:a"\n[listen]\ngrpc = "unix:/run/x"',
        (
            "no_identity",
            "nobody's tokens are verified without a section `[identity]`",
            "true",
            'name whose are: `file = "identity.toml"` in that section',
        ),
    ),
    (
        '[listen]\nframes = "10.0.0.1:5"\n' + TLS,
        (
            "invalid_address",
            "frames are spoken at a Unix socket only, where the kernel says who asks",
            '"10.0.0.1:5"',
            "over TCP, ask by gRPC",
        ),
    ),
    (
        '[envoy]\n[[envoy.routes]]\nname = "a"\npath = "/"\naction = "read"\nresource = "Page:a"\n'
        '[envoy.principal]\ntype = "User"\nid = "a"\n[listen]\nframes = "unix:/run/x"',
        (
            "misplaced_key",
            "Envoy asks by gRPC, and nothing says where that is spoken",
            "envoy",
            'give it an address: `grpc = "…"` in the section `[listen]`',
        ),
    ),
    ("[facts]\ncreate = true", ("misplaced_key", "`create` says nothing without `revocations`", "create", None)),
    ('[facts]\nkeys = "x"', ("misplaced_key", "`keys` says nothing without `approvals`", "keys", None)),
    (
        '[facts]\nwhen_stale.policy = "continue"',
        ("misplaced_key", "`policy` has no `max_age`, and is never stale", "policy", None),
    ),
    (
        '[facts]\nmax_age.revocations = "1m"',
        (
            "misplaced_key",
            "there is no record of revocations, and none grows old",
            "revocations",
            "give it as `facts.revocations`",
        ),
    ),
    (
        FACTS + 'max_age.revocations = "500ms"',
        (
            "invalid_value",
            "the record is read each 0.5 s, and would be older than it may be in between",
            '"500ms"',
            "shorten `facts.refresh`",
        ),
    ),
    ("[facts]\nmax_age.policy = 0", ("invalid_value", "nothing is young enough for that", "0", None)),
    ('policies = ""', ("invalid_value", "this is no path", '""', None)),
    ("[limits]\ndrain = 1e9", ("invalid_value", "expected a number <= 3600.0", "1e9", None)),
    (
        '[reload]\nwatch = "yes"',
        ("wrong_type", "this is `true` or `false`, and not a text", '"yes"', None),
    ),
]


LIMITS = [name for name in RpcOptions.__struct_fields__ if name not in ("reflection", "reuse_port")]


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_of_grpc_is_neither_nothing_nor_more_than_it_can_count(refuse, name):
    for number in ("0", "1e10" if RpcOptions.__annotations__[name] == "Seconds" else "10000000000"):
        found = refuse(f"[grpc]\n{name} = {number}", {})

        assert [each.code for each in found] == ["invalid_value"]


@pytest.mark.parametrize(("text", "expected"), REFUSED, ids=[f"{each[1][0]}-{n}" for n, each in enumerate(REFUSED)])
def test_what_is_wrong_is_told_with_its_place_and_what_helps(refuse, text, expected):
    found = refuse(text, {"SHORT": "x" * 15})

    assert expected in [told(each) for each in found]


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file(refuse):
    found = refuse("[limits]\ndrain = true\nx = 1\n[listen]\ngrpc = 1\n[[callers]]\nmay = 1")

    lines = [each.span.line for each in found if each.span is not None]
    assert lines == sorted(lines)
    assert [each.code for each in found] == ["wrong_type", "unknown_key", "wrong_type", "missing_key", "wrong_type"]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a = ", "invalid value", 1),
        ("a = 1\na = 2", "cannot overwrite a value", 2),
        ("[a", "expected ']' at the end of a table declaration", 1),
        ("x = " + "[" * 5000, "the file is nested too deep", 1),
    ],
)
def test_what_is_no_toml_is_told_where_it_goes_wrong(tmp_path, text, message, line):
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        load(Flags(file=str(path)), {})

    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("invalid_toml", message)
    assert found.span is not None
    assert (found.span.source.path, found.span.line) == (str(path), line)


@pytest.mark.parametrize(("content", "code"), [(None, "unreadable_file"), (b"\xff", "invalid_utf8")])
def test_a_file_that_cannot_be_read_is_told(tmp_path, content, code):
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load(Flags(file=str(path)), {})

    assert [each.code for each in caught.value.diagnostics] == [code]


def test_a_configuration_without_policies_is_none(folder):
    with pytest.raises(ConfigurationError) as caught:
        load(Flags(), {})

    assert [told(each) for each in caught.value.diagnostics] == [
        (
            "missing_key",
            "nothing says which policies are to be answered by",
            None,
            '`pdp serve policies/`, or `policies = "…"` in the file',
        )
    ]


# ---------------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ('[[callers]]\nname = "a"\ntoken = "hunter2"', {}),
        ("[[callers]]\nname = \"a\"\ntoken = '''hunter2\nhunter2'''", {}),
        ('callers = [{ nmae = "a", token = "hunter2" }]', {}),
        ('[[callers]]\nname = "a"\ntokne = "hunter2"', {}),
        ('[tls]\ncert = "server.crt"\nkey = "hunter2"', {}),
        ('[tls]\ncert = "server.crt"\nkey = { fiel = "hunter2" }', {}),
        ('[[callers]]\nname = "a"\ntoken = hunter2', {}),
        ('[[callers]]\nname = "a"\ntoken = \'hunter2', {}),
        ('[[callers]]\nname = "a"\ntoken = """\nhunter2', {}),
        ('[[callers]]\nname = "a"\ntoken = """\nhunter2\\q"""', {}),
        ("", {"PDP_SERVE_TLS_KEY": "hunter2", "PDP_SERVE_TLS_CERT": "x"}),
        ("", {"PDP_SERVE_TOKEN": "hunter2"}),
    ],
)
def test_a_secret_that_is_written_down_is_refused_and_not_shown(refuse, text, environment):
    found = refuse(text, environment)

    assert "hunter2" not in render_all(found)
    assert "hunter2" not in str([each.to_json() for each in found])


def test_a_literal_secret_is_told_how_to_name_it(refuse):
    (found,) = refuse('[[callers]]\nname = "a"\ntoken = "hunter2"')

    assert found.code == "literal_secret"
    assert found.message == "a secret is not written into a configuration"
    assert found.help == 'name where it stands: `{ file = "/path" }` or `{ env = "NAME" }`'


def test_a_secret_that_others_can_read_is_refused(refuse, folder):
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o644)

    (found,) = refuse('[[callers]]\nname = "a"\ntoken = { file = "token" }')

    assert found.code == "no_secret"
    assert found.message == f"others can read or write the secret in `{folder}/token`"


def test_a_key_that_others_can_read_is_refused(refuse, folder):
    (folder / "server.key").chmod(0o644)

    (found,) = refuse(TLS)

    assert (found.code, found.help) == ("invalid_tls", f"`chmod 600 {folder}/server.key`")


# ----------------------------------------------------------------------------------------------------- what goes before


def test_a_flag_goes_before_the_environment_and_that_before_the_file(take):
    text, environment = "[limits]\ndrain = 1", {"PDP_SERVE_LIMITS_DRAIN": "2"}
    flag = {("limits", "drain"): ("--drain", 3)}

    drains = [
        take(),
        take(text),
        take(text, environment),
        take(text, environment, values=flag),
    ]

    assert [each.options.limits.drain for each in drains] == [10.0, 1.0, 2.0, 3.0]


def test_an_address_that_is_given_anew_is_given_whole(refuse):
    text = '[listen]\nhttp = { address = "127.0.0.1:80", plaintext = true }'

    found = refuse(text, values={("listen", "http"): ("--http", "0.0.0.0:80")})

    assert [(each.code, str(each.span)) for each in found] == [("plaintext", "--http:1:1")]


def test_what_the_environment_says_wrongly_is_told_by_its_name(refuse):
    (found,) = refuse("", {"PDP_SERVE_LIMITS_DRAIN": "soon"})

    assert str(found.span) == "PDP_SERVE_LIMITS_DRAIN:1:1"


def test_a_variable_that_means_nothing_is_told(refuse):
    (found,) = refuse("", {"PDP_SERVE_LISTEN_GRCP": "unix:/x", "PDP_OTHER": "x"})

    assert told(found)[1:2] == ("there is no `PDP_SERVE_LISTEN_GRCP` in the environment that `pdp serve` reads",)
    assert found.help == "did you mean `PDP_SERVE_LISTEN_GRPC`?"


def test_the_environment_gives_texts_numbers_tables_and_lists(take):
    found = take(
        "",
        {
            "PDP_SERVE_LIMITS_DRAIN": "1m",
            "PDP_SERVE_WORKERS_COUNT": "1",
            "PDP_SERVE_RELOAD_WATCH": "false",
            "PDP_SERVE_LISTEN_GRPC": '{ address = "unix:/run/x", mode = "0660" }',
            "PDP_SERVE_CALLERS": '[{ name = "a", token = { env = "TOKEN" } }]',
            "TOKEN": TOKEN,
        },
    )

    assert found.options.limits.drain == 60
    assert not found.options.reload.watch
    assert found.listeners[0].mode == 0o660
    assert found.callers.of(Peer(token=TOKEN)) is not None


ENVOY = """
[listen]
grpc = "unix:/run/x"
[envoy.principal]
type = "User"
id = "{claim.sub}"
[[envoy.routes]]
name = "pages"
path = "/pages/{name}"
action = "%s"
resource = 'Page "{%s}"'
"""


def test_what_the_section_of_envoy_says_wrongly_is_told_at_its_place(refuse):
    (found,) = refuse(ENVOY % ("read", "nmae"))

    assert found.code == "invalid_envoy"
    assert (found.span.text if found.span is not None else "") == "'Page \"{nmae}\"'"


def test_the_section_of_envoy_is_held_to_the_policies(take):
    policy = engine().policy
    take(ENVOY % ("read", "name")).check(policy)

    with pytest.raises(ConfigurationError) as caught:
        take(ENVOY % ("raed", "name")).check(policy)

    (found,) = caught.value.diagnostics
    assert told(found) == ("invalid_envoy", "the policy declares no action `raed`", '"raed"', "did you mean `read`?")


def test_each_variable_is_of_one_value():
    names = [name for name, _, _ in variables(Options)]

    assert len(names) == len({*names})
    assert all(name.startswith(PREFIX) for name in names)


def test_paths_in_a_file_are_relative_to_it_and_others_to_where_the_command_runs(take, folder):
    in_file = take(FACTS)
    elsewhere = take("", {"PDP_SERVE_FACTS_REVOCATIONS": "r.db"}, values={("policies",): ("PATH", "rules")})

    assert (in_file.policies, in_file.revocations) == (f"{folder}/policies", f"{folder}/r.db")
    assert (elsewhere.policies, elsewhere.revocations) == ("rules", "r.db")


# --------------------------------------------------------------------------------------------------------- what it says


def test_without_addresses_it_listens_at_sockets_of_the_user(take, folder):
    found = take()

    assert [(each.protocol, str(each.address), each.mode) for each in found.listeners] == [
        ("grpc", f"unix:{folder}/pdp/grpc.sock", 0o600),
        ("frames", f"unix:{folder}/pdp/pdp.sock", 0o600),
    ]


def test_an_address_for_those_who_run_it_takes_none_of_those_at_which_it_is_asked(take, folder):
    found = take('[listen]\noperations = { address = "127.0.0.1:9090", plaintext = true }')

    assert [each.protocol for each in found.listeners] == ["grpc", "frames", "operations"]


def test_without_a_folder_of_the_users_own_it_listens_nowhere(refuse, folder):
    (folder / "pdp").mkdir()
    (folder / "pdp").chmod(0o777)

    (found,) = refuse()

    assert (found.code, found.help) == (
        "no_folder",
        f"`chmod go-w {folder}/pdp`; or, in a volume that containers share, `shared_folder = true`",
    )


def test_without_callers_the_user_may_do_all_and_nobody_else_anything(take):
    found = take().callers

    owner = found.of(Peer(uid=os.geteuid()))
    assert owner is not None
    assert owner.may == {*May}
    assert found.of(Peer(uid=os.geteuid() + 1)) is None
    assert found.of(Peer()) is None


def test_with_insecure_whoever_connects_to_a_port_may_ask_and_no_more(take):
    text = '[listen]\nhttp = "127.0.0.1:8080"'

    found = take(text, insecure=True)

    anyone = found.callers.of(Peer())
    assert not found.listeners[0].secure
    assert anyone is not None
    assert anyone.may == {May.CHECK, May.WATCH, May.SEARCH}


def test_insecure_takes_no_tls_away(take):
    found = take('[listen]\nhttp = "127.0.0.1:8080"\n' + MTLS + ANYONE, insecure=True)

    assert found.listeners[0].secure
    assert take('[listen]\nhttp = "127.0.0.1:8080"\n' + TLS + ANYONE).listeners[0].secure


def test_insecure_alone_lets_nobody_in_by_tls(refuse):
    (found,) = refuse('[listen]\nhttp = "127.0.0.1:8080"\n' + TLS, insecure=True)

    assert found.code == "nobody_asks"


def test_callers_are_who_they_are_said_to_be(take, folder):
    (folder / "token").touch(mode=0o600)
    (folder / "token").write_text(TOKEN + "\n")
    found = take(
        MTLS
        + f"""
        [[callers]]
        name = "shop"
        spiffe = "spiffe://example.org/shop"
        principals = ["User", "Workload:ci-*"]
        asserts_session = false
        [[callers]]
        name = "ci"
        spiffe = "spiffe://example.org/ci/*"
        may = ["check"]
        [[callers]]
        name = "ours"
        uid = "self"
        may = ["check", "watch", "explain", "search", "revoke", "status"]
        [[callers]]
        name = "root"
        uid = 0
        [[callers]]
        name = "script"
        token = {{ file = "{folder}/token" }}
        """.replace("uid = 0\n", "uid = 4000000\n")
    ).callers

    shop = found.of(Peer(identities=("spiffe://example.org/shop",)))
    ci = found.of(Peer(identities=("spiffe://example.org/ci/build",)))
    assert shop is not None
    assert (shop.name, shop.asserts_session, len(shop.principals or ())) == ("shop", False, 2)
    assert ci is not None
    assert ci.may == {May.CHECK}
    assert (found.of(Peer(uid=os.geteuid())) or shop).name == "ours"
    assert found.by_token.keys() == {hashlib.sha256(TOKEN.encode()).digest()}
    assert found.otherwise is None


def test_at_a_socket_that_others_reach_grpc_takes_nobody_for_its_owner(take):
    text = '[listen]\ngrpc = { address = "unix:/run/x", mode = "0660" }\n'
    owner = '[[callers]]\nname = "ours"\nuid = "self"\n'

    found = take(text + owner + ANYONE)
    at = callers_at(found.callers, found.listeners[0])

    assert (at.of(Peer(uid=os.geteuid())) or found).name == "all"


def test_at_a_socket_that_others_reach_grpc_needs_another_proof(refuse):
    text = '[listen]\ngrpc = { address = "unix:/run/x", mode = "0660" }\n'

    (found,) = refuse(text + '[[callers]]\nname = "ours"\nuid = "self"')

    assert found.code == "nobody_asks"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/pdp.sock", Address(path="/run/pdp.sock")),
        ("unix:///run/pdp.sock", Address(path="/run/pdp.sock")),
        ("unix:pdp.sock", Address(path="pdp.sock")),
        ("127.0.0.1:0", Address(host="127.0.0.1")),
        ("[::1]:8443", Address(host="::1", port=8443)),
        ("localhost:1", Address(host="localhost", port=1)),
    ],
)
def test_an_address_is_read(text, address):
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:",
        "unix:@abstract",
        "unix:\0abstract",
        "unix-abstract:x",
        ":80",
        "80",
        "127.0.0.1",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:٣",
        "127.1:80",
        "0127.0.0.1:80",
        "example.org:80",
        "[::1]",
        "::1:80",
        "[fe80::1%eth0]:80",
        "http://127.0.0.1:80",
        "127.0.0.1:80 ",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("[::ffff:127.0.0.1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("128.0.0.1:1", False),
    ],
)
def test_the_loopback_is_told_from_others(text, is_loopback):
    assert Address.parse(text).is_loopback is is_loopback

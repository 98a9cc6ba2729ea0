"""Commands on folders of Cedar: `check`, `decide`, `trace` and `explain`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import python

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos-cedar"
INSIDE = ("--context", '{"network": "10.0.0.1"}')
BEACH = "Photos::Photo:beach"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A copy of the example, to be spoilt."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for file in PHOTOS.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def spoil(folder: Path, old: str, new: str, name: str = "policies.cedar") -> None:
    file = folder / name
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def codes(run: Any, folder: Path) -> list[str]:
    return [each["code"] for each in json.loads(run("check", folder, "--json").stdout)["diagnostics"]]


# ------------------------------------------------------------------------------------------------------------- check


def test_check_counts_policies_and_warns_of_a_forbid_that_can_be_skipped(run: Any) -> None:
    result = run("check", PHOTOS)

    assert result.exit_code == 0
    assert result.stdout.endswith("ok: 7 policies, 7 entities in 4 files\n")
    assert (
        "warning[forbid_can_be_skipped]: this forbid is skipped where no entity data holds `resource`" in result.stdout
    )
    assert run("check", PHOTOS, "--strict").exit_code == 1


def test_check_validates_by_the_schema(run: Any, photos: Path) -> None:
    spoil(photos, "resource.private }", "resource.privte }")

    found = json.loads(run("check", photos, "--json").stdout)

    errors = [each for each in found["diagnostics"] if each["severity"] == "error"]
    assert [(each["code"], each["text"], each["help"]) for each in errors] == [
        ("unknown_attribute", "resource.privte", "did you mean `private`?")
    ]
    assert found["ok"] is False
    assert run("check", photos).exit_code == 1
    # It is Cedar that asks no policy to validate: what is checked nowhere else is loaded all the same.
    assert run("decide", photos, "Photos::User:ada", "view", BEACH, *INSIDE).exit_code == 0


def test_check_says_that_without_a_schema_nothing_is_validated(run: Any, photos: Path) -> None:
    (photos / "photos.cedarschema").unlink()

    result = run("check", photos)

    assert result.exit_code == 0
    assert (
        "warning[no_schema]: there is no schema, so that a misspelt name or attribute goes unnoticed" in result.stdout
    )
    assert "help: put a file that ends in `.cedarschema` or `.cedarschema.json` beside the policies" in result.stdout
    assert "no_schema" in codes(run, photos)


def test_a_folder_has_policies_of_one_kind(run: Any, photos: Path) -> None:
    (photos / "more.pdp").write_text("type User", encoding="utf-8")

    for command in (["check", photos], ["decide", photos, "User:ada", "view", "Photo:beach"]):
        result = run(*command)
        text = result.stdout + result.stderr
        assert "error[mixed_policies]: `policies.cedar` is a policy of Cedar, and `more.pdp` one of pdp" in text
        assert "help: put them into folders of their own, or convert one kind with `pdp convert`" in text
        assert "1 error in 1 file" in text
    assert run("check", photos).exit_code == 3
    assert codes(run, photos) == ["mixed_policies"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("policies.cedar", "policies.Cedar", "the name ends in `.Cedar`, and that of a policy in `.cedar`"),
        (
            "photos.cedarschema",
            "photos.CedarSchema",
            "the name is that of a file that is read, but for capital letters",
        ),
    ],
)
def test_a_misnamed_file_is_not_passed_over(run: Any, photos: Path, old: str, new: str, message: str) -> None:
    (photos / old).rename(photos / new)

    result = run("check", photos)

    assert result.exit_code == 1
    assert f"error[misnamed_policy]: {message}" in result.stdout


def test_a_schema_alone_is_no_policy(run: Any, photos: Path) -> None:
    (photos / "policies.cedar").unlink()

    result = run("check", photos)

    assert result.exit_code == 3
    assert "the folder holds a schema of Cedar, `photos.cedarschema`, and no policy" in result.stdout
    assert "help: put the policies beside it: they end in `.cedar`" in result.stdout


# ------------------------------------------------------------------------------------------------------------ decide


@pytest.mark.parametrize("principal", ["Photos::User:cy", 'Photos::User::"cy"'])
@pytest.mark.parametrize("action", ["view", 'Photos::Action::"view"', "Photos::Action:view"])
def test_names_are_written_as_cedar_does_or_short(run: Any, principal: str, action: str) -> None:
    result = run("decide", PHOTOS, principal, action, BEACH, *INSIDE)

    assert (result.exit_code, result.stdout) == (0, "allow (permitted) by public\n")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["User:cy", "view", BEACH], "PRINCIPAL: there is no entity type `User`\nhelp: did you mean `Photos::User`?"),
        (
            ["Photos::User::cy", "view", BEACH],
            'PRINCIPAL: `Photos::User::cy` names no entity\nhelp: write `Photos::User::"cy"` or `Photos::User:cy`',
        ),
        (
            ['Photos::User "cy"', "view", BEACH],
            'PRINCIPAL: `Photos::User "cy"` names no entity\nhelp: write `Photos::User::"cy"`',
        ),
        (
            ["Photos::User:cy", 'Photos::Action::"vi', BEACH],
            'ACTION: `Photos::Action::"vi` names no action: the string is never closed\nhelp: close it with `"`',
        ),
        (
            ["Photos::User:cy", "view", "beach"],
            'RESOURCE: `beach` names no entity\nhelp: write `Type::"id"` or `Type:id`',
        ),
        (
            ["Photos::User:cy", "view", BEACH, "--context", '{"network": "10.0.0.x"}'],
            "error[unreadable_value]: `10.0.0.x` is not an ipaddr: this is not an IP address\n --> --context:1:13",
        ),
        (
            ["Photos::User:cy", "view", BEACH, "--approvals", "[]"],
            "policies of Cedar ask for no approvals: leave `--approvals` out",
        ),
        (
            ["Photos::User:cy", "view", BEACH, "--session", '{"actor": "Photos::User:bo"}'],
            "error[unknown_key]: policies of Cedar know of nobody who acts for the principal",
        ),
        (
            ["Photos::User:cy", "view", BEACH, "--entities", '[{"type": "Photos::User", "id": "x"}]'],
            "error[unknown_key]: an entity has no `type`",
        ),
        (
            [
                *("Photos::User:cy", "view", BEACH, "--entities"),
                '[{"uid": {"type": "Photos::User", "id": "x"}, "attrs": {"email": 1}, "parents": []}]',
            ],
            "error[wrong_type]: expected `String`, found the number `1`",
        ),
        (
            [
                *("Photos::User:cy", "view", BEACH, "--entities"),
                '[{"uid": {"type": "Photos::User", "id": "x"}, "attrs": {}, "tags": {"a": "b"}}]',
            ],
            "error[undeclared_tags]: an entity that a request brings has no tags",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_cedars_words(run: Any, asked: list[str], message: str) -> None:
    result = run("decide", PHOTOS, *asked)

    assert result.exit_code == 3
    assert result.stdout == ""
    assert message in result.stderr


def test_a_misspelt_action_is_suggested(run: Any) -> None:
    result = run("decide", PHOTOS, "Photos::User:cy", "vew", BEACH, *INSIDE)

    assert result.exit_code == 3
    assert "note: did you mean `view`?" in result.stderr


def test_a_context_that_is_missing_is_named(run: Any) -> None:
    result = run("decide", PHOTOS, "Photos::User:cy", "view", BEACH)

    assert result.exit_code == 3
    assert "note: `--context` is needed: the action has `network`" in result.stderr


def test_a_request_brings_entities_in_cedars_json(run: Any) -> None:
    owner = {"__entity": {"type": "Photos::User", "id": "new"}}
    request = {
        "principal": {"type": "Photos::User", "id": "new"},
        "action": {"type": "Photos::Action", "id": "view"},
        "resource": {
            "uid": {"type": "Photos::Photo", "id": "new"},
            "attrs": {"owner": owner, "private": True, "labels": []},
            "parents": [{"type": "Photos::Album", "id": "summer"}],
        },
        "context": {"network": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}},
    }

    result = run("decide", PHOTOS, "--request", json.dumps(request))

    assert (result.exit_code, result.stdout) == (0, "allow (permitted) by owners\n")
    assert 'no entity file holds `Photos::User::"new"`' in result.stderr


def test_without_a_schema_any_type_and_any_action_can_be_asked(run: Any, tmp_path: Path) -> None:
    policy = tmp_path / "policy.cedar"
    policy.write_text('permit (principal == N::User::"ada", action, resource);', encoding="utf-8")

    result = run("decide", policy, "N::User:ada", "Anything:whatever", 'Page::"home page"')

    assert (result.exit_code, result.stdout) == (0, "allow (permitted) by policy0\n")


# ------------------------------------------------------------------------------------------------------------- trace


def test_a_trace_shows_what_clauses_met_in_cedars_words(run: Any) -> None:
    quality = '{"network": "10.0.0.1", "quality": {"type": "Photos::Quality", "id": "web"}}'

    result = run("trace", PHOTOS, "Photos::User:bo", "download", "Photos::Photo:passport", "--context", quality)

    assert result.exit_code == 2
    assert 'asked: Photos::User::"bo" to download on Photos::Photo::"passport"' in result.stdout
    assert "DENIES: forbid minors  policies.cedar:33" in result.stdout
    assert 'principal.age = 17, resource.private = true, resource.owner = Photos::User::"ada"' in result.stdout
    assert "applies: permit bo_sees_the_summer" in result.stdout


def test_a_trace_says_that_a_forbid_was_skipped(run: Any, tmp_path: Path) -> None:
    (tmp_path / "policy.cedar").write_text(
        "permit (principal, action, resource);\n"
        '@id("frozen") forbid (principal, action, resource)'
        ' unless { resource has a.b } when { resource["odd one"] > 3 };\n'
        '@id("tagged") forbid (principal, action, resource) when { principal.getTag("dept") == "x" };\n'
        '@id("acts") forbid (principal, action, resource) when { action in Action::"look" };\n',
        encoding="utf-8",
    )
    entities = [{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": [], "tags": {"dept": "y"}}]
    (tmp_path / "entities.json").write_text(json.dumps(entities), encoding="utf-8")

    traced = run("trace", tmp_path, "User:a", "read", "Page:home")
    decided = run("decide", tmp_path, "User:a", "read", "Page:home")

    assert traced.exit_code == 0
    assert (
        "SKIPPED, with an error: forbid frozen  policy.cedar:2\n"
        '  ? unless { resource has a.b } when { resource["odd one"] > 3 }'
    ) in traced.stdout
    assert 'resource has a.b = false, resource["odd one"] = an error' in traced.stdout
    assert "it cannot be evaluated, and Cedar skips what cannot be: nothing is forbidden by it" in traced.stdout
    assert 'principal.getTag("dept") = "y"' in traced.stdout
    assert 'action = Action::"read"' in traced.stdout
    assert "skipped: frozen, which cannot be evaluated, and forbids nothing" in decided.stdout


# ----------------------------------------------------------------------------------------------------------- explain


@pytest.mark.parametrize("principal", ["Photos::User", "Photos::User:ada", 'Photos::User::"ada"'])
def test_explain_takes_types_and_entities(run: Any, principal: str) -> None:
    result = run("explain", PHOTOS, principal, "Photos::Action:download", "Photos::Photo")

    assert result.exit_code == 0
    assert result.stdout.startswith("Photos::User to download on Photos::Photo: 5 rules\n")


def test_explain_suggests_a_type_of_a_namespace(run: Any) -> None:
    result = run("explain", PHOTOS, "User", "download", "Photos::Photo")

    assert result.exit_code == 3
    assert "error: there is no entity type `User`\nhelp: did you mean `Photos::User`?" in result.stderr


# ------------------------------------------------------------------------------------------------------- the example


def test_the_commands_of_the_example_do_what_its_page_says(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (PHOTOS / "README.md").read_text("utf-8")
    commands = [shlex.split(line)[1:] for line in page.splitlines() if line.startswith("pdp ")]
    monkeypatch.chdir(PHOTOS.parent.parent)

    results = [run(*command) for command in commands]

    assert [command[0] for command in commands] == ["check", "test", "decide", "trace", "convert"]
    assert [each.exit_code for each in results] == [0, 0, 0, 2, 0]
    assert "coverage: 100.0 %" in results[1].stdout
    assert "DENIES: forbid minors" in results[3].stdout
    assert "rule minors:" in results[4].stdout


def test_to_decide_is_to_start_without_what_reads_policies(tmp_path: Path) -> None:
    script = """
import sys
from pdp.cli import main
sys.argv = ["pdp", "decide", sys.argv[1], "Photos::User:cy", "view", "Photos::Photo:beach", "--context", sys.argv[2]]
try:
    main()
except SystemExit as end:
    assert end.code == 0
slow = ("pdp.checker", "pdp.syntax.parser", "pdp.cedar.parser", "pdp.cedar.schemas", "pdp.cedar.validation", "click")
print([name for name in slow if name in sys.modules])
"""
    env = {"PDP_CACHE": str(tmp_path)}

    first, second = [python("-c", script, PHOTOS, INSIDE[1], env=env) for _ in range(2)]

    assert first.returncode == second.returncode == 0
    assert second.stdout.decode().splitlines() == ["allow (permitted) by public", "[]"]

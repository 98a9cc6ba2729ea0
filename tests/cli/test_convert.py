"""`pdp convert`: from a folder of Cedar to a folder of pdp."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos-cedar"
NETWORK = '{"network": "10.0.0.1"}'

SCHEMA = (
    "entity User { age: Long } tags String; entity Page; action read appliesTo { principal: User, resource: Page };"
)
POLICIES = """
@id("tagged") permit (principal, action, resource) when { principal.hasTag("a") };
@id("grown up") permit (principal, action, resource) when { principal.age + 1 > 18 };
@id("fails") forbid (principal, action, resource) when { principal.age + 1 > 99 };
"""


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """A folder of which one policy cannot be converted, and one means something else."""
    folder = tmp_path / "tagged"
    folder.mkdir()
    (folder / "policies.cedar").write_text(POLICIES, encoding="utf-8")
    (folder / "schema.cedarschema").write_text(SCHEMA, encoding="utf-8")
    return folder


def test_the_example_becomes_a_folder_that_holds_up(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"

    result = run("convert", PHOTOS, "--out", out)

    assert result.exit_code == 0
    assert result.stdout == f"converted: 7 policies, as 7 rules, in {out}/policy.pdp, {out}/entities.json\n"
    assert "errors" not in run("check", out).stdout
    assert run("check", out).exit_code == 0
    assert run("fmt", "--check", out).exit_code == 0


@pytest.mark.parametrize(
    ("principal", "action", "resource"),
    [
        (who, what, on)
        for who in ("ada", "bo", "cy")
        for what in ("view", "share", "delete")
        for on in ("beach", "passport")
    ],
)
def test_the_example_decides_the_same(run: Any, tmp_path: Path, principal: str, action: str, resource: str) -> None:
    out = tmp_path / "out"
    run("convert", PHOTOS, "--out", out)

    cedar = run(
        "decide", PHOTOS, f"Photos::User:{principal}", action, f"Photos::Photo:{resource}", "--context", NETWORK
    )
    native = run("decide", out, f"User:{principal}", action, f"Photo:{resource}", "--context", NETWORK)

    assert cedar.exit_code in (0, 2)
    assert native.exit_code == cedar.exit_code
    # The first line says what was decided, and by which rules.
    assert native.stdout.splitlines()[0] == cedar.stdout.splitlines()[0]


def test_without_out_the_policies_are_printed_and_nothing_else(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("convert", PHOTOS, "--out", out)

    result = run("convert", PHOTOS)

    assert result.exit_code == 0
    assert result.stdout == (out / "policy.pdp").read_text("utf-8")
    assert result.stderr == "note: `--out FOLDER` writes the entities, too\n"


def test_what_cannot_be_converted_is_told_and_all_else_is(run: Any, tagged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    result = run("convert", tagged, "--out", out)

    assert result.exit_code == 1
    assert (
        "error[not_converted]: the policy `tagged` is not converted: in pdp, entities have no tags\n"
        " --> policies.cedar:2:59\n"
    ) in result.stdout
    assert "differs: fails: Cedar skips this forbid where" in result.stdout
    assert "converted: 2 policies, as 2 rules" in result.stdout
    text = (out / "policy.pdp").read_text("utf-8")
    assert "# not converted: the Cedar policy `tagged`: in pdp, entities have no tags\n" in text
    assert "# differs from Cedar: Cedar skips this forbid where" in text
    assert run("check", out).exit_code == 0


def test_json_tells_what_was_converted_and_what_is_different(run: Any, tagged: Path) -> None:
    result = run("convert", tagged, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["ok"] is False
    assert found["rules"] == {"grown up": ["grown_up"], "fails": ["fails"]}
    assert {(each["subject"], each["kind"]) for each in found["differences"]} == {
        ("User", "tags"),
        ("fails", "forbid_denies"),
    }
    assert [each["code"] for each in found["diagnostics"]] == ["not_converted"]
    assert found["files"].keys() == {"policy.pdp"}


def test_no_file_is_overwritten_unasked(run: Any, tmp_path: Path) -> None:
    mine = tmp_path / "entities.json"
    mine.write_text("mine", encoding="utf-8")

    refused = run("convert", PHOTOS, "--out", tmp_path)
    kept = mine.read_text("utf-8"), sorted(each.name for each in tmp_path.iterdir())
    forced = run("convert", PHOTOS, "--out", tmp_path, "--force")

    assert (refused.exit_code, refused.stderr) == (
        3,
        f"error: `{mine}` is there already\nhelp: `--force` overwrites it\n",
    )
    assert kept == ("mine", ["entities.json"])
    assert forced.exit_code == 0
    assert mine.read_text("utf-8").startswith("{")


def test_no_folder_gets_policies_of_both_kinds(run: Any, tagged: Path) -> None:
    result = run("convert", tagged, "--out", tagged)

    assert result.exit_code == 3
    assert result.stderr == (
        f"error: `{tagged}` holds policies of Cedar: no folder has both\nhelp: name another folder with `--out`\n"
    )
    assert not (tagged / "policy.pdp").exists()


def test_a_folder_that_does_not_load_is_not_converted(run: Any, tagged: Path) -> None:
    (tagged / "policies.cedar").write_text("permit (principal, action);", encoding="utf-8")

    result = run("convert", tagged)

    assert result.exit_code == 4
    assert result.stdout == ""
    assert "policies.cedar:1:" in result.stderr


def test_without_a_schema_there_is_nothing_to_go_by(run: Any, tagged: Path) -> None:
    (tagged / "schema.cedarschema").unlink()

    result = run("convert", tagged)

    assert result.exit_code == 3
    assert result.stderr == (
        "error: without a schema, nobody knows which types, attributes and actions there are\n"
        "help: put a file that ends in `.cedarschema` or `.cedarschema.json` beside the policies\n"
    )


def test_a_folder_of_pdp_is_not_converted(run: Any, folder: Path) -> None:
    result = run("convert", folder)

    assert result.exit_code == 3
    assert result.stderr == (f"error: `{folder}` holds no policy of Cedar\nhelp: policies of Cedar end in `.cedar`\n")

"""Which files of a folder hold tables, and what they may reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.errors import PolicyError
from pdp.folder import load
from pdp.testing.suites import collect
from tests.testing.tables.worlds import FIXTURES, WORLD

TABLE = "tests: [{name: t, expect: {User:ada: {read: {Service:api: allow}}}}]\n"
FOLDER = "tests: [{name: t, world: folder, expect: {User:dan: {read: {Service:api: {allow: staff_read}}}}}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.pdp").write_text(WORLD)
    (tmp_path / "fixtures.yaml").write_text(FIXTURES)
    (tmp_path / "t.test.yaml").write_text(TABLE)
    return tmp_path


def codes(folder: Path) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as raised:
        collect(str(folder))
    return [(each.code, str(each.span)) for each in raised.value.diagnostics]


def test_tables_are_found_anywhere_that_is_not_hidden(folder: Path) -> None:
    for place in ("sub", ".hidden", "entities"):
        (folder / place).mkdir()
        (folder / place / "u.test.csv").write_text(
            "principal,action,resource,decision\nUser:ada,read,Service:api,allow\n"
        )
        (folder / place / "fixtures.yaml").write_text(FIXTURES)
    (folder / ".x.test.yaml").write_text("tests: 3")

    suite = collect(str(folder))

    assert [(test.name, str(test.span)) for test in suite.tests] == [
        ("u", "entities/u.test.csv:2:1"),
        ("u", "sub/u.test.csv:2:1"),
        ("t", "t.test.yaml:1:16"),
    ]


def test_tables_are_no_part_of_the_policy_and_no_entities(folder: Path) -> None:
    before = load(folder, cache="off")
    (folder / "t.test.yaml").write_text("tests: 3")
    (folder / "fixtures.yaml").unlink()

    after = load(folder, cache="off")

    assert before.policy is not None
    assert after.policy is not None
    assert before.policy.revision == after.policy.revision
    assert before.diagnostics == after.diagnostics == ()
    assert before.store is not None
    assert [*before.store] == []


def test_the_world_of_a_table_is_its_own_or_that_of_the_folder(folder: Path) -> None:
    (folder / "entities.yaml").write_text(
        "entities: [{type: User, id: dan, in: ['Group \"staff\"'], attributes: {level: 1}}]"
    )
    (folder / "t.test.yaml").write_text(FOLDER)

    suite = collect(str(folder))

    assert [result.differences for result in suite.runner().run(suite.tests)] == [()]
    (folder / "t.test.yaml").write_text(FOLDER.replace(", world: folder", ""))
    assert codes(folder) == [("unheld_entity", "t.test.yaml:1:28")]


def test_a_link_is_not_followed(folder: Path) -> None:
    outside = folder.parent / "outside.yaml"
    outside.write_text(FIXTURES)
    (folder / "fixtures.yaml").unlink()
    (folder / "fixtures.yaml").symlink_to(outside)

    assert codes(folder) == [("unreadable_file", "fixtures.yaml:1:1")]


@pytest.mark.parametrize("path", ["../outside.yaml", "/etc/hostname.yaml", "sub/../../outside.yaml"])
def test_fixtures_stand_in_the_folder(folder: Path, path: str) -> None:
    (folder.parent / "outside.yaml").write_text(FIXTURES)
    (folder / "t.test.yaml").write_text(f"fixtures: [{path}]\n{TABLE}")

    assert codes(folder) == [("no_fixtures", "t.test.yaml:1:12")]


def test_a_name_in_capital_letters_is_not_passed_over(folder: Path) -> None:
    (folder / "u.Test.yaml").write_text(TABLE)

    assert codes(folder) == [("misnamed_policy", "u.Test.yaml:1:1")]


def test_a_file_that_is_no_text_is_reported(folder: Path) -> None:
    (folder / "u.test.csv").write_bytes(b"\xff\xfe")

    assert codes(folder) == [("invalid_utf8", "u.test.csv:1:1")]


def test_a_single_file_has_no_tables(folder: Path) -> None:
    assert collect(str(folder / "p.pdp")).tests == ()

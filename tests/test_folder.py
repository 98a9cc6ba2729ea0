"""Which files of a policy folder count, and what is wrong with a folder as such."""

from __future__ import annotations

from pathlib import Path

import pytest

import pdp
from pdp.errors import DiagnosticError
from pdp.folder import load

POLICY = "type User\ntype Page\naction read on Page by User\nrule r:\n  permit User to read on Page\n"


def codes(path: Path) -> list[str]:
    return [each.code for each in load(path).diagnostics]


def test_policies_are_found_in_folders_below_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.pdp").write_text(POLICY)
    (tmp_path / ".hidden.pdp").write_text("this is no policy")

    loaded = load(tmp_path)

    assert (loaded.diagnostics, loaded.files) == ((), 1)


def test_a_path_that_is_not_there_a_folder_without_a_policy_and_another_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")

    assert codes(tmp_path / "nowhere") == ["no_such_path"]
    assert codes(tmp_path) == ["no_policy"]
    assert codes(tmp_path / "notes.txt") == ["no_policy"]


def test_an_empty_path_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdp").write_text(POLICY)
    monkeypatch.chdir(tmp_path)

    found = load("").diagnostics

    assert [(each.code, each.message) for each in found] == [("no_such_path", "the path is empty")]
    assert load(".").diagnostics == load(f"{tmp_path}/").diagnostics == ()


def test_a_policy_whose_ending_is_in_upper_case_is_an_error_since_its_forbids_would_be_lost(tmp_path: Path) -> None:
    (tmp_path / "a.pdp").write_text(POLICY)
    (tmp_path / "guards.PDP").write_text(POLICY)

    found = load(tmp_path).diagnostics

    assert [(each.code, each.span.source.path, each.help) for each in found] == [
        ("no_policy", "guards.PDP", "its name has to end in `.pdp`")
    ]


def test_a_linked_folder_is_an_error_since_its_forbids_would_be_lost(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "policies" / "a.pdp").write_text(POLICY)
    (tmp_path / "policies" / "guards").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DiagnosticError) as raised:
        pdp.Engine.load(tmp_path / "policies")

    assert [each.code for each in raised.value.diagnostics] == ["unreadable_folder"]


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdp").write_text(POLICY)

    def walk(root: Path, onerror: object) -> list[tuple[str, list[str], list[str]]]:
        assert callable(onerror)
        onerror(PermissionError(13, "denied", str(tmp_path / "guards")))
        return [(str(root), [], ["a.pdp"])]

    monkeypatch.setattr("pdp.folder.os.walk", walk)

    assert codes(tmp_path) == ["unreadable_folder"]


def test_too_many_files_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdp.folder.MAX_FILES", 1)
    for name in ("a.pdp", "b.pdp"):
        (tmp_path / name).write_text("")

    assert codes(tmp_path) == ["too_many_files"]

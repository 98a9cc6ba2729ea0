"""What was asked before is compiled before other policies are taken, so that nobody waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import pdp
from pdp.cells import Program

OPEN = "type User\ntype Page\naction read, edit on Page by User\nrule open: permit User to read on Page\n"
SHUT = OPEN + 'rule shut: forbid anyone to any on Page because "closed"\n'
ADA, HOME = pdp.ref("User", "ada"), pdp.ref("Page", "home")


def loaded(folder: Path) -> pdp.Engine:
    (folder / "a.pdp").write_text(OPEN, encoding="utf-8")
    found = pdp.Engine.load(folder, cache="off")
    found.decide(ADA, "read", HOME)
    (folder / "a.pdp").write_text(SHUT, encoding="utf-8")
    return found


def cells(engine: pdp.Engine) -> dict[str, list[str]]:
    return {action: list(found) for action, found in engine._world.program.doors["User"].items()}


@pytest.mark.parametrize("ahead, made", [(0.0, {}), (10.0, {"read": ["Page"]})])
def test_what_was_asked_is_there_when_it_is_asked_again(
    tmp_path: Path, ahead: float, made: dict[str, list[str]]
) -> None:
    engine = loaded(tmp_path)

    engine.reload(tmp_path, ahead=ahead)

    assert cells(engine) == made
    assert not engine.allows(ADA, "read", HOME)


def test_nothing_is_compiled_when_the_time_is_over(tmp_path: Path) -> None:
    engine = loaded(tmp_path)
    before, after = engine._world.program, Program(engine.policy)

    after.prepare(before, lambda: True)

    assert after.doors["User"] == {}


def test_what_cannot_be_compiled_is_taken_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = loaded(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Program, "cell", lambda *_: 1 / 0)
        engine.reload(tmp_path, ahead=10.0)

    assert not engine.allows(ADA, "read", HOME)


def test_what_the_next_policies_do_not_have_is_passed_over(tmp_path: Path) -> None:
    engine = loaded(tmp_path)
    (tmp_path / "a.pdp").write_text("type Somebody\ntype Page\naction read on Page by Somebody\n", encoding="utf-8")

    engine.reload(tmp_path, ahead=10.0)

    assert engine.decide(ADA, "read", HOME).reason == "invalid_request"

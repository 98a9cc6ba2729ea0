"""Working once more with each change of a folder."""

import pytest

from pdp.cli.commands import Options, Refusal, Status
from pdp.cli.watching import watch_folder
from pdp.folder import load


def test_it_works_once_and_then_with_each_change(tmp_path):
    worked = []

    def work():
        worked.append(len(worked))
        return Status.ERRORS if len(worked) == 3 else Status.OK

    status = watch_folder(str(tmp_path), work, Options([]), changes=iter([set(), {"one"}, set(), {"two"}]))

    assert worked == [0, 1, 2]
    assert status is Status.ERRORS


def test_what_does_not_load_is_shown_and_ends_nothing(tmp_path, capsys):
    (tmp_path / "policy.pdp").write_text("type User {")
    runs = []

    def work():
        runs.append(1)
        load(tmp_path).require()
        return Status.OK

    def changes():
        yield set()
        (tmp_path / "policy.pdp").write_text("type User")
        yield {"mended"}

    status = watch_folder(str(tmp_path), work, Options([]), changes=changes())

    assert (len(runs), status) == (2, Status.OK)
    assert "policy.pdp:1" in capsys.readouterr().err


def test_to_interrupt_it_is_its_end(tmp_path):
    def changes():
        yield set()
        raise KeyboardInterrupt

    assert watch_folder(str(tmp_path), lambda: Status.OK, Options([]), changes=changes()) is Status.OK


def test_what_is_not_there_cannot_be_watched(tmp_path):
    with pytest.raises(Refusal, match="no such file or folder"):
        watch_folder(str(tmp_path / "none"), lambda: Status.OK, Options([]))


def test_a_change_is_seen_from_the_first_work_on(tmp_path):
    pytest.importorskip("watchfiles")
    (tmp_path / "policy.pdp").write_text("type User")
    runs = []

    def work():
        runs.append(1)
        if len(runs) == 2:
            raise KeyboardInterrupt
        (tmp_path / "policy.pdp").write_text("type Page")
        return Status.OK

    watch_folder(str(tmp_path), work, Options([]))

    assert len(runs) == 2

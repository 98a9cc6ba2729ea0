"""The benchmarks measure what they say: workloads come out as they expect, rows have figures, and none gets lost."""

import collections
import gc
import math
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import pdp
from benchmarks import __main__ as command
from benchmarks import chart, contenders, machine, measures, probes, report, sources, targets, test_calls, workloads
from benchmarks.contenders import Ours

SMALL = [
    "tinytodo_5",
    "tinytodo_50",
    "github_5",
    "github_50",
    "gdrive_5",
    "gdrive_50",
    "conditions_8",
    "roles_10",
    "roles_100",
]

PLACE = machine.Place(
    date="2026-11-23",
    machine="a machine",
    python="CPython 3.11.0",
    commit="0123456789ab",
    command="make bench",
    load=0.0,
    versions={"cedarpy": "4.12.2"},
)


def figures_of(rows: list[targets.Row], value: float = 1.0) -> dict[str, float]:
    return {name: value for row in rows for name in row.figures}


@pytest.mark.parametrize("name", SMALL)
def test_a_workload_comes_out_as_it_expects_half_allowed_and_half_denied(name: str) -> None:
    workload = workloads.build(name)

    found = Ours(workload).answers(workload.asks)

    assert found == [ask.allowed for ask in workload.asks]
    assert found.count(True) == found.count(False) > 0


@pytest.mark.parametrize("name", ["github_5", "conditions_8", "roles_100"])
def test_a_workload_is_the_same_each_time(name: str) -> None:
    assert workloads.build(name) == workloads.build(name)


def test_requests_that_lack_an_attribute_err_and_are_denied() -> None:
    workload = workloads.build("conditions_8")
    ours = Ours(workload)

    decisions = [ours.engine.decide(*call) for call in ours.calls(workload.missing)]

    assert decisions
    assert all(not decision and decision.erring_rules for decision in decisions)


@pytest.mark.parametrize("name", ["conditions_8", "conditions_80", "roles_10", "roles_100"])
def test_both_languages_have_as_many_rules_as_the_name_says(name: str) -> None:
    workload = workloads.build(name)
    count = int(name.partition("_")[2])

    assert len(contenders.load(workload).policy.rules) == count
    assert workload.cedar.count(";\n") == count


def test_an_application_has_one_rule_for_each_of_cedars() -> None:
    for name in ("tinytodo_5", "github_5", "gdrive_5"):
        workload = workloads.build(name)

        assert len(contenders.load(workload).policy.rules) == workload.cedar.count(";\n")


def test_what_is_loaded_is_a_hundred_files_with_as_many_rules_in_both_languages(tmp_path: Path) -> None:
    files = sources.files(1_600)
    contenders.write(files, tmp_path)
    edited = tmp_path / sources.file_name(7)
    edited.write_text(edited.read_text() + sources.new_rule(7))

    assert len(files) == 1 + sources.FILES
    assert sources.cedar(1_600).count(";\n") == 1_600
    assert len(pdp.Engine.load(tmp_path).policy.rules) == 1_601


def test_each_row_is_made_of_figures_that_are_measured() -> None:
    for row in targets.read():
        for figure in row.figures:
            kind, subject, what = figure.split(".")
            if kind == "call":
                assert subject in measures.call_groups(), figure
                assert what in test_calls.contenders_of(subject), figure
            else:
                assert what in measures.GIVES[kind], figure
    assert measures.GIVES.keys() == measures.KINDS.keys() == targets.UNITS.keys() - {"call"}


def test_every_workload_takes_part() -> None:
    assert set(workloads.names()) <= set(measures.call_groups())
    assert set(test_calls.SCALES) == set(measures.call_groups()) - set(workloads.names())


@pytest.mark.parametrize("group", ["tinytodo_5", "tinytodo_50", "conditions_8", "roles_10"])
def test_who_takes_part_in_a_group_is_who_is_timed(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Peer:
        def __init__(self, workload: workloads.Workload) -> None: ...

        def answers(self, asks: tuple[workloads.Ask, ...]) -> list[bool]:
            return [ask.allowed for ask in asks]

        def run(self, asks: tuple[workloads.Ask, ...]) -> contenders.Run:
            return lambda: None

    monkeypatch.setattr(test_calls, "Cedar", Peer)
    monkeypatch.setattr(test_calls, "Casbin", Peer)

    assert list(test_calls.runs.__wrapped__(group)) == test_calls.contenders_of(group)


def test_nothing_is_timed_when_an_engine_answers_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def __init__(self, workload: workloads.Workload) -> None: ...

        def answers(self, asks: tuple[workloads.Ask, ...]) -> list[bool]:
            return [not ask.allowed for ask in asks]

    monkeypatch.setattr(test_calls, "Cedar", Wrong)

    with pytest.raises(AssertionError):
        test_calls.runs.__wrapped__("tinytodo_5")


def test_what_the_loop_takes_is_taken_off() -> None:
    def lap(contender: str, *seconds: float) -> dict[str, object]:
        info = {"group": "g", "contender": contender, "requests": 100}
        return {"extra_info": info, "stats": {"data": list(seconds)}}

    found = measures.call_figures(
        [
            lap("nothing", 1e-5, 1e-5),
            lap("nothing_of_three", 2e-5),
            lap("bare", 5e-5),
            lap("allows", 1e-4, 9e-4),
            lap("allows", 2e-4),
            lap("cedarpy", 3e-3),
        ]
    )

    assert found == pytest.approx({"call.g.bare": 0.3, "call.g.allows": 1.9, "call.g.cedarpy": 30.0})


def test_a_target_is_met_at_its_bound_and_not_beyond() -> None:
    rows = {row.name: row for row in targets.read()}
    least, most = rows["allows_against_cedarpy.github_50"], rows["first_decision.github_50"]

    assert least.measured({least.value: 20.0, least.over: 0.5}) == 40.0
    assert least.reached(40.0) and not least.reached(39.9)
    assert most.reached(10.0) and not most.reached(10.1)


def test_a_missing_figure_leaves_its_row_missing_and_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def all_but_one(rows: list[targets.Row], complete: bool) -> dict[str, float]:
        figures = figures_of(rows)
        del figures["start.process.import"]
        return figures

    monkeypatch.setattr(command.machine, "describe", lambda wanted: PLACE)
    monkeypatch.setattr(command.report, "write", lambda *_: None)
    monkeypatch.setattr(command, "measure", all_but_one)

    status = command.main("")

    shown = capsys.readouterr()
    assert status == 1
    assert "not measured: import" in shown.err
    assert "MISSING" in shown.out


def test_rows_that_are_measured_and_not_reached_do_not_fail_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.machine, "describe", lambda wanted: PLACE)
    monkeypatch.setattr(command, "measure", lambda rows, complete: figures_of(rows))
    monkeypatch.setattr(command.report, "write", lambda *_: pytest.fail("some rows only, and yet written"))

    status = command.main("decide_with_sink")

    assert status == 0
    assert "4 rows, 4 measured, 0 reached" in capsys.readouterr().out


def test_a_measurement_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(subject: str) -> measures.Figures:
        raise measures.MeasurementError("no")

    rows = [row for row in targets.read() if row.name in ("import", "entity_changed")]
    monkeypatch.setitem(measures.KINDS, "start", fails)
    monkeypatch.setitem(measures.KINDS, "entity", lambda subject: {f"entity.{subject}.changed": 1.0})

    assert command.measure(rows, complete=False) == {"entity.entities_100000.changed": 1.0}


def test_each_reason_is_for_a_row(tmp_path: Path) -> None:
    path = tmp_path / "targets.toml"
    path.write_text(targets.FILE.read_text().partition("[reasons]")[0] + '[reasons]\nno_such_row = "because"\n')

    with pytest.raises(targets.TargetError, match="no_such_row"):
        targets.read(path)


def test_a_row_says_why_it_is_not_reached(tmp_path: Path) -> None:
    path = tmp_path / "targets.toml"
    text = targets.FILE.read_text().partition("[reasons]")[0]
    path.write_text(text + '[reasons]\nimport = "it reads too much"\nfirst_decision = "it compiles"\n')
    rows = targets.read(path)
    reasons = {row.name: row.reason for row in rows if row.reason}

    assert reasons.pop("import") == "it reads too much"
    assert set(reasons.values()) == {"it compiles"}
    assert len(reasons) == len(next(r for r in tomllib.loads(text)["row"] if r["name"] == "first_decision")["cases"])


def test_the_results_name_row_measured_target_and_reached() -> None:
    rows = targets.read()
    found = report.results(rows, figures_of(rows))

    document = report.document(PLACE, found, figures_of(rows))

    assert {"row", "measured", "target", "reached"} <= set(document["rows"][0])
    assert collections.Counter(each["reached"] for each in document["rows"])[True] == sum(r.reached for r in found)


def test_the_page_is_written_between_its_marks() -> None:
    rows = targets.read()
    section = report.section(PLACE, report.results(rows, figures_of(rows)), figures_of(rows))
    page = (report.ROOT / report.PAGE).read_text(encoding="utf-8")

    written = report.between(page, section)

    assert report.between(written, section) == written
    assert written.count("`import`") == 2
    with pytest.raises(ValueError, match="marks"):
        report.between("no marks", section)


def test_the_picture_is_well_formed_and_shows_every_bar() -> None:
    groups = [chart.Group("a & b", [("pdp allows", 0.3), ("cedarpy", 25.0)]), chart.Group("c", [("cedarpy", 1.2e5)])]

    root = ET.fromstring(chart.draw(groups, "<today>"))

    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "a & b, pdp allows: 0.3 µs" in titles
    assert "c, cedarpy: 120 ms" in titles


def test_the_search_for_pauses_sees_full_collections() -> None:
    calls = [(None, None, None)] * 2

    def collects(*_: object) -> None:
        gc.collect()

    found = probes.until_full_collections(collects, calls, 3, until=math.inf)

    assert len(found) == 3
    assert min(found) > 0


def test_the_search_for_pauses_ends_when_its_time_is_up() -> None:
    found = probes.until_full_collections(lambda *_: None, [(None, None, None)], 3, until=0.0)

    assert len(found) == 1


def test_calls_are_timed_one_by_one_for_as_long_as_there_is_time() -> None:
    calls = [(None,) * 6] * 10

    assert len(probes.one_by_one(lambda *_: None, calls, 100, until=math.inf)) == 100
    assert len(probes.one_by_one(None, calls, 100, until=0.0)) == 10


def test_engines_that_look_at_each_rule_are_asked_few_requests_half_of_them_allowed() -> None:
    workload = workloads.build("roles_10000")

    assert len(workload.few) == 20
    assert set(map(id, workload.few)) < set(map(id, workload.asks))
    assert [ask.allowed for ask in workload.few].count(True) == 10


def test_a_session_is_read_once_where_the_engine_can() -> None:
    class Reads:
        def session(self, given: dict[str, object]) -> tuple[str, dict[str, object]]:
            return "read", given

    assert contenders.session(Reads(), {"mfa": True}) == ("read", {"mfa": True})
    assert contenders.session(Reads(), None) is None

"""What is logged: one event to a line, whatever is in it, and nobody waits for it. Group N of what has hurt others."""

from __future__ import annotations

import io
import json
import logging
import threading
import tracemalloc
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdp
from pdp_sidecar.callers import caller
from pdp_sidecar.operations.logs import FORMS, line_of_json, line_of_text, tell
from pdp_sidecar.operations.options import LogOptions
from pdp_sidecar.operations.writing import LONGEST, DecisionLog, Writer, begin
from pdp_sidecar.service import Service
from tests.sidecar.scene import ADA, HOME, SECRET, engine

ME = caller("tests")
NASTY = [
    "a\r\nb",
    "\x1b[2J\x1b]0;title\x07",
    "\u202etxt.exe",
    "\u2066\u2069",
    "\x00",
    "\x85\u2028\u2029",
    '"}{"',
    "\ud800",
]


@pytest.fixture
def root() -> Iterator[None]:
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = before
    logger.setLevel(level)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), st.text() | st.sampled_from(NASTY) | st.integers() | st.none(), max_size=4))
def test_whatever_stands_in_an_event_is_one_line_of_plain_ascii(fields: dict[str, object]) -> None:
    for line in (line_of_json({"event": "decision", **fields}), line_of_text({"event": "decision", **fields})):
        assert line.isascii() and line.splitlines() == [line]
        assert not any(unicodedata.category(letter).startswith("C") for letter in line)


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_what_was_logged_can_be_read_back(fields: dict[str, str]) -> None:
    assert json.loads(line_of_json(fields)) == fields


def test_two_events_have_two_lines_whatever_is_in_them() -> None:
    # Of one who writes the end of a line into a name, to make up the next.
    made_up = 'ada"} \n{"event":"decision","outcome":"allow"'

    assert FORMS["text"]({"event": "decision", "who": made_up, "a=b c": "d"}).count("\n") == 0
    assert FORMS["text"]({"event": "x", "a=b c": "d"}) == 'x "a=b c"=d'


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("text", NASTY)
def test_what_anybody_logs_is_one_line(text: str, root: None) -> None:
    stream = io.StringIO()
    writer = begin(LogOptions(), stream)

    logging.getLogger("somebody.else").warning("a message of %s", text)
    tell(logging.INFO, "reload", detail=text, event="another", level="none")
    logging.getLogger("somebody.else").warning("fits %d not", text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("somebody.else").exception("it went wrong")
    writer.close()

    first, second, unfit, third = lines(stream)
    assert (first["level"], first["logger"], first["message"]) == ("warning", "somebody.else", f"a message of {text}")
    assert (second["event"], second["level"], second["detail"]) == ("reload", "info", text)
    assert unfit["message"] == "TypeError"
    assert "ValueError" in str(third["error"])


def decided(decisions: str, *requests: pdp.Request) -> list[dict[str, object]]:
    stream = io.StringIO()
    writer = Writer(stream)
    service = Service(engine())
    if decisions != "none":
        service = service.through(DecisionLog(writer, LogOptions(decisions=decisions), "grpc"))  # type: ignore[arg-type]
    for each in requests:
        service.check(ME, each)
    writer.close()
    return lines(stream)


def test_a_decision_is_logged_without_what_it_was_made_from() -> None:
    brought = pdp.Entity("Page", "draft", {"public": True, "level": 0})
    asked = pdp.Request(ADA, "edit", brought, {"note": "hidden"}, {"mfa": True, "token_id": "hidden"})

    (found,) = decided("all", asked)

    assert found["principal"] == 'User "ada"' and found["resource"] == 'Page "draft"' and found["action"] == "edit"
    assert (found["protocol"], found["caller"], found["outcome"], found["rules"]) == (
        "grpc",
        "tests",
        "allow",
        ["editors_edit"],
    )
    assert "hidden" not in json.dumps(found)


def test_only_denies_are_logged_where_that_is_asked_for() -> None:
    requests = (pdp.Request(ADA, "read", HOME), pdp.Request(ADA, "read", SECRET))

    assert [each["reason"] for each in decided("denies", *requests)] == ["forbidden"]
    assert decided("none", *requests) == []


@pytest.mark.parametrize("principal", [None, 7, "ada\r\n", object(), pdp.ref("User", "a\r\n\x1b[2J")])
def test_what_is_no_principal_is_logged_as_well(principal: object) -> None:
    (found,) = decided("all", pdp.Request(principal, "read", HOME))  # type: ignore[arg-type]

    assert found["outcome"] == "deny"


def test_what_waits_to_be_logged_holds_no_more_than_is_written() -> None:
    stream = Stuck()
    writer = Writer(stream)
    service = Service(engine()).through(DecisionLog(writer, LogOptions(decisions="all"), "grpc"))
    long = "x" * 100_000
    tracemalloc.start()

    for number in range(50):
        given = f"{long}{number}"
        page = pdp.Entity("Page", "draft", {"public": True, "level": 0, "title": given})
        service.check(ME, pdp.Request(pdp.ref("User", given), given, page))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    stream.let.set()
    writer.close()

    assert held < 10 * len(long)
    assert max(map(len, stream.getvalue().split("\n"))) < 5 * LONGEST


class Stuck(io.StringIO):
    """A stream that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let, self.waits = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.waits.set()
        self.let.wait(5)
        return super().write(text)


def test_a_stream_that_takes_nothing_keeps_nobody_waiting_and_what_is_dropped_is_counted() -> None:
    stream = Stuck()
    writer = Writer(stream, most=10)
    writer.put(lambda: "first")
    stream.waits.wait(5)

    for number in range(100):
        writer.put(lambda number=number: str(number))  # type: ignore[misc]
    dropped = writer.dropped
    stream.let.set()
    writer.close()

    assert dropped == 90
    assert stream.getvalue().split() == ["first", *map(str, range(10))]


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_no_error_and_is_counted() -> None:
    writer = Writer(Full())

    writer.put(lambda: "one")
    writer.put(lambda: str(1 / 0))
    writer.close()

    assert writer.dropped == 2

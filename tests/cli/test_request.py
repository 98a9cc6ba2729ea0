"""Requests as JSON: one object or its parts, read strictly."""

import json

import pytest

from pdp.cli.document import MAX_BYTES
from tests.cli.conftest import ALLOWED, APPROVED, AT, INSIDE, SIGNED_IN

# ------------------------------------------------------------------------------------------------- the whole request


REQUEST = {
    "principal": {"type": "User", "id": "ada"},
    "action": "deploy",
    "resource": 'Service "beta"',
    "context": json.loads(INSIDE),
    "session": json.loads(SIGNED_IN),
    "approvals": json.loads(APPROVED),
    "now": AT,
}


def test_a_whole_request_is_answered_as_its_parts_are(decide, tmp_path):
    file = tmp_path / "request.json"
    file.write_text("\ufeff" + json.dumps(REQUEST), encoding="utf-8")

    parts = decide(*ALLOWED, "--json")
    whole = [
        decide("--request", json.dumps(REQUEST), "--json", at=None),
        decide("--request", f"@{file}", "--json", at=None),
        decide("--request", "-", "--json", at=None, stdin=json.dumps(REQUEST)),
    ]

    assert [result.exit_code for result in whole] == [2, 2, 2]
    assert [json.loads(result.stdout) for result in whole] == [json.loads(parts.stdout)] * 3


def test_the_time_of_a_request_can_be_replaced(decide):
    result = decide("--request", json.dumps(REQUEST), "--handles", "notify", at="2026-11-23T10:00:00Z")

    assert result.exit_code == 2


def test_a_request_may_say_that_there_is_no_session(decide):
    result = decide("--request", json.dumps({**REQUEST, "session": None}))

    assert result.exit_code == 2


def test_a_request_may_bring_its_principal(decide):
    ada = {"type": "User", "id": "new", "in": ['Team "shop"']}

    result = decide("--request", json.dumps({**REQUEST, "principal": ada}), "--handles", "notify")

    assert result.exit_code == 0


REFUSED_REQUESTS = [
    ("[]", "wrong_type", "expected an object, found a list", "[]", 'write `{"name": value}`'),
    ("{}", "missing_key", "a request needs `principal`", "{}", None),
    ({"principl": "User:ada"}, "unknown_key", "a request has no `principl`", '"principl"', "did you mean `principal`?"),
    ({**REQUEST, "principal": "ada"}, "invalid_reference", "`ada` names no entity", '"ada"', None),
    (
        {**REQUEST, "principal": "Usr:ada"},
        "invalid_reference",
        "`Usr:ada`: there is no entity type `Usr`",
        '"Usr:ada"',
        "did you mean `User`?",
    ),
    ({**REQUEST, "principal": 3}, "wrong_type", "expected an entity reference, found the number `3`", "3", "write"),
    (
        {**REQUEST, "principal": {"type": "User"}},
        "missing_key",
        "an entity reference needs `id`",
        '{"type": "User"}',
        "",
    ),
    (
        {**REQUEST, "principal": {"type": "User", "id": ""}},
        "invalid_id",
        "the id is empty",
        '""',
        None,
    ),
    (
        {**REQUEST, "action": ["deploy"]},
        "wrong_type",
        "expected the name of an action, found a list",
        '["deploy"]',
        None,
    ),
    ({**REQUEST, "context": "x"}, "wrong_type", 'expected an object, found the string `"x"`', '"x"', "write"),
    ({**REQUEST, "session": 1}, "wrong_type", "expected an object, found the number `1`", "1", "write"),
    ({**REQUEST, "session": {"actor": "Agnt:x"}}, "invalid_reference", "`Agnt:x`: there is no", '"Agnt:x"', "`Agent`?"),
    ({**REQUEST, "now": "today"}, "unreadable_value", "`today` is not a Datetime", '"today"', "2026-11-23T09:00:00Z"),
    ({**REQUEST, "entities": {}}, "wrong_type", "expected a list of entities, found a record", "{}", "write"),
    ({**REQUEST, "entities": [1]}, "wrong_type", "expected an entity, found the number `1`", "1", "write"),
    (
        {**REQUEST, "entities": [{"typ": "User"}]},
        "unknown_key",
        "an entity has no `typ`",
        '"typ"',
        "did you mean `type`?",
    ),
    (
        {**REQUEST, "entities": [{"type": "User", "id": "x", "attributes": []}]},
        "wrong_type",
        "expected the attributes by name, found a list",
        "[]",
        None,
    ),
    (
        {**REQUEST, "entities": [{"type": "User", "id": "x", "in": "y"}]},
        "wrong_type",
        'expected a list of parents, found the string `"y"`',
        '"y"',
        "write",
    ),
    (
        {**REQUEST, "entities": [{"type": "User", "id": "x", "in": ['Team "y" until soon']}]},
        "unreadable_value",
        "`soon` is not a Datetime",
        '"Team \\"y\\" until soon"',
        "2026-11-23T09:00:00Z",
    ),
    ({**REQUEST, "approvals": {}}, "wrong_type", "expected a list of approvals, found a record", "{}", "write"),
    ({**REQUEST, "approvals": [1]}, "wrong_type", "expected an approval, found the number `1`", "1", "write"),
    (
        {**REQUEST, "approvals": [{"approver": "User:bo"}]},
        "missing_key",
        "an approval needs `at`",
        '{"approver": "User:bo"}',
        "write",
    ),
    (
        {**REQUEST, "approvals": [{"approver": "bo", "at": AT}]},
        "invalid_reference",
        "`bo` names no entity",
        '"bo"',
        None,
    ),
    (
        {**REQUEST, "approvals": [{"approver": "User:bo", "at": "9"}]},
        "unreadable_value",
        "`9` is not a Datetime",
        '"9"',
        "text such as",
    ),
    (
        {**REQUEST, "approvals": [{"approver": "User:bo", "at": AT, "off": 1}]},
        "unknown_key",
        "an approval has no `off`",
        '"off"',
        "did you mean `of`?",
    ),
    (
        {**REQUEST, "approvals": [{"approver": "User:bo", "at": AT, "of": []}]},
        "wrong_type",
        "expected what a rule asks approvals of, found a list",
        "[]",
        None,
    ),
    (
        {**REQUEST, "approvals": [{"approver": "User:bo", "at": AT, "action": 1}]},
        "wrong_type",
        "expected the name of an action, found the number `1`",
        "1",
        None,
    ),
    (
        {**REQUEST, "approvals": [{"approver": "User:bo", "at": AT, "action": "deplyo"}]},
        "unknown_action",
        "there is no action `deplyo`",
        '"deplyo"',
        "did you mean `deploy`?",
    ),
]


@pytest.mark.parametrize(
    ("request_", "code", "message", "text", "help_"), REFUSED_REQUESTS, ids=[each[2] for each in REFUSED_REQUESTS]
)
def test_a_request_that_cannot_be_read_is_refused_with_the_place(decide, request_, code, message, text, help_):
    given = request_ if isinstance(request_, str) else json.dumps(request_)

    result = decide("--request", given, "--json", at=None)

    assert result.exit_code == 3
    error = json.loads(result.stdout)["error"]
    assert (error["code"], error["message"]) == ("invalid_request", "the request cannot be read")
    (found,) = error["diagnostics"]
    assert (found["code"], found["text"], found["file"]) == (code, text, "--request")
    assert found["message"].startswith(message)
    assert help_ is None or help_ in found["help"]


# ------------------------------------------------------------------------------------------------------- strict JSON


BAD_JSON = [
    ("{", "invalid_json", "the JSON ends too early", 1, 2),
    ('{"a": 1,}', "invalid_json", "there is a comma before `}`", 1, 8),
    ("{'a': 1}", "invalid_json", "a string stands in double quotes", 1, 2),
    ("{} {}", "invalid_json", "there is something after the end", 1, 4),
    ("{\n// no\n}", "invalid_json", "there are no comments in JSON", 2, 1),
    ('{"a": 1, "b": 2, "a": 1}', "duplicate_key", "the key `a` stands twice", 1, 18),
    ('{"a": NaN}', "not_finite", "NaN and Infinity are not values", 1, 7),
    ('{"a": -Infinity}', "not_finite", "NaN and Infinity are not values", 1, 7),
    ('{"a": 1.0}', "float_value", "a number with a fraction or an exponent is not a value", 1, 7),
    ('{"a": 1e400}', "float_value", "a number with a fraction or an exponent is not a value", 1, 7),
    ('{"a": 9223372036854775808}', "number_out_of_range", "the number does not fit in 64 bits", 1, 7),
    ('{"a": ' + "9" * 100_000 + "}", "number_out_of_range", "the number does not fit in 64 bits", 1, 7),
    ('{"a": [1, null]}', "null_value", "null is not a value", 1, 11),
    ('{"a": "\\ud800"}', "half_character", "U+D800 is half of a surrogate pair, not a character", 1, 7),
    ('{"a": "\x1b"}', "invalid_json", "a string cannot hold the character U+001B", 1, 8),
    ('{"a": ' + "[" * 64 + "]" * 64 + "}", "data_too_deep", "data is nested at most 64 levels deep", 1, 70),
    ("[" * 1_000_000, "data_too_deep", "data is nested at most 64 levels deep", 1, 65),
    ('{"a": ' * 100_000, "data_too_deep", "data is nested at most 64 levels deep", 1, 385),
]


@pytest.mark.parametrize(
    ("text", "code", "message", "line", "column"), BAD_JSON, ids=[each[0][:20] for each in BAD_JSON]
)
@pytest.mark.parametrize("option", ["--context", "--session", "--entities", "--approvals", "--request"])
def test_json_is_read_strictly_with_a_position(decide, tmp_path, option, text, code, message, line, column):
    file = tmp_path / "given.json"
    file.write_text(text, encoding="utf-8")
    asked = [] if option == "--request" else ALLOWED[:3]

    result = decide(*asked, option, f"@{file}", "--json")

    (found,) = json.loads(result.stdout)["error"]["diagnostics"]
    assert result.exit_code == 3
    assert (found["code"], found["message"]) == (code, message)
    assert (found["file"], found["line"], found["column"]) == (str(file), line, column)


def test_the_place_in_an_argument_is_underlined(decide):
    result = decide(*ALLOWED[:3], "--context", '{"size": 1.5}')

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == (
        "error[float_value]: a number with a fraction or an exponent is not a value\n"
        " --> --context:1:10\n"
        "  |\n"
        '1 | {"size": 1.5}\n'
        "  |          ^^^\n"
        "help: an Int is a whole number such as `42`, without quotes\n"
    )


def test_many_errors_are_told_in_bounded_number_and_time(decide, tmp_path):
    file = tmp_path / "given.json"
    file.write_text(f"[{'null, ' * 500_000}null]", encoding="utf-8")

    result = decide(*ALLOWED[:3], "--entities", f"@{file}", "--json")

    assert result.exit_code == 3
    assert len(json.loads(result.stdout)["error"]["diagnostics"]) == 10


def test_input_has_a_size(decide, tmp_path):
    file = tmp_path / "given.json"
    file.write_text(" " * MAX_BYTES + "{}", encoding="utf-8")

    result = decide(*ALLOWED[:3], "--context", f"@{file}")

    assert result.exit_code == 3
    assert result.stderr == f"error: `--context` holds more than {MAX_BYTES} bytes\n"


def test_input_without_end_is_refused(decide):
    result = decide(*ALLOWED[:3], "--context", "@/dev/zero")

    assert (result.exit_code, result.stderr) == (3, f"error: `--context` holds more than {MAX_BYTES} bytes\n")


def test_input_that_is_no_utf8_is_refused(decide, tmp_path):
    file = tmp_path / "given.json"
    file.write_bytes(b'{"change": "\xff"}')

    result = decide(*ALLOWED[:3], "--context", f"@{file}", "--json")

    (found,) = json.loads(result.stdout)["error"]["diagnostics"]
    assert (found["code"], found["message"], found["column"]) == ("data_not_utf8", "this is not UTF-8: 0xff", 13)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "error: `--context` holds no JSON\nhelp: write `{}`, `@file`, or `-` for standard input\n"),
        ("@", "error: `--context`: `.` cannot be read: is a directory\n"),
        ("@absent.json", "error: `--context`: `absent.json` cannot be read: no such file or directory\n"),
        ("@a\0b", "error: `--context`: `a\\u{0}b` cannot be read: embedded null byte\n"),
    ],
)
def test_input_that_is_not_there_is_named(decide, given, said):
    result = decide(*ALLOWED[:3], "--context", given)

    assert (result.exit_code, result.stderr) == (3, said)


def test_standard_input_is_read_once(decide):
    result = decide(*ALLOWED[:3], "--context", "-", "--session", "-", stdin="{}")

    assert result.exit_code == 3
    assert result.stderr == "error: standard input can be read once, not by `--context` and `--session`\n"


def test_empty_standard_input_is_no_json(decide):
    result = decide(*ALLOWED[:3], "--context", "-", stdin="")

    assert result.exit_code == 3
    assert result.stderr.startswith("error[invalid_json]: the JSON is empty\n --> --context (standard input)")

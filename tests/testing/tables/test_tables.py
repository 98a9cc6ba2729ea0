"""What a table means."""

from __future__ import annotations

import pytest

from pdp.values import Datetime
from tests.testing.tables.worlds import FIXTURES, asked, file_of, read, run, silent, table, told

ALL = {"principals": ["people"], "resources": ["Service:api", "Service:pay"], "actions": ["read", "deploy"]}


def test_keys_narrow_a_table_and_what_is_not_narrowed_is_all() -> None:
    tables = read(table(**ALL, expect={"User:ada": {"read": "allow", "deploy": "deny"}, "User:ben": "deny"}))

    results = run(tables)

    assert len(results) == 8
    assert all(result.passed for result in results)
    assert silent(tables) == []


@pytest.mark.parametrize(
    "expect",
    [
        {"User:ada": {"Service:api": {"read": "allow"}}},
        {"User:ada": {"read": {"Service:api": "allow"}}},
        {"read": {"User:ada": {"Service:api": "allow"}}},
        {"Service:api": {"read": {"User:ada": "allow"}}},
    ],
)
def test_the_order_of_keys_means_nothing(expect: dict[str, object]) -> None:
    results = run(read(table(expect=expect)))

    assert told(results) == [("ada read api", ())]


def test_a_request_that_nothing_is_said_of_is_unspecified() -> None:
    tables = read(table(**ALL, expect={"User:ada": {"read": "allow"}, "User:ben": {"Service:api": "deny"}}))

    assert silent(tables) == ["ada deploy api", "ada deploy pay", "ben read pay", "ben deploy pay"]
    assert {(each.test, str(each.span)) for each in tables.unspecified} == {("t", "t.test.yaml:1:21")}


def test_without_lists_a_table_is_about_what_its_cells_name() -> None:
    tables = read(
        table(expect={"User:ada": {"read": {"Service:api": "allow"}}, "User:ben": {"read": {"Service:pay": "deny"}}})
    )

    assert silent(tables) == ["ada read pay", "ben read api"]


def test_requests_whose_types_an_action_is_not_for_are_no_part_of_a_table() -> None:
    lists = {"principals": ["people", "Robot:r2"], "resources": ["Service:api"], "actions": ["read", "spin"]}

    tables = read(table(**lists, expect={"read": {"User:ada": "allow"}}))

    assert silent(tables) == ["ben read api", "r2 spin api"]


@pytest.mark.parametrize(("rest", "count"), [("deny", 8), ("skip", 2)])
def test_the_rest_is_named_or_left_out_on_purpose(rest: str, count: int) -> None:
    tables = read(table(**ALL, expect={"User:ada": {"read": "allow"}}, rest=rest))

    assert (len(run(tables)), silent(tables)) == (count, [])


def test_the_rest_expects_as_much_as_a_cell() -> None:
    results = run(read(table(**ALL, rest={"deny": "default"})))

    assert [result.differences for result in results if asked(result) == "ada read api"] == [
        ("expected deny, found allow (permitted) by staff_read", "expected by default, found by staff_read")
    ]


def test_groups_and_roles_of_the_policy_stand_for_their_actions() -> None:
    lists = {"principals": ["User:ada"], "resources": ["Service:api"], "actions": ["viewer", "operate"]}

    tables = read(table(**lists, expect={"operate": "deny"}))

    assert silent(tables) == ["ada read api"]


def test_a_cell_says_all_that_a_test_block_can() -> None:
    cell = {
        "allow": "staff_deploy",
        "errs": "nothing",
        "needs": "nothing",
        "oblige": ["notify"],
        "standing": True,
        "session": "strong",
    }

    results = run(read(table(expect={"User:ada": {"deploy": {"Service:api": cell}}})))

    assert told(results) == [("ada deploy api", ())]


@pytest.mark.parametrize(
    ("cell", "difference"),
    [
        ({"allow": "default"}, "expected by default, found by staff_read"),
        ({"decision": "allow", "by": ["staff_deploy"]}, "expected by staff_deploy, found by staff_read"),
        ({"decision": "allow", "errs": "staff_read"}, "expected that staff_read errs, found nothing"),
        ({"decision": "allow", "needs": ["x"]}, 'expected the remedy "x", found nothing'),
        ({"decision": "allow", "oblige": "notify"}, "expected the obligations notify, found nothing"),
        ({"decision": "allow", "until": "2027-01-01"}, "expected until 2027-01-01T00:00:00Z, found no end"),
    ],
)
def test_what_a_cell_says_is_compared(cell: dict[str, object], difference: str) -> None:
    results = run(read(table(expect={"User:ada": {"read": {"Service:api": cell}}})))

    assert told(results) == [("ada read api", (difference,))]


def test_a_list_in_a_cell_asks_several_times() -> None:
    cells = [
        {"decision": "deny", "session": "none"},
        {"decision": "allow"},
        {"decision": "deny", "session": {"mfa": False}},
    ]

    results = run(read(table(session="strong", expect={"User:ada": {"deploy": {"Service:api": cells}}})))

    assert [result.passed for result in results] == [True, True, True]
    assert [result.case.expectation.session for result in results] == [None, {"mfa": True}, {"mfa": False}]


def test_a_context_adds_to_the_one_around_it() -> None:
    cells = [{"decision": "allow", "context": {"count": 2}}, {"decision": "allow", "context": "office"}]

    text = file_of({"context": {"count": 1}}, expect={"User:ada": {"read": {"Service:api": cells}}})
    results = run(read(text))

    contexts = [{name: str(value) for name, value in result.case.expectation.context.items()} for result in results]
    assert contexts == [{"count": "2"}, {"count": "1", "ip": "10.0.0.1"}]


def test_a_table_adds_to_its_file_and_that_to_its_fixtures() -> None:
    shared = {"entities": [{"type": "User", "id": "cat"}, {"type": "User", "id": "ben", "in": ['Group "staff"']}]}
    expect = {"read": {"Service:api": {"User:ada": "allow", "User:ben": "allow", "User:cat": "allow"}}}

    results = run(
        read(file_of(shared, entities=[{"type": "User", "id": "cat", "in": ['Group "staff"']}], expect=expect))
    )

    assert [result.passed for result in results] == [True, True, True]


def test_grants_count_where_a_table_gives_them() -> None:
    grant = {"role": "viewer", "on": "Service:api", "to": "User:ben", "from": "2026-01-02", "until": "2026-02-01"}
    cells = [
        {"deny": "default"},
        {"allow": "viewer", "until": "2026-02-01", "at": "2026-01-02"},
        {"deny": "default", "at": "2026-02-01"},
    ]

    results = run(read(table(grants=[grant], expect={"User:ben": {"read": {"Service:api": cells}}})))

    assert [result.differences for result in results] == [(), (), ()]


def test_a_table_goes_on_in_steps() -> None:
    text = table(
        at="2026-01-02",
        session={"session_id": "s-1", "authenticated_at": "2026-01-01"},
        **ALL,
        expect={"User:ada": {"read": "allow"}},
        rest="deny",
        then=[
            {"revoke": [{"session": "s-1"}], "rest": "deny"},
            {"at": "2026-01-03", "session": {"session_id": "s-2"}, "expect": {"User:ada": {"read": "allow"}}},
            {"revoke": [{"principal": "User:ada"}], "session": "none", "expect": {"User:ada": {"read": "deny"}}},
        ],
    )

    tables = read(text)

    assert [result.differences for result in run(tables)] == [()] * (8 + 8 + 2 + 2)
    assert [len(stage.expectations) for stage in tables.tests[0].stages] == [8, 8, 2, 2]
    assert tables.tests[0].stages[2].expectations[0].at == Datetime.parse("2026-01-03")


def test_who_is_unknown_on_purpose_is_asked_about() -> None:
    expect = {"User:eve": {"read": {"Service:api": {"deny": "default"}}}}

    assert told(run(read(table(unknown=["User:eve"], expect=expect)))) == [("eve read api", ())]


def test_any_attribute_may_be_left_out_of_an_entity() -> None:
    nodes = {str(node.ref): node for node in read(table(**ALL, rest="deny")).tests[0].stages[0].entities}

    assert nodes['User "ben"'].attributes == {}


def test_equal_cells_share_one_stage_and_one_context() -> None:
    stage = read(table(**ALL, rest="deny", context="office")).tests[0].stages[0]

    assert len({id(each.context) for each in stage.expectations if each.action == "read"}) == 1


# ----------------------------------------------------------------------------------------------------------------- CSV

HEAD = "test,principal,action,resource,decision,by,needs,session,context.ip,session.mfa\n"


def test_a_row_is_a_request() -> None:
    rows = (
        HEAD
        + "a,User:ada,read,Service:api,allow,staff_read,,,,\n"
        + "b,User:ada,deploy,Service:api,deny,default,sign in again,,,false\n"
    )

    tables = read(rows, "t.test.csv")

    assert told(run(tables)) == [("ada read api", ()), ("ada deploy api", ())]
    assert [test.name for test in tables.tests] == ["a", "b"]
    assert str(run(tables)[1].case.expectation.span) == "t.test.csv:3:1"


def test_rows_of_one_name_are_one_table() -> None:
    rows = (
        HEAD
        + "a,User:ada,read,Service:api,allow,,,,,\n"
        + "b,User:ben,read,Service:pay,deny,,,,,\n"
        + "a,User:ben,read,Service:pay,deny,,,,,\n"
    )

    tables = read(rows, "t.test.csv")

    assert silent(tables) == ["ada read pay", "ben read api"]
    assert [len(test.stages[0].expectations) for test in tables.tests] == [2, 1]


def test_a_row_says_what_holds_for_the_rest() -> None:
    asked = "User:ada,read,Service:api,allow\nUser:ben,deploy,Service:pay,deny\n"
    rows = f"principal,action,resource,decision\n{asked}rest,,,{{}}\n"

    denied, skipped = read(rows.format("deny"), "t.test.csv"), read(rows.format("skip"), "t.test.csv")

    assert (len(run(denied)), silent(denied)) == (8, [])
    assert (len(run(skipped)), silent(skipped)) == (2, [])


def test_texts_of_a_cell_stand_between_semicolons_and_quotes_keep_one_whole() -> None:
    rows = 'principal,action,resource,decision,needs\nUser:ada,deploy,Service:api,deny,"sign in again; ""a; b"""\n'

    assert told(run(read(rows, "t.test.csv"))) == [
        ("ada deploy api", ('expected the remedy "a; b", found "sign in again"',))
    ]


def test_a_cell_that_looks_like_a_formula_is_text() -> None:
    rows = 'test,principal,action,resource,decision\n"=cmd()",User:ada,read,Service:api,allow\n'

    assert [test.name for test in read(rows, "t.test.csv").tests] == ["=cmd()"]


# ------------------------------------------------------------------------------------------------------------ fixtures


def test_fixtures_of_the_same_name_go_before_those_of_the_folder() -> None:
    own = FIXTURES.replace("id: ben", "id: bob").replace("User:ben", "User:bob")
    text = table(expect={"User:bob": {"read": {"Service:api": "deny"}}})

    assert told(run(read(text, **{"t.fixtures.yaml": own}))) == [("bob read api", ())]


def test_fixtures_that_are_named_are_laid_one_over_the_other() -> None:
    more = "entities: [{type: User, id: cat}]"
    text = file_of(
        {"fixtures": ["../fixtures.yaml", "more.yaml"]}, expect={"User:cat": {"read": {"Service:api": "deny"}}}
    )

    tables = read(text, "sub/t.test.yaml", **{"sub/more.yaml": more})

    assert told(run(tables)) == [("cat read api", ())]


def test_two_fixtures_do_not_hold_one_entity() -> None:
    text = file_of({"fixtures": ["fixtures.yaml", "more.yaml"]}, expect={"User:ada": {"read": {"Service:api": "deny"}}})

    found = read(text, **{"more.yaml": "entities: [{type: User, id: ada}]"}).diagnostics

    assert [(each.code, str(each.span), each.notes[0][0]) for each in found] == [
        ("entity_twice", "more.yaml:1:12", "first here")
    ]


def test_what_a_broken_file_would_have_held_is_not_missed() -> None:
    found = read(table(expect={"User:ada": {"read": {"Service:api": "deny"}}}), fixtures="entities: [{type: Usr}]")

    assert {each.code for each in found.diagnostics} == {"undeclared_type", "missing_key"}

"""Claims of a verified token become whom it speaks for, and whoever acts for them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pdp import Entity, ref
from pdp.errors import TokenError
from pdp.identity.mapping import MOST_GROUPS, Actors, Principals, actors
from pdp.identity.options import ActorOptions, PrincipalOptions
from pdp.identity.paths import ABSENT, Template, at
from pdp.identity.who import Actor

ISSUER = "https://id.example.org"


def principals(id_: str = "sub", **more: object) -> Principals:
    return Principals.of(PrincipalOptions(type="User", id=id_, **more))


def refused(read) -> TokenError:
    with pytest.raises(TokenError) as caught:
        read()
    return caught.value


# ------------------------------------------------------------------------------------------------------------- names


def test_a_principal_of_whom_nothing_else_is_said_is_a_reference():
    assert principals().principal({"sub": "ada", "email": "ada@x.io"}) == ref("User", "ada")


def test_a_name_is_made_of_texts_and_whole_numbers():
    claims = {"repository_id": "74", "kubernetes.io": {"pod": {"uid": 5}}}

    assert principals("repo:{repository_id}").principal(claims) == ref("User", "repo:74")
    assert principals('{["kubernetes.io", "pod", "uid"]}').principal(claims) == ref("User", "5")


@pytest.mark.parametrize(
    "value", [True, 1.0, None, [], ["ada"], {"a": "b"}, "", "a\nb", "a\0", "a\x7f", "a\u2028", "\ud800"]
)
def test_what_is_no_plain_name_names_nobody(value):
    error = refused(lambda: principals("u:{sub}").principal({"sub": value}))

    assert error.code == "no_principal"
    assert "`sub`" in str(error)


def test_a_name_that_misleads_who_reads_it_or_is_too_long_names_nobody():
    for value in ("a\u202eb", "a" * 4097):
        assert refused(lambda value=value: principals().principal({"sub": value})).code == "no_principal"


def test_a_claim_that_is_missing_names_nobody():
    error = refused(lambda: principals("{a}:{b}").principal({"a": "x"}))

    assert (error.code, str(error)) == ("no_principal", "there is no claim `b`")


def test_a_claim_within_one_that_is_no_object_is_not_there():
    assert at({"kubernetes.io": "pod"}, ("kubernetes.io", "pod")) is ABSENT


@pytest.mark.parametrize(
    "written", ["", "{", "}", "a{b", "{a}{b}", "{}", "a{{b}}", "{[]}", "{[1]}", '{["a", ""]}', "{[", "x}y{z"]
)
def test_what_is_no_template_is_told(written):
    with pytest.raises(ValueError):
        Template.of(written)


VALUES = st.text(alphabet="ab:/{}", min_size=1, max_size=4)
TEXTS = st.text(alphabet=":/x", max_size=2)


@given(
    before=TEXTS,
    between=st.lists(st.text(alphabet=":/x", min_size=1, max_size=2), min_size=1, max_size=2),
    after=TEXTS,
    data=st.data(),
)
def test_two_lists_of_values_never_come_to_one_name(before, between, after, data):
    count = len(between) + 1
    places = [f"{{c{number}}}" for number in range(count)]
    written = before + "".join(place + text for place, text in zip(places, [*between, after], strict=True))
    template = Template.of(written)
    one, other = (
        dict(zip([f"c{n}" for n in range(count)], data.draw(st.tuples(*[VALUES] * count)), strict=True)) for _ in "ab"
    )

    try:
        names = template.fill(one), template.fill(other)
    except ValueError:
        assume(False)

    assert (names[0] == names[1]) == (one == other)


def test_a_value_never_stands_for_another_by_what_separates_them():
    template = Template.of("a:{x}:{y}")

    assert template.fill({"x": "1", "y": "2:3"}) == "a:1:2:3"
    with pytest.raises(ValueError, match="the claim `x` holds `:`"):
        template.fill({"x": "1:2", "y": "3"})


def test_braces_in_a_value_are_no_places():
    assert Template.of("{a}/{b}").fill({"a": "{b}", "b": "{a}"}) == "{b}/{a}"


# ------------------------------------------------------------------------------------------- attributes and groups


def test_attributes_are_plain_data_and_groups_are_parents():
    reader = principals(attributes={"email": "email", "pod": ("kubernetes.io", "pod")}, groups={"Group": "groups"})

    found = reader.principal(
        {"sub": "ada", "email": "a@x.io", "kubernetes.io": {"pod": {"n": 1}}, "groups": ["x", "y", "x"]}
    )

    parents = (ref("Group", "x"), ref("Group", "y"))
    assert found == Entity("User", "ada", {"email": "a@x.io", "pod": {"n": 1}}, parents)


def test_a_claim_that_is_missing_leaves_its_attribute_out_and_null_does_not():
    reader = principals(attributes={"a": "a", "b": "b"})

    assert reader.principal({"sub": "ada", "b": None}).attributes == {"b": None}


def test_one_text_is_one_group_and_no_claim_is_none():
    reader = principals(groups={"Group": "group"})

    assert reader.principal({"sub": "ada", "group": "x"}).parents == (ref("Group", "x"),)
    assert reader.principal({"sub": "ada"}).parents == ()


@pytest.mark.parametrize("value", [None, 1, True, {"x": 1}, ["x", 1], [["x"]], ["x", None], [""], ["a\n"], ["a\u202e"]])
def test_groups_that_cannot_be_read_are_not_taken_for_none(value):
    error = refused(lambda: principals(groups={"Group": "groups"}).principal({"sub": "ada", "groups": value}))

    assert error.code == "invalid_claims"


def test_more_groups_than_a_token_has_room_for_are_refused():
    many = [str(number) for number in range(MOST_GROUPS + 1)]

    error = refused(lambda: principals(groups={"Group": "groups"}).principal({"sub": "ada", "groups": many}))

    assert error.code == "invalid_claims"


@pytest.mark.parametrize("elsewhere", [{"groups": "src1"}, "groups", ["groups"]])
def test_groups_that_are_told_elsewhere_are_not_taken_for_none(elsewhere):
    reader = principals(groups={"Group": "groups"})

    error = refused(lambda: reader.principal({"sub": "ada", "_claim_names": elsewhere}))

    assert error.code == "no_principal"
    assert reader.principal({"sub": "ada", "_claim_names": {"photo": "src1"}}).parents == ()


# ------------------------------------------------------------------------------------------------------------ actors


def acting(act: object, **options: object) -> tuple[Actor, ...]:
    return actors({"act": act}, ISSUER, Actors.of(ActorOptions(type="Agent", **options)))


def test_the_outermost_acts_and_all_are_told():
    found = acting({"sub": "bot", "act": {"sub": "older", "iss": "https://other.example.org"}})

    assert found == (
        Actor(subject="bot", issuer=ISSUER, ref=ref("Agent", "bot")),
        Actor(subject="older", issuer="https://other.example.org"),
    )


def test_nobody_acts_where_the_token_does_not_say():
    assert actors({"may_act": {"sub": "bot"}}, ISSUER, None) == ()


def test_whoever_acts_is_never_taken_for_the_principal():
    error = refused(lambda: actors({"act": {"sub": "bot"}}, ISSUER, None))

    assert error.code == "invalid_claims"


@pytest.mark.parametrize(
    "act", [None, "bot", [], {}, {"sub": 1}, {"sub": ""}, {"sub": "a\n"}, {"sub": "bot", "act": None}]
)
def test_an_actor_that_is_none_is_refused(act):
    assert refused(lambda: acting(act)).code == "invalid_claims"


def test_an_actor_of_another_issuer_is_not_taken_for_one_of_this():
    assert refused(lambda: acting({"sub": "bot", "iss": "https://other.example.org"})).code == "invalid_claims"
    assert acting({"sub": "bot", "iss": ISSUER})[0].ref == ref("Agent", "bot")


def test_the_name_of_an_actor_may_be_made_of_its_claims():
    assert acting({"sub": "x", "client_id": "bot"}, id="agent:{client_id}")[0].ref == ref("Agent", "agent:bot")
    assert refused(lambda: acting({"sub": "x"}, id="{client_id}")).code == "no_principal"


@pytest.mark.parametrize(("depth", "taken"), [(4, True), (5, False), (500, False)])
def test_so_many_act_for_each_other_and_no_more(depth, taken):
    act: dict[str, object] = {"sub": "first"}
    for number in range(depth - 1):
        act = {"sub": f"a{number}", "act": act}

    if taken:
        assert len(acting(act)) == depth
    else:
        assert refused(lambda: acting(act)).code == "invalid_claims"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sub", "iss", "act", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(claims=st.dictionaries(st.sampled_from(["sub", "groups", "act", "_claim_names", "e"]), JSON))
def test_whatever_the_claims_are_nothing_but_a_refusal_is_raised_and_it_shows_none_of_them(claims):
    reader = principals(attributes={"e": "e"}, groups={"Group": "groups"})

    try:
        found = reader.principal(claims)
        who = actors(claims, ISSUER, Actors.of(ActorOptions(type="Agent")))
    except TokenError as error:
        assert all(len(text) < 3 or text not in str(error) for text in claims.values() if isinstance(text, str))
    else:
        assert (found.type, found.id) == ("User", str(claims["sub"]))
        assert bool(who) == ("act" in claims)

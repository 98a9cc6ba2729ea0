"""Compiled rules compare the labels of names: a label says which name it is, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdp
from pdp.values import EntityRef, label, labelled
from tests.compiled.beside import interpreted

# What a label is put together with has to be told from what a name itself is made of.
words = st.text(alphabet="a1:\0é", max_size=6)
names = st.builds(EntityRef, words, words)

POLICY = """
type Team in Team
type User in Team { lead?: User }
type Project { owner: Team, reviewer: User }
type Service { project: Project }
action restart on Service by User
rule reviewers:
  permit User to restart on Service
  when resource.project.reviewer == principal
rule owners:
  permit User to restart on Service
  when principal in resource.project.owner
rule led:
  forbid User to restart on Service
  when principal.lead == User "1:a" or principal in Team "barred"
  because "whoever is led by that one restarts nothing"
"""


@given(names)
def test_a_label_tells_its_name(name):
    assert labelled(label(name)) == name
    assert type(label(name)) is str


@given(names, names)
def test_two_names_never_have_one_label(one, other):
    assert (label(one) == label(other)) is (one == other)


def entities(lead="x", owner="t", reviewer="bo"):
    return [
        pdp.Entity("Team", "t"),
        pdp.Entity("Team", "barred"),
        pdp.Entity("Team", "above"),
        pdp.Entity("User", "ada", {"lead": pdp.ref("User", lead)}, parents=[pdp.ref("Team", "t")]),
        pdp.Entity("User", "bo", {"lead": pdp.ref("User", lead)}),
        pdp.Entity("Project", "p", {"owner": pdp.ref("Team", owner), "reviewer": pdp.ref("User", reviewer)}),
        pdp.Entity("Service", "s", {"project": pdp.ref("Project", "p")}),
    ]


def answers(engine):
    found = []
    for user in ("ada", "bo"):
        asked = pdp.ref("User", user), "restart", pdp.ref("Service", "s")
        engine.decide(*asked)
        with interpreted() as slow:
            found.append(engine.allows(*asked))
            assert bool(engine.decide(*asked)) is found[-1]
        assert not slow
    return found


@pytest.mark.usefixtures("compiled_rules")
def test_names_are_told_apart_though_their_types_and_ids_run_into_each_other():
    for lead, expected in (("1:a", [False, False]), (":1a", [True, True]), ("a", [True, True])):
        assert answers(pdp.Engine.from_text(POLICY, entities=entities(lead))) == expected


@pytest.mark.usefixtures("compiled_rules")
def test_what_changes_is_seen_through_every_attribute_that_leads_to_it():
    engine = pdp.Engine.from_text(POLICY, entities=entities())
    before = answers(engine)

    engine.upsert_entity(entities(owner="above", reviewer="ada")[5])
    turned = answers(engine)
    engine.upsert_entity(
        pdp.Entity("Project", "p", {"owner": pdp.ref("Team", "t"), "reviewer": pdp.ref("User", "nobody")})
    )
    back = answers(engine)
    engine.upsert_entity(pdp.Entity("Team", "t", parents=[pdp.ref("Team", "barred")]))
    barred = answers(engine)

    assert (before, turned, back, barred) == ([True, True], [True, False], [True, False], [False, False])

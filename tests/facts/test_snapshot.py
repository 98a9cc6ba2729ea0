import datetime

import pytest
from facts.worlds import WORLD, entity_type, group, schema_of, user

from pdp.entities import Store
from pdp.errors import RequestError
from pdp.facts import Snapshot
from pdp.model import Approval, Entity, Membership, Node, RevocationKind
from pdp.ports import Facts
from pdp.revocation.claims import for_good
from pdp.revocation.index import Index
from pdp.values import UNKNOWN, Datetime, EntityRef

ADA = user("ada")
HELD = Node(ADA, {"email": "held"})


class Directory:
    """A provider of what it was given; an exception is raised, everything else returned. It counts the questions."""

    def __init__(self, answers=None, default=None):
        self.answers = answers or {}
        self.default = default
        self.asked = []

    def entity(self, ref):
        self.asked.append(ref)
        answer = self.answers.get(ref, self.default)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def snapshot(*providers, store=None, schema=WORLD, **given):
    return Snapshot(Store.empty() if store is None else store, schema, providers=providers, **given)


def test_a_snapshot_is_the_port_that_decisions_ask():
    facts: Facts = snapshot()

    assert (facts.node(ADA), facts.approvals) == (None, ())


def test_the_store_goes_before_providers_and_the_request():
    directory = Directory({ADA: Entity("User", "ada", {"email": "provided"})})
    brought = [Entity("User", "ada", {"email": "brought"})]

    facts = snapshot(directory, store=Store.of([HELD]), entities=brought)

    assert facts.node(ADA) is HELD
    assert directory.asked == []


def test_a_provider_goes_before_the_next_and_before_the_request():
    first = Directory({ADA: Entity("User", "ada", {"email": "first"})})
    second = Directory({ADA: Entity("User", "ada", {"email": "second"})})

    facts = snapshot(first, second, entities=[Entity("User", "ada", {"email": "brought"})])

    assert facts.node(ADA) == Node(ADA, {"email": "first"})
    assert second.asked == []


def test_the_request_is_asked_where_nobody_else_knows():
    directory = Directory()

    facts = snapshot(directory, entities=[Entity("User", "ada", {"email": "brought"}, [group("sre")])])

    assert facts.node(ADA) == Node(ADA, {"email": "brought"}, (Membership(group("sre")),))
    assert facts.node(user("bob")) is None
    assert directory.asked == [ADA, user("bob")]


@pytest.mark.parametrize(
    "failure",
    [OSError("down"), TimeoutError(), RecursionError(), MemoryError(), KeyError("ada"), StopIteration(),
     AssertionError(), UnicodeError()],
    ids=lambda failure: type(failure).__name__,
)  # fmt: skip
def test_what_a_failing_provider_would_have_said_is_unknown_whatever_others_say(failure):
    later = Directory({ADA: Entity("User", "ada", {"email": "later"})})

    facts = snapshot(Directory({ADA: failure}), later, entities=[Entity("User", "ada", {"email": "brought"})])

    assert facts.node(ADA) is UNKNOWN
    assert later.asked == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(1)], ids=lambda stop: type(stop).__name__)
def test_a_provider_does_not_swallow_the_end_of_the_process(stop):
    facts = snapshot(Directory({ADA: stop}))

    with pytest.raises(type(stop)):
        facts.node(ADA)


def test_a_provider_that_failed_earlier_than_one_that_knows_makes_the_entity_unknown():
    first = Directory({ADA: Entity("User", "ada", {"email": "first"})})

    facts = snapshot(first, Directory({ADA: OSError()}))

    assert facts.node(ADA) == Node(ADA, {"email": "first"})


@pytest.mark.parametrize(
    "answer",
    [
        Entity("User", "bob"),
        Entity("Group", "ada"),
        Entity("Usr", "ada"),
        Entity("User", "ADA"),
        Entity("User", "ada", parents=[EntityRef("Project", "x")]),
        Entity("User", "ada", attributes=[("email", "x")]),
        Entity("User", "ada", parents=5),
        Node(ADA, {"email": "x"}),
        ADA,
        {"type": "User", "id": "ada"},
        "ada",
        True,
        False,
        0,
    ],
)
def test_an_answer_that_makes_no_sense_is_unknown(answer):
    facts = snapshot(Directory({ADA: answer}), entities=[Entity("User", "ada", {"email": "brought"})])

    assert facts.node(ADA) is UNKNOWN


class Cursed(Exception):
    pass


def cursed_parents():
    yield group("sre")
    raise Cursed


def test_an_answer_that_fails_when_it_is_read_is_unknown():
    facts = snapshot(Directory({ADA: Entity("User", "ada", parents=cursed_parents())}))

    assert facts.node(ADA) is UNKNOWN


def test_an_attribute_of_an_answer_that_does_not_conform_is_unknown_alone():
    facts = snapshot(Directory({ADA: Entity("User", "ada", {"email": 5, "level": 3, "color": "red"})}))

    assert facts.node(ADA) == Node(ADA, {"email": UNKNOWN, "level": 3})


@pytest.mark.parametrize("answer", [Entity("User", "ada"), None, OSError(), "nonsense"], ids=repr)
def test_a_provider_is_asked_once_for_an_entity_whatever_it_answers(answer):
    directory = Directory({ADA: answer})
    facts = snapshot(directory)

    answers = [facts.node(ADA) for _ in range(3)]

    assert directory.asked == [ADA]
    assert answers[0] is answers[1] is answers[2]


def test_another_decision_asks_again():
    directory = Directory({ADA: OSError()})
    first = snapshot(directory).node(ADA)
    directory.answers[ADA] = Entity("User", "ada")

    second = snapshot(directory).node(ADA)

    assert (first, second) == (UNKNOWN, Node(ADA, {}))


def test_nothing_is_asked_for_an_entity_of_an_undeclared_type():
    directory = Directory(default=OSError())

    assert snapshot(directory).node(EntityRef("Usr", "x")) is None
    assert directory.asked == []


def test_an_entity_of_which_there_is_nothing_to_know_is_there():
    directory = Directory(default=OSError())
    builder = EntityRef("Agent", "builder")

    facts = snapshot(directory, entities=[Entity("Agent", "builder", {"trusted": True})])

    assert facts.node(builder) == Node(builder, {})
    assert directory.asked == []


def test_an_entity_is_found_under_the_other_name_of_its_type():
    api = EntityRef("Service", "api")
    directory = Directory({api: Entity("checkout.Service", "api", {"env": "prod"})})
    facts = snapshot(directory)

    node = facts.node(EntityRef("checkout.Service", "api"))

    assert isinstance(node, Node)
    assert node.ref == api
    assert facts.node(api) is node
    assert directory.asked == [api]


def test_what_the_provider_changes_later_changes_nothing():
    attributes = {"email": "a"}
    parents = [group("sre")]
    facts = snapshot(Directory({ADA: Entity("User", "ada", attributes, parents)}))

    node = facts.node(ADA)
    attributes["email"] = "b"
    parents.clear()

    assert facts.node(ADA) is node
    assert node == Node(ADA, {"email": "a"}, (Membership(group("sre")),))


# --------------------------------------------------------------------------------------------- what the request brings


def test_a_request_may_bring_an_entity_twice_with_the_same_data():
    until = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    first = Entity("User", "ada", {"email": "a", "level": None}, [group("a"), Membership(group("b"), until)])
    second = Entity("User", "ada", {"email": "a", "level": 1.5},
                    (Membership(group("b"), Datetime.of(until)), group("a")))  # fmt: skip

    facts = snapshot(entities=[first, second])

    assert isinstance(facts.node(ADA), Node)


@pytest.mark.parametrize(
    "other",
    [
        Entity("User", "ada", {"email": "b", "level": 1}),
        Entity("User", "ada", {"email": "a"}),
        Entity("User", "ada", {"email": "a", "level": 1}, [group("x")]),
        Entity("User", "ada", {"email": "a", "level": True}),
        Entity("User", "ada", {}),
    ],
)
def test_a_request_that_brings_an_entity_in_two_versions_is_refused(other):
    with pytest.raises(RequestError, match='the request brings `User "ada"` twice, with different data'):
        snapshot(entities=[Entity("User", "ada", {"email": "a", "level": 1}), other])


def test_one_entity_under_two_names_of_its_type_is_one_entity():
    with pytest.raises(RequestError, match="twice"):
        snapshot(entities=[Entity("Service", "api", {"env": "dev"}),
                           Entity("checkout.Service", "api", {"env": "prod"})])  # fmt: skip


def test_true_and_one_are_different_data():
    world = schema_of(entity_type("Box", tags=WORLD.entities["Thing"].attributes.fields["ints"]))

    with pytest.raises(RequestError):
        snapshot(schema=world, entities=[Entity("Box", "b", {"tags": [1]}), Entity("Box", "b", {"tags": [True]})])


@pytest.mark.parametrize(
    ("entity", "said"),
    [
        (Entity("Usr", "ada"), "`type`: there is no entity type `Usr` (help: did you mean `User`?)"),
        (Entity("User", 5), "`id`: expected an id in quotes, found the number `5`"),
        (Entity("User", "a", parents=[user("b")]), "`parents[0]`: entities of type `User` cannot be in `User`"),
    ],
)
def test_an_entity_of_the_request_that_cannot_be_is_refused(entity, said):
    with pytest.raises(RequestError) as caught:
        snapshot(entities=[entity])

    assert f"an entity of the request cannot be read: {said}" in str(caught.value)


# ------------------------------------------------------------------------------------------- approvals and revocations

APPROVAL = Approval(user("bob"), ADA, "deploy", EntityRef("Service", "api"), Datetime(0))


def test_approvals_are_those_on_record_when_the_decision_began():
    record = [APPROVAL]
    facts = snapshot(approvals=record)

    record.clear()

    assert facts.approvals == (APPROVAL,)


def test_a_record_that_cannot_be_read_stays_that():
    assert snapshot(approvals=None).approvals is None


def test_a_principal_is_revoked_under_every_name_of_its_type():
    facts = snapshot(revocations=Index.of(for_good([ADA, EntityRef("checkout.Service", "api")], ())))

    assert facts.revoked(ADA, None)
    assert facts.revoked(EntityRef("Service", "api"), None)
    assert facts.revoked(EntityRef("checkout.Service", "api"), None)
    assert not facts.revoked(user("Ada"), None)
    assert not facts.revoked(group("ada"), None)


def test_a_session_is_revoked_by_the_token_it_came_with():
    facts = snapshot(revocations=Index.of(for_good((), ["s-42"])))

    assert facts.session_revoked(RevocationKind.SESSION, "s-42", None)
    assert not facts.session_revoked(RevocationKind.SESSION, "s-4", None)
    assert not facts.session_revoked(RevocationKind.TOKEN, "s-42", None)

"""Data classes that are cheap to define: what the standard library's do, they do too."""

import copy
import dataclasses
import inspect
import pickle

import pytest

from pdp import classes

KINDS = {
    "frozen": {"frozen": True, "slots": True},
    "named": {"frozen": True, "slots": True, "kw_only": True},
    "plain": {"frozen": True},
    "open": {"slots": True},
    "ordered": {"frozen": True, "slots": True, "order": True},
    "by identity": {"frozen": True, "slots": True, "eq": False},
}


def define(of, options):
    @of.dataclass(**options)
    class Base:
        place: object = of.field(default=None, compare=False, repr=False)

    @of.dataclass(**options)
    class Made(Base):
        left: int = 0
        right: tuple = ()
        more: dict = of.field(default_factory=dict, hash=False)
        fixed: str = of.field(default="x", init=False)

        @property
        def double(self):
            return self.left * 2

    return Made


@pytest.fixture(params=KINDS)
def pair(request):
    """The same class, made here and by the standard library."""
    return define(classes, KINDS[request.param]), define(dataclasses, KINDS[request.param])


def outcome(work):
    try:
        return repr(work())
    except Exception as error:
        return type(error)


USES = {
    "its text": lambda cls: cls(left=1, right=(2,), place=9),
    "defaults": lambda cls: (cls().left, cls().right, cls().more, cls().fixed, cls().place),
    "a default of its own for each": lambda cls: cls().more is cls().more,
    "equality": lambda cls: (cls(left=1) == cls(left=1), cls(left=1) == cls(left=2), cls() == 1),
    "what is not compared": lambda cls: cls(place=1) == cls(place=2),
    "another class": lambda cls: cls() == cls.__mro__[1](),
    # Both are held: of two that are gone, the second may stand where the first did, and hash alike by chance.
    "equal hashes": lambda cls: len({hash(each) for each in [cls(left=1, place=1), cls(left=1, place=2)]}),
    "assignment": lambda cls: setattr(cls(), "left", 2),
    "deletion": lambda cls: delattr(cls(), "left"),
    "order": lambda cls: (cls(left=1) < cls(left=2), cls(left=1) >= cls(left=2), cls(left=2) > cls(left=1)),
    "order of others": lambda cls: cls() < 1,
    "patterns": lambda cls: cls.__match_args__,
    "replacement": lambda cls: dataclasses.replace(cls(left=1), left=5),
    "replacement of what is fixed": lambda cls: dataclasses.replace(cls(), fixed="y"),
    "fields": lambda cls: [
        (each.name, each.init, each.repr, each.compare, each.kw_only) for each in dataclasses.fields(cls)
    ],
    "as a dict": lambda cls: dataclasses.asdict(cls(left=3)),
    "being one": lambda cls: (dataclasses.is_dataclass(cls), dataclasses.is_dataclass(cls())),
    "its signature": lambda cls: list(inspect.signature(cls).parameters.values()).__len__(),
    "its parameters": lambda cls: [(each.name, each.kind) for each in inspect.signature(cls).parameters.values()],
    "a word it does not know": lambda cls: cls(strange=1),
    "too many arguments": lambda cls: cls(1, 2, (), {}, 5),
    "arguments in order": lambda cls: cls(1, 2, (3,)),
    "a copy": lambda cls: copy.copy(cls(left=4, place=5)) == cls(left=4),
    "a deep copy": lambda cls: copy.deepcopy(cls(left=4, more={"a": []})).more,
    "a property": lambda cls: cls(left=4).double,
    "a text that holds itself": lambda cls: [each.more.update(me=each) or each for each in [cls()]],
    "its name": lambda cls: (cls.__name__, cls.__init__.__name__),
    "slots": lambda cls: getattr(cls, "__slots__", None),
}


@pytest.mark.parametrize("use", USES)
def test_a_class_does_what_one_of_the_standard_library_does(pair, use):
    ours, theirs = pair

    assert outcome(lambda: USES[use](ours)) == outcome(lambda: USES[use](theirs))


def test_a_constructor_that_was_looked_up_before_another_thread_made_it_is_the_same():
    cls = define(classes, KINDS["frozen"])
    looked_up = vars(cls)["__init__"]

    made = cls.__init__

    assert looked_up.__get__(None, cls) is made


@classes.dataclass(frozen=True, slots=True)
class Kept:
    a: int
    b: str = "b"


def test_an_instance_is_pickled():
    assert pickle.loads(pickle.dumps(Kept(1, "c"))) == Kept(1, "c")


def test_the_constructor_is_made_at_the_first_call_and_then_stands():
    made = define(classes, KINDS["frozen"])
    late = made.__dict__["__init__"]

    made(left=1)

    assert type(late).__name__ == "_Constructor"
    assert inspect.isfunction(made.__dict__["__init__"])


def test_a_class_derived_without_fields_of_its_own_constructs():
    class Derived(define(classes, KINDS["frozen"])):
        pass

    assert Derived(left=3).left == 3


def test_a_class_of_the_standard_library_can_be_derived_from_one():
    base = define(classes, KINDS["named"])

    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Derived(base):
        more_still: int = 1

    assert Derived(left=2, more_still=3) == Derived(left=2, more_still=3)
    assert [each.name for each in dataclasses.fields(Derived)][-1] == "more_still"


def test_what_is_done_after_construction_is_done():
    @classes.dataclass(slots=True)
    class Counted:
        a: int
        b: int = classes.field(init=False)

        def __post_init__(self):
            self.b = self.a + 1

    assert Counted(1).b == 2


def test_a_match_takes_positions():
    match Kept(1, "z"):
        case Kept(a, b):
            assert (a, b) == (1, "z")
        case _:
            pytest.fail("the pattern does not match")


@pytest.mark.parametrize("name", ["a", "strange"])
def test_nothing_is_set_on_what_is_frozen(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(Kept(1), name, 2)

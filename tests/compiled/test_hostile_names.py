"""What a policy, entities and requests call things never becomes code: names and texts are constants, or data."""

from __future__ import annotations

import functools
import keyword
import re
from typing import Any

import pytest

from pdp.errors import PolicyError, RequestError
from pdp.model import Entity
from pdp.values import EntityRef
from tests.compiled.beside import Beside
from tests.compiled.naming import PLACES, TEXTS, Watch, ask_all, entities, policy, renamed, watched

WORDS = [
    *sorted({*keyword.kwlist, *keyword.softkwlist} - {"_"}),
    *("__builtins__", "__import__", "__class__", "__debug__", "__dict__", "__globals__", "__init__", "__name__"),
    *("eval", "exec", "open", "compile", "globals", "getattr", "type", "len", "str", "int", "dict", "print", "self"),
    *("p", "r", "c", "s", "n", "w", "k", "m", "u", "e", "x", "pa", "ra", "sa", "c0", "c1", "d0", "v0", "v1"),
    *("careful", "clock", "micros", "opened", "NOTHING", "FOREVER", "DICT", "ACTION", "decide", "allows", "canary"),
    *(
        "check_0",
        "check_1",
        "constant_0",
        "read_0",
        "class_0",
        "operator_0",
        "calendar_0",
        "_elements",
        "_fields",
        "up",
    ),
]
"""What a name of the policy could be taken for, were it ever a name in code."""

TRAPS = {
    "quotes": '"); canary(); ("',
    "single quotes": "'+canary()+'",
    "three quotes": '"""\ncanary()\n"""',
    "a line of code": "\ncanary()\n#",
    "an import": '__import__("canary").x()',
    "braces": "{canary()} {0.__class__} {{",
    "percent": "%(canary)s %s %n",
    "a backslash at the end": "canary()\\",
    "a backslash and a line": "\\\ncanary()",
    "line separator": "\u2028canary()\u2029\x85canary()",
    "nul": "a\x00canary()",
    "direction": "\u202ecanary()\u2066",
    "digits": "0123456789",
    "composed": "caf\u00e9 canary",
    "decomposed": "cafe\u0301 canary",
    "homoglyph": "\u0441anary()",
    "half a character": "canary\ud800()",
    "a dunder": "__builtins__",
    "a star": "*canary*(\\*)",
    "carriage return": "\rcanary()\r\n",
    "nothing": "",
    "what marks a clock": "\0now",
    "what marks presence": "\0has perhaps",
    "long": "canary()" * 5_000,
}
REFUSED = frozenset("\0\u202e")
"""What no id may hold."""

KINDS = {
    "Module",
    "FunctionDef",
    "arguments",
    "arg",
    "Assign",
    "If",
    "Try",
    "ExceptHandler",
    "Return",
    "Expr",
    "Name",
    "Constant",
    "Attribute",
    "Subscript",
    "Call",
    "Compare",
    "BoolOp",
    "UnaryOp",
    "BinOp",
    "IfExp",
    "Tuple",
    "GeneratorExp",
    "comprehension",
    "And",
    "Or",
    "Not",
    "USub",
    "Add",
    "Sub",
    "Mult",
    "BitOr",
    "Eq",
    "NotEq",
    "Lt",
    "LtE",
    "Gt",
    "GtE",
    "In",
    "NotIn",
    "Is",
    "IsNot",
    "Load",
    "Store",
}
"""The nodes that compiled rules are made of. What can import, define or delete is not among them."""


@functools.cache
def usual(*, many: int = 0) -> tuple[Watch, list[Any]]:
    with watched() as watch:
        found = ask_all(Beside(policy(many=many), entities(), handles=["a_duty"]))
    return watch, found


@pytest.fixture(scope="module")
def usual_names() -> set[str]:
    return usual()[0].names()


def outline(found: list[Any]) -> list[Any]:
    """What answers have in common whatever things are called."""
    return [(len(rules), len(duties), len(remedies)) for rules, duties, remedies in found]


# ------------------------------------------------------------------------------------------------------ that it is seen


def test_the_usual_names_are_answered_by_code_made_of_harmless_nodes():
    watch, found = usual()

    assert len(watch.trees) >= 3
    assert watch.kinds() <= KINDS
    assert all(world["__builtins__"] == {} for world in watch.worlds)
    assert len(watch.worlds) == len(watch.trees)
    assert {name for name in watch.names() if name.startswith("__")} == set()
    assert {len(rules) for rules, _, _ in found} == {0, 1, 2, 3}
    assert any(duties for _, duties, _ in found)
    assert any(remedies for _, _, remedies in found)


def test_names_of_the_policy_are_constants_of_the_code_and_no_names():
    watch, _ = usual()

    named = {*PLACES.values(), *TEXTS.values()}
    assert {"an_attribute", "from_the_context", "a_member", "a text"} <= watch.constants()
    assert not watch.names() & named


def test_nearly_all_questions_of_this_world_are_answered_by_compiled_rules():
    beside = Beside(policy(), entities(), handles=["a_duty"])

    ask_all(beside)

    # The obligation with a computed argument is the interpreter's.
    odd = [request for request in beside.slow if request.action != "an_action"]
    assert not odd
    assert beside.fast >= 12


def test_a_canary_is_heard():
    with watched() as watch:
        exec("canary()\ntry:\n    import canary\nexcept ImportError:\n    pass", {})

    assert watch.tripped == ["called", "import canary"]
    assert len(watch.texts) == 0


# -------------------------------------------------------------------------------------------------------------- names


def naming(turn: int) -> tuple[Any, dict[str, str]]:
    """Return a policy with another of the words in each place, where the language does not mean something by it."""
    names = {place: WORDS[(turn + 5 * number) % len(WORDS)] for number, place in enumerate(PLACES)}
    while True:
        try:
            return policy(**names), names
        except PolicyError as error:
            refused = {each.span.text for each in error.diagnostics if each.span is not None}
            kept = {place: word for place, word in names.items() if word not in refused}
            assert len(kept) < len(names), error
            names = kept


def test_a_word_of_python_or_of_the_code_is_a_name_like_any_other(usual_names: set[str]):
    right = outline(usual()[1])
    taken: set[tuple[str, str]] = set()
    for turn in range(len(WORDS)):
        known, names = naming(turn)
        taken |= names.items()
        with watched() as watch:
            found = ask_all(Beside(known, entities(**names), handles=[names.get("duty", "a_duty")]), **names)
        assert outline(found) == right, names
        assert watch.names() == usual_names, names
        assert watch.tripped == []
    # Types start with a capital, and a few words mean something to the language itself.
    possible = len(WORDS) * (len(PLACES) - len(("user", "group", "page", "enum")))
    assert len(taken) > 0.8 * possible


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("place", sorted(PLACES.keys() - {"define", "parameter", "variable"}))
def test_a_name_that_no_text_could_state_is_a_constant_as_well(place: str, trap: str, usual_names: set[str]):
    # A policy may come from elsewhere than the parser: from the cache, or of another language.
    name, text = PLACES[place], TRAPS[trap]
    known = renamed(policy(), name, text)

    with watched() as watch:
        beside = Beside(known, entities(**{place: text}), handles=[text, "a_duty"])
        found = ask_all(beside, **{place: text})

    assert not [request for request in beside.slow if request.action == "plainly"]
    assert outline(found) == outline(usual()[1])
    assert watch.names() <= usual_names
    assert not any("canary" in each for each in watch.texts)
    assert watch.tripped == []


# -------------------------------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize("trap", sorted(TRAPS.keys() - {"half a character"}))
@pytest.mark.parametrize("place", TEXTS)
def test_a_text_is_never_more_than_itself(place: str, trap: str, usual_names: set[str]):
    text = TRAPS[trap]
    named = {place: text}
    if place.endswith("_id") and (not 0 < len(text) <= 4096 or REFUSED & set(text)):
        with pytest.raises(RequestError):
            Beside(policy(), entities(**named))
        return
    if place in ("remedy", "why") and not text:
        with pytest.raises(PolicyError, match="is empty"):
            policy(**named)
        return
    if place == "pattern" and not text:
        with pytest.raises(PolicyError, match="is always true"):
            policy(**named)
        return

    with watched() as watch:
        found = ask_all(Beside(policy(many=30, **named), entities(**named), handles=["a_duty"]), **named)

    assert any("many3" in rules for rules, _, _ in found)
    assert any("plain" in rules for rules, _, _ in found)
    assert watch.names() <= usual_names | usual(many=30)[0].names() | {"parts"}
    assert not any("canary" in each for each in watch.texts)
    assert watch.tripped == []


def test_a_text_of_a_megabyte_is_looked_up_as_any_other():
    long = "x'\"\\{}%" * 130_000
    name = "a_text_that_stands_for_another"
    known = renamed(policy(text=name), name, long)
    world = [renamed(each, name, long) for each in entities(text=name)]

    with watched() as watch:
        found = ask_all(Beside(known, world, handles=["a_duty"]), text=long)

    assert any("plain" in rules for rules, _, _ in found)
    assert any("shut" in rules for rules, _, _ in found)
    assert watch.tripped == []


def test_ids_that_only_look_alike_are_different_entities():
    beside = Beside(policy(principal_id="caf\u00e9"), entities(principal_id="caf\u00e9"), handles=["a_duty"])
    page = EntityRef("APage", "home")
    context = {"from_the_context": "of the context", "perhaps": "of the context"}

    assert beside.rules(EntityRef("AUser", "caf\u00e9"), "an_action", page, context)
    for other in ("cafe\u0301", "CAF\u00c9", "caf\u00e9 ", "caf\u00e9\u200b"):
        assert beside.ask(EntityRef("AUser", other), "an_action", page, context).reason == "unknown_entity"


@pytest.mark.parametrize("trap", TRAPS)
def test_what_nobody_declared_is_not_looked_at_however_it_is_called(trap: str, usual_names: set[str]):
    text = TRAPS[trap]
    beside = Beside(policy(), entities(), handles=["a_duty"])
    user, page = EntityRef("AUser", "someone else"), EntityRef("APage", "home")
    context = {"from_the_context": "of the context", "perhaps": text, text: text, 3: text, None: text}

    with watched() as watch:
        beside.ask(user, "an_action", page, context)
        beside.ask(user, "an_action", page, {"from_the_context": "of the context"}, {text: text, "issuer": text})
        beside.ask(EntityRef(text, "x"), "an_action", page)
        beside.ask(user, text, page)
        beside.ask(EntityRef("AUser", text), "an_action", page)
        beside.ask(user, "an_action", page, {}, {"actor": EntityRef(text, text)})
        beside.ask(Entity("AUser", "someone else", {text: text}), "an_action", page)

    assert watch.names() <= usual_names
    assert not any("canary" in each for each in watch.texts)
    assert watch.tripped == []


@pytest.mark.parametrize("trap", TRAPS)
def test_the_attributes_of_an_obligation_are_the_texts_themselves(trap: str):
    text = TRAPS[trap]
    beside = Beside(policy(), entities(), handles=["a_duty"])
    user, page = EntityRef("AUser", "someone else"), EntityRef("APage", "home")
    context = {"from_the_context": "of the context", "perhaps": "of the context"}
    known = renamed(policy(), "a_duty", text)

    (found,) = beside.ask(user, "an_action", page, context).obligations
    (other,) = Beside(known, entities(), handles=[]).ask(user, "an_action", page, context).obligations

    assert found.arguments == {"an_argument": "an argument", "computed": "of the context"}
    assert other.name == text
    assert not re.search("canary", repr(found))

"""Conditions at random: of their types where a schema is to take them, or anything anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from tests.beside import values
from tests.beside.places import Place, Scene, access
from tests.beside.text import Piece, is_word, joined, piece, quoted, ref
from tests.beside.world import NAMES, PLAIN, Kind

_COMPARED = ("<", "<=", ">", ">=")
_DECIMAL = ("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual")
_IP = ("isIpv4", "isIpv6", "isLoopback", "isMulticast")
_COUNTED = ("toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays")


class Writer:
    """Writes conditions for one scene. `odd` is how often something of another type stands in a place."""

    def __init__(self, rng: random.Random, scene: Scene, odd: float) -> None:
        self.rng, self.scene, self.odd = rng, scene, odd
        self.world = scene.world
        self._places = scene.places()
        self._known: list[tuple[str, str]] = []

    def condition(self, deep: int | None = None) -> Piece:
        """Return a whole condition."""
        return self.of("bool", self.rng.choice((1, 2, 2, 3, 3, 4)) if deep is None else deep)

    def of(self, kind: Kind, deep: int) -> Piece:
        """Return an expression of a type, or now and then of another."""
        rng = self.rng
        if self.odd and rng.random() < self.odd:
            kind = self.kind()
        found = self._exactly(kind, deep)
        return piece("(", found, ")") if rng.random() < 0.02 else found

    def kind(self) -> Kind:
        """Return any type."""
        kinds = [place.kind for place in self._places]
        return self.rng.choice((*PLAIN, "bool", self.rng.choice(kinds), ("set", self.rng.choice(PLAIN))))

    def _exactly(self, kind: Kind, deep: int) -> Piece:
        rng = self.rng
        if kind == "bool":
            return self._bool(deep)
        if rng.random() < (0.6 if deep else 0.5) and (found := self.place(kind)) is not None:
            return found
        if deep and rng.random() < 0.06:
            return self._if(kind, deep - 1)
        if deep and rng.random() < 0.15 and (tagged := self._tag(kind, deep - 1)) is not None:
            return tagged
        match kind:
            case str():
                return self._computed(kind, deep - 1) if deep and rng.random() < 0.4 else self._literal(kind, deep)
            case ("entity", str(name)):
                return self.entity(name)
            case ("set", element):
                count = rng.choice((1, 1, 2, 3)) if not self.odd else rng.choice((0, 1, 2, 3))
                return joined(", ", [self.of(element, max(deep - 1, 0)) for _ in range(count)], "[", "]")  # type: ignore[arg-type]
            case ("record", fields):
                pairs = [
                    piece(_key(field.name), ": ", self.of(field.kind, max(deep - 1, 0)))
                    for field in fields  # type: ignore[attr-defined]
                    if field.required or rng.random() < 0.6
                ]
                return joined(", ", pairs, "{", "}")
        raise AssertionError(kind)

    # -------------------------------------------------------------------------------------------------------- places

    def place(self, kind: Kind, among: Callable[[Place], bool] = lambda _: True) -> Piece | None:
        """Return a place of a type that is there, if there is one."""
        fitting = [each for each in self._places if each.kind == kind and among(each) and self._sure(each.asked)]
        return self.rng.choice(fitting).text if fitting else None

    def _sure(self, asked: Iterable[tuple[str, str]]) -> bool:
        if self.odd and self.rng.random() < 0.1:
            return True
        return all(each in self._known for each in asked)

    def entity(self, name: str) -> Piece:
        """Return a reference to an entity of a type."""
        rng = self.rng
        if name == self.world.action_type:
            return piece("action") if rng.random() < 0.5 else self._action()
        known = self.world.types.get(name)
        ids = ("gone",) if known is None else known.ids if known.closed else (*known.ids, "gone")
        return piece(ref(name, rng.choice(ids), rng))

    def _action(self) -> Piece:
        return piece(ref(self.world.action_type, self.rng.choice([*self.world.acts]), self.rng))

    def any_entity(self, deep: int) -> Piece:
        """Return an expression for some entity."""
        rng = self.rng
        kinds = [place.kind for place in self._places if isinstance(place.kind, tuple) and place.kind[0] == "entity"]
        if self.odd and rng.random() < 0.03:
            return piece(rng.choice(('Nowhere::"a"', 'Action::"fly"', 'N::Nowhere::"\\u{1f600}"')))
        if rng.random() < 0.65:
            return piece(rng.choice(("principal", "resource", "principal", "resource", "action")))
        return self.of(rng.choice(kinds), deep)

    # ------------------------------------------------------------------------------------------------- plain values

    def _literal(self, kind: str, deep: int) -> Piece:
        rng = self.rng
        match kind:
            case "long":
                number = rng.choice(values.LONGS if rng.random() < 0.3 else values.LONGS[:7])
                return piece(str(number) if number >= 0 else f"({number})")
            case "string":
                return piece(quoted(rng.choice(values.STRINGS), rng))
        text = quoted(values.text(rng, kind, 0.35 if self.odd else 0.015), rng)
        given = self.of("string", deep) if self.odd and rng.random() < 0.12 else piece(text)
        return piece(f"{kind}(", given, ")")

    def _computed(self, kind: str, deep: int) -> Piece:
        rng = self.rng
        match kind:
            case "long":
                return self._number(deep)
            case "datetime":
                if rng.random() < 0.5:
                    return piece(self.of("datetime", deep), ".offset(", self.of("duration", deep), ")")
                return piece(self.of("datetime", deep), ".toDate()")
            case "duration":
                if rng.random() < 0.5:
                    return piece(self.of("datetime", deep), ".durationSince(", self.of("datetime", deep), ")")
                return piece(self.of("datetime", deep), ".toTime()")
        return self._literal(kind, deep)

    def _number(self, deep: int) -> Piece:
        rng = self.rng
        draw = rng.random()
        if draw < 0.65:
            return piece("(", self.of("long", deep), f" {rng.choice('+-*')} ", self.of("long", deep), ")")
        if draw < 0.8:
            return piece("(-", self.of("long", deep), ")")
        return piece(self.of("duration", deep), f".{rng.choice(_COUNTED)}()")

    def _if(self, kind: Kind, deep: int) -> Piece:
        test = self.of("bool", deep)
        return piece("(if ", test, " then ", self.of(kind, deep), " else ", self.of(kind, deep), ")")

    # ------------------------------------------------------------------------------------------------------ conditions

    def _bool(self, deep: int) -> Piece:
        rng = self.rng
        if deep <= 0 or rng.random() < 0.08:
            found = self.place("bool") if rng.random() < 0.8 else None
            return found or piece("true" if rng.random() < 0.7 else "false")
        return rng.choices(_TESTS, _WEIGHTS)[0](self, deep - 1)

    def _chain(self, deep: int) -> Piece:
        rng = self.rng
        count = rng.choices((2, 3, rng.randint(4, 12), rng.randint(30, 90)), (60, 25, 13, 2))[0]
        if count > 12:
            deep = min(deep, 1)
        operator = rng.choice((" && ", " || "))
        known, found = len(self._known), []
        for _ in range(count):
            guard = self._guard() if operator == " && " and rng.random() < 0.4 else None
            found.append(guard if guard is not None else self.of("bool", deep))
        del self._known[known:]
        return joined(operator, found)

    def _guard(self) -> Piece | None:
        """Return a test for presence, which makes what it asks for known to what follows it."""
        wanted = [each for place in self._places for each in place.asked if each not in self._known]
        if not wanted:
            return None
        base, name = self.rng.choice(wanted)
        found = self._has_of(piece(base), name)
        if self._sure(next(each.asked for each in self._places if str(each.text) == base)):
            self._known.append((base, name))
            return found
        return None

    def _has_of(self, base: Piece, name: str) -> Piece:
        spelled = name if is_word(name) and self.rng.random() < 0.8 else quoted(name, self.rng)
        return piece("(", base, f" has {spelled})")

    def _has(self, deep: int) -> Piece:
        rng = self.rng
        if rng.random() < 0.3:
            return self._has_path()
        records = [place.text for place in self._places if isinstance(place.kind, tuple) and place.kind[0] != "set"]
        base = rng.choice(records[:3] if not self.odd else records)
        if self.odd and rng.random() < 0.1:
            base = self.of(self.kind(), deep)
        return self._has_of(base, rng.choice(NAMES))

    def _has_path(self) -> Piece:
        rng = self.rng
        names = [name for name in NAMES if is_word(name)]
        path = [rng.choice(names) for _ in range(rng.randint(2, 3))]
        base = rng.choice(("principal", "resource", "context"))
        asked = [each.asked[-1] for each in self._places if len(each.asked) > 1 and is_word(each.asked[-1][1])]
        if asked and rng.random() < 0.7:
            within, last = rng.choice(asked)
            base, *steps = within.split(".")
            if all(map(is_word, (base, *steps))):
                path = [*steps, last] if steps else [last, *path[:1]]
        return piece(f"({base} has {'.'.join(path)})")

    def _equal(self, deep: int) -> Piece:
        kind = self.kind()
        return piece("(", self.of(kind, deep), f" {self.rng.choice(('==', '==', '!='))} ", self.of(kind, deep), ")")

    def _order(self, deep: int) -> Piece:
        kind = self.rng.choice(("long", "long", "datetime", "duration"))
        return piece("(", self.of(kind, deep), f" {self.rng.choice(_COMPARED)} ", self.of(kind, deep), ")")

    def _decimals(self, deep: int) -> Piece:
        return piece(self.of("decimal", deep), f".{self.rng.choice(_DECIMAL)}(", self.of("decimal", deep), ")")

    def _addresses(self, deep: int) -> Piece:
        if self.rng.random() < 0.5:
            return piece(self.of("ip", deep), ".isInRange(", self.of("ip", deep), ")")
        return piece(self.of("ip", deep), f".{self.rng.choice(_IP)}()")

    def _inside(self, deep: int) -> Piece:
        rng = self.rng
        left = self.any_entity(deep)
        if str(left) == "action":
            names = [self._action() for _ in range(rng.randint(1, 3))]
        elif str(left) == "principal" or not self.odd:
            names = [self.entity(rng.choice(self._above(str(left)))) for _ in range(rng.randint(1, 3))]
        else:
            names = [self.any_entity(deep) for _ in range(rng.randint(1, 3))]
        if self.odd and rng.random() < 0.1:
            names.append(self.of(self.kind(), deep))
        right = names[0] if rng.random() < 0.6 else joined(", ", names, "[", "]")
        return piece("(", left, " in ", right, ")")

    def _above(self, left: str) -> tuple[str, ...]:
        name = {"principal": self.scene.principal, "resource": self.scene.resource}.get(left)
        known = None if name is None else self.world.types.get(name)
        return (*known.parents, known.name) if known is not None else (*self.world.types,)

    def _is(self, deep: int) -> Piece:
        rng = self.rng
        left, name = self.any_entity(deep), rng.choice([*self.world.types])
        if rng.random() < 0.3:
            above = self.world.types[name].parents or (name,)
            groups = [self.entity(rng.choice(above)) for _ in range(rng.choice((1, 1, 1, 2)))]
            right = groups[0] if len(groups) == 1 and rng.random() < 0.8 else joined(", ", groups, "[", "]")
            return piece("(", left, f" is {name} in ", right, ")")
        return piece("(", left, f" is {name})")

    def _like(self, deep: int) -> Piece:
        rng = self.rng
        text = rng.choice(values.STRINGS)
        at = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        stars = rng.choice(("*", "*", "**", ""))
        parts = (quoted(each, rng, star="\\*")[1:-1] for each in (text[: at[0]], text[at[1] :]))
        pattern = stars.join(parts) + rng.choice(("", "", "*"))
        return piece("(", self.of("string", deep), f' like "{pattern}")')

    def _contains(self, deep: int) -> Piece:
        rng = self.rng
        element = self._element()
        if rng.random() < 0.5:
            return piece(self.of(("set", element), deep), ".contains(", self.of(element, deep), ")")
        name = rng.choice(("containsAll", "containsAny"))
        return piece(self.of(("set", element), deep), f".{name}(", self.of(("set", element), deep), ")")

    def _element(self) -> Kind:
        sets = [place.kind[1] for place in self._places if isinstance(place.kind, tuple) and place.kind[0] == "set"]
        if sets and self.rng.random() < 0.7:
            return self.rng.choice(sets)  # type: ignore[return-value]
        return self.rng.choice(PLAIN)

    def _empty(self, deep: int) -> Piece:
        return piece(self.of(("set", self._element()), deep), ".isEmpty()")

    def _not(self, deep: int) -> Piece:
        return piece(self.rng.choice(("!", "!", "!!")), self.of("bool", deep))

    def _tagged(self) -> list[tuple[Piece, Kind]]:
        found = []
        for place in self._places:
            if (
                isinstance(place.kind, tuple)
                and place.kind[0] == "entity"
                and all(x in self._known for x in place.asked)
            ):
                known = self.world.types.get(str(place.kind[1]))
                if known is not None and known.tags is not None:
                    found.append((place.text, known.tags))
        return found

    def _has_tag(self, deep: int) -> Piece:
        tagged = self._tagged()
        rng = self.rng
        if not tagged or (self.odd and rng.random() < 0.1):
            if not self.odd:
                return self._equal(deep)
            return piece(self.of(self.kind(), deep), ".hasTag(", self.of("string", deep), ")")
        base, kind = rng.choice(tagged)
        name = piece(quoted(rng.choice(("a", "b", "", "ü")), None)) if rng.random() < 0.8 else self.of("string", 0)
        asked = piece(base, ".hasTag(", name, ")")
        if rng.random() < 0.4:
            return asked
        got = piece(base, ".getTag(", name, ")")
        test = got if kind == "bool" else piece("(", got, " == ", self.of(kind, deep), ")")
        return piece("(", asked, " && ", test, ")")

    def _tag(self, kind: Kind, deep: int) -> Piece | None:
        if not self.odd:
            return None
        fitting = [base for base, given in self._tagged() if given == kind]
        name = self.of("string", 0) if self.rng.random() < 0.3 else piece(self.rng.choice(('"a"', '"b"')))
        return piece(self.rng.choice(fitting), ".getTag(", name, ")") if fitting else None

    def _branches(self, deep: int) -> Piece:
        return self._if("bool", deep)

    def _mixed(self, deep: int) -> Piece:
        """Return a test of values of different types that could be taken for each other."""
        rng = self.rng
        if not self.odd:
            return self._functions(deep)
        one, other = (rng.sample(_MIXED, rng.randint(1, 3)) for _ in range(2))
        left, right = (joined(", ", each, "[", "]") for each in (one, other))
        if rng.random() < 0.3:
            return piece("(", rng.choice(one), " == ", rng.choice(other), ")")
        if rng.random() < 0.3:
            return piece("(", left, " == ", right, ")")
        if rng.random() < 0.5:
            return piece(left, ".contains(", rng.choice(other), ")")
        return piece(left, rng.choice((".containsAll(", ".containsAny(")), right, ")")

    def _functions(self, deep: int) -> Piece:
        """Return a test of what a function of plain arguments gives."""
        rng, operator = self.rng, f" {self.rng.choice(('==', '==', '!=', '<', '<=', '>', '>='))} "
        wrong = 0.2 if self.odd else 0.015
        match rng.randrange(4):
            case 0 | 1:
                given, name = values.text(rng, "duration", wrong), rng.choice(_COUNTED)
                count = values.units(given, name) + rng.choice((0, 0, 0, 1, -1))
                return piece(f"(duration({quoted(given, rng)}).{name}(){operator}({count}))")
            case 2:
                given = values.text(rng, "datetime", wrong)
                day = values.day(given, rng.choice((0, 0, 0, 1, -1)))
                return piece(f'(datetime({quoted(given, rng)}).toDate(){operator}datetime("{day}"))')
            case _:
                found = self._computed(kind := rng.choice(("datetime", "duration")), deep)
                return piece("(", found, operator, self._literal(kind, deep), ")")

    def _record(self, deep: int) -> Piece:
        """Return a test of a record that is written out, or of what is in it."""
        rng = self.rng
        names = rng.sample(NAMES, rng.randint(1, 3))
        kinds = [rng.choice(PLAIN) for _ in names]
        pairs = [piece(_key(name), ": ", self.of(kind, deep)) for name, kind in zip(names, kinds, strict=True)]
        record = joined(", ", pairs, "{", "}")
        found = access(record, names[0], rng)
        return found if kinds[0] == "bool" else piece("(", found, " == ", self.of(kinds[0], deep), ")")


_MIXED = (
    "1",
    "true",
    "0",
    "false",
    '"1"',
    '"true"',
    'decimal("1.0")',
    "[]",
    "[1]",
    "[true]",
    "{a: 1}",
    "{a: true}",
    '""',
)


def _key(name: str) -> str:
    return name if is_word(name) else quoted(name)


_TESTS = (
    *(Writer._chain, Writer._not, Writer._equal, Writer._order, Writer._decimals, Writer._addresses, Writer._inside),
    *(Writer._is, Writer._like, Writer._contains, Writer._empty, Writer._has, Writer._has_tag, Writer._branches),
    *(Writer._record, Writer._mixed, Writer._functions),
)
_WEIGHTS = (26, 8, 16, 14, 7, 8, 12, 5, 7, 8, 2, 7, 8, 5, 2, 6, 10)

"""Data classes that cost next to nothing to define: their constructors are made when they are first called.

`dataclass` and `field` stand in for those of the standard library. Those generate the text of up to five functions for
each class and compile it, which would be most of what `import pdp` takes. Here equality, hash and repr read the fields
through one getter in C, and only the constructor is generated, for the classes that are used. What else the standard
library makes of a class holds too: `dataclasses.fields`, `replace`, `is_dataclass`, `match`, pickling and copying.
"""

from __future__ import annotations

from _thread import get_ident
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import fields as fields
    from dataclasses import replace as replace

_MISSING: Final = object()
_FIELDS: Final = "__pdp_fields__"


class Field:
    """What is known of one field of a class."""

    __slots__ = ("compare", "default", "default_factory", "hash", "init", "kw_only", "name", "repr", "type")

    def __init__(
        self, default: Any, default_factory: Any, init: bool, repr: bool, hash: bool | None, compare: bool
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.hash = compare if hash is None else hash
        self.compare = compare
        self.kw_only = False
        self.name = ""
        self.type: Any = None


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    init: bool = True,
    repr: bool = True,
    hash: bool | None = None,
    compare: bool = True,
) -> Field:
    """Say more of a field than its type, as `dataclasses.field` does."""
    return Field(default, default_factory, init, repr, hash, compare)


def _dataclass(
    *, frozen: bool = False, slots: bool = False, kw_only: bool = False, order: bool = False, eq: bool = True
) -> Callable[[type], type]:
    """Make a class a data class, as `dataclasses.dataclass` does."""

    def make(cls: type) -> type:
        own = _own_fields(cls, kw_only)
        fields = {name: each for base in reversed(cls.__mro__[1:]) for name, each in base.__dict__.get(_FIELDS, ())}
        fields |= own
        body = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
        body["__qualname__"] = cls.__qualname__
        _set_defaults(body, own, slots)
        listed = tuple(fields.values())
        body[_FIELDS] = tuple(fields.items())
        body["__dataclass_fields__"], body["__dataclass_params__"] = _StandardFields(), _Parameters(frozen)
        body["__match_args__"] = tuple(each.name for each in listed if each.init and not each.kw_only)
        body.setdefault("__init__", _Constructor(listed, slots, frozen))
        if frozen:
            body["__setattr__"], body["__delattr__"] = _refuse_assignment, _refuse_deletion
        if slots:
            # The class is made anew, since slots cannot be added to one that is there.
            inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
            body["__slots__"] = tuple(name for name in fields if name not in inherited)
            body["__getstate__"], body["__setstate__"] = _get_state, _set_state
        body.setdefault("__repr__", _repr_of(listed))
        if eq:
            _compare(body, listed, frozen, order)
        return type(cls)(cls.__name__, cls.__bases__, body)

    return make


def _fields(of: Any) -> tuple[Field, ...]:
    """Return the fields of a data class or of an instance of one, as `dataclasses.fields` does."""
    return tuple(each for _, each in getattr(of, _FIELDS))


def _replace(of: Any, /, **changes: Any) -> Any:
    """Return a copy with other values for some fields, as `dataclasses.replace` does."""
    for each in getattr(of, _FIELDS):
        if each[1].init:
            changes.setdefault(each[0], getattr(of, each[0]))
        elif each[0] in changes:
            raise ValueError(f"field {each[0]} is made with the instance: it cannot be replaced")
    return of.__class__(**changes)


def _own_fields(cls: type, kw_only: bool) -> dict[str, Field]:
    found = {}
    for name, kind in cls.__annotations__.items():
        given = cls.__dict__.get(name, _MISSING)
        each = given if isinstance(given, Field) else Field(given, _MISSING, True, True, None, True)
        each.name, each.type, each.kw_only = name, kind, kw_only
        found[name] = each
    return found


def _set_defaults(body: dict[str, Any], own: dict[str, Field], slots: bool) -> None:
    for name, each in own.items():
        body.pop(name, None)
        if not slots and each.default is not _MISSING:
            body[name] = each.default


def _getter(names: Sequence[str]) -> Callable[[Any], Any]:
    """Return what reads attributes, more than one as a tuple."""
    if not names:
        return lambda _: ()
    from operator import attrgetter

    return attrgetter(*names)


def _compare(body: dict[str, Any], fields: Sequence[Field], frozen: bool, order: bool) -> None:
    key = _getter([each.name for each in fields if each.compare])
    hashed = _getter([each.name for each in fields if each.hash])

    def equals(self: Any, other: Any) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_of(self: Any) -> int:
        return hash(hashed(self))

    body.setdefault("__eq__", equals)
    if body.get("__hash__") is None:
        body["__hash__"] = hash_of if frozen else None
    if order:
        body["__lt__"] = lambda self, other: key(self) < key(other) if _alike(self, other) else NotImplemented
        body["__le__"] = lambda self, other: key(self) <= key(other) if _alike(self, other) else NotImplemented
        body["__gt__"] = lambda self, other: key(self) > key(other) if _alike(self, other) else NotImplemented
        body["__ge__"] = lambda self, other: key(self) >= key(other) if _alike(self, other) else NotImplemented


def _alike(one: Any, other: Any) -> bool:
    return one.__class__ is other.__class__


def _repr_of(fields: Iterable[Field]) -> Callable[[Any], str]:
    def represent(self: Any) -> str:
        # An object that another thread is showing right now does not hold itself.
        place = id(self), get_ident()
        if place in _shown:
            return "..."
        _shown.add(place)
        try:
            inner = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields if each.repr)
        finally:
            _shown.discard(place)
        return f"{type(self).__qualname__}({inner})"

    return represent


_shown: Final[set[tuple[int, int]]] = set()


def _refuse_assignment(self: Any, name: str, value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(self: Any, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, name) for name, _ in getattr(self, _FIELDS)]


def _set_state(self: Any, state: Iterable[Any]) -> None:
    for (name, _), value in zip(getattr(self, _FIELDS), state, strict=True):
        object.__setattr__(self, name, value)


class _StandardFields:
    """The fields as the standard library knows them, made when it asks."""

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        import dataclasses

        found: dict[str, Any] = {}
        for name, each in getattr(owner, _FIELDS):
            given: dict[str, Any] = {"init": each.init, "repr": each.repr, "hash": each.hash, "compare": each.compare}
            for option in ("default", "default_factory"):
                if getattr(each, option) is not _MISSING:
                    given[option] = getattr(each, option)
            made: Any = dataclasses.field(**given, kw_only=each.kw_only)
            made.name, made.type = name, each.type
            made._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # what tells a field from a class variable
            found[name] = made
        return found


class _Parameters:
    """What the standard library asks of a class that one of its own is derived from."""

    __slots__ = ("frozen",)

    def __init__(self, frozen: bool) -> None:
        self.frozen = frozen


class _Constructor:
    """Stands where the constructor will be, and makes it when it is first asked for."""

    __slots__ = ("fields", "frozen", "holder", "made", "slots")
    holder: type

    def __init__(self, fields: Sequence[Field], slots: bool, frozen: bool) -> None:
        self.fields = fields
        self.slots = slots
        self.frozen = frozen
        self.made: Any = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.holder = owner

    def __get__(self, instance: Any, owner: Any) -> Any:
        # Who looked this up before another thread put the constructor in its place comes here once more.
        if self.made is None:
            self.made = self._make(self.holder)
            type.__setattr__(self.holder, "__init__", self.made)
        return self.made if instance is None else self.made.__get__(instance, owner)

    def _make(self, holder: type) -> Any:
        # INVARIANT: what is compiled is made of the names of fields, which stand in this package's own text.
        names: dict[str, Any] = {"_missing": _MISSING, "_store": object.__setattr__}
        ordered = [each for each in self.fields if not each.kw_only]
        named = [each for each in self.fields if each.kw_only]
        parameters = ["self", *(_parameter(each, names) for each in ordered if each.init)]
        parameters += ["*", *(_parameter(each, names) for each in named if each.init)] if named else []
        lines = [line for each in self.fields for line in self._assignment(each, holder, names)]
        if hasattr(holder, "__post_init__"):
            lines.append("self.__post_init__()")
        text = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"])
        exec(compile(text, f"<{holder.__qualname__}>", "exec"), names)
        made = names["__init__"]
        made.__qualname__ = f"{holder.__qualname__}.__init__"
        made.__module__ = holder.__module__
        made.__annotations__ = {each.name: each.type for each in self.fields if each.init} | {"return": None}
        return made

    def _assignment(self, each: Field, holder: type, names: dict[str, Any]) -> list[str]:
        value = _value(each, names)
        if value is None:
            return []
        if not self.frozen:
            return [f"self.{each.name} = {value}"]
        if not self.slots:
            return [f"_store(self, {each.name!r}, {value})"]
        # A slot's own setter is the fastest way around what freezes the class.
        names[f"_set_{each.name}"] = getattr(holder, each.name).__set__
        return [f"_set_{each.name}(self, {value})"]


def _parameter(each: Field, names: dict[str, Any]) -> str:
    if each.default is not _MISSING:
        names[f"_default_{each.name}"] = each.default
        return f"{each.name}=_default_{each.name}"
    return f"{each.name}=_missing" if each.default_factory is not _MISSING else each.name


def _value(each: Field, names: dict[str, Any]) -> str | None:
    """Return what a constructor gives a field, as code; None where it gives it nothing."""
    made = f"_make_{each.name}()"
    if each.default_factory is not _MISSING:
        names[f"_make_{each.name}"] = each.default_factory
        return f"{made} if {each.name} is _missing else {each.name}" if each.init else made
    if each.init:
        return each.name
    if each.default is _MISSING:
        return None
    names[f"_default_{each.name}"] = each.default
    return f"_default_{each.name}"


if not TYPE_CHECKING:
    dataclass, field, fields, replace = _dataclass, _field, _fields, _replace

"""Facts about a request, picked from the arguments of the guarded function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pdp.enforcement.steps import called

_KINDS = inspect.Parameter


class Pick:
    """One fact about a request: given outright, or by a callable that takes the arguments that it names."""

    __slots__ = ("_by_name", "_by_place", "_call", "_takes_all", "_value")

    def __init__(self, given: Any, role: str, signature: inspect.Signature) -> None:
        """Take a fact. Raises TypeError for a callable that names what the function does not take."""
        self._value = given
        self._call: Callable[..., Any] | None = None
        self._by_place: list[str] = []
        self._by_name: list[str] = []
        self._takes_all = False
        if callable(given):
            self._call = given
            for parameter in _parameters(given, role):
                self._take(parameter, role, signature)

    def _take(self, parameter: inspect.Parameter, role: str, signature: inspect.Signature) -> None:
        if parameter.kind is _KINDS.VAR_KEYWORD:
            self._takes_all = True
            return
        # A parameter with a default is no exception: a misspelt one would silently stay at its default.
        if parameter.kind is _KINDS.VAR_POSITIONAL or not _takes(signature, parameter.name):
            raise TypeError(f"the {role} asks for `{parameter.name}`, which is no argument of the guarded function")
        (self._by_place if parameter.kind is _KINDS.POSITIONAL_ONLY else self._by_name).append(parameter.name)

    async def of(self, arguments: Mapping[str, Any], *, asynchronous: bool) -> Any:
        """Return the fact for one call."""
        if self._call is None:
            return self._value
        named = dict(arguments) if self._takes_all else {name: arguments[name] for name in self._by_name}
        placed = tuple(named.pop(name) if self._takes_all else arguments[name] for name in self._by_place)
        return await called(self._call, placed, named, asynchronous=asynchronous)


def _parameters(given: Callable[..., Any], role: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(given).parameters.values())
    except ValueError as error:
        raise TypeError(f"the {role} does not say which arguments it takes: wrap it in a function that does") from error


def _takes(signature: inspect.Signature, name: str) -> bool:
    parameters = signature.parameters
    return name in parameters or any(each.kind is _KINDS.VAR_KEYWORD for each in parameters.values())


class Binder:
    """Names the arguments of calls as a function would."""

    __slots__ = ("_defaults", "_names", "_places", "_signature")

    def __init__(self, signature: inspect.Signature) -> None:
        self._signature = signature
        parameters = signature.parameters.values()
        plain = {_KINDS.POSITIONAL_OR_KEYWORD, _KINDS.KEYWORD_ONLY}.issuperset(each.kind for each in parameters)
        self._names = signature.parameters.keys() if plain else None
        self._places = [each.name for each in parameters if each.kind is _KINDS.POSITIONAL_OR_KEYWORD]
        self._defaults = {each.name: each.default for each in parameters if each.default is not each.empty}

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name, defaults included. Raises TypeError for a call that does not fit."""
        if self._names is not None and len(args) <= len(self._places):
            placed = dict(zip(self._places, args, strict=False))
            found = {**self._defaults, **placed, **kwargs}
            # Each is there, none is there twice, and there is no other.
            if found.keys() == self._names and placed.keys().isdisjoint(kwargs):
                return found
        return self._bind(args, kwargs)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        found = dict(bound.arguments)
        for name, parameter in self._signature.parameters.items():
            if parameter.kind is _KINDS.VAR_KEYWORD:
                # What the function takes beyond its own parameters has a name too; it stands for none of them.
                found = {**found[name], **found}
        return found

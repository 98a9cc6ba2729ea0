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

    @property
    def needs_arguments(self) -> bool:
        """Whether the arguments of the call make a difference."""
        return bool(self._by_place or self._by_name or self._takes_all)

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


def bind(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, defaults included. Raises TypeError for a call that does not fit."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    found = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is _KINDS.VAR_KEYWORD:
            # What the function takes beyond its own parameters has a name too.
            found = {**found[name], **found}
    return found

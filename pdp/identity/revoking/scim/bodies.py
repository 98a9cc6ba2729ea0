"""What a body says of a user, in each of the ways that directories say it.

Whether somebody leaves is read before all else, and whatever else is wrong with a body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pdp.classes import dataclass
from pdp.identity.revoking.scim.refusals import RefusedError
from pdp.identity.revoking.scim.users import SCHEMA, wrong_name

MOST: Final = 1000
"""Operations of one body."""

_PREFIX: Final = f"{SCHEMA}:".lower()
_ATTRIBUTE: Final = re.compile(r"[a-z$][a-z0-9$_-]*")
_NAMES: Final = {"username": "userName", "externalid": "externalId"}


@dataclass(slots=True)
class Said:
    """What a body says: names by their attribute, an empty one for none, and whether the user is active in the end.

    `leaves` says that it is inactive at any point, `wrong` what is wrong with the rest of the body.
    """

    names: dict[str, str]
    active: bool | None = None
    leaves: bool = False
    wrong: RefusedError | None = None

    def refuse(self, detail: str, kind: str = "invalidValue") -> None:
        """Note what is wrong. The first of it is told."""
        self.wrong = self.wrong or RefusedError(400, detail, kind)


def resource(body: Mapping[str, Any]) -> Said:
    """Return what a user is said to be, as it is created or replaced.

    >>> resource({"userName": "ada", "Active": "False"})
    Said(names={'userName': 'ada'}, active=False, leaves=True, wrong=None)
    """
    said = Said({})
    _take_object(said, body)
    return said


def patch(body: Mapping[str, Any]) -> Said:
    """Return what is said to change.

    >>> patch({"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}).leaves
    True
    """
    said = Said({})
    listed = _member(body, "operations")
    operations = [listed] if isinstance(listed, dict) else listed
    if not isinstance(operations, list) or not operations:
        said.refuse("`Operations` is no list of operations", "invalidSyntax")
        return said
    if len(operations) > MOST:
        said.refuse(f"there are more than {MOST} operations", "tooMany")
    for each in operations:
        if isinstance(each, dict):
            _take_operation(said, each)
        else:
            said.refuse("an operation is no object", "invalidSyntax")
    return said


def _member(given: Mapping[str, Any], name: str) -> Any:
    """Return a member by its name, whose case does not count (RFC 7643, 2.1); None where there is none."""
    return next((value for each, value in given.items() if each.lower() == name), None)


def _take_operation(said: Said, operation: Mapping[str, Any]) -> None:
    given, path, value = (_member(operation, name) for name in ("op", "path", "value"))
    kind = given.strip().lower() if isinstance(given, str) else ""
    if kind not in ("add", "replace", "remove"):
        said.refuse("`op` is none of `add`, `replace` and `remove`", "invalidSyntax")
    if path is None and kind == "remove":
        said.refuse("what is removed is named by a `path`", "noTarget")
    elif path is None:
        _take_value(said, value)
    else:
        name = _attribute(path)
        if name is None:
            said.refuse("`path` names no attribute", "invalidPath")
        elif kind == "remove":
            _take_removed(said, name)
        else:
            _take(said, name, value)


def _take_value(said: Said, value: Any) -> None:
    if isinstance(value, dict):
        _take_object(said, value)
    else:
        said.refuse("without a `path`, the `value` of an operation is an object")


def _take_object(said: Said, given: Mapping[str, Any], depth: int = 1) -> None:
    for each, value in given.items():
        if depth and each.lower() == _PREFIX[:-1] and isinstance(value, dict):
            # Some put the attributes under the name of their schema.
            _take_object(said, value, depth - 1)
            continue
        name = _attribute(each)
        if name is not None:
            _take(said, name, value)


def _attribute(path: object) -> str | None:
    """Return the attribute that a path begins with, in lower case: `active` of `active[value eq "x"].value`."""
    if not isinstance(path, str):
        return None
    found = _ATTRIBUTE.match(path.strip().lower().removeprefix(_PREFIX))
    return found[0] if found is not None else None


def _take(said: Said, name: str, value: Any) -> None:
    if name == "active":
        truth = _truth(value)
        if truth is None:
            said.refuse("`active` is neither true nor false")
            return
        said.active = truth
        said.leaves = said.leaves or not truth
    elif value is None:
        # What is null is not there (RFC 7643, 2.5).
        _take_removed(said, name)
    elif name in _NAMES:
        (text,) = found if len(found := list(_told(value))) == 1 else (None,)
        wrong = wrong_name(text)
        if text is None or wrong is not None:
            said.refuse(f"`{_NAMES[name]}` names nobody: {wrong}")
        else:
            said.names[_NAMES[name]] = text


def _take_removed(said: Said, name: str) -> None:
    if name == "active":
        # Whoever is not said to be active is not.
        said.active, said.leaves = False, True
    elif name == "externalid":
        said.names["externalId"] = ""
    elif name in _NAMES:
        said.refuse(f"`{_NAMES[name]}` cannot be removed")


def _truth(value: Any) -> bool | None:
    """Return whether a value is a yes or a no, None for neither. Of several, one no is a no."""
    found = [_TRUTHS.get(str(each).strip().lower()) for each in _told(value)]
    if False in found or not found:
        return False
    return None if None in found else True


_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False, "none": False, "": False}


def _told(value: Any) -> Iterator[Any]:
    """Yield what a value comes to: some write `[{"value": "False"}]` for `false`."""
    if isinstance(value, list):
        for each in value:
            yield from _told(each)
    elif isinstance(value, dict):
        yield from _told(next((each for name, each in value.items() if name.lower() == "value"), "an object"))
    else:
        yield value

"""The requests of a directory, each answered once what it asks for holds: whoever leaves is revoked first of all."""

from __future__ import annotations

import datetime as _datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, unquote

from pdp.classes import dataclass, replace
from pdp.errors import RecordError, RequestError
from pdp.identity import objects
from pdp.identity.options import ScimOptions
from pdp.identity.revoking.revoker import Revoker
from pdp.identity.revoking.scim import bodies, filters
from pdp.identity.revoking.scim.bodies import Said
from pdp.identity.revoking.scim.directory import Directory, MovedError
from pdp.identity.revoking.scim.refusals import RefusedError
from pdp.identity.revoking.scim.schemas import MOST, PROVIDER, SCHEMAS, TYPES
from pdp.identity.revoking.scim.users import BASE, User, wrong_name
from pdp.values import DATETIME_MAX, Datetime, EntityRef

_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_TRIES: Final = 10
_WHY: Final = "the directory says that they left"
_RENAMED: Final = "the directory calls them otherwise"


class Notice(Protocol):
    """Hears of what those who run this should know: an event, with what there is to know of it."""

    def __call__(self, event: str, /, **fields: str) -> object:
        """Take note of an event."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered by. `location` is where to find what was made."""

    status: int
    document: Mapping[str, Any] | None = None
    location: str | None = None


class Endpoints:
    """Answers a directory, whose requests are known to be its own. It is for threads of its own: a revocation may wait.

    `now` is in microseconds since the epoch. What was proved up to `leeway` seconds from now is revoked: the clocks of
    those who issue tokens may be ahead.
    """

    def __init__(
        self,
        options: ScimOptions,
        directory: Directory,
        *,
        revoker: Revoker,
        now: Callable[[], int],
        leeway: float,
        notice: Notice,
    ) -> None:
        self._options, self._directory, self._revoker = options, directory, revoker
        self._now, self._leeway, self._notice = now, leeway, notice

    def answer(self, method: str, path: str, query: str = "", body: bytes = b"") -> Answer:
        """Answer a request, by a path as it was sent. It raises nothing that a body could bring about."""
        try:
            return self._settled(method, _parts(path), query, body)
        except RefusedError as error:
            refused = error
        except RecordError as error:
            self._notice("scim_not_on_record", detail=str(error))
            refused = RefusedError(503, "it is not on record, or does not hold everywhere: ask again")
        except RequestError as error:
            self._notice("scim_not_revoked", detail=str(error))
            refused = RefusedError(500, "whoever left could not be revoked: see the log of this server")
        return Answer(refused.status, refused.document())

    def _settled(self, method: str, parts: Sequence[str], query: str, body: bytes) -> Answer:
        for _ in range(_TRIES):
            try:
                with self._directory.turn:
                    self._directory.refresh()
                    return self._routed(method, parts, query, body)
            except MovedError:
                continue
        raise RecordError("others keep on writing to the record of users")

    def _routed(self, method: str, parts: Sequence[str], query: str, body: bytes) -> Answer:
        match (method, *parts):
            case ("GET", "Users"):
                return self._search(query)
            case ("POST", "Users"):
                return self._create(bodies.resource(_document(body)))
            case ("GET", "Users", id_):
                return Answer(200, self._known(id_, method).to_json())
            case ("PUT", "Users", id_):
                return self._change(method, id_, bodies.resource(_document(body)))
            case ("PATCH", "Users", id_):
                return self._change(method, id_, bodies.patch(_document(body)))
            case ("DELETE", "Users", id_):
                return self._delete(id_)
        return _told(method, parts)

    # ------------------------------------------------------------------------------------------------------- changes

    def _create(self, said: Said) -> Answer:
        if said.leaves:
            self._leave(said.names.get(self._options.id, ""))
        if said.wrong is not None:
            raise said.wrong
        now = self._now()
        user = User(
            id=uuid.uuid4().hex,
            user_name=said.names.get("userName", ""),
            external_id=said.names.get("externalId", ""),
            active=said.active is not False,
            created=now,
            modified=now,
        )
        self._keep(user)
        return Answer(201, user.to_json(), user.location)

    def _change(self, method: str, id_: str, said: Said) -> Answer:
        user = self._directory.find(id_)
        names = {name: said.names.get(name, "") for name in ("userName", "externalId")}
        if user is None and said.leaves:
            # It may be known by what the body names, or not at all: then those who run this are told.
            self._leave(id_ if self._options.id == "id" else names[self._options.id])
        user = self._known(id_, method)
        named = said.names.get(self._options.id, user.name(self._options.id))
        if said.leaves:
            self._leave(user.name(self._options.id), named)
        if said.wrong is not None:
            raise said.wrong
        changed = replace(
            user,
            user_name=names["userName"] or user.user_name,
            external_id=said.names.get("externalId", user.external_id),
            active=user.active if said.active is None else said.active,
        )
        if changed != user:
            changed = replace(changed, modified=self._now())
        self._keep(changed, before=user)
        return Answer(200, changed.to_json())

    def _delete(self, id_: str) -> Answer:
        user = self._directory.find(id_)
        if user is None and self._options.id == "id":
            self._leave(id_)
        user = self._known(id_, "DELETE")
        self._leave(user.name(self._options.id))
        self._directory.remove(user)
        return Answer(204)

    def _keep(self, user: User, before: User | None = None) -> None:
        named = self._options.id
        if not user.user_name or not user.name(named):
            missing = "userName" if not user.user_name else named
            raise RefusedError(400, f"a user needs a `{missing}`: it is known by it", "invalidValue")
        other = self._directory.named("userName", user.user_name)
        if other is not None and other.id != user.id:
            raise RefusedError(409, "there is another user of this `userName`", "uniqueness")
        if before is not None and before.name(named) != user.name(named):
            # Whatever was proved by the old name is nobody's any more, or will be somebody else's.
            self._leave(before.name(named), why=_RENAMED)
        self._directory.put(user)

    def _leave(self, *names: str, why: str = _WHY) -> None:
        """Revoke whoever goes by these names, up to now by any clock."""
        until = min(self._now() + int(self._leeway * 1_000_000), DATETIME_MAX)
        moment: _datetime.datetime = Datetime(until).to_datetime()
        for name in dict.fromkeys(names):
            if wrong_name(name) is None:
                self._revoker.revoke(principal=EntityRef(self._options.type, name), not_before=moment, why=why)

    def _known(self, id_: str, method: str) -> User:
        user = self._directory.find(id_)
        if user is None:
            if method != "GET":
                # Somebody may have left of whom nothing is known here.
                self._notice("scim_unknown_user", method=method, id=id_[:256])
            raise RefusedError(404, "there is no user of this id")
        return user

    # ------------------------------------------------------------------------------------------------------ searches

    def _search(self, query: str) -> Answer:
        given = _query(query)
        if "filter" in given:
            found = self._directory.named(*filters.read(given["filter"]))
            users = [] if found is None else [found]
        else:
            users = sorted(self._directory, key=lambda each: each.id)
        first = max(_number(given, "startIndex", 1), 1)
        count = min(max(_number(given, "count", MOST), 0), MOST)
        return Answer(
            200, _listed([each.to_json() for each in users[first - 1 : first - 1 + count]], len(users), first)
        )


def _listed(resources: Sequence[Mapping[str, Any]], total: int, first: int = 1) -> dict[str, Any]:
    found = {"schemas": [_LIST], "totalResults": total, "startIndex": first, "itemsPerPage": len(resources)}
    return found | {"Resources": list(resources)}


def _told(method: str, parts: Sequence[str]) -> Answer:
    """Answer what is told of this server, and what it does not do."""
    match (method, *parts):
        case ("GET", "ServiceProviderConfig"):
            return Answer(200, PROVIDER)
        case ("GET", "ResourceTypes"):
            return Answer(200, _listed(list(TYPES.values()), len(TYPES)))
        case ("GET", "ResourceTypes", name) if name in TYPES:
            return Answer(200, TYPES[name])
        case ("GET", "Schemas"):
            return Answer(200, _listed(list(SCHEMAS.values()), len(SCHEMAS)))
        case ("GET", "Schemas", name) if name in SCHEMAS:
            return Answer(200, SCHEMAS[name])
        case ("GET", "Groups"):
            # Directories ask for them when they are set up.
            return Answer(200, _listed([], 0))
        case (_, "Groups" | "Bulk" | "Me" | ".search", *_) | (_, "Users", ".search"):
            raise RefusedError(501, "this server keeps users alone, and no groups")
        case (_, "Users" | "ServiceProviderConfig" | "ResourceTypes" | "Schemas") | (_, "Users", _):
            raise RefusedError(405, "nothing of this kind is done at this path")
    raise RefusedError(404, "there is nothing at this path")


def _parts(path: str) -> list[str]:
    """Return the parts of a path after that of SCIM; raise RefusedError where it is not under it."""
    parts = path.removeprefix(BASE).split("/")
    if not path.startswith(f"{BASE}/") or len(parts) > 3:
        raise RefusedError(404, "there is nothing at this path")
    return [unquote(each, errors="replace") for each in parts[1:]]


def _query(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise RefusedError(400, "there are too many parameters", "invalidValue") from None


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 10:
        raise RefusedError(400, f"`{name}` is no whole number", "invalidValue")
    return int(text)


def _document(body: bytes) -> dict[str, Any]:
    try:
        return objects.read(body)
    except objects.UnreadableError as error:
        raise RefusedError(400, f"the body cannot be read: {error}", "invalidSyntax") from None

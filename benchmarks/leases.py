"""Leases by the million, and revocations by the million: what they cost, each in a process of its own."""

from __future__ import annotations

import datetime
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.machine import resident

if TYPE_CHECKING:
    import pdp

PRINCIPAL = 1_000
"""So many leases a principal has."""

REVOKED = 9
"""So many principals are revoked, one after another; the first of them is not counted, the worst of the others is."""

TEXT = """
type Group
type User in Group { level: Int }
type Page
action read on Page by User
rule reads: permit User in Group "staff" to read on Page when principal.level > 2
"""


def leases(count: str) -> dict[str, float]:
    """Watch so many requests, then revoke principals: what each revocation takes, in ms, the worst of several.

    A thousand requests are of one principal and one session, which ends; each is for a resource of its own, so that as
    little as can be is shared. `memory` is what is resident afterwards and was not before, in bytes for each.
    """
    engine, requests = _engine_and_requests(int(count))
    # What the first decision of each principal remembers is no part of a lease, nor is what the first watch imports.
    for each in requests:
        engine.answer(each[0])
    engine.watch(requests[0][0]).close()
    gc.collect()
    before = resident()
    watches = [[engine.watch(request) for request in each] for each in requests]
    gc.collect()
    memory = (resident() - before) * 1024 * 1024 / int(count)
    if not all(watch for each in watches for watch in each):
        raise AssertionError("a lease does not begin")
    times = [_revoked(engine, each) for each in watches[:REVOKED]]
    if not all(watch for each in watches[REVOKED:] for watch in each):
        raise AssertionError("a lease has ended that nobody has revoked")
    return {"revoked": max(times[1:]), "memory": memory}


def _revoked(engine: pdp.Engine, watches: Sequence[pdp.Watch]) -> float:
    principal = watches[0].request.principal
    begun = time.perf_counter()
    engine.revoke(principal=principal)  # type: ignore[arg-type]
    taken = (time.perf_counter() - begun) * 1e3
    if any(watches):
        raise AssertionError("a lease has outlived its principal")
    return taken


def _engine_and_requests(count: int) -> tuple[pdp.Engine, list[list[pdp.Request]]]:
    import pdp

    names = [f"user{number}" for number in range(count // PRINCIPAL)]
    users = [pdp.Entity("User", name, {"level": 5}, [pdp.ref("Group", "staff")]) for name in names]
    engine = pdp.Engine.from_text(TEXT, entities=[pdp.Entity("Group", "staff"), *users])
    requests = []
    for name in names:
        user, session = pdp.ref("User", name), engine.session(_session(name))
        pages = [pdp.ref("Page", f"{name}/{number}") for number in range(PRINCIPAL)]
        requests.append([pdp.Request(user, "read", page, session=session) for page in pages])
    return engine, requests


def _session(name: str) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC)
    return {
        "session_id": f"session of {name}",
        "token_id": f"token of {name}",
        "key_id": f"key of {name}",
        "device_id": f"device of {name}",
        "authenticated_at": now - datetime.timedelta(minutes=1),
        "expires_at": now + datetime.timedelta(hours=8),
    }


# ----------------------------------------------------------------------------------------------------- revocations

ROUNDS = 1_001
CALLS = 200


def held(count: str) -> dict[str, float]:
    """Time decisions with so many revocations held, of all kinds, and with none: how much longer they take, in µs.

    Nobody who asks is revoked, nor is a group that they are in. Both engines take turns; the figure is the median of
    what they differ by.
    """
    import pdp

    staff, ada = pdp.ref("Group", "staff"), pdp.ref("User", "ada")
    entities = [pdp.Entity("Group", "staff"), pdp.Entity("User", "ada", {"level": 5}, [staff])]
    many = pdp.Engine.from_text(TEXT, entities=entities, revocations=Told(int(count)))
    none = pdp.Engine.from_text(TEXT, entities=entities)
    if many.sequence != int(count):
        raise AssertionError(f"{many.sequence} revocations are held instead of {count}")
    page = pdp.ref("Page", "home")
    found = {}
    for name, given in (("", None), ("_with_session", _session("ada"))):
        asked: list[tuple[Any, ...]] = []
        for engine in (many, none):
            session = None if given is None else engine.session(given)
            asked.append((ada, "read", page, None, session))
            if not engine.allows(*asked[-1]) or not engine.decide(*asked[-1]):
                raise AssertionError("who asks is denied")
        found[f"allows{name}"] = _longer(many.allows, asked[0], none.allows, asked[1])
        found[f"decide{name}"] = _longer(many.decide, asked[0], none.decide, asked[1])
    return found


def _longer(first: Callable[..., Any], one: Any, second: Callable[..., Any], other: Any) -> float:
    return statistics.median(_timed(first, one) - _timed(second, other) for _ in range(ROUNDS))


def _timed(call: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    """Return how many µs a call takes, the mean of many."""
    begun = time.perf_counter()
    for _ in range(CALLS):
        call(*arguments)
    return (time.perf_counter() - begun) / CALLS * 1e6


class Told:
    """A record of so many revocations, of each kind in turn."""

    BLOCK = 10_000

    def __init__(self, count: int) -> None:
        self.count = count

    def publish(self, fact: object) -> int:
        """Put nothing on record: nothing is revoked while it is measured."""
        raise NotImplementedError

    def read(self, after: Any) -> tuple[Sequence[Any], Any]:
        """Return the revocations that follow a mark."""
        from pdp.model import Mark

        begin, end = after.sequence, min(after.sequence + self.BLOCK, self.count)
        return [_revocation(number) for number in range(begin, end)], Mark(end, b"told")


def _revocation(number: int) -> Any:
    from pdp.model import Revocation, RevocationKind

    kinds = [*RevocationKind]
    kind = kinds[number % len(kinds)]
    types = {RevocationKind.PRINCIPAL: "User", RevocationKind.WORKLOAD: "User", RevocationKind.GROUP: "Group"}
    return Revocation(kind, f"{kind} {number}", types.get(kind, ""))

"""An engine that compiles with the interpreter beside it, and a watch over which of the two has answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pdp
from pdp.engine import Engine, store_of
from pdp.entities import Store
from pdp.folder import load_sources
from pdp.model import Decision, Entity, Outcome, Request
from pdp.source import Source
from tests.differential.comparing import allows, decide, exactly, interpreted


def checked(text: str) -> pdp.terms.Policy:
    """Return the policy of a text."""
    return load_sources([Source("policy.pdp", text)]).require()[0]


class Beside:
    """Two engines over one world. What `ask` returns, both have answered, in every way of asking."""

    def __init__(self, policy: pdp.terms.Policy | str, entities: Iterable[Entity] | Store = (), **options: Any) -> None:
        known = checked(policy) if isinstance(policy, str) else policy
        store = entities if isinstance(entities, Store) else store_of(entities, known.schema)
        self.engine = Engine(known, store, compiled=True, **options)
        self.judge = Engine(known, store, compiled=False, **options)
        self.fast = 0
        self.slow: list[Request] = []

    def ask(
        self,
        principal: Any,
        action: Any,
        resource: Any,
        context: Any = None,
        session: Any = None,
        now: Any = None,
        *,
        fast: bool | None = None,
    ) -> Decision:
        """Ask both, the one that compiles more than once, and hold all answers to be the same.

        `fast` says whether compiled rules have to have answered, or the interpreter.
        """
        request = Request(principal, action, resource, {} if context is None else context, session, now)
        expected = self.judge.answer(request)
        seen = exactly(expected)
        with interpreted() as asked:
            for _ in range(2):
                found = decide(self.engine, request)
                assert exactly(found) == seen
                assert bool(found) is bool(expected)
                assert allows(self.engine, request) is bool(expected)
                assert exactly(self.engine.answer(request)) == seen
            assert [exactly(each) for each in self.engine.decide_many([request, request])] == [seen, seen]
        if asked:
            self.slow.append(request)
        else:
            self.fast += 1
        if fast is not None:
            assert bool(asked) is not fast, f"compiled rules answered: {not asked}, expected {fast}"
        return expected

    def rules(self, *arguments: Any, fast: bool | None = None) -> tuple[str, ...]:
        """Return the rules that determine what both answer; an allow without any would be no answer."""
        found = self.ask(*arguments, fast=fast)
        assert found.outcome is Outcome.DENY or found.determining_rules
        return found.determining_rules

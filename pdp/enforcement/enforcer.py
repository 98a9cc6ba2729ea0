"""The decorator that asks before a function runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pdp.enforcement import wrapping
from pdp.enforcement.admission import Admission, admit
from pdp.enforcement.arguments import Binder, Pick
from pdp.enforcement.caller import Caller, current
from pdp.enforcement.denial import Denied, refusal
from pdp.enforcement.duties import Call, Handler, registry
from pdp.model import Entity, Request
from pdp.ports import DecisionPoint
from pdp.values import EntityRef

_F = TypeVar("_F")

OnDeny = Callable[[Denied], BaseException]


class Enforcer:
    """An engine together with those who fulfil the obligations of its decisions.

    `engine` may be a function without arguments that returns it, for where it is loaded later. `handlers` maps the name
    of an obligation to a function of (obligation, request, decision), or to a `Handler`.
    """

    __slots__ = ("engine", "handlers")

    def __init__(
        self,
        engine: Enforcer | DecisionPoint | Callable[[], Any],
        *,
        handlers: Mapping[str, Call | Handler] | None = None,
    ) -> None:
        """Raises TypeError for a handler that cannot be called."""
        self.engine = engine
        self.handlers: Mapping[str, Handler] = registry(handlers)

    def guard(
        self,
        action: str,
        *,
        resource: Entity | EntityRef | Callable[..., Any],
        principal: Entity | EntityRef | Callable[..., Any] | None = None,
        session: Mapping[str, Any] | Callable[..., Any] | None = None,
        context: Mapping[str, Any] | Callable[..., Any] | None = None,
        handlers: Mapping[str, Call | Handler] | None = None,
        on_deny: OnDeny | None = None,
    ) -> Callable[[_F], _F]:
        """Guard a function by this engine: `pdp.guard` with `engine` given."""
        return guard(
            action,
            resource=resource,
            principal=principal,
            session=session,
            context=context,
            engine=self,
            handlers=handlers,
            on_deny=on_deny,
        )


# Who decides, as a caller may give it: an engine, an enforcer, or a function that returns one of them.
Given = Enforcer | DecisionPoint | Callable[[], Any]


def resolve(given: Any, own: Mapping[str, Handler]) -> tuple[DecisionPoint, Mapping[str, Handler]]:
    """Return who decides, and who fulfils what: `own` handlers go before those of an enforcer. Raises Denied."""
    handlers = own
    try:
        # An enforcer may stand behind a function, and a function behind that enforcer; but nothing without end.
        for _ in range(6):
            if isinstance(given, Enforcer):
                handlers = {**given.handlers, **handlers}
                given = given.engine
            elif given is not None and not hasattr(given, "decide"):
                given = given()
            else:
                break
    except Exception as error:
        raise refusal(f"the engine is not known: {type(error).__name__}") from error
    if not hasattr(given, "decide"):
        raise refusal("no engine is known")
    return given, handlers


def guard(
    action: str,
    *,
    resource: Entity | EntityRef | Callable[..., Any],
    principal: Entity | EntityRef | Callable[..., Any] | None = None,
    session: Mapping[str, Any] | Callable[..., Any] | None = None,
    context: Mapping[str, Any] | Callable[..., Any] | None = None,
    engine: Given | None = None,
    handlers: Mapping[str, Call | Handler] | None = None,
    on_deny: OnDeny | None = None,
) -> Callable[[_F], _F]:
    """Let a function run only where the action is allowed; else raise Denied, and do not begin it.

    `resource`, `principal`, `session` and `context` are given outright, or by callables that take the arguments of the
    function that they name. Without `principal`, principal and session are those of `acting`; without `engine`, so is
    the engine. `handlers` fulfil obligations, before those of an enforcer. `on_deny` turns a denial into the exception
    that is raised instead.

    Raises TypeError where a callable asks for an argument that the function does not take.

    >>> from pdp.engine import Engine
    >>> from pdp.enforcement import acting
    >>> engine = Engine.from_text('''
    ... type User
    ... type Service
    ... action deploy on Service by User
    ... rule ada_deploys:
    ...   permit User "ada" to deploy on Service standing because "she runs them"
    ... ''')
    >>> @guard("deploy", resource=lambda name: EntityRef("Service", name), engine=engine)
    ... def deploy(name, version="latest"):
    ...     return f"{name} {version}"
    >>> with acting(EntityRef("User", "ada")):
    ...     deploy("pay")
    'pay latest'
    >>> with acting(EntityRef("User", "ben")):
    ...     deploy("pay")
    Traceback (most recent call last):
    pdp.enforcement.denial.Denied: User "ben" may not deploy Service "pay": no rule permits it
    """
    if inspect.iscoroutinefunction(on_deny):
        raise TypeError("`on_deny` returns an exception, and waits for nothing")
    if not isinstance(action, str):
        raise TypeError('the action is a string: write `guard("deploy", resource=…)`')

    def decorate(function: _F) -> _F:
        inner = wrapping.plain(function)
        entrance = Entrance(
            inner,
            action,
            {"resource": resource, "principal": principal, "session": session, "context": context},
            engine,
            registry(handlers),
            on_deny,
        )
        guarded: _F = wrapping.rewrapped(function, wrapping.wrap(inner, entrance.admit))
        return guarded

    return decorate


class Entrance:
    """What stands before one guarded function."""

    __slots__ = ("_action", "_binder", "_engine", "_handlers", "_on_deny", "_picks")

    def __init__(
        self,
        function: Callable[..., Any],
        action: str,
        facts: Mapping[str, Any],
        engine: Any,
        handlers: Mapping[str, Handler],
        on_deny: OnDeny | None,
    ) -> None:
        signature = inspect.signature(function)
        self._binder = Binder(signature)
        self._action = action
        self._picks = {role: Pick(given, role, signature) for role, given in facts.items() if given is not None}
        if "resource" not in self._picks:
            raise TypeError("a guard has to know the resource")
        self._engine = engine
        self._handlers = handlers
        self._on_deny = on_deny

    async def admit(self, args: tuple[Any, ...], kwargs: dict[str, Any], asynchronous: bool) -> Admission:
        """Decide one call, before it begins. Raises Denied, or what `on_deny` makes of it."""
        # A call that does not fit the function is an error of the caller's; it is not begun either.
        arguments = self._binder.bind(args, kwargs)
        try:
            caller = current()
            engine = caller.engine if self._engine is None else self._engine
            point, handlers = resolve(engine, self._handlers)
            request = await self._request(arguments, caller, asynchronous)
            return await admit(request, point, handlers, asynchronous=asynchronous)
        except Denied as denied:
            if self._on_deny is None:
                raise
            instead: object = self._on_deny(denied)
            # INVARIANT: whatever becomes of a denial, it is raised.
            if not isinstance(instead, BaseException):
                raise
            raise instead from denied

    async def _request(self, arguments: Mapping[str, Any], caller: Caller, asynchronous: bool) -> Request:
        facts = {role: await self._fact(role, arguments, asynchronous) for role in self._picks}
        return caller.request(self._action, facts)

    async def _fact(self, role: str, arguments: Mapping[str, Any], asynchronous: bool) -> Any:
        try:
            return await self._picks[role].of(arguments, asynchronous=asynchronous)
        except Exception as error:
            raise refusal(f"the {role} is not known: {type(error).__name__}") from error

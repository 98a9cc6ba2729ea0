"""A guarded function is begun only where its action is allowed; no way around that is a call."""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from enforcement.scene import ADA, BEN, DOC, Fixed, engine, shown

import pdp
from pdp.enforcement.arguments import Binder

ENGINE = engine()
ALLOW = pdp.Decision(outcome=pdp.Outcome.ALLOW, reason=pdp.Reason.PERMITTED)


def guarded(action: str = "read", **options: Any) -> tuple[Callable[..., Any], list[str]]:
    """Return a guarded function, and the list of what it was called with."""
    calls: list[str] = []

    @pdp.guard(action, **{"resource": lambda doc: pdp.ref("Doc", doc), "engine": ENGINE, **options})
    def run(doc: str, note: str = "none", *rest: str, by: Any = None, **more: Any) -> str:
        calls.append(doc)
        return f"ran {doc}"

    return run, calls


def denial_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> pdp.Denied:
    with pytest.raises(pdp.Denied) as caught:
        call(*args, **kwargs)
    return caught.value


# ------------------------------------------------------------------------------------------------- allowed, denied


def test_an_allowed_call_runs_and_returns() -> None:
    run, calls = guarded()

    with pdp.acting(ADA):
        assert run("d1") == "ran d1"

    assert calls == ["d1"]


def test_a_denied_call_raises_the_decision_and_its_remedies() -> None:
    run, calls = guarded("share")

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert calls == []
    assert denied.reason is denied.decision.reason is pdp.Reason.DEFAULT
    assert denied.remedies[0].texts == ("use your key",)
    assert denied.request == pdp.Request(ADA, "share", DOC, {})
    assert str(denied) == 'User "ada" may not share Doc "d1": no rule permits it (it would take: use your key)'


def test_a_forbid_is_named_by_the_denial() -> None:
    run, calls = guarded("shred")

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert (calls, denied.reason) == ([], pdp.Reason.FORBIDDEN)
    assert str(denied) == 'User "ada" may not shred Doc "d1": forbidden by nobody_shreds'


def test_the_session_of_the_caller_is_asked_with() -> None:
    run, _ = guarded("share")

    with pdp.acting(ADA, session={"mfa": True}):
        assert run("d1") == "ran d1"
    with pdp.acting(ADA, session=ENGINE.session({"mfa": True})):
        assert run("d1") == "ran d1"


def test_what_the_caller_and_the_guard_know_of_the_context_is_asked_with() -> None:
    run, calls = guarded("enter", context=lambda note: {"note": note})

    with pdp.acting(ADA, context={"ip": "10.0.0.1"}):
        assert run("d1", "please") == "ran d1"
    with pdp.acting(ADA, context={"ip": "192.0.2.1"}):
        denial_of(run, "d1", "please")
    with pdp.acting(ADA):
        denial_of(run, "d1", "please")

    assert calls == ["d1"]


def test_what_the_guard_knows_of_the_context_goes_before_what_the_caller_says() -> None:
    run, calls = guarded("enter", context=lambda note: {"note": note})

    with pdp.acting(ADA, context={"ip": "10.0.0.1", "note": "please"}):
        denial_of(run, "d1", "now")

    assert calls == []


# -------------------------------------------------------------------------------------------------- missing facts


def test_nobody_who_acts_is_a_denial() -> None:
    run, calls = guarded()

    denied = denial_of(run, "d1")

    assert (calls, str(denied), denied.request) == ([], "denied: nobody is known to act", None)


def test_acting_as_none_hides_who_acts_outside() -> None:
    run, calls = guarded()

    with pdp.acting(ADA), pdp.acting(None):
        denial_of(run, "d1")

    assert calls == []


def test_a_principal_that_the_guard_looks_for_and_does_not_find_is_not_the_caller() -> None:
    run, calls = guarded(principal=lambda by: by)

    with pdp.acting(ADA):
        denial_of(run, "d1", by=None)
        denial_of(run, "d1", by=BEN)
        assert calls == []
        assert run("d1", by=ADA) == "ran d1"


def test_a_session_goes_with_its_principal_and_with_no_other() -> None:
    run, calls = guarded("share", principal=ADA)

    with pdp.acting(BEN, session={"mfa": True}):
        denial_of(run, "d1")

    assert calls == []


def test_a_session_that_the_guard_looks_for_and_does_not_find_is_not_that_of_the_caller() -> None:
    run, calls = guarded("share", session=lambda by: by)

    with pdp.acting(ADA, session={"mfa": True}):
        denial_of(run, "d1", by=None)
        assert calls == []
        assert run("d1", by={"mfa": True}) == "ran d1"


def test_a_block_within_another_takes_over_the_engine_alone() -> None:
    run, calls = guarded("share", engine=None)

    with pdp.acting(ADA, session={"mfa": True}, engine=ENGINE):
        assert run("d1") == "ran d1"
        with pdp.acting(ADA):
            assert denial_of(run, "d1").reason is pdp.Reason.DEFAULT
        assert run("d1") == "ran d1"

    assert len(calls) == 2


def test_a_block_that_ends_by_an_exception_leaves_nobody_behind() -> None:
    run, calls = guarded()

    with pytest.raises(ZeroDivisionError), pdp.acting(ADA):
        raise ZeroDivisionError

    denial_of(run, "d1")
    assert calls == []


def test_no_engine_is_a_denial() -> None:
    run, calls = guarded(engine=None)

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert (calls, denied.decision.detail) == ([], "no engine is known")


@pytest.mark.parametrize("given", [lambda: None, lambda: object(), lambda: 1 / 0, object(), True, "engine"])
def test_an_engine_that_is_none_is_a_denial(given: Any) -> None:
    run, calls = guarded(engine=given)

    with pdp.acting(ADA, engine=ENGINE):
        denied = denial_of(run, "d1")

    assert calls == []
    assert denied.reason is pdp.Reason.INTERNAL_ERROR


def test_an_engine_that_is_loaded_later_is_asked_for_at_each_call() -> None:
    engines: list[pdp.Engine] = []
    run, calls = guarded(engine=lambda: engines[0])

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")
        engines.append(ENGINE)
        assert run("d1") == "ran d1"

    assert isinstance(denied.__cause__, IndexError)
    assert calls == ["d1"]


def test_an_enforcer_whose_engine_is_itself_denies() -> None:
    enforcer = pdp.Enforcer(ENGINE)
    enforcer.engine = enforcer
    run, calls = guarded(engine=enforcer)

    with pdp.acting(ADA):
        denial_of(run, "d1")

    assert calls == []


# ----------------------------------------------------------------------------------------------- failing callables


ERRORS = [ValueError, KeyError, MemoryError, RecursionError, StopAsyncIteration, AssertionError, pdp.PdpError]
ROLES = ["resource", "principal", "session", "context"]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("role", ROLES)
def test_an_exception_in_a_callable_is_a_denial_with_its_cause(role: str, error: type[Exception]) -> None:
    def fail() -> Any:
        raise error("secret")

    run, calls = guarded(**{role: fail})

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert calls == []
    assert isinstance(denied.__cause__, error)
    assert denied.decision.detail == f"the {role} is not known: {error.__name__}"
    assert "secret" not in str(denied)


def test_an_iterator_that_ends_in_a_callable_is_a_denial() -> None:
    run, calls = guarded(resource=lambda: next(iter([])))

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert calls == []
    assert isinstance(denied.__cause__, RuntimeError)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("role", ROLES)
def test_an_interruption_in_a_callable_goes_through_and_calls_nothing(
    role: str, interruption: type[BaseException]
) -> None:
    def interrupt() -> Any:
        raise interruption

    run, calls = guarded(**{role: interrupt})

    with pdp.acting(ADA), pytest.raises(interruption):
        run("d1")

    assert calls == []


@pytest.mark.parametrize("junk", [None, 0, 1, True, "Doc", b"Doc", (), ("Doc", "d1"), [], {}, object()], ids=shown)
@pytest.mark.parametrize("role", ["resource", "principal"])
def test_junk_instead_of_an_entity_is_a_denial(role: str, junk: Any) -> None:
    run, calls = guarded(**{role: lambda: junk})

    with pdp.acting(ADA):
        denial_of(run, "d1")

    assert calls == []


@pytest.mark.parametrize("role", ["session", "context"])
@pytest.mark.parametrize("junk", [0, 1, True, "mfa", [("mfa", True)], object()], ids=shown)
def test_junk_instead_of_a_mapping_is_a_denial(role: str, junk: Any) -> None:
    run, calls = guarded(**{role: lambda: junk})

    with pdp.acting(ADA, context={"ip": "10.0.0.1"}):
        denial_of(run, "d1")

    assert calls == []


def test_a_name_that_cannot_be_printed_is_a_denial() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise ValueError

        __repr__ = __str__

    run, calls = guarded(resource=lambda: pdp.EntityRef("Doc", Unprintable()))  # type: ignore[arg-type]

    with pdp.acting(ADA):
        denial_of(run, "d1")

    assert calls == []


def test_a_callable_that_has_to_be_awaited_before_a_function_that_does_not_wait_is_a_denial() -> None:
    async def find() -> pdp.EntityRef:
        return DOC

    run, calls = guarded(resource=find)

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert calls == []
    assert isinstance(denied.__cause__, TypeError)


@pytest.mark.parametrize(
    "answer", [True, 1, "allow", object(), None, pdp.Outcome.ALLOW, RuntimeError(), RecursionError()], ids=shown
)
def test_what_is_no_decision_allows_nothing(answer: Any) -> None:
    run, calls = guarded(engine=Fixed(answer))

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert calls == []
    assert denied.reason is pdp.Reason.INTERNAL_ERROR


def test_an_engine_that_has_to_be_awaited_allows_nothing() -> None:
    class Asynchronous:
        async def decide(self, *_: Any, **__: Any) -> pdp.Decision:
            return ALLOW

    run, calls = guarded(engine=Asynchronous())

    with pdp.acting(ADA):
        denial_of(run, "d1")

    assert calls == []


def test_a_decision_of_an_engine_that_answers_elsewhere_is_kept() -> None:
    run, calls = guarded(engine=Fixed(ALLOW))

    with pdp.acting(BEN):
        run("d1")

    assert calls == ["d1"]


# ------------------------------------------------------------------------------------------------------- arguments


def test_a_callable_takes_the_arguments_that_it_names_defaults_included() -> None:
    seen: list[Any] = []

    def resource(by: Any, /, note: str, *, doc: str, rest: tuple[str, ...], colour: str) -> pdp.EntityRef:
        seen.append((by, note, doc, rest, colour))
        return DOC

    run, _ = guarded(resource=resource)

    with pdp.acting(ADA):
        run("d1", "n", "x", colour="red")
        run(doc="d1", colour="red")

    assert seen == [(None, "n", "d1", ("x",), "red"), (None, "none", "d1", (), "red")]


def test_a_callable_may_take_every_argument() -> None:
    seen: list[Any] = []

    def resource(doc: str, /, **call: Any) -> pdp.EntityRef:
        seen.append((doc, call))
        return DOC

    run, _ = guarded(resource=resource)

    with pdp.acting(ADA):
        run("d1", colour="red")

    assert seen == [("d1", {"note": "none", "rest": (), "by": None, "more": {"colour": "red"}, "colour": "red"})]


def test_an_argument_that_the_call_leaves_out_is_a_denial() -> None:
    run, calls = guarded(resource=lambda colour: DOC)

    with pdp.acting(ADA):
        denied = denial_of(run, "d1")

    assert calls == []
    assert isinstance(denied.__cause__, KeyError)


FUNCTIONS: list[Callable[..., Any]] = [
    lambda: None,
    lambda a: None,
    lambda a, b=2: None,
    lambda a, *, b: None,
    lambda a=1, *, b=2: None,
    lambda a, /, b=2: None,
    lambda a, *rest, b=2: None,
    lambda a, **more: None,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: str(inspect.signature(function)))
def test_arguments_are_named_as_python_names_them(function: Callable[..., Any]) -> None:
    signature = inspect.signature(function)
    compared = 0
    for count in range(4):
        for names in ((), ("a",), ("b",), ("c",), ("a", "b"), ("b", "c"), ("a", "b", "c")):
            args, kwargs = tuple(range(count)), dict.fromkeys(names, "k")
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                with pytest.raises(TypeError, match=re.escape(str(error))):
                    Binder(signature).bind(args, kwargs)
                continue
            bound.apply_defaults()
            found = Binder(signature).bind(args, kwargs)
            assert {name: found[name] for name in signature.parameters} == bound.arguments
            compared += 1

    assert compared


def test_a_keyword_that_is_called_like_a_parameter_does_not_stand_for_it() -> None:
    calls: list[str] = []

    @pdp.guard("read", resource=lambda doc: pdp.ref("User" if doc == "mine" else "Doc", doc), engine=ENGINE)
    def run(doc: str, /, **more: Any) -> None:
        calls.append(doc)

    with pdp.acting(ADA):
        denial_of(run, "mine", doc="d1")

    assert calls == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "given", [lambda dco: DOC, lambda doc, dco: DOC, lambda dco="d1": DOC, lambda *, dco=None: DOC, lambda *doc: DOC]
)
def test_a_callable_that_asks_for_what_the_function_does_not_take_is_refused(role: str, given: Any) -> None:
    with pytest.raises(TypeError, match=f"the {role} asks for `d"):

        @pdp.guard("read", **{"resource": DOC, role: given})
        def run(doc: str) -> None: ...


def test_a_callable_that_does_not_say_what_it_takes_is_refused() -> None:
    class Secretive:
        __signature__ = "none"

        def __call__(self, doc: str) -> pdp.EntityRef:
            return DOC

    with pytest.raises(TypeError):
        guarded(resource=Secretive())


def test_a_call_that_does_not_fit_the_function_calls_nothing() -> None:
    run, calls = guarded()

    with pdp.acting(ADA), pytest.raises(TypeError, match="missing a required argument: 'doc'"):
        run()

    assert calls == []


def test_a_function_that_other_decorators_call_otherwise_is_not_called() -> None:
    calls: list[str] = []

    def outer(doc: str) -> None: ...

    def inner(*args: str) -> None:
        calls.append(args[0])

    inner.__wrapped__ = outer  # type: ignore[attr-defined]
    run = pdp.guard("read", resource=lambda doc: pdp.ref("Doc", doc), engine=ENGINE)(inner)

    with pdp.acting(ADA), pytest.raises(TypeError):
        run("d1", "d2")

    assert calls == []


# ------------------------------------------------------------------------------------------------- wrong decoration


def test_a_guard_without_an_action_or_a_resource_is_refused() -> None:
    with pytest.raises(TypeError, match="resource"):
        pdp.guard(lambda: None)  # type: ignore[call-arg, arg-type]
    with pytest.raises(TypeError, match="the action is a string"):
        pdp.guard(lambda: None, resource=DOC)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="know the resource"):
        pdp.guard("read", resource=None)(lambda: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [int, type("Doc", (), {}), property(lambda self: 1), None, "run"])
def test_what_is_no_function_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="only functions and methods can be guarded"):
        pdp.guard("read", resource=DOC)(given)


# ---------------------------------------------------------------------------------------------------------- on_deny


def test_a_denial_may_be_raised_as_another_exception() -> None:
    run, calls = guarded(on_deny=lambda denied: PermissionError(str(denied.reason)))

    with pdp.acting(BEN), pytest.raises(PermissionError, match="default") as caught:
        run("d1")

    assert calls == []
    assert isinstance(caught.value.__cause__, pdp.Denied)


@pytest.mark.parametrize("instead", [None, True, "allowed", PermissionError, 0], ids=shown)
def test_what_is_no_exception_does_not_stand_for_a_denial(instead: Any) -> None:
    run, calls = guarded(on_deny=lambda denied: instead)

    with pdp.acting(BEN):
        denial_of(run, "d1")

    assert calls == []


def test_an_exception_that_turning_a_denial_raises_calls_nothing() -> None:
    run, calls = guarded(on_deny=lambda denied: 1 / 0)  # type: ignore[arg-type, return-value]

    with pdp.acting(BEN), pytest.raises(ZeroDivisionError):
        run("d1")

    assert calls == []


def test_what_turns_a_denial_may_not_have_to_be_awaited() -> None:
    async def turn(denied: pdp.Denied) -> Exception:
        return denied

    with pytest.raises(TypeError, match="waits for nothing"):
        guarded(on_deny=turn)


def test_a_denial_inside_the_function_is_not_turned() -> None:
    inner, _ = guarded("shred")

    @pdp.guard("read", resource=DOC, engine=ENGINE, on_deny=lambda denied: PermissionError())
    def outer() -> None:
        inner("d1")

    with pdp.acting(ADA):
        denied = denial_of(outer)

    assert denied.reason is pdp.Reason.FORBIDDEN


# ------------------------------------------------------------------------------------------------------- the denial


def test_the_decision_of_a_denial_is_never_an_allow() -> None:
    denied = pdp.Denied(ALLOW)

    assert (denied.decision.outcome, bool(denied.decision), denied.overruled) == (pdp.Outcome.DENY, False, ALLOW)


def test_a_denial_goes_to_another_process_without_its_request() -> None:
    run, _ = guarded("share")
    with pdp.acting(ADA, session={"mfa": False, "token_id": "t-1"}):
        denied = denial_of(run, "d1")

    copy = pickle.loads(pickle.dumps(denied))

    assert (str(copy), copy.decision, copy.request) == (str(denied), denied.decision, None)
    assert pickle.loads(pickle.dumps(pdp.Denied(ALLOW))).overruled == ALLOW
    assert b"t-1" not in pickle.dumps(denied)
    assert "t-1" not in repr(denied)


# ------------------------------------------------------------------------------------------------------ appearances


def test_a_guarded_function_keeps_name_signature_and_documentation() -> None:
    def run(doc: str, note: str = "none", *rest: str, by: Any = None, **more: Any) -> Mapping[str, int]:
        """Run it."""
        return {}

    found = pdp.guard("read", resource=DOC)(run)

    assert (found.__name__, found.__doc__, found.__qualname__) == ("run", "Run it.", run.__qualname__)
    assert inspect.signature(found) == inspect.signature(run)
    assert found.__module__ == __name__
    assert found.__annotations__ == run.__annotations__


class Shelf:
    """Methods of each kind, guarded inside and outside of what makes them so."""

    name = "d1"

    def __init__(self) -> None:
        self.calls: list[str] = []

    @pdp.guard("read", resource=lambda self: pdp.ref("Doc", self.name), engine=ENGINE)
    def method(self, word: str) -> str:
        return word

    @classmethod
    @pdp.guard("read", resource=lambda cls: pdp.ref("Doc", cls.name), engine=ENGINE)
    def inside(cls, word: str) -> str:
        return word + cls.__name__

    @pdp.guard("read", resource=lambda cls: pdp.ref("Doc", cls.name), engine=ENGINE)
    @classmethod
    def outside(cls, word: str) -> str:
        return word + cls.__name__

    @pdp.guard("read", resource=lambda word: pdp.ref("Doc", word), engine=ENGINE)
    @staticmethod
    def static(word: str) -> str:
        return word

    @property
    @pdp.guard("read", resource=DOC, engine=ENGINE)
    def title(self) -> str:
        return "title"


WAYS = {
    "method": (lambda: Shelf().method("x"), "x"),
    "unbound method": (lambda: Shelf.method(Shelf(), "x"), "x"),
    "class method": (lambda: Shelf.inside("x"), "xShelf"),
    "class method of an object": (lambda: Shelf().outside("x"), "xShelf"),
    "static method": (lambda: Shelf.static("x"), "x"),
    "property": (lambda: Shelf().title, "title"),
    "callable object": (lambda: pdp.guard("read", resource=DOC, engine=ENGINE)(Called())("x"), "x"),
}


class Called:
    def __call__(self, word: str) -> str:
        return word


@pytest.mark.parametrize("way", WAYS)
def test_methods_of_each_kind_are_guarded(way: str) -> None:
    call, expected = WAYS[way]

    denial_of(call)
    with pdp.acting(BEN):
        denial_of(call)
    with pdp.acting(ADA):
        assert call() == expected


def test_two_guards_ask_both_the_outer_one_first() -> None:
    calls: list[str] = []

    @pdp.guard("share", resource=DOC, engine=ENGINE)
    @pdp.guard("read", resource=DOC, engine=ENGINE)
    def run() -> None:
        calls.append("run")

    with pdp.acting(ADA):
        assert denial_of(run).request.action == "share"  # type: ignore[union-attr]
    with pdp.acting(ADA, session={"mfa": True}):
        run()

    assert calls == ["run"]


def test_a_recursive_function_is_asked_for_at_each_call() -> None:
    @pdp.guard("read", resource=lambda depth: pdp.ref("Doc" if depth else "User", "d1"), engine=ENGINE)
    def descend(depth: int) -> None:
        descend(depth - 1)

    with pdp.acting(ADA):
        denied = denial_of(descend, 2)

    assert denied.request.resource == pdp.ref("User", "d1")  # type: ignore[union-attr]

"""The words of Cedar: those that are no names, the variables, and what can be called."""

from __future__ import annotations

from typing import Final

from pdp.cedar.tree import VariableName
from pdp.symbols import Function

RESERVED: Final = frozenset({"true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar"})
"""What is no name of an attribute, a type or a function. It is refused anywhere but as the key of an annotation."""

VARIABLES: Final = {str(name): name for name in VariableName}

FUNCTIONS: Final[dict[str, int]] = {
    **dict.fromkeys((Function.DECIMAL, Function.IP, Function.DATETIME, Function.DURATION), 1),
}
"""What is called as `name(…)`, and with how many arguments."""

METHODS: Final[dict[str, int]] = {
    **dict.fromkeys(("contains", "containsAll", "containsAny", "hasTag", "getTag"), 1),
    "isEmpty": 0,
    **dict.fromkeys((Function.LESS_THAN, Function.LESS_THAN_OR_EQUAL), 1),
    **dict.fromkeys((Function.GREATER_THAN, Function.GREATER_THAN_OR_EQUAL), 1),
    **dict.fromkeys((Function.IS_IPV4, Function.IS_IPV6, Function.IS_LOOPBACK, Function.IS_MULTICAST), 0),
    **dict.fromkeys((Function.IS_IN_RANGE, Function.OFFSET, Function.DURATION_SINCE), 1),
    **dict.fromkeys((Function.TO_DATE, Function.TO_TIME), 0),
    **dict.fromkeys((Function.TO_MILLISECONDS, Function.TO_SECONDS, Function.TO_MINUTES), 0),
    **dict.fromkeys((Function.TO_HOURS, Function.TO_DAYS), 0),
}
"""What is called as `value.name(…)`, and with how many arguments beside the value."""

COUNTED: Final = frozenset({"contains", "containsAll", "containsAny", "hasTag", "getTag", "isEmpty"})
"""What has to be called with as many arguments as it takes. A call of an extension with others is read, and errs."""

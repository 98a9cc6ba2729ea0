"""From policy text to syntax trees and back, and the messages about what is wrong with a text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdp.syntax import tree
    from pdp.syntax.parser import parse

__all__ = ["parse", "tree"]


def __getattr__(name: str) -> object:
    if name == "parse":
        # Reading a file, or showing a character, takes no parser: what is cached is never parsed.
        from pdp.syntax.parser import parse

        return parse
    raise AttributeError(f"module `pdp.syntax` has no attribute `{name}`")

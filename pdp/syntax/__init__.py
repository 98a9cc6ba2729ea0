"""From policy text to syntax trees and back, and the messages about what is wrong with a text."""

from pdp.syntax import tree
from pdp.syntax.parser import parse

__all__ = ["parse", "tree"]

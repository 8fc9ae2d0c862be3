"""Parses the PowerShell script of the sender, and finds what it uses."""

from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

_LANGUAGE = Language(tree_sitter_powershell.language())


@dataclass(frozen=True)
class ScriptTree:
    """A parsed script."""

    root: Node

    @classmethod
    def of(cls, source: bytes) -> "ScriptTree":
        return cls(Parser(_LANGUAGE).parse(source).root_node)

    @property
    def errors(self) -> list[str]:
        return [
            f"line {node.start_point[0] + 1}: {text_of(node)[:80]}"
            for node in walk(self.root)
            if node.is_error or node.is_missing
        ]

    def nodes(self, *kinds: str) -> Iterator[Node]:
        return (node for node in walk(self.root) if node.type in kinds)

    def functions(self) -> dict[str, Node]:
        return {
            text_of(child(node, "function_name")): node
            for node in self.nodes("function_statement")
        }


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the source."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.children)


def text_of(node: Node) -> str:
    return (node.text or b"").decode()


def child(node: Node, kind: str) -> Node:
    return next(one for one in node.children if one.type == kind)


def command_name(command: Node) -> str:
    name = command.child_by_field_name("command_name")
    return text_of(name if name is not None else command)


def commands_in(node: Node) -> list[str]:
    return [command_name(one) for one in walk(node) if one.type == "command"]

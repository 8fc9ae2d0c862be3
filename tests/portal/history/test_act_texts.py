"""Each act of an audit trail has a text, each text an act, and each detail a label."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from portal.approvals import Decision
from portal.history import acts
from usage.models import FileState, ServerRequestKind

ROOT = Path(__file__).parents[3]

# What the parts in braces of an act that is put together can be, by the act as the code
# has it. A file is judged to one of three states; staff refuse it by another act.
PARTS = {
    "file-{}": (FileState.ACCEPTED, FileState.HELD, FileState.REJECTED),
    "server-change-{}": tuple(Decision),
    "server-{}-changed": tuple(ServerRequestKind),
    "excuse-{}": tuple(Decision),
    "licences-{}": tuple(Decision),
}

# Acts of earlier versions: trails have entries of them, and keep their text.
FORMER = {"escalation-chosen"}

# An act as the code writes it; other texts that are passed as one are not acts.
ACT = re.compile(r"[a-z]+(-([a-z]+|\{\}))+")


@cache
def modules_with_entries() -> tuple[ast.Module, ...]:
    """Parse the modules that write entries; none of them writes act otherwise."""
    paths = [
        path
        for app in ("portal", "usage", "billing")
        for path in sorted((ROOT / app).rglob("*.py"))
    ]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    return tuple(ast.parse(one) for one in sources if "audit_log.append(" in one)


def texts_of(node: ast.expr) -> Iterator[str]:
    """Yield the acts that an expression can be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=first, orelse=second):
            yield from texts_of(first)
            yield from texts_of(second)
        case ast.JoinedStr(values=values):
            pattern = "".join(
                str(one.value) if isinstance(one, ast.Constant) else "{}"
                for one in values
            )
            yield from (pattern.format(part) for part in PARTS[pattern])


def with_act(tree: ast.Module) -> dict[str, int]:
    """Return the functions of a module that take an act, and at which place."""
    return {
        node.name: [one.arg for one in node.args.args].index("act")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and "act" in [one.arg for one in node.args.args]
    }


def acts_of(tree: ast.Module) -> Iterator[str]:
    placed = with_act(tree)
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="act", value=value):
                yield from texts_of(value)
            case ast.Assign(targets=[ast.Name(id="act")], value=value):
                yield from texts_of(value)
            case ast.Assign(targets=[ast.Name(id="_ACTS")], value=ast.Dict() as table):
                yield from (act for value in table.values for act in texts_of(value))
            case ast.Call(func=ast.Name(id=name), args=args) if name in placed:
                if len(args) > placed[name]:
                    yield from texts_of(args[placed[name]])


def details_of(tree: ast.Module) -> Iterator[str]:
    """Yield the names of details that a module writes as literals."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="details", value=value):
                yield from _keys(value)
            case ast.Assign(targets=[ast.Name(id="details" | "about")], value=value):
                yield from _keys(value)
            case ast.AnnAssign(
                target=ast.Name(id="details"), value=ast.Dict() as value
            ):
                yield from _keys(value)
            case ast.FunctionDef(name="_details", body=[*_, ast.Return(value=value)]):
                yield from _keys(value) if value else ()


def _keys(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Dict):
            yield from (
                str(key.value) for key in node.keys if isinstance(key, ast.Constant)
            )


@pytest.mark.plain
def test_each_act_of_the_code_has_a_text_and_each_text_an_act() -> None:
    written = {act for tree in modules_with_entries() for act in acts_of(tree)}
    assert {act for act in written if ACT.fullmatch(act) is None} == set()
    assert len(written) > 60
    assert written | FORMER == set(acts.registered())
    assert not written & FORMER


@pytest.mark.plain
def test_each_detail_of_the_code_has_a_label() -> None:
    written = {name for tree in modules_with_entries() for name in details_of(tree)}
    assert len(written) > 40
    assert {name for name in written if not acts.has_label(name)} == set()


@pytest.mark.plain
@pytest.mark.parametrize("act", sorted(acts.registered()))
def test_a_sentence_names_who_acted_and_details_that_entries_have(act: str) -> None:
    sentence = str(acts.registered()[act].sentence)
    named = {name for _, name, _, _ in Formatter().parse(sentence) if name}
    assert "actor" in named
    written = {name for tree in modules_with_entries() for name in details_of(tree)}
    assert named - {"actor", "subject"} <= written
    assert sentence.endswith((".", "{subject}", "{filters}"))

"""The PowerShell script is parsed and compared with the Python sender; it is not run.

No PowerShell runs where this is built. These tests find no error of a run: they find
syntax that is not PowerShell's, and names that Windows PowerShell 5.1 does not have.
"""

import ast
import inspect
import re
import struct

import pytest

from tests.docs_pages import DOCS, PAGES, first_cells
from tests.usage.sender.powershell_lists import (
    COMMANDS,
    MEMBERS,
    NOT_IN_5_1,
    SHORT,
    TYPES,
)
from tests.usage.sender.script_tree import (
    ScriptTree,
    child,
    command_name,
    commands_in,
    text_of,
    walk,
)
from usage.sender.script import quoted, sender_script
from usage.uploads.failure_text import FAILURES
from usage.usg import layout
from usage.usg.__main__ import main as usg_main
from usage.usg.client import VERSION, access_check, answers, http, send, stand_alone
from usage.usg.client.access_check import Conclusion
from usage.usg.client.access_probe import ProbeOutcome
from usage.usg.client.closed_files import QUIET_FOR, Why
from usage.usg.client.exit_codes import EPILOG, ExitCode
from usage.usg.fingerprints import FINGERPRINT_BYTES, FINGERPRINT_DOMAIN
from usage.usg.limits import DEFAULT_LIMITS

pytestmark = pytest.mark.plain

PORTAL = "https://portal.example"
SOURCE = sender_script(PORTAL).decode("ascii").replace("\r\n", "\n")
TREE = ScriptTree.of(SOURCE.encode())
LITERALS = {text_of(one).strip("'") for one in TREE.nodes("string_literal")}


def constant(name: str) -> str:
    """Return what the script assigns to a variable at its start."""
    found = re.search(rf"^\${name} = (.*)$", SOURCE, re.M)
    assert found is not None, name
    return found[1]


def strings_in(text: str) -> set[str]:
    return set(re.findall(r"'([^']*)'", text))


# The language


def test_the_script_has_no_syntax_error() -> None:
    assert TREE.errors == []


def test_a_syntax_error_is_found() -> None:
    assert ScriptTree.of(b"function { if (").errors
    # Of PowerShell 7: the grammar may know it, but no list has it.
    tree = ScriptTree.of(b"$a = $b ? 1 : 2; Get-Item x && Get-Item y; $a ?? $b")
    assert tree.errors or {one.type for one in walk(tree.root)} & NOT_IN_5_1


def test_no_syntax_of_a_later_powershell_is_used() -> None:
    assert {node.type for node in walk(TREE.root)} & NOT_IN_5_1 == set()
    for word in ("-SkipHttpErrorCheck", "-Parallel", "clean {", "-AsHashtable"):
        assert word not in SOURCE


def test_every_command_is_of_5_1_or_of_the_script_and_none_is_an_alias() -> None:
    used = {command_name(one) for one in TREE.nodes("command")}
    own = set(TREE.functions())
    assert used - own == set(COMMANDS)
    # None of the script's functions hides a command, and each of them is used.
    assert own & set(COMMANDS) == set()
    assert own - used == set()


def test_every_parameter_of_a_command_is_of_5_1() -> None:
    for command in TREE.nodes("command"):
        name = command_name(command)
        used = {
            text_of(one).lstrip("-")
            for elements in command.children
            for one in elements.children
            if one.type == "command_parameter"
        }
        assert used <= COMMANDS.get(name, frozenset()), name


def type_name(text: str) -> str:
    return re.sub(r"\[.*\]$", "", text.strip("[]").removeprefix("System."))


def test_every_type_is_of_the_framework() -> None:
    used = {type_name(text_of(one)) for one in TREE.nodes("type_literal")}
    made = {
        type_name(name)
        for name in re.findall(r"New-Object -TypeName (\S+)", SOURCE)
        if not name.endswith("[]")
    }
    assert len(re.findall(r"New-Object\b", SOURCE)) == len(
        re.findall(r"New-Object -TypeName [A-Za-z]", SOURCE)
    )
    every = {name.partition("[")[0] for name in used | made}
    assert every - SHORT <= set(TYPES)


def test_every_static_member_is_of_the_framework() -> None:
    found = 0
    for node in TREE.nodes("member_access", "invokation_expression"):
        if node.children[0].type != "type_literal":
            continue
        found += 1
        name = type_name(text_of(node.children[0]))
        member = text_of(child(node, "member_name"))
        assert member in TYPES[name], f"{name}::{member}"
    assert found > 50


def own_fields() -> set[str]:
    """Return the keys of the script's own objects."""
    return {text_of(one) for one in TREE.nodes("key_expression")}


def test_every_member_of_an_object_is_of_the_framework_or_of_the_script() -> None:
    known = {name for names in MEMBERS.values() for name in names.split()}
    used = {
        text_of(child(node, "member_name"))
        for node in TREE.nodes("member_access", "invokation_expression")
        if node.children[0].type != "type_literal"
    }
    assert used - known - own_fields() <= {"number"}
    assert known - used == set()


def test_the_file_is_ascii_with_the_line_ends_of_windows() -> None:
    data = sender_script(PORTAL)
    assert data.isascii()
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
    assert b"\t" not in data


# The address


@pytest.mark.parametrize(
    "address",
    [
        "https://portal.example",
        "https://o'neill.example/''/'",
        "https://x.example/$(Remove-Item x)`n$env:USG_TOKEN",
        'https://x.example/"; exit 9 #>',
        "https://x.example/@VERSION@/'@ADDRESS@'",
        "https://x.example/\N{RIGHT SINGLE QUOTATION MARK}; exit 9; \N{EURO SIGN}",
        "https://x.example/\r\nexit 9\n",
        "",
    ],
)
def test_no_address_breaks_the_script(address: str) -> None:
    data = sender_script(address)
    assert data.isascii()
    tree = ScriptTree.of(data.replace(b"\r\n", b"\n"))
    assert tree.errors == []
    # The same statements: the address is nothing but the value of one parameter.
    assert [one.type for one in tree.root.children] == [
        one.type for one in TREE.root.children
    ]
    assert commands_in(tree.root) == commands_in(TREE.root)
    (to,) = (
        one
        for one in tree.nodes("script_parameter")
        if text_of(child(one, "variable")) == "$To"
    )
    assert text_of(child(to, "script_parameter_default")).lstrip("= ") == quoted(
        address
    )
    assert "@VERSION@ PowerShell" not in data.decode()


def test_text_with_quotes_is_doubled_and_other_text_is_in_base64() -> None:
    assert quoted("a'b") == "'a''b'"
    assert quoted("$a`b") == "'$a`b'"
    assert quoted("\N{EURO SIGN}").endswith("FromBase64String('4oKs')))")


# The same as the Python sender


def steps_of(source: str, name: str) -> list[tuple[str, str]]:
    """Return each step, and the name of the function that is called for it."""
    found = re.findall(rf"^ *# (Step \d+: .*)\n.*?({name})\b", source, re.M)
    return [(text, call.strip("_").replace("-", "_").lower()) for text, call in found]


def test_both_senders_take_the_same_steps_in_the_same_order() -> None:
    python = steps_of(inspect.getsource(send), r"(?:_|\b)[a-z]+_[a-z]+(?=\()")
    script = steps_of(SOURCE, r"[A-Z][a-z]+-[A-Z][A-Za-z]+")
    assert len(python) == 9
    assert script == python
    help_text = SOURCE.partition("Each run takes these steps:")[2]
    listed = re.findall(r"^  (\d+)\. (.*)$", help_text, re.M)
    assert [f"Step {number}: {text}" for number, text in listed] == [
        text for text, _ in python
    ]


def test_the_steps_of_the_script_are_called_in_this_order() -> None:
    called = commands_in(TREE.functions()["Invoke-Send"])
    steps = [name for _, name in steps_of(SOURCE, r"[A-Z][a-z]+-[A-Z][A-Za-z]+")]
    named = [name.replace("-", "_").lower() for name in called]
    assert [name for name in named if name in steps] == steps


def test_the_steps_of_the_python_sender_are_called_in_this_order() -> None:
    tree = ast.parse(inspect.getsource(send))
    (run,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "take_steps"
    )
    called = [
        node.func.attr.strip("_")
        for node in sorted(
            (one for one in ast.walk(run) if isinstance(one, ast.Call)),
            key=lambda one: one.lineno,
        )
        if isinstance(node.func, ast.Attribute)
    ]
    steps = [
        name
        for _, name in steps_of(inspect.getsource(send), r"(?:_|\b)[a-z]+_[a-z]+(?=\()")
    ]
    assert [name for name in called if name in steps] == steps[1:]


def test_exit_codes_limits_and_refusals_are_the_same() -> None:
    names = "$Accepted, $Rejected, $WrongCommandLine, $Held, $Undelivered"
    assert f"{names} = {', '.join(str(int(one)) for one in ExitCode)}" in SOURCE
    assert " ".join(EPILOG.split()) in " ".join(SOURCE.split())
    assert float(constant("QuietFor")) == QUIET_FOR
    assert constant("Timeout") == f"{http.TIMEOUT}000"
    assert constant("MostTries") == str(http.TRIES)
    assert constant("FirstWait") == str(http.FIRST_WAIT)
    assert constant("LongestWait") == str(http.LONGEST_WAIT)
    assert constant("LongestAsked") == str(http.LONGEST_ASKED)
    for name, expected in (("Passing", answers.PASSING), ("Busy", answers.BUSY)):
        assert set(map(int, re.findall(r"\d+", constant(name)))) == set(expected)
    assert strings_in(constant("OfTheLine")) == set(answers.OF_THE_LINE)
    assert strings_in(constant("OfAll")) == send.OF_ALL
    assert strings_in(constant("QuotaFull")) == {send.QUOTA_FULL}
    assert f"'usage-sender {VERSION} PowerShell 5.1'" in SOURCE


def test_a_file_stays_open_from_its_last_hash_until_it_is_deleted() -> None:
    removed = text_of(TREE.functions()["Remove-Safe"])
    assert "Open-Shared $one.Path ([IO.FileShare] 'Read, Delete')" in removed
    assert removed.index("Get-Hash") < removed.index("Test-Changed")
    assert removed.index("::Delete(") < removed.index("finally { $stream.Dispose() }")


def test_no_wrong_option_is_repeated_with_its_value() -> None:
    written = text_of(TREE.functions()["Invoke-Main"])
    assert "($one -split '[=:]', 2)[0]" in written
    assert '$Rest)"' not in written


def test_fingerprints_are_computed_as_the_portal_does() -> None:
    assert constant("PreludeBytes") == str(layout.PRELUDE.size)
    assert constant("LargestHeader") == str(DEFAULT_LIMITS.header_bytes)
    signer = text_of(TREE.functions()["Get-Signer"])
    assert f"'{layout.MAGIC.hex()}'" in signer
    (domain,) = re.findall(r'GetBytes\("([^"]*)"\)', signer)
    assert domain.replace("`0", "\0").encode() == FINGERPRINT_DOMAIN
    assert f".Substring(0, {2 * FINGERPRINT_BYTES})" in signer
    # The length of the header is the fourth field of the fixed bytes.
    start = struct.calcsize(">8sBB")
    assert f"$at = {start}; $at -lt {start + struct.calcsize('>I')}" in signer


def test_reasons_and_codes_of_files_are_those_of_the_portal() -> None:
    assert {why.value for why in Why} <= LITERALS
    codes = {one for one in LITERALS if one.startswith(("unreadable-", "blocked"))}
    assert codes
    assert codes <= set(FAILURES)


def test_the_access_check_knows_the_same_names_outcomes_and_conclusions() -> None:
    names = access_check.names_of()
    assert strings_in(constant("BucketNames")) == set(names.bucket)
    assert strings_in(constant("ServiceNames")) == set(names.service)
    assert strings_in(constant("AmazonIssuer")) == {names.issuer}
    assert constant("CheckPort") == str(access_check.DOCUMENTED.port)
    titles = SOURCE.partition("$Titles = @{")[2].partition("\n}")[0]
    assert set(re.findall(r"^    '([a-z-]+)' = ", titles, re.M)) == set(Conclusion)
    assert {str(one) for one in ProbeOutcome} <= LITERALS
    selected = strings_in(text_of(TREE.functions()["Select-Conclusion"]))
    assert set(Conclusion) <= selected


# The docs

# How the table of exit codes begins.
HEAD = "| exit code | meaning | what to do |"


def test_both_ways_to_start_the_python_sender_print_the_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for main in (stand_alone.main, usg_main):
        with pytest.raises(SystemExit):
            main(["--help"])
        assert EPILOG in " ".join(capsys.readouterr().out.split())


def test_the_docs_have_the_exit_codes_and_parameters() -> None:
    page = DOCS / "sender.md"
    rows = first_cells(page, r"[0-4]")
    assert set(rows) == {str(int(one)) for one in ExitCode}
    assert set(re.findall(r"\b[0-9]\b", EPILOG)) == set(rows)
    # The table is there only.
    tables = [text for text in (p.read_text() for p in PAGES) if HEAD in text]
    assert tables == [page.read_text(encoding="utf-8")]
    text = page.read_text(encoding="utf-8")
    (block,) = (one for one in TREE.root.children if one.type == "param_block")
    given = {
        text_of(child(one, "variable")).lstrip("$")
        for one in walk(block)
        if one.type == "script_parameter"
    }
    for name in given - {"Rest"}:
        assert f"`-{name}" in text, name
        assert f".PARAMETER {name}\n" in SOURCE, name
    assert "was not run" in text

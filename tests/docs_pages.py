"""Reads the pages of the docs, and their tables."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("portal", "usage", "billing")
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def rows(page: Path) -> list[list[str]]:
    """Return the cells of every row of the page's tables."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if line.startswith("| ")
    ]


def code_in(text: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def first_cells(page: Path, pattern: str) -> dict[str, list[str]]:
    """Return rows by what their first cell holds, where that is like the pattern."""
    return {
        found: row
        for row in rows(page)
        for found in code_in(row[0])
        if re.fullmatch(pattern, found)
    }


def bash_blocks(text: str) -> list[str]:
    """Return the commands that a page shows in blocks of bash."""
    return re.findall(r"^```bash\n(.*?)^```$", text, re.M | re.S)


def first_day_commands() -> list[str]:
    """Return the blocks of README's first day."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## The first day\n")[2]
    return bash_blocks(re.split(r"^##", section, maxsplit=1, flags=re.M)[0])

"""The install commands install the compiled lists and nothing else."""

import hashlib
import importlib.util
import os
import re
import shlex
import subprocess
import venv
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("requirements", "requirements-run", "requirements-dev")

# Every file that can hold a command for `make`, an image, CI, a hook or a reader.
FILES = (
    *("Makefile", "Dockerfile", "docker-compose.yml", ".pre-commit-config.yaml"),
    *(".ci/*", "*.md", "docs/**/*.md"),
)
INSTALL = re.compile(r"\bpip (install [^`&|;\n]*-r \S*[^`\s])")

LOCK = {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


@dataclass(frozen=True)
class Project:
    """A folder with a lock and an empty virtual environment, and an index for pip."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def installed(self) -> dict[str, str]:
        paths = [str(path) for path in self.folder.glob(".venv/lib/*/site-packages")]
        assert paths
        return {
            found.metadata["Name"]: found.version
            for found in metadata.distributions(path=paths)
        }


def write_wheel(index: Path, name: str, version: str, *fields: str) -> None:
    """Write the smallest wheel that pip accepts, with further metadata fields."""
    about = f"{name}-{version}.dist-info"
    head = ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}")
    wheel = ("Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any")
    contents = {
        f"{name}.py": "",
        f"{about}/METADATA": "\n".join((*head, *fields, "")),
        f"{about}/WHEEL": "\n".join((*wheel, "")),
    }
    record = "".join(f"{path},,\n" for path in (*contents, f"{about}/RECORD"))
    with zipfile.ZipFile(index / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**contents, f"{about}/RECORD": record}.items():
            archive.writestr(path, text)


def write_index(index: Path) -> None:
    """Write the locked packages, and a release of `beta` that is newer than its pin."""
    index.mkdir()
    write_wheel(index, "alpha", "1.0", "Requires-Dist: beta[extra]")
    for version in ("1.0", "1.1"):
        extra = ("Provides-Extra: extra", "Requires-Dist: gamma; extra == 'extra'")
        write_wheel(index, "beta", version, *extra)
    write_wheel(index, "gamma", "1.0")


def lock_text(index: Path) -> str:
    """Return the lock in the form in which the lists are compiled."""
    lines = []
    for name, version in LOCK.items():
        wheel = index / f"{name}-{version}-py3-none-any.whl"
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n")
    return "".join(lines)


def link_pip(folder: Path) -> Path:
    """Link the pip of this environment into a folder of its own.

    A new virtual environment can import it from there. Installing a copy would take
    several seconds, and pip would be among the installed packages.
    """
    spec = importlib.util.find_spec("pip")
    assert spec is not None
    assert spec.origin is not None
    folder.mkdir()
    (folder / "pip").symlink_to(Path(spec.origin).parent)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder, index = tmp_path / "project", tmp_path / "index"
    folder.mkdir()
    write_index(index)
    for name in NAMES:
        (folder / f"{name}.txt").write_text(lock_text(index))
    venv.create(folder / ".venv", symlinks=True)
    # With this stamp make uses the environment as it is and does not replace it.
    (folder / ".venv" / "made").touch()
    # Nothing else of the environment is passed on: variables and configuration files of
    # pip could name an index or constraints, and those of make could change variables.
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(link_pip(tmp_path / "pip-only")),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
    }
    return Project(folder, environment)


def install_commands() -> dict[str, list[list[str]]]:
    """Return the words of each command that installs a list, by file."""
    found: dict[str, list[list[str]]] = {}
    for path in sorted(path for pattern in FILES for path in ROOT.glob(pattern)):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        commands = [shlex.split(match[1]) for match in INSTALL.finditer(text)]
        if commands:
            found[path.relative_to(ROOT).as_posix()] = commands
    return found


@pytest.mark.parametrize("name", NAMES)
def test_make_installs_exactly_the_locked_versions(name: str, project: Project) -> None:
    stamp = f".venv/installed-{name}.txt"
    project.run("make", f"--makefile={ROOT / 'Makefile'}", stamp)
    assert project.installed() == LOCK
    assert (project.folder / stamp).exists()


def test_the_image_build_installs_exactly_the_locked_versions(project: Project) -> None:
    [command] = install_commands()["Dockerfile"]
    *arguments, path = command
    python = str(project.folder / ".venv" / "bin" / "python")
    project.run(python, "-m", "pip", *arguments, path.removeprefix("/"))
    assert project.installed() == LOCK


def test_every_install_command_skips_dependencies_and_requires_hashes() -> None:
    # Newer versions of pip select the pinned release even without --no-deps, so with
    # such a pip the tests above would not notice that the option is missing.
    commands = install_commands()
    assert commands.keys() >= {"Makefile", "Dockerfile"}
    for path, found in commands.items():
        for command in found:
            assert {"--no-deps", "--require-hashes"} <= set(command), path


def test_one_make_rule_installs_all_lists() -> None:
    [command] = install_commands()["Makefile"]
    assert command[-1] == "$<"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"$(VENV)/installed-{name}.txt" in makefile
    assert re.findall(r"^\$\(VENV\)/installed-.*:", makefile, re.MULTILINE) == [
        "$(VENV)/installed-%.txt:"
    ]

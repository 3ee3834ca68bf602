"""What the documentation names exists: files, modules, settings, operations, commands."""

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from settings_example import SERVICES, settings_of
from skyulf_client.main import create_app
from skyulf_service.settings import SharedSettings
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
        ROOT / "libs" / "skyulf-core" / "README.md",
    ]
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
TREES = ("libs/", "services/", "tests/", "tools/", "docs/", "deploy/", "contracts/", "requirements/", ".ci/")
# variables that are no setting of a service
OTHERS = re.compile(r"SKYULF_(URL|API_KEY|TEST_\w+|TOOLS_CACHE)")


def _ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(params=PAGES, ids=_ids)
def page(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = [each for each in LINK.findall(page.read_text()) if not each.startswith(("http://", "https://", "#"))]

    missing = [each for each in targets if not (page.parent / each.partition("#")[0]).exists()]

    assert not missing


def test_every_path_that_is_named_exists(page: Path) -> None:
    named = [each for each in _code(page) if each.startswith(TREES) and not re.search(r"[<>…{}\s]", each)]

    missing = [each for each in named if not any(ROOT.glob(each.rstrip("/")))]

    assert not missing


def test_every_module_and_name_that_is_named_exists(page: Path) -> None:
    named = {each for each in _code(page) if re.fullmatch(r"skyulf_\w+(\.\w+)+(:\w+)?", each)}

    missing = [each for each in sorted(named) if not _importable(each)]

    assert not missing


def test_every_setting_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\bSKYULF_[A-Z0-9_]*[A-Z0-9]\b(?![…<_$])", page.read_text()))
    known = _known_settings()

    unknown = [each for each in sorted(named) if not known & {each, each.removesuffix("_FILE")}]
    missing = [each for each in unknown if not OTHERS.fullmatch(each)]

    assert not missing


def test_every_operation_that_is_named_exists(page: Path) -> None:
    operations = _operations()
    named = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/api/v1/[^`\s?]+)`", page.read_text())

    missing = [f"{method} {path}" for method, path in named if method.lower() not in operations.get(path, {})]

    assert not missing


def test_every_command_that_is_named_exists(page: Path) -> None:
    app = _app()

    wrong = [line for line in _commands(page) if not _known(app, line)]

    assert not wrong


def test_decisions_are_numbered_once_and_by_their_titles() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    numbers = [int(page.name[:4]) for page in pages]

    assert numbers == list(range(1, len(pages) + 1))
    assert [page.read_text().split(".")[0] for page in pages] == [f"# {number}" for number in numbers]


@cache
def _app() -> object:
    return get_command(create_app())


@cache
def _operations() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((ROOT / "contracts" / "openapi.json").read_text())["paths"]
    return found


@cache
def _known_settings() -> frozenset[str]:
    return frozenset(_settings())


def _code(page: Path) -> list[str]:
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    found: list[str] = CODE.findall(prose)
    return found


def _commands(page: Path) -> list[str]:
    text = page.read_text()
    blocks = re.findall(r"```(?:bash|console)\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.removeprefix("$ ").removeprefix(".venv/bin/") for block in blocks for line in block.splitlines()]
    return [each.partition("#")[0] for each in [*lines, *_code(page)] if each.startswith("skyulf ")]


def _known(app: object, line: str) -> bool:
    """Whether a line names a command and options of its own."""
    command, words = app, line.split()[1:]
    while words and isinstance(command, TyperGroup):
        command = command.commands.get(words.pop(0))
    if not isinstance(command, TyperCommand):
        return False
    options = {name for each in command.params for name in each.opts}
    return all(word.partition("=")[0] in options for word in words if word.startswith("--"))


def _settings() -> Iterator[str]:
    for name in SharedSettings.model_fields:
        yield f"SKYULF_{name.upper()}"
    for service in SERVICES:
        for name in settings_of(service).model_fields:
            yield f"SKYULF_{service.upper()}_{name.upper()}"
        yield f"SKYULF_{service.upper()}_URL"


def _importable(dotted: str) -> bool:
    """Whether the name leads to a module, perhaps followed by what that module's source defines."""
    module, _, rest = dotted.partition(":")
    names = [rest] if rest else []
    while True:
        try:
            spec = find_spec(module)
        except ModuleNotFoundError:
            spec = None
        if spec is not None:
            break
        module, _, last = module.rpartition(".")
        names.insert(0, last)
        if not module:
            return False
    source = Path(spec.origin).read_text() if spec.origin else ""
    return all(re.search(rf"\b{re.escape(name)}\b", source) for name in names)


def test_the_check_itself_finds_what_is_missing() -> None:
    assert _importable("skyulf_service.errors.SkyulfError")
    assert not _importable("skyulf_service.errors.NoSuchError")
    assert not _importable("skyulf_nothing.errors")
    assert "skyulf_nothing" not in sys.modules
    app = get_command(create_app())
    assert _known(app, "skyulf up --port 1")
    assert not _known(app, "skyulf up --pot 1")
    assert not _known(app, "skyulf fly")

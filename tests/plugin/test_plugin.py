"""A package of somebody else adds a node and a data source, in an environment that has never heard of this folder."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from skyulf_core import DataCatalogs, NodeRegistry

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = [
    ROOT / "libs/skyulf-core", ROOT / "libs/skyulf-client", ROOT / "libs/skyulf-events", ROOT / "libs/skyulf-service",
    ROOT / "services/pipeline", HERE / "skyulf-plugin-example",
]  # fmt: skip


def run(command: Sequence[object], *, env: dict[str, str]) -> str:
    done = subprocess.run([str(each) for each in command], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment: our packages and the plug-in are installed, the wheels of others are borrowed."""
    folder = tmp_path_factory.mktemp("plugin") / "venv"
    uv, clean = Path(sys.executable).with_name("uv"), surroundings(folder)
    run([uv, "venv", "--quiet", "--offline", "--python", sys.executable, folder], env=clean)
    # a path file is not read for the path files in the folder that it names: our editable packages stay unseen
    borrowed = sysconfig.get_path("purelib")
    site = Path(run([folder / "bin/python", "-c", "import site; print(site.getsitepackages()[0])"], env=clean).strip())
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    # without the cache: uv would take a wheel for up to date while only modules have changed
    flags = [
        "--quiet",
        "--offline",
        "--no-deps",
        "--no-build-isolation",
        "--no-cache",
        "--python",
        folder / "bin/python",
    ]
    run([uv, "pip", "install", *flags, *PACKAGES], env=clean)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": f"{folder / 'bin'}:/usr/bin:/bin", "SKYULF_HOME": str(folder / "home")}


@pytest.fixture(scope="module")
def found(environment: Path) -> dict[str, dict[str, Any]]:
    answer = environment.parent / "found.json"
    run([environment / "bin/python", HERE / "plugin_program.py", answer], env=surroundings(environment))
    read: dict[str, dict[str, Any]] = json.loads(answer.read_text())
    return read


def test_the_node_is_found_and_keeps_every_promise(environment: Path, found: dict[str, dict[str, Any]]) -> None:
    library = found["library"]

    assert all(str(home).startswith(str(environment)) for home in library["homes"])
    assert library["listed"]
    assert len(library["checks"]) > 15
    assert library["values"] == [0.0, 100.0, None]
    assert "Did you mean 'kelvin'?" in str(library["problems"])


def test_the_catalogue_of_the_service_shows_it_with_its_form(found: dict[str, dict[str, Any]]) -> None:
    service = found["service"]
    one = service["one"]

    assert [node["name"] for node in service["listed"]["items"]] == ["ConvertTemperature"]
    assert (one["family"], one["kind"], one["streaming"], one["portable"]) == ("features", "stateless", True, True)
    assert one["reference"].startswith("C = (F - 32)")
    assert one["json_schema"]["properties"]["to_unit"]["enum"] == ["celsius", "fahrenheit", "kelvin"]
    assert one["json_schema"]["properties"]["columns"]["x-widget"] == "columns"
    assert [row["name"] for row in one["parameters"]] == ["columns", "from_unit", "to_unit"]


def test_the_data_source_is_found_and_works(found: dict[str, dict[str, Any]]) -> None:
    assert found["source"] == {
        "names": ["files", "sqlite"],
        "tables": ["towns"],
        "rows": [["Oslo", 717_710], ["Łódź", None]],
        "columns": ["name", "people"],
    }


@pytest.mark.parametrize("command", [("python", "-m", "skyulf_core", "nodes"), ("skyulf", "nodes")])
def test_commands_show_it_without_a_server(environment: Path, command: tuple[str, ...]) -> None:
    program, *words = command
    offline = ["--offline"] if program == "skyulf" else []

    shown = run(
        [environment / "bin" / program, *words, "show", "ConvertTemperature", *offline], env=surroundings(environment)
    )

    assert '"celsius", "fahrenheit", "kelvin"' in shown
    assert "affine" in shown


def test_nothing_of_it_is_left_here() -> None:
    assert "ConvertTemperature" not in NodeRegistry.names()
    assert DataCatalogs.names() == ["files"]
    left = [path.name for path in (HERE / "skyulf-plugin-example").iterdir()]
    assert sorted(left) == ["pyproject.toml", "src"]

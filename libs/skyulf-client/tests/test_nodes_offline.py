"""`skyulf nodes --offline`: the catalogue of the installed library, where there is no server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, home: Path, code: int = 0, **env: str) -> "subprocess.CompletedProcess[str]":
    others = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")}
    command = [sys.executable, "-m", "skyulf_client.main", "nodes", *arguments]
    environment = {**others, "SKYULF_HOME": str(home), "SKYULF_URL": "http://127.0.0.1:9", **env}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_nodes_are_listed_and_searched_without_a_server(tmp_path: Path) -> None:
    every = json.loads(run("list", "--offline", "--json", home=tmp_path).stdout)["items"]
    found = json.loads(run("search", "missing", "values", "--offline", "--json", home=tmp_path).stdout)["items"]
    scaling = run("list", "--family", "scaling", "--kind", "learned", "--offline", home=tmp_path).stdout

    assert {"SimpleImputer", "StandardScaler"} <= {node["name"] for node in every}
    assert "SimpleImputer" in {node["name"] for node in found} < {node["name"] for node in every}
    assert "StandardScaler" in scaling
    assert "SimpleImputer" not in scaling


def test_a_node_is_shown_with_its_parameters_and_its_plan(tmp_path: Path) -> None:
    shown = run("show", "SimpleImputer", "--offline", home=tmp_path).stdout
    found = json.loads(run("show", "SimpleImputer", "--offline", "--json", home=tmp_path).stdout)

    assert 'strategy is "constant"' in shown
    assert (found["operations"], [row["name"] for row in found["parameters"]]) == (
        ["impute"], ["columns", "strategy", "fill_value"],
    )  # fmt: skip


def test_an_unknown_node_leads_to_the_nearest(tmp_path: Path) -> None:
    done = run("show", "SimpleImputre", "--offline", home=tmp_path, code=1)

    assert done.stderr.startswith("Error: There is no node 'SimpleImputre'. Did you mean 'SimpleImputer'?")


def test_without_offline_the_server_is_asked(tmp_path: Path) -> None:
    done = run("list", home=tmp_path, code=1, SKYULF_API_KEY="sk_x")

    assert "cannot be reached" in done.stderr


@pytest.mark.parametrize("module", ["no_such_module", "raising"])
def test_a_package_whose_nodes_do_not_load_is_named(tmp_path: Path, module: str) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[skyulf.nodes]\nmine = {module}\n")
    (tmp_path / "raising.py").write_text("raise RuntimeError('out of order')\n")

    done = run("list", "--offline", home=tmp_path, code=1, PYTHONPATH=str(tmp_path))

    assert f"while loading the nodes '{module}' of an installed package" in done.stderr

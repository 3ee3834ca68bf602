"""Bills of materials say what is in an image, and that they do not say all."""

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from sbom import IMAGES, from_elsewhere, main, own_packages

from images.compose_file import ROOT


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bill of the smallest image: versions by name."""
    folder = tmp_path_factory.mktemp("bills")
    main([str(folder), "registry"])
    assert "file://" not in (folder / "registry.json").read_text()
    bill = json.loads((folder / "registry.json").read_text())
    (composition,) = bill["compositions"]
    assert composition["aggregate"] == "incomplete"
    assert composition["assemblies"] == [bill["metadata"]["component"]["bom-ref"]]
    assert len({each["bom-ref"] for each in bill["components"]}) == len(bill["components"])
    return {each["name"]: each.get("version", "") for each in [*bill["components"], bill["metadata"]["component"]]}


def test_it_lists_every_package_of_the_image_with_its_version(registry: dict[str, str]) -> None:
    pins = re.findall(r"^(\S+)==(\S+)", (ROOT / "requirements/images/registry.txt").read_text(), re.MULTILINE)
    found = {re.sub(r"[-_.]+", "-", name).lower(): each for name, each in registry.items()}

    assert pins
    assert {name: found.get(name) for name, _ in pins} == dict(pins)


def test_it_lists_ours(registry: dict[str, str]) -> None:
    for name in own_packages("registry"):
        assert registry[name] == version(name)


def test_it_lists_nothing_that_only_this_environment_has(registry: dict[str, str]) -> None:
    assert not {"pytest", "mypy", "polars", "skyulf-core", "pip"} & registry.keys()


def test_it_names_what_comes_from_elsewhere(registry: dict[str, str], tmp_path: Path) -> None:
    named = {image: {str(each["name"]) for each in from_elsewhere(image)} for image in IMAGES}

    assert "python" in registry
    assert named.pop("pipeline") == {"python", "libgomp1"}
    assert named.pop("operate") == {"python", "postgres"}
    assert set(map(frozenset, named.values())) == {frozenset({"python"})}


def test_an_image_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no image 'registri'"):
        main([str(tmp_path), "registri"])

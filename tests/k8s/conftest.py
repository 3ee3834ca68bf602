import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml
from k8s.manifests import Manifests, built, prepared

Build = Callable[..., Manifests]


@pytest.fixture(scope="session")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/k8s with secrets, as on the machine of whoever applies it."""
    return prepared(tmp_path_factory.mktemp("deploy"))


@pytest.fixture(scope="session")
def build(deploy: Path) -> Build:
    """What an overlay becomes with these components, chosen in a copy of it; each combination is built once."""

    @cache
    def build(overlay: str, *components: str) -> Manifests:
        folder = deploy / "overlays" / overlay
        if components:
            folder = shutil.copytree(folder, deploy / "overlays" / "-".join([overlay, *components]))
            chosen = yaml.safe_load((folder / "kustomization.yaml").read_text())
            chosen["components"] = [f"../../components/{name}" for name in components]
            (folder / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
        return built(folder)

    return build


@pytest.fixture(scope="session")
def local(build: Build) -> Manifests:
    return build("local")

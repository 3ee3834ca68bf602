"""A key is rotated with the manifests as the guide says: at every step each pod believes the others."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from k8s.manifests import Manifests, built
from k8s.pods import mounted
from k8s.told import refusals
from settings_example import SERVICES
from skyulf_service.errors import UnauthenticatedError
from skyulf_service.scope import Scope
from skyulf_service.signing.keys import PublicKeys, load
from skyulf_service.signing.tokens import InternalTokenIssuer, InternalTokenVerifier

ROTATED = "gateway"


class Installation:
    """An overlay whose secrets are changed and built again, as by whoever operates it."""

    def __init__(self, deploy: Path, folder: Path) -> None:
        self._root = shutil.copytree(deploy, folder / "k8s")
        self._secrets = self._root / "overlays/local/secrets"
        self._folder = folder

    def rotate_keys(self, *words: str) -> list[str]:
        """Run the command in the service's folder; returns the ids of trusted keys, the signing one first."""
        command = [sys.executable, "-m", "skyulf_standalone", "rotate-keys", ROTATED, *words]
        env = {**os.environ, "SKYULF_KEYS_DIR": str(self._secrets / ROTATED), "SKYULF_HOME": str(self._folder / "home")}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return [line.split()[0] for line in done.stdout.splitlines()]

    def built(self) -> "Applied":
        """What `secrets.sh` and `kubectl apply -k` bring to the cluster now."""
        subprocess.run([str(self._root / "secrets.sh"), str(self._secrets)], check=True, timeout=60)
        return Applied(built(self._root / "overlays/local"), self._folder / uuid4().hex)


class Applied:
    """The keys that pods of one build mount."""

    def __init__(self, manifests: Manifests, folder: Path) -> None:
        self.manifests, self._folder = manifests, folder
        for service in SERVICES:
            mounted(manifests, manifests.workload(f"{service}-api"), folder / service)

    def token(self) -> str:
        """What a pod of the service whose key is rotated sends to a neighbour."""
        scope = Scope(uuid4(), "key:somebody", frozenset({"predictions:make"}))
        return InternalTokenIssuer(load(self._keys(ROTATED), ROTATED), ROTATED).mint("inference", scope)

    def believes(self, token: str) -> bool:
        """Whether a pod of inference takes the token."""
        try:
            InternalTokenVerifier(PublicKeys.load(self._keys("inference")), "inference").verify(token)
        except UnauthenticatedError:
            return False
        return True

    def public_keys(self) -> set[frozenset[str]]:
        """The names of the public keys that pods mount; one set where all mount the same."""
        return {frozenset(path.name for path in self._keys(service).glob("*.pub")) for service in SERVICES}

    def _keys(self, service: str) -> Path:
        return self._folder / service / "run/skyulf/keys"


@pytest.fixture
def installation(deploy: Path, tmp_path: Path) -> Installation:
    return Installation(deploy, tmp_path)


def test_a_key_is_rotated_and_every_pod_believes_every_other(installation: Installation, tmp_path: Path) -> None:
    steps = [installation.built()]
    installation.rotate_keys("--prepare")
    steps.append(installation.built())
    current, old = installation.rotate_keys()
    steps.append(installation.built())
    installation.rotate_keys("--distrust", old)
    steps.append(installation.built())

    tokens = [each.token() for each in steps]
    believed = [[each.believes(token) for token in tokens] for each in steps]

    # one row per build, one column per build's token: pods of a build and of the next one run at the same time
    assert believed[0][:2] == [True, True]
    assert believed[1] == [True, True, True, True]
    assert believed[2] == [True, True, True, True]
    assert believed[3] == [False, False, True, True]
    assert steps[2].public_keys() == {
        frozenset({f"{ROTATED}.{current}.pub", f"{ROTATED}.{old}.pub", *(f"{each}.pub" for each in SERVICES)})
    }
    assert [refusals(each.manifests, tmp_path / str(number)) for number, each in enumerate(steps)] == [{}, {}, {}, {}]


def test_no_pod_mounts_the_next_private_key(installation: Installation) -> None:
    installation.rotate_keys("--prepare")

    manifests = installation.built().manifests

    names = {key for each in manifests.kind("Secret") for key in each["data"] if key.endswith(".key")}
    assert names == {f"{each}.key" for each in SERVICES}

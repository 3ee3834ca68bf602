"""Pods as processes of this machine: a manifest's command, environment, files, probes and end."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests, Node, Workload
from skyulf_service.testing.ports import free_port, http_status
from skyulf_service.testing.processes import ServiceProcess

SECRETS = "/run/skyulf/secrets"
WITH_NAMES = Path(__file__).with_name("with_names.py")


@dataclass(frozen=True)
class Place:
    """In what this machine differs from the cluster that a manifest is for.

    ``names`` stands for its DNS: by ``name:port`` the address that is behind it. ``zone`` is a file of `with_names.py`,
    where names have to stay, as certificates are for them. ``secrets`` are the contents of files in place of those of
    its Secrets, ``variables`` whatever else has to be told otherwise.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    zone: Path | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def resolved(self, value: str) -> str:
        """A value of the environment with addresses in place of names."""
        for name, address in self.names.items():
            value = value.replace(name, address)
        return value


class Pod:
    """One pod of a Deployment or Job, without the cluster, at ``port``."""

    def __init__(self, manifests: Manifests, name: str, folder: Path, place: Place) -> None:
        folder.mkdir(parents=True)
        self.workload = manifests.workload(name)
        self.service = self.workload.service
        self.port = free_port()
        self.folder = folder
        files = mounted(manifests, self.workload, folder)
        for path in files.keys() & {f"{SECRETS}/{secret}" for secret in place.secrets}:
            files[path].write_text(place.secrets[path.rpartition("/")[2]])
        told = environment_of(manifests, self.workload.main)
        told = {name: str(files.get(value, place.resolved(value))) for name, value in told.items()}
        told["SKYULF_HOME"] = str(folder / "home")
        told["SKYULF_KEYS_DIR"] = str(folder / told["SKYULF_KEYS_DIR"].lstrip("/"))
        variable = "PORT" if self.workload.main["args"] == ["api"] else "HEALTH_PORT"
        here = {f"SKYULF_{self.service.upper()}_{variable}": str(self.port), "SKYULF_HOST": "127.0.0.1"}
        # what this machine says of numeric libraries, so that jobs end in the same bits as the library outside
        numeric = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
        self.environment = {**numeric, **told, **here, **place.variables}
        self._zone = place.zone
        self.process = self._process(self.workload.main, name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill_tree()

    def start(self) -> None:
        """Run what comes first to its end, then start what does the work."""
        for container in self.workload.pod.get("initContainers", []):
            with self._process(container, container["name"]) as first:
                code = first.started().wait(timeout=120)
            assert code == 0, first.log_text()
        self.process.start()

    def complete(self) -> None:
        """Run to the end, as a Job does."""
        with self.process as process:
            code = process.started().wait(timeout=120)
        assert code == 0, process.log_text()

    def wait_ready(self) -> None:
        """Wait as long as the startup probe does, then for the readiness probe."""
        startup = self.workload.main["startupProbe"]
        patience = startup["periodSeconds"] * startup["failureThreshold"]
        for probe in ("startupProbe", "readinessProbe"):
            self.process.wait_ready(self.address(probe), timeout=patience)

    def address(self, probe: str) -> str:
        """What a probe asks."""
        asked: Node = self.workload.main[probe]["httpGet"]
        assert asked["port"] in self.workload.ports()
        return f"{asked.get('scheme', 'HTTP').lower()}://127.0.0.1:{self.port}{asked['path']}"

    def answers(self, probe: str) -> bool:
        return http_status(self.address(probe)) == 200

    def stop(self) -> int:
        """End it as a cluster does: what comes before the signal, the signal, and no longer than the grace period."""
        grace: int = self.workload.pod["terminationGracePeriodSeconds"]
        before = self.workload.main.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        began = time.monotonic()
        if before:
            subprocess.run([sys.executable, *before[1:]], check=True, timeout=grace)
        return self.process.terminate(timeout=grace - (time.monotonic() - began))

    def _process(self, container: Node, name: str) -> ServiceProcess:
        # the entry point of our images
        command = [sys.executable, "-m", f"skyulf_{self.service}.main", *container["args"]]
        if self._zone is not None:
            command = [sys.executable, "-P", str(WITH_NAMES), str(self._zone), *command[2:]]
        return ServiceProcess(command, name=name, folder=self.folder, env=self.environment)


def mounted(manifests: Manifests, workload: Workload, folder: Path) -> dict[str, Path]:
    """Write what a pod mounts of Secrets and ConfigMaps below a folder; returns where each file of the pod is."""
    files: dict[str, Path] = {}
    volumes = {each["name"]: each for each in workload.pod["volumes"]}
    for mount in workload.main["volumeMounts"]:
        volume = volumes[mount["name"]]
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            for path, content in _content(manifests, source):
                inside = f"{mount['mountPath']}/{path}"
                files[inside] = folder / inside.lstrip("/")
                files[inside].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                files[inside].write_bytes(content)
                files[inside].chmod(0o600)
    return files


def _content(manifests: Manifests, source: Node) -> list[tuple[str, bytes]]:
    if "secret" in source:
        name = source["secret"].get("secretName") or source["secret"]["name"]
        if source["secret"].get("optional") and not any(
            each["metadata"]["name"] == name for each in manifests.kind("Secret")
        ):
            return []
        data = manifests.one("Secret", name)["data"]
        chosen = source["secret"].get("items") or [{"key": key, "path": key} for key in data]
        return [(item["path"], base64.b64decode(data[item["key"]])) for item in chosen]
    if source.get("configMap", {}).get("optional") and not any(
        each["metadata"]["name"].startswith(source["configMap"]["name"]) for each in manifests.kind("ConfigMap")
    ):
        return []
    if "configMap" in source:
        data = manifests.one("ConfigMap", source["configMap"]["name"])["data"]
        return [(key, value.encode()) for key, value in data.items()]
    return []

"""Pods as processes of this machine: a manifest's command, environment, probes and end."""

import base64
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests, Node, Workload
from skyulf_service.testing.ports import free_port, http_status
from skyulf_service.testing.processes import ServiceProcess

HOME = "/var/lib/skyulf"


class Pod:
    """One pod of a Deployment, without the cluster: ``given`` are the variables that differ on this machine."""

    def __init__(
        self, manifests: Manifests, name: str, folder: Path, given: Mapping[str, str], *, port: int | None = None
    ) -> None:
        folder.mkdir(parents=True)
        self.workload = manifests.workload(name)
        self.service = name.partition("-")[0]
        self.port = port or free_port()
        self.folder = folder
        files = mounted(manifests, self.workload, folder)
        told = environment_of(manifests, self.workload.main)
        told = {name: str(files.get(value, value)).replace(HOME, str(folder / "home")) for name, value in told.items()}
        told["SKYULF_KEYS_DIR"] = str(folder / told["SKYULF_KEYS_DIR"].lstrip("/"))
        variable = "PORT" if name.endswith("-api") else "HEALTH_PORT"
        here = {f"SKYULF_{self.service.upper()}_{variable}": str(self.port), "SKYULF_HOST": "127.0.0.1"}
        self.environment = {**told, **here, **given}
        self.process = self._process(self.workload.main, name)

    def run_init(self) -> None:
        """Run what comes first, to its end."""
        for container in self.workload.pod["initContainers"]:
            first = self._process(container, container["name"])
            first.start()
            code = first.started().wait(timeout=120)
            assert code == 0, first.log_text()

    def wait_started(self) -> None:
        """Wait as long as the startup probe does, then for the readiness probe."""
        startup = self.workload.main["startupProbe"]
        patience = startup["periodSeconds"] * startup["failureThreshold"]
        for probe in ("startupProbe", "readinessProbe"):
            self.process.wait_ready(self.address(probe), timeout=patience)

    def address(self, probe: str) -> str:
        """What a probe asks."""
        asked: Node = self.workload.main[probe]["httpGet"]
        assert asked["port"] in self.workload.ports()
        return f"http://127.0.0.1:{self.port}{asked['path']}"

    def answers(self, probe: str) -> bool:
        return http_status(self.address(probe)) == 200

    def stop(self) -> int:
        """End it as a cluster does: what comes before the signal, the signal, and no longer than the grace period."""
        grace: int = self.workload.pod["terminationGracePeriodSeconds"]
        before = self.workload.main.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        if before:
            subprocess.run([sys.executable, *before[1:]], check=True, timeout=grace)
        return self.process.terminate(timeout=grace)

    def _process(self, container: Node, name: str) -> ServiceProcess:
        # the entry point of our images
        command = [sys.executable, "-m", f"skyulf_{self.service}.main", *container["args"]]
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
        data = manifests.one("Secret", name)["data"]
        return [(item["path"], base64.b64decode(data[item["key"]])) for item in source["secret"]["items"]]
    if "configMap" in source:
        data = manifests.one("ConfigMap", source["configMap"]["name"])["data"]
        return [(key, value.encode()) for key, value in data.items()]
    return []

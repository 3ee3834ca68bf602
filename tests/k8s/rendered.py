"""What `skyulf deployments render` prints, added to an overlay as the guide says."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import yaml
from k8s.manifests import add_resource, add_setting


def with_endpoint_in(source: Path, rendered: str, components: Sequence[str] = ()) -> Path:
    """A copy of an overlay with the rendered file among its resources, its line among the settings, and components."""
    folder = _copy(source)
    add_setting(folder, rendered)
    add_resource(folder, "endpoint.yaml", rendered)
    if components:
        chosen = yaml.safe_load((folder / "kustomization.yaml").read_text())
        chosen["components"] = [f"../../../components/{name}" for name in components]
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
    return folder


def with_certificate_for(component: Path, endpoint: str) -> str:
    """The name of a copy of the component with certificates from files that has one for the endpoint too."""
    folder = _copy(component)
    command = [str(folder.parents[1] / "certificates.sh"), str(folder / "secrets"), endpoint]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    chosen = yaml.safe_load((folder / "kustomization.yaml").read_text())
    # an entry like those of the services
    entry = {**chosen["secretGenerator"][0], "name": f"{endpoint}-tls"}
    entry["files"] = [f"secrets/{endpoint}/tls.crt", f"secrets/{endpoint}/tls.key", "secrets/ca.crt"]
    chosen["secretGenerator"].append(entry)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
    return folder.name


def _copy(source: Path) -> Path:
    return shutil.copytree(source, source.with_name(f"{source.name}-{uuid4().hex[:8]}"))

"""Bills of materials (CycloneDX) of images: ``python tools/sbom.py FOLDER [IMAGE...]`` writes ``FOLDER/<image>.json``.

What an image installs is installed here, into an environment of its own, and read from there: every Python package
with its version, licence and needs, ours too. What the Dockerfile takes from elsewhere is named; what is inside of it
(Python itself, Debian's packages of the base image) only the image knows: the bill says that it is incomplete.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from image_requirements import SERVICES

ROOT = Path(__file__).resolve().parents[1]
IMAGES = (*SERVICES, "operate")
BIN = Path(sys.executable).parent
Component = dict[str, object]


def main(arguments: Sequence[str]) -> None:
    """Write the bills of the images that are named, or of all."""
    folder, *names = arguments
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names or IMAGES:
        (Path(folder) / f"{name}.json").write_text(bill(name))


def bill(image: str) -> str:
    """Return what an image is made of, as far as it is known without it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        install(image, environment)
        file = Path(folder) / "bill.json"
        package = "standalone" if image == "operate" else image
        about = ("--pyproject", f"services/{package}/pyproject.toml", "--output-reproducible")
        _run("cyclonedx-py", "environment", *about, "--output-file", str(file), str(environment))
        found = json.loads(file.read_text())
    for each in found["components"]:
        # ours say in which folder of this machine they were built
        outside = [reference for reference in each.pop("externalReferences", []) if "file://" not in reference["url"]]
        each.update({"externalReferences": outside} if outside else {})
    found["components"] += [{"bom-ref": str(each["name"]), **each} for each in from_elsewhere(image)]
    root = found["metadata"]["component"]["bom-ref"]
    found["compositions"] = [{"aggregate": "incomplete", "assemblies": [root]}]
    return json.dumps(found, indent=2) + "\n"


def install(image: str, environment: Path) -> None:
    """Install what the Dockerfile installs, with the same hashes."""
    names = own_packages(image)
    into = ("--python", str(environment), "--quiet", "--system-certs")
    _run("uv", "venv", "--quiet", "--python", sys.executable, str(environment))
    _run("uv", "pip", "install", *into, "--require-hashes", "-r", f"requirements/images/{image}.txt")
    folders = {str(tomllib.loads(file.read_text())["project"]["name"]): file.parent for file in _packages()}
    mine = [str(folders[name]) for name in names]
    # built with what this environment has, as the image's wheels are
    with tempfile.TemporaryDirectory() as wheels:
        build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir")
        subprocess.run([*build, "--wheel-dir", wheels, *mine], check=True, cwd=ROOT)  # noqa: S603
        _run("uv", "pip", "install", *into, "--no-deps", "--no-index", *map(str, Path(wheels).glob("*.whl")))


def own_packages(image: str) -> list[str]:
    """Return our packages in an image."""
    found = re.search(r"install-own ((?:.*\\\n)*.*)", _stage(image))
    if found is None:
        raise SystemExit(f"the Dockerfile installs nothing of ours for {image}")
    return found[1].replace("\\\n", " ").split()


def from_elsewhere(image: str) -> Iterator[Component]:
    """Name what comes from other images and from Debian; versions are those of the day of the build."""
    text, arguments = _stage(image), dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)", _dockerfile(), re.MULTILINE))
    yield _container(arguments["PYTHON_IMAGE"], "base image: Python and Debian's packages in it are not listed here")
    if "--from=postgres-programs" in text:
        yield _container(arguments["POSTGRES_IMAGE"], "pg_dump and pg_restore, with the libraries they are linked to")
    for line in re.findall(r"apt-get install -y --no-install-recommends ([\w. -]+)", text):
        for name in line.split():
            yield {"type": "library", "name": name, "purl": f"pkg:deb/debian/{name}", "description": "Debian package"}


def _container(image: str, description: str) -> Component:
    name, _, tag = image.partition(":")
    return {"type": "container", "name": name, "version": tag, "description": description}


def _stage(name: str) -> str:
    found = re.search(rf"^FROM runtime AS {name}\n(.*?)(?=^FROM |\Z)", _dockerfile(), re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"there is no image {name!r}; there are: {', '.join(IMAGES)}")
    return found[1]


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def _packages() -> list[Path]:
    return sorted([*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")])


def _run(program: str, *arguments: str) -> None:
    subprocess.run([str(BIN / program), *arguments], check=True, cwd=ROOT)  # noqa: S603


if __name__ == "__main__":
    main(sys.argv[1:])

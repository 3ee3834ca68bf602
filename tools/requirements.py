"""Resolve the versions of every package we use and write them, with hashes, to ``requirements/``.

``python tools/requirements.py`` keeps the versions that are written there; ``--upgrade`` takes the newest. ``--images``
only cuts the files of the images out of ``all.txt`` again; ``--check`` says whether they are as they would be written.
Our own packages are inputs, never outputs; no address of an index gets into the files.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from image_requirements import image_requirements

ROOT = Path(__file__).resolve().parents[1]
ALL = "requirements/all.txt"
UV = "requirements/uv.txt"
ADDRESS = re.compile(r"https?://|file:|--(?:extra-)?index-url|--find-links|^-e ", re.MULTILINE)
FLAGS = (
    "--quiet", "--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate",
    "--python-version=3.11", "--custom-compile-command=make requirements",
)  # fmt: skip


def main(arguments: list[str]) -> None:
    """Write all files, or those of the images; with ``--check`` none."""
    if arguments == ["--check"]:
        return check_images()
    if arguments != ["--images"]:
        resolve(arguments)
    for path, text in image_requirements().items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_text(text)
    return None


def check_images() -> None:
    """Exit with the names of the files that differ from what would be written."""
    stale = [path for path, text in image_requirements().items() if not same(ROOT / path, text)]
    if stale:
        raise SystemExit(f"{', '.join(stale)}: run `make requirements`")


def same(path: Path, text: str) -> bool:
    """Say whether the file has this text."""
    return path.is_file() and path.read_text() == text


def resolve(arguments: list[str]) -> None:
    """Write the list of all, and that of uv."""
    packages = sorted([*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")])
    own = "\n".join(editable(package) for package in packages)
    hidden = [f"--no-emit-package={name(package)}" for package in packages]
    compiled = [str(Path(sys.executable).with_name("uv")), "pip", "compile", *FLAGS, *hidden, *arguments]
    command = [*compiled, f"--output-file={ALL}", "requirements/dev.in", "-"]
    subprocess.run(command, input=own, text=True, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603
    text = (ROOT / ALL).read_text()
    if found := ADDRESS.search(text):
        raise SystemExit(f"{ALL} names an address: {found[0]}")
    (ROOT / UV).write_text(block(text, "uv"))


def editable(package: Path) -> str:
    """Write the requirement that stands for one of our packages with all its extras."""
    extras = tomllib.loads(package.read_text())["project"].get("optional-dependencies", {})
    suffix = f"[{','.join(extras)}]" if extras else ""
    return f"-e ./{package.parent.relative_to(ROOT)}{suffix}"


def name(package: Path) -> str:
    """Return the package's name."""
    return str(tomllib.loads(package.read_text())["project"]["name"])


def block(text: str, package: str) -> str:
    """Cut one package's pin and hashes out of the file; pip installs uv with them before uv installs the rest."""
    found = re.search(rf"^{package}==.*(?:\n +--hash=.*)+\n?", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"{package} is not in {ALL}")
    return f"# Made by `make requirements` from all.txt.\n{found[0]}"


if __name__ == "__main__":
    main(sys.argv[1:])

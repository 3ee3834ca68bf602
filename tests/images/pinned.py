"""Run in a process of its own: import a service as in its image, where only its requirement file is installed.

``python -m images.pinned REQUIREMENTS PACKAGE...`` imports every module of the packages, then prints which libraries
were loaded. What is not in the file cannot be imported, just as if it were not there.
"""

import importlib
import importlib.abc
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.utils import canonicalize_name

# what tests alone use, and what an image of another service carries
LEFT_OUT = re.compile(
    r"skyulf_service\.testing(\.|$)|skyulf_core\.(?!serving(\.|$))|\.migrations\.(env|versions)(\.|$)"
)


class OnlyPinned(importlib.abc.MetaPathFinder):
    """A finder of this process that no longer finds what the image does not have."""

    def __init__(self, inner: Any, owners: Mapping[str, Sequence[str]], names: set[str]) -> None:
        self._inner, self._owners, self._names = inner, owners, names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        owners = {canonicalize_name(owner) for owner in self._owners.get(fullname.partition(".")[0], [])}
        if owners and not owners & self._names:
            return None
        found: ModuleSpec | None = self._inner.find_spec(fullname, path, target)
        return found

    def find_distributions(self, context: Any) -> list[importlib.metadata.Distribution]:
        """What is said to be installed: plugins are looked for there."""
        found = getattr(self._inner, "find_distributions", lambda _: [])(context)
        return [each for each in found if canonicalize_name(each.metadata["Name"]) in self._names]


def pinned(requirements: Path) -> set[str]:
    """The distributions that a requirement file names."""
    return {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", requirements.read_text(), re.M)}


def modules(package: str) -> list[str]:
    """Every module of a package."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    walked = pkgutil.walk_packages(found.submodule_search_locations, f"{package}.")
    return [package, *(each.name for each in walked if not LEFT_OUT.search(each.name))]


def only(requirements: Path, packages: Sequence[str]) -> None:
    """Make this process see what is in the file and our own packages, and nothing else."""
    names = pinned(requirements) | {canonicalize_name(package.partition(".")[0]) for package in packages}
    owners = importlib.metadata.packages_distributions()
    sys.meta_path[:] = [OnlyPinned(finder, owners, names) for finder in sys.meta_path]


def main(requirements: Path, packages: Sequence[str]) -> None:
    """Import everything and say what came along."""
    only(requirements, packages)
    for package in packages:
        for name in modules(package):
            importlib.import_module(name)
    print("\n".join(sorted({name.partition(".")[0] for name in sys.modules})))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""Where catalogues are found by name: those of this library and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias, cast

from skyulf_core.data.catalog.contract import DataCatalog
from skyulf_core.problems import DataError, did_you_mean

CatalogFactory: TypeAlias = Callable[..., DataCatalog]
"""A class or function that opens a catalogue; what it takes is its own affair (a folder, an address)."""

GROUP = "skyulf.data"
_OWN = (EntryPoint("files", "skyulf_core.data.catalog.files:FileSystemCatalog", GROUP),)


class DataCatalogs:
    """Kinds of catalogues by name: `files`, and those of installed packages (entry points `skyulf.data`).

    >>> from tempfile import mkdtemp
    >>> DataCatalogs.get("files")(mkdtemp()).list()
    []

    >>> DataCatalogs.get("fiels")
    Traceback (most recent call last):
    skyulf_core.problems.DataError: there is no data source 'fiels'. Did you mean 'files'?
    """

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all kinds, sorted; nothing of them is loaded."""
        return sorted({each.name for each in _found()})

    @classmethod
    def get(cls, name: str) -> CatalogFactory:
        """Return the class or function of this name.

        Raises DataError (`unknown-source`) that names the nearest one, and ValueError where two packages claim it.
        """
        found = {each.value: each for each in _found() if each.name == name}
        if not found:
            hint = did_you_mean(name, cls.names()) or ""
            raise DataError(f"there is no data source {name!r}. {hint}".strip(), reason="unknown-source")
        if len(found) > 1:
            raise ValueError(f"data source {name!r} is claimed by {' and '.join(sorted(found))}; uninstall one")
        return _load(next(iter(found.values())))


def _found() -> list[EntryPoint]:
    return [*_OWN, *entry_points(group=GROUP)]


def _load(entry_point: EntryPoint) -> CatalogFactory:
    try:
        return cast("CatalogFactory", entry_point.load())
    except Exception as error:
        error.add_note(f"while loading the data source {entry_point.value!r} of an installed package ({GROUP})")
        raise

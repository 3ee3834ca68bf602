"""Where data is found by name: the contract, folders of files, and the sources of installed packages."""

from skyulf_core.data.catalog.contract import DataCatalog, DataEntry
from skyulf_core.data.catalog.files import FileSystemCatalog
from skyulf_core.data.catalog.registry import DataCatalogs

__all__ = ["DataCatalog", "DataCatalogs", "DataEntry", "FileSystemCatalog"]

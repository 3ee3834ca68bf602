"""Datasets."""

import builtins
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from skyulf_client.answers import Dataset, DatasetSchema, DatasetVersion, Page, Profile, Sample
from skyulf_client.errors import SkyulfClientError
from skyulf_client.operations import Progress, Request, Steps, Upload, Value, ask, get, keyed, operation, send
from skyulf_client.resources.base import AsyncResource, BlockingResource
from skyulf_client.resources.waiting import until

TYPES = {".csv": "text/csv", ".tsv": "text/tab-separated-values", ".txt": "text/plain"}
PARQUET = "application/vnd.apache.parquet"


class DatasetOperations:
    """Upload, follow, look at and delete datasets."""

    @operation
    def upload(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        separator: str | None = None,
        encoding: str | None = None,
        on_progress: Progress | None = None,
    ) -> Steps[Dataset]:
        """Upload a CSV or Parquet file; it is read in the background, so `wait` for it.

        ``name`` is the file's by default. ``on_progress`` is told the bytes sent and the bytes of the file.
        """
        file = Path(path)
        if not file.is_file():
            raise SkyulfClientError(f"There is no file {str(path)!r}.")
        query = {"name": name or file.stem, "separator": separator, "encoding": encoding}
        body = Upload(file, _media_type(file), on_progress)
        reply = yield from ask(Request("POST", "/datasets", query, upload=body, headers=keyed("POST")))
        return Dataset.model_validate_json(reply.body)

    @operation
    def list(self, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[Dataset]]:
        """List the project's datasets, newest first."""
        return (yield from get(Page[Dataset], "/datasets", limit=limit, cursor=cursor))

    @operation
    def get(self, dataset_id: UUID | str) -> Steps[Dataset]:
        """Show a dataset."""
        return (yield from _get(dataset_id))

    @operation
    def schema(self, dataset_id: UUID | str) -> Steps[DatasetSchema]:
        """Show a dataset's columns."""
        return (yield from get(DatasetSchema, f"/datasets/{dataset_id}/schema"))

    @operation
    def sample(self, dataset_id: UUID | str) -> Steps[Sample]:
        """Show a dataset's first rows (at most 100)."""
        return (yield from get(Sample, f"/datasets/{dataset_id}/sample"))

    @operation
    def profile(self, dataset_id: UUID | str) -> Steps[Profile]:
        """Show what a dataset holds, column by column."""
        return (yield from get(Profile, f"/datasets/{dataset_id}/profile"))

    @operation
    def versions(self, dataset_id: UUID | str) -> Steps[Page[DatasetVersion]]:
        """List the versions of a dataset's data."""
        return (yield from get(Page[DatasetVersion], f"/datasets/{dataset_id}/versions"))

    @operation
    def export(self, dataset_id: UUID | str, path: str | Path, *, format: str = "parquet") -> Steps[None]:
        """Download a dataset into a file: its table (``parquet``), or the file that was uploaded (``original``)."""
        query: dict[str, Value | builtins.list[str]] = {"format": format}
        yield from ask(Request("GET", f"/datasets/{dataset_id}/export", query, download=Path(path)))

    @operation
    def wait(
        self, dataset_id: UUID | str, *, timeout: float = 600, on_update: Callable[[Dataset], None] | None = None
    ) -> Steps[Dataset]:
        """Wait until the dataset is ready, failed or cancelled; ``timeout`` is in seconds."""
        what = f"Reading dataset {dataset_id}"
        return (
            yield from until(
                lambda: _get(dataset_id), lambda found: found.settled, what=what, timeout=timeout, on_update=on_update
            )
        )

    @operation
    def cancel(self, dataset_id: UUID | str) -> Steps[Dataset]:
        """Stop reading an upload."""
        return (yield from send(Dataset, "POST", f"/datasets/{dataset_id}/cancel"))

    @operation
    def delete(self, dataset_id: UUID | str) -> Steps[None]:
        """Delete a dataset."""
        yield from ask(Request("DELETE", f"/datasets/{dataset_id}"))


class Datasets(DatasetOperations, BlockingResource):
    """Datasets, blocking."""


class AsyncDatasets(DatasetOperations, AsyncResource):
    """Datasets, awaited."""


def _get(dataset_id: UUID | str) -> Steps[Dataset]:
    return get(Dataset, f"/datasets/{dataset_id}")


def _media_type(file: Path) -> str:
    if file.suffix.lower() in TYPES:
        return TYPES[file.suffix.lower()]
    with file.open("rb") as opened:
        return PARQUET if opened.read(4) == b"PAR1" else "application/octet-stream"

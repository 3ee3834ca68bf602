"""What ingestion's endpoints ask for."""

from typing import Annotated

from fastapi import Depends, Request
from skyulf_service.http.dependencies import read_unit_of_work, unit_of_work
from skyulf_service.objects.store import ObjectStore

from skyulf_ingestion.persistence.unit_of_work import IngestionUnitOfWork

# scope="function": the transaction commits before the answer is sent, so a failed commit is never answered with 200
Uow = Annotated[IngestionUnitOfWork, Depends(unit_of_work(IngestionUnitOfWork), scope="function")]
ReadUow = Annotated[IngestionUnitOfWork, Depends(read_unit_of_work(IngestionUnitOfWork), scope="function")]


async def object_store(request: Request) -> ObjectStore:
    """Ingestion's bucket."""
    store: ObjectStore = request.app.state.store
    return store


Store = Annotated[ObjectStore, Depends(object_store)]

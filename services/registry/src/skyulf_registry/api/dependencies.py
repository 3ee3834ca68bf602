"""What the registry's endpoints ask for."""

from typing import Annotated

from fastapi import Depends, Path
from skyulf_service.http.dependencies import read_unit_of_work, unit_of_work

from skyulf_registry.persistence.unit_of_work import RegistryUnitOfWork

SLUG = r"^[a-z0-9][a-z0-9._-]{0,62}$"

# scope="function": the transaction commits before the answer is sent, so a failed commit is never answered with 200
Uow = Annotated[RegistryUnitOfWork, Depends(unit_of_work(RegistryUnitOfWork), scope="function")]
ReadUow = Annotated[RegistryUnitOfWork, Depends(read_unit_of_work(RegistryUnitOfWork), scope="function")]
Name = Annotated[str, Path(pattern=SLUG, description="The name, unique in its project", examples=["late-flights"])]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The version's number, counted from 1")]

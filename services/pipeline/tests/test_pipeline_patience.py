"""What was made waits for the object store, and not for ever."""

import pytest
from skyulf_pipeline.service.patience import ROOM, STORE, Patience
from skyulf_service.errors import StorageFullError, UnavailableError
from skyulf_service.work.failures import ChildFailedError


async def test_what_cannot_be_stored_is_stored_later() -> None:
    steps: list[str] = []
    refusals = [UnavailableError("away"), StorageFullError("full")]

    async def write() -> str:
        if refusals:
            raise refusals.pop(0)
        return "stored"

    assert await Patience(steps.append, pause=0.01).store(write) == "stored"
    assert steps == [STORE, ROOM]


@pytest.mark.parametrize(
    ("error", "code"), [(UnavailableError("away"), "unavailable"), (StorageFullError("full"), "storage-full")]
)
async def test_patience_ends_for_all_that_is_to_be_stored_together(error: UnavailableError, code: str) -> None:
    patience = Patience(lambda step: None, seconds=0.2, pause=0.01)
    tried = []
    for what in ("model", "report"):

        async def write(what: str = what) -> None:
            tried.append(what)
            raise error

        with pytest.raises(ChildFailedError) as failed:
            await patience.store(write)
        assert failed.value.code == code

    assert tried.count("model") > 2
    assert tried.count("report") == 1


async def test_what_nobody_can_mend_is_not_waited_for() -> None:
    async def write() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await Patience(lambda step: None).store(write)

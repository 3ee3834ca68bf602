"""Children do what they are told, in bounds, and nothing of them is left."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from harness.promises import Figures
from pydantic import JsonValue
from skyulf_service.work.calls import ChildRunner
from skyulf_service.work.claims import LeaseLostError
from skyulf_service.work.failures import ChildFailedError
from skyulf_service.work.slots import ChildSlots
from skyulf_service.work.spawned import scrubbed_environment
from work_support import children_environment, gone, pids_noted


@pytest.fixture
async def slots() -> AsyncIterator[ChildSlots]:
    opened = ChildSlots(2, preload=("colorsys",), environment=children_environment(), max_result=1_000_000)
    opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def child(slots: ChildSlots) -> ChildRunner:
    return ChildRunner(slots)


async def test_a_call_returns_what_the_function_returns(child: ChildRunner, tmp_path: Path) -> None:
    heard: list[tuple[float, str]] = []

    found = await child.call(
        "work_children:echo", {"ü": [1, None]}, scratch=tmp_path, on_progress=lambda *news: heard.append(news)
    )

    assert found["spec"] == {"ü": [1, None]}
    assert heard == [(0.5, "halfway")]


async def test_what_a_child_tells_arrives_whole_and_none_is_lost(child: ChildRunner, tmp_path: Path) -> None:
    told: list[int] = []

    async def slowly(value: dict[str, JsonValue]) -> None:
        await asyncio.sleep(0.005)
        assert len(str(value["text"])) == 50_000
        told.append(int(str(value["number"])))

    spec: dict[str, JsonValue] = {"count": 60, "size": 50_000, "end": 3}
    with pytest.raises(ChildFailedError, match="status 3"):
        await child.call("work_children:talk", spec, scratch=tmp_path, on_told=slowly)

    assert sorted(told) == list(range(60))
    for first in (0, 1):  # of one thread in its order
        assert [number for number in told if number % 2 == first] == list(range(first, 60, 2))


async def test_who_tells_too_much_at_once_is_refused(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match="262144 are allowed"):
        await child.call("work_children:talk", {"count": 1, "size": 300_000}, scratch=tmp_path)


async def test_an_error_of_who_is_told_ends_the_child(child: ChildRunner, tmp_path: Path) -> None:
    async def refuse(value: dict[str, JsonValue]) -> None:
        raise LeaseLostError("somebody else has it")

    with pytest.raises(LeaseLostError):
        await child.call("work_children:talk", {"count": 100_000}, scratch=tmp_path, on_told=refuse)


async def test_each_child_is_used_once(child: ChildRunner, tmp_path: Path) -> None:
    found = [await child.call("work_children:echo", {}, scratch=tmp_path) for _ in range(4)]

    assert len({str(result["pid"]) for result in found}) == 4


async def test_a_call_goes_to_a_child_that_waits_warm(slots: ChildSlots, child: ChildRunner, tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        while not slots._warm:
            await asyncio.sleep(0.05)
    waiting = {warm.process.pid for warm in slots._warm}

    found = await child.call("work_children:echo", {}, scratch=tmp_path)

    assert found["pid"] in waiting


async def test_a_child_sees_no_secrets_and_starts_light(
    child: ChildRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "SKYULF_HOME",
        "AWS_SECRET_ACCESS_KEY",
        "OPENAI_API_KEY",
        "GITHUB_TOKEN",
        "PGPASSWORD",
        "DATABASE_URL",
    ):
        monkeypatch.setenv(name, "secret")
        assert name not in scrubbed_environment()
    numeric = {"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell", "MKL_CBWR": "COMPATIBLE"}
    for name, value in numeric.items():
        monkeypatch.setenv(name, value)
        assert scrubbed_environment()[name] == value

    found = await child.call("work_children:surroundings", {}, scratch=tmp_path)

    allowed = {"HOME", "PATH", "PYTHONPATH", "LANG", "TMPDIR", "JOBLIB_TEMP_FOLDER", "LC_CTYPE", "VIRTUAL_ENV", "TZ"}
    numbers = ("BLIS_", "MKL_", "NPY_", "NVPL_", "OPENBLAS_")  # what this machine says of them
    seen = {name for name in found["variables"] if not name.startswith(numbers)}  # type: ignore[union-attr]
    assert seen <= allowed | {*numeric, "LC_ALL", "LANGUAGE"}
    assert found["folder"] == str(tmp_path)
    assert found["heavy"] == []
    assert found["preloaded"] is True
    assert found["nice"] == 5


async def test_what_a_child_prints_is_kept_within_bounds(child: ChildRunner, tmp_path: Path) -> None:
    await child.call("work_children:chatter", {"lines": 30_000}, scratch=tmp_path)

    assert (tmp_path / "child.log").stat().st_size == 1 << 20
    assert child.log[-1] == "to the error stream"
    assert child.log[-2].startswith("line 29999 ")
    assert len(child.log) == 200


@pytest.mark.parametrize("kind", ["nan", "large", "list", "object"])
async def test_a_result_is_finite_json_of_bounded_size(child: ChildRunner, tmp_path: Path, kind: str) -> None:
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:result", {"kind": kind}, scratch=tmp_path)

    assert caught.value.code == "invalid_result"


async def test_a_childs_error_passes_its_code(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:refuse", {}, scratch=tmp_path)

    assert (caught.value.code, caught.value.message) == ("target_missing", "The column 'y' is not in the dataset.")


async def test_an_unforeseen_error_is_logged_with_its_traceback(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:stumble", {}, scratch=tmp_path)

    assert caught.value.code == "failed"
    assert caught.value.message == "RuntimeError: something nobody thought of"
    assert "in stumble" in "\n".join(caught.value.log)


async def test_a_missing_function_fails_only_the_call(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match="failed"):
        await child.call("work_children:nothing", {}, scratch=tmp_path)
    with pytest.raises(ChildFailedError, match="failed"):
        await child.call("no_such_module:nothing", {}, scratch=tmp_path)


@pytest.mark.parametrize(
    ("spec", "message"),
    [({"signal": "SIGSEGV"}, "SIGSEGV"), ({"signal": "SIGKILL"}, "SIGKILL"), ({"status": 3}, "status 3")],
)
async def test_a_crash_names_its_cause(child: ChildRunner, tmp_path: Path, spec: dict[str, str], message: str) -> None:
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:crash", dict(spec), scratch=tmp_path)

    assert caught.value.code == "crashed"
    assert message in caught.value.message


async def test_noise_on_the_pipe_of_messages_fails_the_call(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:babble", {}, scratch=tmp_path)

    assert caught.value.code == "invalid_result"


@pytest.mark.parametrize("company", ["none", "fork", "joblib", "hold the interpreter"])
async def test_a_deadline_ends_the_whole_group(child: ChildRunner, tmp_path: Path, company: str) -> None:
    deadline = timedelta(seconds=12 if company == "joblib" else 3)  # joblib is slow to start on a busy machine
    start = time.monotonic()

    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:nap", {"company": company}, scratch=tmp_path, deadline=deadline)

    assert caught.value.code == "timeout"
    assert time.monotonic() - start < deadline.total_seconds() + 5
    assert gone(await pids_noted(tmp_path / "note"))


async def test_a_deadline_in_the_past_fails_at_once(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:nap", {}, scratch=tmp_path, deadline=datetime.now(UTC) - timedelta(hours=1))

    assert caught.value.code == "timeout"


async def test_kill_ends_the_whole_group(child: ChildRunner, tmp_path: Path) -> None:
    task = asyncio.create_task(child.call("work_children:nap", {"company": "fork"}, scratch=tmp_path))
    pids = await pids_noted(tmp_path / "note")

    start = time.monotonic()
    child.kill()
    with pytest.raises(ChildFailedError) as caught:
        await task

    assert caught.value.code == "cancelled"
    assert time.monotonic() - start < 5
    assert len(pids) == 3
    assert gone(pids)
    with pytest.raises(ChildFailedError, match="cancelled"):
        await child.call("work_children:echo", {}, scratch=tmp_path)


async def test_a_cancelled_caller_leaves_no_process(child: ChildRunner, tmp_path: Path) -> None:
    task = asyncio.create_task(child.call("work_children:nap", {"company": "fork"}, scratch=tmp_path))
    pids = await pids_noted(tmp_path / "note")

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert gone(pids)


async def test_grandchildren_die_with_a_call_that_succeeds(child: ChildRunner, tmp_path: Path) -> None:
    found = await child.call("work_children:nap", {"company": "fork", "seconds": 0}, scratch=tmp_path)

    assert len(found["pids"]) == 3  # type: ignore[arg-type]
    assert gone([int(str(pid)) for pid in found["pids"]])  # type: ignore[union-attr]


@pytest.mark.promise("R10")
async def test_too_much_memory_fails_that_call_and_spares_its_neighbour(
    slots: ChildSlots, tmp_path: Path, figures: Figures
) -> None:
    for name in ("greedy", "modest"):
        (tmp_path / name).mkdir()
    greedy = ChildRunner(slots).call(
        "work_children:devour", {"mib": 800}, scratch=tmp_path / "greedy", memory_limit=200 << 20
    )
    modest = ChildRunner(slots).call(
        "work_children:devour", {"mib": 50, "seconds": 2}, scratch=tmp_path / "modest", memory_limit=200 << 20
    )

    failed, fine = await asyncio.gather(greedy, modest, return_exceptions=True)

    assert isinstance(failed, ChildFailedError)
    assert (failed.code, failed.message) == ("out_of_memory", "The work needs more memory than its limit of 200 MiB.")
    assert fine == {"mib": 50}
    figures("800 MiB under a limit of 200: that call failed, its neighbour did not")


async def test_memory_of_all_processes_of_a_call_counts(child: ChildRunner, tmp_path: Path) -> None:
    spec = {"mib": 100, "workers": 3, "seconds": 30}
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:devour", {**spec}, scratch=tmp_path, memory_limit=250 << 20)

    assert caught.value.code == "out_of_memory"


async def test_a_refused_allocation_is_a_lack_of_memory(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError) as caught:
        await child.call("work_children:give_up", {}, scratch=tmp_path)

    assert caught.value.code == "out_of_memory"


async def test_the_children_of_a_process_are_gone_after_close(tmp_path: Path) -> None:
    others = set(psutil.Process().children(recursive=True))  # the servers of other tests
    slots = ChildSlots(2, environment=children_environment())
    slots.open()
    runner = ChildRunner(slots)
    task = asyncio.create_task(runner.call("work_children:nap", {"company": "fork"}, scratch=tmp_path))
    await pids_noted(tmp_path / "note")
    started = [child.pid for child in psutil.Process().children(recursive=True) if child not in others]

    task.cancel()
    await asyncio.sleep(0)
    await slots.close()

    assert len(started) >= 5
    assert gone(started, 0.5)


async def test_a_crash_does_not_hurt_the_neighbour(slots: ChildSlots, tmp_path: Path) -> None:
    calls = [
        ChildRunner(slots).call("work_children:crash", {"signal": "SIGSEGV"}, scratch=tmp_path),
        ChildRunner(slots).call("work_children:nap", {"seconds": 1.5}, scratch=tmp_path),
    ]

    crashed, fine = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(crashed, ChildFailedError)
    assert isinstance(fine, dict)


async def test_slots_bound_how_many_work_at_once(slots: ChildSlots, tmp_path: Path) -> None:
    start = time.monotonic()
    runners = [ChildRunner(slots) for _ in range(4)]
    await asyncio.gather(*(runner.call("work_children:nap", {"seconds": 0.5}, scratch=tmp_path) for runner in runners))

    assert time.monotonic() - start > 1.0

"""How memory is looked at, and when it is too much."""

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from performance.load.memory import Memory, Track, Watched

HOLDS = "held = b'x' * (64 << 20); print('held', flush=True); input()"


@pytest.fixture
def holding() -> Iterator[psutil.Process]:
    """A child of this process that holds 64 MB of its own."""
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        yield psutil.Process(child.pid)
        child.kill()


def test_each_process_is_looked_at_and_what_its_children_hold_is_told_apart(holding: psutil.Process) -> None:
    this = psutil.Process()
    looked = {
        "child": Watched(holding.pid),
        "this": Watched(this.pid),
        "server": Watched(this.pid, ours=False, family=True),
    }
    memory = Memory(lambda: looked, seconds=0.01)

    memory.start()
    time.sleep(0.5)
    memory.stop()

    child, own, server = (memory.tracks[name] for name in ("child", "this", "server"))
    assert min(len(child.samples), len(own.samples)) > 1
    assert 64 < child.samples[-1][1] < 128
    assert child.children == 0
    assert own.children > 64
    assert server.samples[-1][1] > own.samples[-1][1] + 60


def test_looking_that_broke_off_is_no_proof_of_anything() -> None:
    def processes() -> dict[str, Watched]:
        raise RuntimeError("registry-api was not started")

    memory = Memory(processes, seconds=0.01)
    memory.start()
    time.sleep(0.2)

    with pytest.raises(RuntimeError, match="was not started"):
        memory.stop()


def test_a_process_that_has_ended_hides_no_other_and_is_known_by_name() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    memory = Memory(lambda: {"ended": Watched(ended.pid), "this": Watched(psutil.Process().pid)}, seconds=0.01)

    memory.start()
    time.sleep(0.5)
    memory.stop()

    assert len(memory.tracks["this"].samples) > 1
    assert not memory.tracks["this"].unknown(0)
    assert memory.tracks["ended"].samples == []
    assert memory.tracks["ended"].unknown(0)


@pytest.mark.parametrize(("per_10_min", "steep"), [(0.9, False), (1.1, True), (-5.0, False)])
def test_a_megabyte_in_ten_minutes_is_too_much(per_10_min: float, steep: bool) -> None:
    track = Track(ours=True, samples=[(second, 90 + per_10_min * second / 600) for second in range(0, 1800, 3)])

    assert track.slope(600) == pytest.approx(per_10_min)
    assert track.steep(600) is steep


@pytest.mark.parametrize(("megabytes", "steep"), [(0.9, False), (1.1, True)])
def test_in_two_minutes_a_megabyte_in_all_is_too_much(megabytes: float, steep: bool) -> None:
    track = Track(ours=True, samples=[(second, 90 + megabytes * second / 120) for second in range(121)])

    assert track.steep(0) is steep


def test_what_is_not_ours_may_grow_and_what_came_before_the_warm_up_counts_nothing() -> None:
    grown = [(float(second), 90 + min(second, 600) / 10) for second in range(1800)]

    assert not Track(ours=False, samples=grown).steep(0)
    assert Track(ours=True, samples=grown).steep(0)
    assert not Track(ours=True, samples=grown).steep(600)


def test_what_was_not_looked_at_after_the_warm_up_is_not_flat_but_unknown() -> None:
    flat = [(float(second), 90.0) for second in range(100)]

    assert not Track(ours=True, samples=flat).unknown(98)
    assert Track(ours=True, samples=flat).unknown(99)
    assert Track(ours=True, samples=flat).unknown(3600)
    assert not Track(ours=False, samples=flat).unknown(3600)

"""How much memory a process group holds, and whether the kernel killed something for want of it."""

import os
import re
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")
_COUNTERS = (_CGROUP / "memory.events", _CGROUP / "memory" / "memory.oom_control")


def group_members(group: int) -> list[int]:
    """The living processes of a process group."""
    members = []
    for pid in psutil.pids():
        try:
            if os.getpgid(pid) == group and not _is_zombie(pid):
                members.append(pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


def group_memory(group: int) -> int:
    """The bytes of memory that only these processes use, summed up.

    Pages of files (libraries, memory-mapped arrays in scratch) are left out where the system tells them apart: the
    kernel drops them when it needs room, and workers of one pool would count the same pages many times.
    """
    return sum(_private_bytes(pid) for pid in group_members(group))


def oom_kills() -> int:
    """How many processes the kernel has killed in this container for want of memory; 0 where it does not say."""
    for counter in _COUNTERS:
        try:
            found = re.search(r"^oom_kill (\d+)$", counter.read_text(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found[1])
    return 0


def _private_bytes(pid: int) -> int:
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - getattr(memory, "shared", 0))


def _is_zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

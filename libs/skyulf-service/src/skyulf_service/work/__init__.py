"""Long work: rows with leases, supervisors that claim them, and child processes that do what is risky or heavy.

The names below are loaded on first use, because a child process imports this package and must start light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skyulf_service.work.calls import ChildRunner
    from skyulf_service.work.columns import columns
    from skyulf_service.work.expiry import requeue_expired
    from skyulf_service.work.failures import ChildError, ChildFailedError
    from skyulf_service.work.queue import Claim, HeartbeatResult, LeaseLostError, WorkQueue, fence
    from skyulf_service.work.scratch import ScratchFolders
    from skyulf_service.work.slots import ChildSlots
    from skyulf_service.work.states import CancelRequestedError, WorkState, WorkStatus
    from skyulf_service.work.supervisor import Supervisor, WorkHandler
    from skyulf_service.work.sweeper import Sweep, Sweeper

_HOMES = {
    "columns": "columns",
    "ChildError": "failures",
    "ChildFailedError": "failures",
    "Claim": "queue",
    "HeartbeatResult": "queue",
    "LeaseLostError": "queue",
    "WorkQueue": "queue",
    "fence": "queue",
    "requeue_expired": "expiry",
    "ScratchFolders": "scratch",
    "ChildRunner": "calls",
    "ChildSlots": "slots",
    "CancelRequestedError": "states",
    "WorkState": "states",
    "WorkStatus": "states",
    "Supervisor": "supervisor",
    "WorkHandler": "supervisor",
    "Sweep": "sweeper",
    "Sweeper": "sweeper",
}
__all__ = [
    "CancelRequestedError",
    "ChildError",
    "ChildFailedError",
    "ChildRunner",
    "ChildSlots",
    "Claim",
    "HeartbeatResult",
    "LeaseLostError",
    "ScratchFolders",
    "Supervisor",
    "Sweep",
    "Sweeper",
    "WorkHandler",
    "WorkQueue",
    "WorkState",
    "WorkStatus",
    "columns",
    "fence",
    "requeue_expired",
]


def __getattr__(name: str) -> object:
    """Load a public name from the module it lives in."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)

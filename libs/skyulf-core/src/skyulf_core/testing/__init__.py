"""Checks that every node must pass, for authors of nodes inside and outside this library.

>>> from skyulf_core.testing import check_node
>>> len(check_node("DropColumns")) > 10
True
"""

from skyulf_core.testing.checks import CheckError, check_node
from skyulf_core.testing.plans import check_plan
from skyulf_core.testing.samples import sample_frame

__all__ = ["CheckError", "check_node", "check_plan", "sample_frame"]

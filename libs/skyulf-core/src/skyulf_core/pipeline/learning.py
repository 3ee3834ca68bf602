"""What a person learns of a node while it learns: errors that name it, warnings in words of this library."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from skyulf_core.pipeline.fusing import naming
from skyulf_core.problems import FitWarning

_UNSETTLED = "ConvergenceWarning"  # scikit-learn's; its name, so that nothing is imported for it


@contextmanager
def learning(node: str) -> Iterator[None]:
    """Name the node in errors; of the warnings of libraries below say once, in a FitWarning, what can be acted on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with naming(node):
            yield
    if any(one.category.__name__ == _UNSETTLED for one in caught):
        message = f"{node} has not settled within its iterations; scale the columns, or allow more of them (max_iter)"
        warnings.warn(message, FitWarning, stacklevel=3)
    for one in caught:
        if issubclass(one.category, FitWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)

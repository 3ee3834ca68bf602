"""What a node has learned: JSON values and named numpy arrays, never a live Python object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Scalar: TypeAlias = bool | int | float | str | None

_KINDS = "biufUM"


class Params(dict[str, object]):
    """Learned values under their names.

    A value is a JSON value (finite numbers only) or, at the top level, a numpy array of booleans, numbers, fixed-width
    strings or datetimes. Anything else is a TypeError: what is not here cannot be saved, so it may not be learned.

    >>> Params(columns=["a"], means=[0.5])["means"]
    [0.5]
    >>> Params(model=object())
    Traceback (most recent call last):
    TypeError: params 'model': object is neither a JSON value nor a numpy array
    """

    def __init__(self, values: Mapping[str, object] | None = None, /, **named: object) -> None:
        super().__init__({**(values or {}), **named})
        for name, value in self.items():
            if isinstance(value, np.ndarray):
                if value.dtype.kind not in _KINDS:
                    raise TypeError(f"params {name!r}: arrays of {value.dtype} cannot be saved")
            else:
                _check_json(name, value)

    def array(self, name: str) -> NDArray[np.generic]:
        """Return a named array."""
        value = self[name]
        if not isinstance(value, np.ndarray):
            raise TypeError(f"params {name!r} is not an array")
        return cast("NDArray[np.generic]", value)

    def strings(self, name: str) -> list[str]:
        """Return a list of strings."""
        return [str(value) for value in self._list(name)]

    def numbers(self, name: str) -> list[float]:
        """Return a list of numbers."""
        return [float(cast("float", value)) for value in self._list(name)]

    def scalars(self, name: str) -> list[Scalar]:
        """Return a list of JSON scalars."""
        return cast("list[Scalar]", self._list(name))

    def lists(self, name: str) -> list[list[Scalar]]:
        """Return a list of lists of JSON scalars."""
        return cast("list[list[Scalar]]", self._list(name))

    def items_of(self, name: str) -> list[dict[str, object]]:
        """Return a list of JSON objects."""
        return cast("list[dict[str, object]]", self._list(name))

    def text(self, name: str) -> str:
        """Return a string."""
        return str(self[name])

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return bool(self[name])

    def _list(self, name: str) -> list[object]:
        value = self[name]
        if not isinstance(value, list):
            raise TypeError(f"params {name!r} is not a list")
        return value

    def split(self) -> tuple[dict[str, object], dict[str, NDArray[np.generic]]]:
        """Return (JSON values, arrays), for writing."""
        arrays = {name: self.array(name) for name, value in self.items() if isinstance(value, np.ndarray)}
        return {name: value for name, value in self.items() if name not in arrays}, arrays

    @classmethod
    def join(cls, values: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]) -> Params:
        """Read what `split` returned."""
        return cls({**values, **arrays})


def _check_json(name: str, value: object) -> None:
    if value is None or type(value) in (bool, int, str):
        return
    if type(value) is float:
        if not math.isfinite(value):
            raise TypeError(f"params {name!r}: {value} is not a JSON number; use None, or an array")
        return
    if type(value) is list:
        for item in value:
            _check_json(name, item)
        return
    if type(value) is dict and all(type(key) is str for key in value):
        for item in value.values():
            _check_json(name, item)
        return
    raise TypeError(f"params {name!r}: {type(value).__name__} is neither a JSON value nor a numpy array")

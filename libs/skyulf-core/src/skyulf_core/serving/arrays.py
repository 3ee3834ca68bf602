"""JSON with numpy arrays beside it: arrays lie one after another in a `.npy` of bytes, the JSON points into it.

`{"$array": {"file": …, "dtype": "<f8", "shape": [2, 3], "offset": 0}}`. One file per member loads fastest (one read, no
copy) and holds nothing that runs: dtypes are from a closed list, objects are refused, nothing is unpickled.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.files import BundleFiles
from skyulf_core.serving.ops.base import PlanError

_DTYPE = re.compile(r"([<|][biuf][1248])|(<U\d{1,6})|(<M8\[us\])")
_ALIGN = 64
_LONGEST_EMPTY = 1_000_000
"""No bytes stand behind the sides of an array without values: a reader would walk along whatever is said."""


class ArrayWriter:
    """Collects the arrays of several JSON documents; an array that is used twice is stored once."""

    def __init__(self) -> None:
        self._data: dict[str, bytearray] = {}
        self._seen: dict[int, tuple[NDArray[Any], dict[str, object]]] = {}

    def encode(self, value: object, file: str) -> object:
        """Return JSON for a value; its arrays go to `file`. Raises TypeError for anything else than data."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": repr(float(value))}
        if isinstance(value, np.ndarray):
            return {"$array": self._add(value, file)}
        if isinstance(value, np.generic):
            return self.encode(value.item(), file)
        if isinstance(value, list | tuple):
            return [self.encode(item, file) for item in value]
        if isinstance(value, Mapping):
            return self._object(value, file)
        raise TypeError(f"{type(value).__name__} is not data: params are JSON values and numpy arrays")

    def _object(self, value: Mapping[object, object], file: str) -> object:
        if not all(isinstance(key, str) for key in value):
            raise TypeError("keys must be strings")
        encoded = {str(key): self.encode(item, file) for key, item in value.items()}
        reserved = any(key.startswith("$") for key in encoded)
        return {"$object": [list(pair) for pair in encoded.items()]} if reserved else encoded

    def _add(self, array: NDArray[Any], file: str) -> dict[str, object]:
        known = self._seen.get(id(array))
        if known is not None:
            return known[1]
        dtype = array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype
        if not _DTYPE.fullmatch(dtype.str):
            raise TypeError(f"arrays of {array.dtype} are not stored")
        data = self._data.setdefault(file, bytearray())
        data.extend(bytes(-len(data) % _ALIGN))
        ref: dict[str, object] = {"file": file, "dtype": dtype.str, "shape": list(array.shape), "offset": len(data)}
        data += np.ascontiguousarray(array, dtype).tobytes()
        self._seen[id(array)] = (array, ref)  # the array is kept, so that its id stays its own
        return ref

    def files(self) -> dict[str, bytes]:
        """Return the `.npy` files."""
        written = {}
        for name, data in self._data.items():
            buffer = io.BytesIO()
            np.save(buffer, np.frombuffer(data, np.uint8), allow_pickle=False)
            written[name] = buffer.getvalue()
        return written


class ArrayReader:
    """Resolves the arrays of JSON documents; reads each file once."""

    def __init__(self, files: BundleFiles) -> None:
        self._files = files
        self._data: dict[str, NDArray[np.uint8]] = {}

    def decode(self, value: object) -> Any:
        """Return the value with its arrays (read-only). Raises PlanError for a broken reference."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$array" in value:
            return self._array(value["$array"])
        if "$float" in value:
            return _special_float(value["$float"])
        if "$object" in value:
            return {str(key): self.decode(item) for key, item in value["$object"]}
        return {key: self.decode(item) for key, item in value.items()}

    def _array(self, ref: object) -> NDArray[Any]:
        match ref:
            case {"file": str(file), "dtype": str(dtype), "shape": list(shape), "offset": int(offset)} if (
                _DTYPE.fullmatch(dtype) and offset >= 0 and all(type(n) is int and n >= 0 for n in shape)
            ):
                kind = np.dtype(dtype)
                size = math.prod(shape)
                data = self._bytes(file)
                if offset + size * kind.itemsize > len(data):
                    raise PlanError(f"{file} is shorter than its arrays")
                if size == 0:
                    if max(shape) > _LONGEST_EMPTY:
                        raise PlanError(f"{file}: an array without values that is {max(shape)} long")
                    return np.empty(shape, kind)
                return np.frombuffer(data, kind, size, offset).reshape(shape)
        raise PlanError(f"not an array reference: {str(ref)[:200]}")

    def _bytes(self, file: str) -> NDArray[np.uint8]:
        if file not in self._data:
            try:
                data = np.load(io.BytesIO(self._files.read(file)), allow_pickle=False)
            except (ValueError, EOFError, OSError) as error:
                raise PlanError(f"{file} is not an array file: {error}") from error
            if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 1:
                raise PlanError(f"{file} is not an array of bytes")
            self._data[file] = data
        return self._data[file]


def _special_float(text: object) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise PlanError(f"not a float: {text!r}")
    return float(str(text))

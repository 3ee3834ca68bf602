"""Operations that need no list of what training saw: hash. The hash is MurmurHash3, the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    Origins,
    Row,
    RowFunction,
    Scalar,
    operation,
    plain,
    same_length,
    source_needed,
)

_MASK = 0xFFFFFFFF
_REMEMBERED = 65_536


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """Return MurmurHash3 (x86, 32 bit) of some bytes as a signed integer, as scikit-learn's `murmurhash3_32` does.

    >>> murmur3_32(b"city=Oslo"), murmur3_32(b"")
    (1652778913, 0)
    """
    value, whole = seed & _MASK, len(data) & ~3
    for start in range(0, whole, 4):
        value ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        value = ((value << 13) | (value >> 19)) & _MASK
        value = (value * 5 + 0xE6546B64) & _MASK
    if len(data) > whole:
        value ^= _mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data) & _MASK
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & _MASK
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & _MASK
    value ^= value >> 16
    return value - 0x1_0000_0000 if value >> 31 else value


def _mixed(block: int) -> int:
    block = (block * 0xCC9E2D51) & _MASK
    block = ((block << 15) | (block >> 17)) & _MASK
    return (block * 0x1B873593) & _MASK


def place_of(token: str, size: int, *, alternate_sign: bool = True) -> tuple[int, int]:
    """Return where a token lies among `size` places, and what it adds there (1, or -1 for a negative hash).

    As scikit-learn's FeatureHasher and HashingVectorizer place it: the absolute hash modulo the size.
    """
    found = murmur3_32(token.encode())
    return abs(found) % size, -1 if alternate_sign and found < 0 else 1


def token_of(value: Scalar) -> str:
    """Return a value as the text that is hashed: numbers by value, so 1, 1.0 and true are all `1`."""
    if isinstance(value, str):
        return value
    number = float(value or 0)
    return str(int(number)) if number.is_integer() and abs(number) < 2.0**63 else repr(number)


@operation
@dataclass(frozen=True)
class Hash(Op):
    """Add 1 (or -1) to the output that the hash of each column's value points to; the outputs start at 0.

    What is hashed is the column's prefix followed by the value. A null adds nothing.
    """

    op: ClassVar[str] = "hash"
    columns: tuple[str, ...]
    prefixes: tuple[str, ...]
    outputs: tuple[str, ...]
    alternate_sign: bool = True
    drop_original: bool = True

    def __post_init__(self) -> None:
        same_length("hash", columns=self.columns, prefixes=self.prefixes)
        if not self.outputs:
            raise ValueError("hash: there are no outputs")

    def _places(self) -> Callable[[str], tuple[int, int]]:
        size, signs = len(self.outputs), self.alternate_sign

        @lru_cache(_REMEMBERED)
        def place(token: str) -> tuple[int, int]:
            return place_of(token, size, alternate_sign=signs)

        return place

    def row_function(self) -> RowFunction:
        """Hash one row."""
        pairs, outputs, place = tuple(zip(self.columns, self.prefixes, strict=True)), self.outputs, self._places()
        zeros, drop = dict.fromkeys(outputs, 0.0), self.drop_original

        def run(values: Row) -> None:
            found = [(prefix, values.pop(name) if drop else values[name]) for name, prefix in pairs]
            values.update(zeros)
            for prefix, value in found:
                if value is not None and value == value:
                    index, sign = place(prefix + token_of(value))
                    values[outputs[index]] += sign

        return run

    def batch(self, columns: Columns) -> None:
        """Hash columns into float64 columns."""
        place, size = self._places(), len(self.outputs)
        read = [plain(columns[name]) for name in self.columns]
        sums = np.zeros((size, len(read[0]) if read else len(next(iter(columns.values()), ()))))
        for prefix, values in zip(self.prefixes, read, strict=True):
            known = {value: place(prefix + token_of(value)) for value in set(values) if value is not None}
            rows = [row for row, value in enumerate(values) if value is not None]
            found = np.array([known[values[row]] for row in rows], np.int64).reshape(-1, 2)
            sums[found[:, 0], rows] += found[:, 1]
        for name in self.columns if self.drop_original else ():
            del columns[name]
        columns.update(zip(self.outputs, sums, strict=True))

    def makes(self) -> frozenset[str]:
        """Make all outputs."""
        return frozenset(self.outputs)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the columns."""
        before = after - self.makes()
        for name in self.columns:
            source_needed(before, name, dropped=self.drop_original)
        return before | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """No output is ever null."""
        origins.update(dict.fromkeys(self.outputs, frozenset()))
        return frozenset()

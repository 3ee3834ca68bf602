"""Reading word vectors from local files: data only, nothing that runs.

A folder holds `embeddings.npy` (one array of floats, a row per word; no pickle) and the words of its rows, in one of

- `vocabulary.txt`: one word per line, in UTF-8, in the order of the rows;
- `vocabulary.json`: a list of words in that order, or an object from words to rows;
- `tokenizer.json`: of a tokenizer of type `WordLevel` (`model.vocab` is an object from words to rows).

A file is text as GloVe and word2vec write it: a word and its numbers per line, separated by spaces, optionally after a
first line with the number of words and of numbers. (word2vec's binary form is not read: convert it to text.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyulf_core.problems import DataError

MOST_DIMENSIONS = 1_024
MOST_NUMBERS = 20_000_000
_LONGEST_LINE = 65_536
_MOST_BYTES = 512 * 1024 * 1024


class WordVectors(NamedTuple):
    """Words, each once, and a row of finite numbers for each."""

    words: list[str]
    vectors: NDArray[np.floating]


def read_vectors(path: str, most: int) -> WordVectors:
    """Return the first `most` words of a folder or file and their vectors. Raises DataError for anything else."""
    place = Path(path)
    try:
        if place.is_dir():
            words, vectors = _folder(place, most)
        elif place.is_file():
            words, vectors = _text(place, most)
        else:
            raise _unusable(path, "there is no such folder or file on this machine")
    except (OSError, ValueError) as error:  # undecodable text, broken JSON and arrays are ValueErrors
        raise _unusable(path, str(error)) from error
    if not words or not 1 <= vectors.shape[1] <= MOST_DIMENSIONS or vectors.size > MOST_NUMBERS:
        limits = f"1 to {MOST_DIMENSIONS} numbers per word and {MOST_NUMBERS} in all may be kept; lower max_words"
        raise _unusable(path, f"{len(words)} words of {vectors.shape[1]} numbers: {limits}")
    if not np.isfinite(vectors).all():
        raise _unusable(path, "some numbers are not finite")
    first = {word: row for row, word in reversed(list(enumerate(words)))}
    rows = sorted(first.values())
    return WordVectors([words[row] for row in rows], vectors if len(rows) == len(words) else vectors[rows])


def _unusable(path: str, why: str) -> DataError:
    return DataError(f"word vectors {path!r} cannot be used: {why}", reason="unusable-vectors")


def _folder(folder: Path, most: int) -> tuple[list[str], NDArray[np.floating]]:
    table = np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False)
    if table.ndim != 2 or table.dtype.kind != "f":
        raise ValueError("embeddings.npy is not a table of floats")
    words = _words(folder)
    if len(words) != len(table):
        raise ValueError(f"{len(words)} words for {len(table)} rows of embeddings.npy")
    kept = table[: min(most, MOST_NUMBERS // max(table.shape[1], 1) + 1)]
    if table.dtype.itemsize > 8:
        raise ValueError("embeddings.npy has wider floats than 64 bit")
    # half precision is no type of a bundle
    wanted = np.float64 if table.dtype.itemsize == 8 else np.float32
    return words[: len(kept)], np.array(kept, dtype=wanted)


def _words(folder: Path) -> list[str]:
    lines, plain, tokenizer = (folder / name for name in ("vocabulary.txt", "vocabulary.json", "tokenizer.json"))
    if lines.is_file():
        return [line.removesuffix("\r") for line in _read(lines).removesuffix("\n").split("\n")]
    if plain.is_file():
        return _ordered(json.loads(_read(plain)))
    if not tokenizer.is_file():
        raise ValueError("the folder has no vocabulary.txt, vocabulary.json or tokenizer.json")
    document = json.loads(_read(tokenizer))
    model = document.get("model") if isinstance(document, dict) else None
    if not isinstance(model, dict) or model.get("type") != "WordLevel":
        raise ValueError("tokenizer.json is not of type WordLevel, whose words are whole")
    return _ordered(model.get("vocab"))


def _read(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name} is larger than {_MOST_BYTES} bytes")
    return path.read_text(encoding="utf-8")


def _ordered(words: object) -> list[str]:
    """Return the words in the order of their rows."""
    if isinstance(words, Mapping):
        if sorted(str(row) for row in words.values()) != sorted(str(row) for row in range(len(words))):
            raise ValueError("the rows of the words are not 0, 1, 2, …")
        words = sorted(words, key=words.__getitem__)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("the vocabulary is neither a list of words nor an object from words to rows")
    return words


def _text(path: Path, most: int) -> tuple[list[str], NDArray[np.floating]]:
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for number, parts in enumerate(islice(_lines(path), most + 1)):
        if number == 0 and len(parts) == 2 and all(part.isdecimal() for part in parts):
            continue
        if len(words) == most or (rows and len(rows) * len(rows[0]) > MOST_NUMBERS):
            break
        row = np.array(parts[1:], np.float32)
        if rows and len(row) != len(rows[0]):
            raise ValueError(f"line {number + 1} has {len(row)} numbers, those before it {len(rows[0])}")
        words.append(parts[0])
        rows.append(row)
    return words, np.array(rows, np.float32).reshape(len(rows), -1) if rows else np.zeros((0, 0), np.float32)


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        while line := file.readline(_LONGEST_LINE):
            if not line.endswith("\n") and len(line) == _LONGEST_LINE:
                raise ValueError("a line is too long for a word and its numbers")
            yield line.rstrip(" \r\n").split(" ")

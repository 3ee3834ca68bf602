"""Shapley values of whatever answers, from outside: rows whose columns are taken from a row or from background rows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import factorial
from typing import NamedTuple, TypeAlias

import numpy as np

from skyulf_core.serving.explaining.numbers import Codes, Floats, Masks
from skyulf_core.serving.explaining.steps import finished

Says: TypeAlias = Callable[[Masks, Codes], Floats]
"""From rows x players (whether each is taken from the row) and the background row behind each, to one number each."""

MOST_BACKGROUND_OF_GAMES = 50
"""So many background rows at most: each is asked about again and again."""
_MOST_ENUMERATED = 4_000
_CELLS_AT_ONCE = 100_000
"""So many numbers (rows x players) are asked about at once: who waits for the work can stop it in between."""
_LEAST_WALKS = 100


class GameValues(NamedTuple):
    """Values of the players, their standard errors, the mean of the background, and whether they are exact."""

    values: Floats
    errors: Floats
    base: float
    exact: bool


def asked_rows(count: int, backs: int) -> int:
    """Return about how many rows are asked about for one row with `count` players."""
    whole = 2 ** min(count, 60) * backs
    return whole if whole <= _MOST_ENUMERATED else 2 * _walks(backs) * backs * (count + 1)


def game_values(says: Says, count: int, backs: int, *, random_state: int = 0) -> GameValues:
    """Return the values of `count` players over `backs` background rows."""
    return finished(game_steps(says, count, backs, random_state=random_state))


def game_steps(says: Says, count: int, backs: int, *, random_state: int = 0) -> Generator[float, None, GameValues]:
    """Find the same in steps that yield the share of the work that is done.

    With few players all sets of them are looked at. Else players join one by one, in random orders and their reverses,
    in each background row equally often (Castro, 2009; Mitchell, 2022): the values add up exactly all the same.
    """
    if 2**count * backs <= _MOST_ENUMERATED:
        values, base = yield from _enumerated(says, count, backs)
        return GameValues(values, np.zeros_like(values), base, exact=True)
    masks, places, orders = _walked(count, backs, np.random.default_rng(random_state))
    said = (yield from _asked(says, masks, places)).reshape(len(orders), count + 1)
    steps = np.diff(said, axis=1)
    gains = np.empty_like(steps)
    np.put_along_axis(gains, np.array(orders), steps, axis=1)
    pairs = gains.reshape(-1, 2, count).mean(axis=1)  # an order and its reverse are one draw
    errors = pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs)) if len(pairs) > 1 else np.zeros(count)
    return GameValues(gains.mean(axis=0), errors, float(said[:, 0].mean()), exact=False)


def _walks(backs: int) -> int:
    return max(1, round(_LEAST_WALKS / 2 / backs))


def _walked(count: int, backs: int, rng: np.random.Generator) -> tuple[Masks, Codes, list[Codes]]:
    """Return the sets of players that grow along random orders, the background row of each, and the orders."""
    masks, places, orders = [], [], []
    for back in range(backs):
        for _ in range(_walks(backs)):
            order = rng.permutation(count)
            for one in (order, order[::-1]):
                place = np.empty(count, np.int64)
                place[one] = np.arange(count)
                masks.append(place[None, :] < np.arange(count + 1)[:, None])
                places.append(np.full(count + 1, back))
                orders.append(one)
    return np.concatenate(masks), np.concatenate(places), orders


def _asked(says: Says, masks: Masks, places: Codes) -> Generator[float, None, Floats]:
    """Ask some rows after the others."""
    size = max(100, _CELLS_AT_ONCE // max(masks.shape[1], 1))
    found = []
    for begin in range(0, len(places), size):
        if begin:
            yield begin / len(places)
        found.append(says(masks[begin : begin + size], places[begin : begin + size]))
    return np.concatenate(found)


def _enumerated(says: Says, count: int, backs: int) -> Generator[float, None, tuple[Floats, float]]:
    sets = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
    said = yield from _asked(says, np.repeat(sets, backs, axis=0), np.tile(np.arange(backs), len(sets)))
    worth = said.reshape(len(sets), backs).mean(axis=1)
    size = sets.sum(axis=1)
    share = np.array([factorial(s) * factorial(max(count - s - 1, 0)) / factorial(count) for s in range(count + 1)])
    values = np.empty(count)
    for player in range(count):
        without = np.flatnonzero(~sets[:, player])
        values[player] = share[size[without]] @ (worth[without + 2**player] - worth[without])
    return values, float(worth[0])

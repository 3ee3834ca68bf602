"""What a model promises about the space that tuning searches where nobody says otherwise."""

from __future__ import annotations

import json
from typing import cast

import numpy as np
from pydantic import JsonValue

from skyulf_core.pipeline.resolve import resolve
from skyulf_core.problems import InvalidConfigError
from skyulf_core.testing.compare import CheckError, require
from skyulf_core.testing.model_sample import model_of
from skyulf_core.testing.node_checks import Case

_DRAWN = 20


def search_space_is_data(case: Case) -> None:
    """The space is JSON: what a person could have written."""
    space = {name: dict(written) for name, written in model_of(case).search_space.items()}
    require(json.loads(json.dumps(space, allow_nan=False)) == space, "the search space changes on its way through JSON")


def search_space_fits_the_configuration(case: Case) -> None:
    """Every parameter is a field, every end of a range and every choice is accepted, and so are they together."""
    from skyulf_core.tuning import SearchSpace

    if not model_of(case).space_of(case.config):
        return
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "label"}}]
    pipeline = resolve({"steps": steps, "model": {"node": case.entry.name, "config": dict(case.raw)}})
    try:
        space = SearchSpace.of(None, pipeline)
        draw = np.random.RandomState(4)
        for _ in range(_DRAWN):
            values = space.active({name: _drawn(choices, draw) for name, choices in space.distributions().items()})
            space.applied(pipeline, values)
    except InvalidConfigError as error:
        raise CheckError(f"the search space does not fit: {error}") from error


def _drawn(choices: object, draw: np.random.RandomState) -> JsonValue:
    if isinstance(choices, list | tuple):
        return cast("JsonValue", choices[draw.randint(len(choices))])
    return cast("JsonValue", choices.rvs(random_state=draw))  # type: ignore[attr-defined]


SEARCH_CHECKS = (search_space_is_data, search_space_fits_the_configuration)

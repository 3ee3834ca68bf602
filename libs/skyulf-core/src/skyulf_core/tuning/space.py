"""Search spaces: what tuning may change, over any node of a pipeline, read and checked before the first fit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from pydantic import JsonValue

from skyulf_core.nodes.base import ModelCalculator, NodeConfig
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.problems import InvalidConfigError, Problem, did_you_mean, pointer_part, some_of
from skyulf_core.tuning.addresses import Address, AddressError, faults, find, placed_value, takes_boolean, with_values
from skyulf_core.tuning.dimensions import MOST_CHOICES, Choices, Dimension, Distribution, same
from skyulf_core.tuning.reading import DimensionError, read_dimension, read_when

POINTER = "/tuning/search_space"
MOST_PARAMETERS = 200
"""So many parameters may be searched."""
MOST_SAMPLES = 5_000
"""So many values may be named by all parameters together: each is checked in its node's configuration."""
_MOST_WORK = 2_000_000
"""So many entries of configurations are read to check the values of a space."""
_ENTRIES_OF_A_MODEL = 100
"""Reading a model inside of a model takes as long."""
_MOST_REFUSALS = 100
Values = dict[str, JsonValue]


@dataclass(frozen=True)
class Parameter:
    """A parameter that is searched: its address as it is written, its place, its range, and when it matters."""

    name: str
    address: Address
    dimension: Dimension
    when: Mapping[str, tuple[JsonValue, ...]] = field(default_factory=dict)

    def matters(self, values: Mapping[str, JsonValue]) -> bool:
        """Say whether it matters among other values; one whose condition does not matter itself does not."""
        return all(
            name in values and any(same(values[name], wanted) for wanted in allowed)
            for name, allowed in self.when.items()
        )


@dataclass(frozen=True)
class SearchSpace:
    """The parameters that are searched, each after those that its condition names."""

    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, raw: Mapping[str, object] | None, resolved: Resolved) -> SearchSpace:
        """Return the space that is written, or the model's own for None. Raises InvalidConfigError with all problems.

        >>> from skyulf_core.pipeline.resolve import resolve
        >>> split = {"node": "TrainTestSplit", "config": {"target": "y"}}
        >>> pipeline = resolve({"steps": [split], "model": {"node": "ridge_regression"}})
        >>> SearchSpace.of({"alpha": {"low": 0.1, "high": 10, "log": True}}, pipeline).names
        ['alpha']
        >>> SearchSpace.of({"alfa": {"low": 0.1, "high": 10}}, pipeline)
        Traceback (most recent call last):
        skyulf_core.problems.InvalidConfigError: /tuning/search_space/alfa: ridge_regression has no parameter 'alfa' \
('alfa'). Did you mean 'alpha'? It has: alpha, fit_intercept, solver, max_iter, tol, positive, random_state.
        """
        space, problems = read_space(raw, resolved)
        if space is None or problems:
            raise InvalidConfigError(problems)
        return space

    @property
    def names(self) -> list[str]:
        """The addresses, as they are written."""
        return [parameter.name for parameter in self.parameters]

    def active(self, values: Mapping[str, JsonValue]) -> Values:
        """Return the values that matter, in the order of the space."""
        found: Values = {}
        for parameter in self.parameters:
            if parameter.matters(found) and parameter.name in values:
                found[parameter.name] = values[parameter.name]
        return found

    def endless(self) -> list[str]:
        """Return the parameters without a list of values: a grid cannot hold them."""
        return [parameter.name for parameter in self.parameters if parameter.dimension.values() is None]

    def size(self) -> int:
        """Return how many points the grid has, at most: conditions make them fewer."""
        return math.prod(len(parameter.dimension.values() or ()) for parameter in self.parameters)

    def grid(self) -> Iterator[Values]:
        """Yield every point once, in the order of scikit-learn's ParameterGrid (by name, the last one fastest)."""
        ordered = sorted(self.parameters, key=lambda parameter: parameter.name)
        seen: set[str] = set()
        for point in itertools.product(*(parameter.dimension.values() or () for parameter in ordered)):
            values = self.active({p.name: value for p, value in zip(ordered, point, strict=True)})
            if any(parameter.when for parameter in self.parameters):
                key = repr(values)
                if key in seen:
                    continue
                seen.add(key)
            yield values

    def distributions(self) -> dict[str, list[JsonValue] | Distribution]:
        """Return what scikit-learn's ParameterSampler takes."""
        drawn = {parameter.name: parameter.dimension.distribution() for parameter in self.parameters}
        return cast("dict[str, list[JsonValue] | Distribution]", drawn)

    def applied(self, resolved: Resolved, values: Mapping[str, JsonValue]) -> Resolved:
        """Return the pipeline with these values. Raises InvalidConfigError where they do not go together."""
        places = {parameter.name: parameter.address for parameter in self.parameters}
        return with_values(resolved, {places[name]: value for name, value in values.items()})

    def choices(self, resolved: Resolved, node: ResolvedNode) -> Iterator[tuple[str, ResolvedNode]]:
        """Yield a node with each value that is searched in it, and the JSON pointer to that value.

        Beside a value stand those that its condition asks for. One that does not go with the others as they are
        written stands all the same, unchecked: another trial may change those too.
        """
        by_name = {parameter.name: parameter for parameter in self.parameters}
        for parameter in self.parameters:
            if parameter.address.node != node.id or node.config is None:
                continue
            beside = {
                name: allowed[0] for name, allowed in parameter.when.items() if by_name[name].address.node == node.id
            }
            for index, value in enumerate(parameter.dimension.samples()):
                try:
                    changed = self.applied(resolved, {**beside, parameter.name: value})
                    yield _place(parameter, index), _node(changed, parameter.address)
                except InvalidConfigError:
                    path, config = parameter.address.path, node.config
                    if len(path) == 1:
                        yield _place(parameter, index), replace(node, config=config.model_copy(update={path[0]: value}))

    def named_files(self, resolved: Resolved) -> Iterator[tuple[str, str]]:
        """Yield (JSON pointer, path) of every file that nodes read with one of the values that are searched."""
        for node in resolved.nodes:
            if node.config is None or type(node.config).named_files is NodeConfig.named_files:
                continue
            for pointer, changed in self.choices(resolved, node):
                yield from ((pointer, path) for _, path in changed.parsed.named_files())

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values that tell two spaces apart."""
        return {parameter.name: f"{parameter.dimension} when {dict(parameter.when)}" for parameter in self.parameters}


def read_space(raw: object, resolved: Resolved) -> tuple[SearchSpace | None, list[Problem]]:
    """Return the space, where it can be read, and everything that is wrong with it."""
    if raw is None:
        raw = _default(resolved)
        if not raw:
            message = "The model has nothing that is tuned by itself."
            return None, [Problem(POINTER, message, "no-space", suggestion="Name parameters in search_space.")]
    if not isinstance(raw, Mapping):
        return None, [Problem(POINTER, "search_space is an object of parameters and their ranges.", "wrong-type")]
    if not raw:
        return None, [Problem(POINTER, "The search space is empty.", "empty-range", suggestion="Name a parameter.")]
    if len(raw) > MOST_PARAMETERS:
        message = f"The search space has {len(raw):,} parameters; {MOST_PARAMETERS:,} are the most."
        return None, [Problem(POINTER, message, "too-many", field="search_space", suggestion="Search fewer.")]
    if _choices_of(raw) > MOST_SAMPLES:
        message = f"The search space names {_choices_of(raw):,} choices; {MOST_SAMPLES:,} are the most."
        hint = "Name fewer, or ranges."
        return None, [Problem(POINTER, message, "too-many", field="search_space", suggestion=hint)]
    problems: list[Problem] = []
    found = [_parameter(str(name), written, resolved, problems) for name, written in raw.items()]
    known = [parameter for parameter in found if parameter is not None]
    problems += _twice(known)
    ordered = _in_order(known, [str(name) for name in raw], problems)
    if problems:
        return None, problems
    heavy = _too_much(ordered, resolved)
    return (None, [heavy]) if heavy else (SearchSpace(tuple(ordered)), [*_refused(ordered, resolved)])


def _choices_of(raw: Mapping[str, object]) -> int:
    """Return how many choices are written, whatever else is wrong with them; a parameter's own too many are its own."""
    written = [each.get("choices") if isinstance(each, Mapping) else each for each in raw.values()]
    counts = [len(each) for each in written if isinstance(each, list)]
    return sum(count for count in counts if count <= MOST_CHOICES)


def _too_much(parameters: list[Parameter], resolved: Resolved) -> Problem | None:
    """Return a problem where the values cannot all be checked soon, as each is read with all that stands beside it."""
    nodes = {parameter.address.node for parameter in parameters}
    beside = sum(_entries(node.placed.config) for node in resolved.nodes if node.id in nodes)
    samples = 0
    for parameter in parameters:
        values = parameter.dimension.samples()
        samples += len(values)
        beside += max(map(_entries, values)) + sum(_entries(allowed[0]) for allowed in parameter.when.values())
    if samples * beside <= _MOST_WORK:
        return None
    message = f"Each of {samples:,} values of the search space would be checked beside {beside:,} others."
    hint = "Search fewer values, or smaller ones, or shorten the configurations of the nodes that are searched."
    return Problem(POINTER, message, "too-many", field="search_space", suggestion=hint)


def _entries(value: object) -> int:
    """Return how many values stand in one, itself included; a long text counts as several."""
    if isinstance(value, Mapping):
        return (_ENTRIES_OF_A_MODEL if "node" in value else 1) + sum(map(_entries, value.values()))
    if isinstance(value, list | tuple):
        return 1 + sum(map(_entries, value))
    return 1 + len(value) // 100 if isinstance(value, str) else 1


def _default(resolved: Resolved) -> Mapping[str, object]:
    model = resolved.model
    if model is None or not isinstance(model.entry.calculator, ModelCalculator):
        return {}
    calculator = model.entry.calculator  # what is wrong with its configuration is said elsewhere
    return calculator.search_space if model.config is None else calculator.space_of(model.config)


def _parameter(name: str, raw: object, resolved: Resolved, problems: list[Problem]) -> Parameter | None:
    pointer = f"{POINTER}/{pointer_part(name)}"
    try:
        address = find(name, resolved)
        node = _node(resolved, address)
        dimension = read_dimension(raw, fractions=_takes_fractions(node, address, raw))
        return Parameter(name, address, dimension, read_when(raw))
    except AddressError as error:
        problems.append(Problem(pointer, str(error), error.code, field=name, suggestion=error.hint))
    except DimensionError as error:
        found = error.problem
        at = pointer + found.pointer
        problems.append(Problem(at, found.message, found.code, field=name, suggestion=found.suggestion))
    return None


def _node(resolved: Resolved, address: Address) -> ResolvedNode:
    return next(node for node in resolved.nodes if node.id == address.node)


def _takes_fractions(node: ResolvedNode, address: Address, raw: object) -> bool:
    """Say whether a parameter takes a number between two whole ones: 1 to 10 means all of them then."""
    low = raw.get("low") if isinstance(raw, Mapping) else None
    if isinstance(low, bool) or not isinstance(low, int):
        return False
    return not faults(node, placed_value(node, {address.path: low + 0.5}), address.path)


def _twice(parameters: list[Parameter]) -> Iterator[Problem]:
    first: dict[Address, str] = {}
    for parameter in parameters:
        before = first.setdefault(parameter.address, parameter.name)
        if before != parameter.name:
            pointer = f"{POINTER}/{pointer_part(parameter.name)}"
            message = f"{parameter.name!r} is the same parameter as {before!r}."
            yield Problem(pointer, message, "duplicate-param", field=parameter.name, suggestion="Remove one.")


def _in_order(parameters: list[Parameter], names: list[str], problems: list[Problem]) -> list[Parameter]:
    """Return each parameter after those that its condition names."""
    by_name = {parameter.name: parameter for parameter in parameters}
    for parameter in parameters:
        for name, allowed in parameter.when.items():
            pointer = f"{POINTER}/{pointer_part(parameter.name)}/when/{pointer_part(name)}"
            if name not in names:
                hint = did_you_mean(name, names) or f"The parameters are: {some_of(names)}."
                message = f"The condition names {name!r}, which is not in the search space."
                problems.append(Problem(pointer, message, "unknown-param", field=parameter.name, suggestion=hint))
            elif name in by_name and not any(by_name[name].dimension.allows(value) for value in allowed):
                never = some_of([repr(value) for value in allowed], between=" or ")
                message = f"{name!r} is never {never}, so {parameter.name!r} never matters."
                problems.append(Problem(pointer, message, "empty-range", field=parameter.name))
    ordered: list[Parameter] = []
    left = [parameter for parameter in parameters if all(name in by_name for name in parameter.when)]
    while left:
        placed = {parameter.name for parameter in ordered}
        ready = [parameter for parameter in left if parameter.when.keys() <= placed]
        if not ready:
            pointer = f"{POINTER}/{pointer_part(left[0].name)}/when"
            problems.append(Problem(pointer, "The conditions go round in a circle.", "cycle", field=left[0].name))
            break
        ordered += ready
        left = [parameter for parameter in left if parameter not in ready]
    return ordered


def _refused(parameters: list[Parameter], resolved: Resolved) -> Iterator[Problem]:
    """Report values that a node refuses, each with a condition's values beside it."""
    by_name, refusals = {parameter.name: parameter for parameter in parameters}, 0
    for parameter in parameters:
        node = _node(resolved, parameter.address)
        beside = {
            by_name[name].address.path: allowed[0]
            for name, allowed in parameter.when.items()
            if by_name[name].address.node == node.id
        }
        for index, value in enumerate(parameter.dimension.samples()):
            try:
                config = placed_value(node, {**beside, parameter.address.path: value})
            except AddressError as error:
                pointer = f"{POINTER}/{pointer_part(parameter.name)}"
                yield Problem(pointer, str(error), error.code, field=parameter.name, suggestion=error.hint)
                break
            found = faults(node, config, parameter.address.path)
            if found:
                yield _refusal(parameter, index, value, found[0])
                refusals += 1
                if refusals == _MOST_REFUSALS:  # nobody reads more, and each takes a while to be worded
                    return
                if not isinstance(parameter.dimension, Choices):
                    break
            elif isinstance(value, bool) and not takes_boolean(node, config, parameter.address.path):
                pointer = f"{POINTER}/{pointer_part(parameter.name)}/choices/{index}"
                message = f"{parameter.name!r} cannot be {str(value).lower()}: it is no boolean."
                hint = "Name values of its own kind."
                yield Problem(
                    pointer, message, "wrong-type", node=node.entry.name, field=parameter.name, suggestion=hint
                )


def _place(parameter: Parameter, index: int) -> str:
    """Return the JSON pointer to one of a parameter's samples."""
    part = ("low", "high", "low")[index] if not isinstance(parameter.dimension, Choices) else f"choices/{index}"
    return f"{POINTER}/{pointer_part(parameter.name)}/{part}"


def _refusal(parameter: Parameter, index: int, value: JsonValue, problem: Problem) -> Problem:
    pointer = _place(parameter, index)
    message = f"{parameter.name!r} cannot be {value!r}: {problem.message}"
    return Problem(
        pointer, message, problem.code, node=problem.node, field=parameter.name, suggestion=problem.suggestion
    )

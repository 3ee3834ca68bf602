"""The JSON Schemas of configurations: real keywords, bounds on numbers, conditions that can be true."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from skyulf_core import NodeRegistry
from skyulf_core.catalogue import parameters_of

Json = Mapping[str, Any]
NAMES = NodeRegistry.names()

ANNOTATIONS = {"$defs", "$ref", "title", "description", "default", "examples", "format"}
ONE_SCHEMA = {"additionalProperties", "items", "propertyNames", "if", "then", "else", "not", "contains"}
LISTS_OF_SCHEMAS = {"anyOf", "allOf", "oneOf", "prefixItems"}
NAMED_SCHEMAS = {"properties", "$defs", "patternProperties"}
ASSERTIONS = {
    "type", "enum", "const", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
}  # fmt: skip
KEYWORDS = ANNOTATIONS | ONE_SCHEMA | LISTS_OF_SCHEMAS | NAMED_SCHEMAS | ASSERTIONS
BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}

VALUES = "is a value of the data, which may be any number"
WITHOUT_BOUNDS = {
    "Arithmetic constants[]": VALUES,
    "ClipValues bounds{}.lower": VALUES,
    "ClipValues bounds{}.upper": VALUES,
    "ClipValues lower": VALUES,
    "ClipValues upper": VALUES,
    "CustomBinning edges{}[]": VALUES,
    "CustomBinning missing_label": VALUES,
    "Expect expectations[].lower": VALUES,
    "Expect expectations[].upper": VALUES,
    "Expect expectations[].values[]": VALUES,
    "GeneralBinning edges[]": VALUES,
    "GeneralBinning missing_label": VALUES,
    "GeneralBinning overrides{}.edges[]": VALUES,
    "GroupAggregate fill_value": VALUES,
    "InvalidValueReplacement high": VALUES,
    "InvalidValueReplacement low": VALUES,
    "bernoulli_nb binarize": VALUES,
    "InvalidValueReplacement replacement": VALUES,
    "ManualBounds bounds{}.lower": VALUES,
    "ManualBounds bounds{}.upper": VALUES,
    "MinMaxScaler feature_range[]": VALUES,
    "OrdinalEncoder categories_order{}[]": VALUES,
    "SimpleImputer fill_value": VALUES,
    "ValueReplacement column_mappings{}{}": VALUES,
    "ValueReplacement mapping{}": VALUES,
    "WOEEncoder pos_label": VALUES,
}


def schema_of(name: str) -> Json:
    return NodeRegistry.get(name).info().json_schema


def schemas_in(schema: Any) -> Iterator[Json]:
    """Yield a schema and all inside it."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    for key, value in schema.items():
        if key in ONE_SCHEMA:
            yield from schemas_in(value)
        elif key in LISTS_OF_SCHEMAS:
            for each in value:
                yield from schemas_in(each)
        elif key in NAMED_SCHEMAS:
            for each in value.values():
                yield from schemas_in(each)


def numbers_in(schema: Json, whole: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Yield (path, schema) of every place where numbers may stand."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("type") in ("integer", "number"):
        yield path, schema
    for each in schema.get("anyOf", ()):
        yield from numbers_in(each, whole, path)
    for each in [*schema.get("prefixItems", ()), schema.get("items")]:
        yield from numbers_in(each, whole, f"{path}[]") if each else ()
    if isinstance(values := schema.get("additionalProperties"), Mapping):
        yield from numbers_in(values, whole, f"{path}{{}}")
    for name, value in schema.get("properties", {}).items():
        yield from numbers_in(value, whole, f"{path}.{name}" if path else name)


@pytest.mark.parametrize("name", NAMES)
def test_every_keyword_is_one_of_json_schema(name):
    schema = schema_of(name)

    Draft202012Validator.check_schema(schema)
    unknown = {key for each in schemas_in(schema) for key in each if key not in KEYWORDS and not key.startswith("x-")}
    assert unknown == set()


def test_every_number_has_a_bound_or_a_reason():
    found = {
        f"{name} {path}"
        for name in NAMES
        for path, each in numbers_in(schema_of(name), schema_of(name), "")
        if not BOUNDS & set(each) and "enum" not in each
    }

    assert found == set(WITHOUT_BOUNDS)


@pytest.mark.parametrize("name", NAMES)
def test_every_condition_names_a_neighbour_and_values_that_it_may_have(name):
    schema = schema_of(name)

    for each in schemas_in(schema):
        fields = each.get("properties", {})
        for other, condition in ((o, c) for f in fields.values() for o, c in f.get("x-visible-if", {}).items()):
            values = condition["not"] if isinstance(condition, Mapping) else condition
            validator = Draft202012Validator({"$defs": schema.get("$defs", {}), **fields[other]})
            for value in values if isinstance(values, list) else [values]:
                assert validator.is_valid(value), (other, value)


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_takes_what_the_config_takes(name):
    entry = NodeRegistry.get(name)
    validator = Draft202012Validator(schema_of(name))

    for config in entry.calculator.examples:
        dumped = entry.config_model.model_validate(config).model_dump(mode="json")
        assert [error.message for error in validator.iter_errors(dumped)] == []


@pytest.mark.parametrize(
    ("node", "config"),
    [
        ("UnivariateSelection", {"param": -1}),
        ("UnivariateSelection", {"param": 2.5}),
        ("UnivariateSelection", {"mode": "percentile", "param": 101}),
        ("UnivariateSelection", {"mode": "percentile", "param": 100.5}),
        ("UnivariateSelection", {"mode": "fdr", "param": 1.5}),
        ("UnivariateSelection", {"mode": "fwe", "param": -0.5}),
        ("RobustScaler", {"quantile_range": [-1, 50]}),
        ("RobustScaler", {"quantile_range": [25, 101]}),
        ("random_forest_classifier", {"max_features": 1.5}),
        ("random_forest_classifier", {"n_jobs": -2}),
        ("ModelBasedSelection", {"threshold": -0.1}),
    ],
)
def test_schema_and_config_refuse_the_same_numbers(node, config):
    assert not Draft202012Validator(schema_of(node)).is_valid(config)
    with pytest.raises(ValidationError):
        NodeRegistry.get(node).config_model.model_validate(config)


@pytest.mark.parametrize(
    ("node", "field", "condition"),
    [
        ("DateFeatures", "fourier_order", "fourier is not []"),
        ("OrdinalEncoder", "unknown_value", 'handle_unknown is "use_encoded_value"'),
        ("QuantileTransformer", "random_state", "subsample is not null"),
        ("TextCleaning", "replacement", "pattern is not null"),
        ("TrainTestSplit", "random_state", "shuffle is true"),
        ("TrainTestSplit", "stratify", "shuffle is true"),
        ("Undersampling", "random_state", 'strategy is "random"'),
        ("random_forest_classifier", "max_samples", "bootstrap is true"),
        ("ridge_regression", "tol", 'solver is not "svd" nor "cholesky"'),
    ],
)
def test_the_catalogue_says_when_a_parameter_matters(node, field, condition):
    assert {row.name: row.only_when for row in parameters_of(schema_of(node))}[field] == condition


def test_the_catalogue_says_the_limits_of_numbers():
    said = {row.name: row.allowed for row in parameters_of(schema_of("UnivariateSelection"))}["param"]
    pair = {row.name: row.allowed for row in parameters_of(schema_of("RobustScaler"))}["quantile_range"]

    assert said.startswith("integer: ≥ 0; number: ≥ 0, ≤ 100; where mode is ")
    assert 'where mode is "percentile": ≤ 100; where mode is "fpr" or "fdr" or "fwe": ≤ 1' in said
    assert pair == "2 items, each ≥ 0, ≤ 100"

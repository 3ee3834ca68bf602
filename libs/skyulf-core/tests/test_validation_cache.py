"""What is kept of one configuration for the next: it saves fits and changes no result."""

import threading

import pytest
from skyulf_core import Pipeline
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.validation.engine import CrossValidator
from validation_cases import CANCER, CANDIDATES, GAPS, SCALED, SPLIT, assert_same, results

BRANCHES = {
    "nodes": [
        {"id": "wide", "node": "DropColumns", "config": {"columns": ["mean radius"]}},
        {"id": "split", "node": "TrainTestSplit", "config": {"target": "target"}, "inputs": ["wide"]},
        {"id": "filled", "node": "SimpleImputer", "config": {"strategy": "median"}, "inputs": ["split"]},
        {"id": "left", "node": "PCA", "config": {"n_components": 3, "prefix": "left_"}, "inputs": ["filled"]},
        {"id": "right", "node": "StandardScaler", "inputs": ["filled"]},
        {"id": "both", "node": "Merge", "inputs": ["left", "right"]},
        {"id": "model", "node": "logistic_regression", "inputs": ["both"]},
    ]
}


@pytest.mark.parametrize("cache_bytes", [1 << 30, 600_000, 0])
def test_what_is_kept_for_other_configurations_changes_no_result(cache_bytes):
    steps = [SPLIT, {"node": "SimpleImputer"}, {"node": "StandardScaler"}, {"node": "PCA"}]
    medians = [SPLIT, {"node": "SimpleImputer", "config": {"strategy": "median"}}, *steps[2:]]
    configs = [{"steps": used, "model": model} for used in (steps, medians) for model in CANDIDATES]
    base = Pipeline.from_config(configs[0])
    cv = {"type": "stratified_k_fold", "folds": 3}

    validator = CrossValidator.of(base, GAPS, cv, cache_bytes=cache_bytes)
    found = results(validator, configs)

    fresh = [results(CrossValidator.of(base, GAPS, cv, cache_bytes=0), [config]) for config in configs]
    assert_same(found, [result for part in fresh for result in part])
    assert validator.cache.bytes <= cache_bytes
    if cache_bytes == 1 << 30:
        assert validator.cache.hits == 3 * 2 * (len(CANDIDATES) - 1)  # one look-up each, at the last step
    if cache_bytes == 0:
        assert validator.cache.hits == 0


def test_branches_are_kept_one_by_one():
    def changed(node, **config):
        return {"nodes": [{**n, "config": {**n.get("config", {}), **config}} if n["id"] == node else n
                          for n in BRANCHES["nodes"]]}  # fmt: skip

    configs = [BRANCHES, changed("model", C=0.1), changed("left", n_components=5), changed("right", with_mean=False)]
    base, cv = Pipeline.from_config(BRANCHES), {"type": "k_fold", "folds": 3}
    validator = CrossValidator.of(base, GAPS, cv)

    found = results(validator, configs)

    fresh = [results(CrossValidator.of(base, GAPS, cv, cache_bytes=0), [config]) for config in configs]
    assert_same(found, [result for part in fresh for result in part])
    # the whole: 1 hit (both); left: filled and right are known; right: filled and left are
    assert validator.cache.hits == 3 * (1 + 2 + 2)
    assert found[0].metrics != found[6].metrics


def test_threads_give_the_same_and_prepare_rows_once():
    configs = [{**SCALED, "model": model} for model in CANDIDATES]
    validator = CrossValidator.of(Pipeline.from_config(SCALED), CANCER, {"type": "k_fold", "folds": 4})
    found = {}

    def run(place):
        found[place] = [validator.run_fold(resolve(configs[place]), index) for index in range(4)]

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(configs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    fresh = CrossValidator.of(Pipeline.from_config(SCALED), CANCER, {"type": "k_fold", "folds": 4}, cache_bytes=0)
    assert_same([result for place in sorted(found) for result in found[place]], results(fresh, configs))
    assert validator.cache.misses == 4


def test_where_there_is_room_for_some_folds_only_those_stay():
    configs = [{**SCALED, "model": model} for model in CANDIDATES]
    whole = CrossValidator.of(Pipeline.from_config(SCALED), CANCER, {"type": "k_fold"})
    results(whole, configs[:1])
    room = 3 * whole.cache.bytes // 5 + 1000

    validator = CrossValidator.of(Pipeline.from_config(SCALED), CANCER, {"type": "k_fold"}, cache_bytes=room)
    results(validator, configs)
    assert validator.cache.hits == 3 * (len(configs) - 1)

    other = {**SCALED, "steps": [SPLIT, {"node": "MinMaxScaler"}]}
    results(validator, [other] * 12)
    before = validator.cache.hits
    results(validator, [other])
    assert validator.cache.hits == before + 3
    assert validator.cache.bytes <= room

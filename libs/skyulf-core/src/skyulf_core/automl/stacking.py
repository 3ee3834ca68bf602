"""A stack: the best of several families together."""

from __future__ import annotations

from pydantic import JsonValue

from skyulf_core.automl.families import Family
from skyulf_core.automl.rounds import Candidate, Rung
from skyulf_core.automl.running import Runs
from skyulf_core.problems import CoreError
from skyulf_core.tuning.trial import Trial

_MEMBERS = 3
_FOLDS = 3
_SHARE = 0.35
_SLACK = 1.3
_NODES = {"classification": "stacking_classifier", "regression": "stacking_regressor"}


class Stack:
    """The stack of the best candidates of a round; which they are changes while the search runs."""

    def __init__(self, runs: Runs, rung: Rung) -> None:
        self._setup, self._runs, self._rung = runs.setup, runs, rung

    def hold(self) -> None:
        """Keep seconds for the stack: what it needs, or as much as it may have of what is left."""
        stack = self._candidate()
        if stack is None:
            return
        needed = self._runs.fold_seconds(stack, self._rung) * self._rung.folds + self._runs.final_seconds(stack)
        needed += self._runs.budget.margin(needed)
        self._runs.held = min(needed * _SLACK, _SHARE * self._runs.budget.left)

    def run(self) -> None:
        """Try a stack where there is time for one."""
        stack = self._candidate()
        if (
            stack is not None
            and not self._runs.perfect
            and not self._runs.stops()
            and self._runs.allows(stack, self._rung)
        ):
            self._runs.run(stack, self._rung, "stack", others=self._runs.complete(self._rung.index))

    def _members(self) -> list[Trial]:
        """Return the best trial of each of the best families."""
        found: dict[str, Trial] = {}
        for trial in self._runs.complete(self._rung.index):
            found.setdefault(str(trial.params["family"]), trial)
        return list(found.values())[:_MEMBERS]

    def _candidate(self) -> Candidate | None:
        members = self._members()
        if not self._setup.config.stack or len(members) < 2:
            return None
        learners: list[JsonValue] = []
        for trial in members:
            model = self._runs.candidate(trial).resolved.model
            written = {} if model is None else model.to_dict()
            name = trial.params["family"]
            learners.append({"name": name, "node": written["node"], "config": written["config"]})
        node = _NODES[self._setup.task]
        params: dict[str, JsonValue] = {"estimators": learners, "cv": _FOLDS}
        seconds = sum(self._runs.took(trial) for trial in members)
        try:
            resolved = self._setup.pipeline(node, params, kind="plain")
        except CoreError:  # one of them does not weigh rows
            return None
        shown: dict[str, JsonValue] = {"members": [trial.params["family"] for trial in members]}
        family = Family("stack", {self._setup.task: node}, "plain", 1.0, growth=1.2, openmp=True)
        return Candidate(family, shown, resolved, guess=seconds * (_FOLDS + 1) * _SLACK)

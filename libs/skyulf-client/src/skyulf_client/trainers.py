"""Training with an installed library, for those who have no server at hand.

A library joins by an entry point of the group `skyulf.trainers`: an object (or a module) with `train`.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Protocol, cast

from pydantic import JsonValue

from skyulf_client.errors import SkyulfClientError

GROUP = "skyulf.trainers"


class Trainer(Protocol):
    """What a library offers."""

    def train(
        self,
        wish: Mapping[str, object],
        *,
        on_trial: Callable[[Mapping[str, JsonValue]], None] | None = None,
        on_progress: Callable[[float, str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Mapping[str, JsonValue]:
        """Train what a wish asks for; where `should_stop` says so, the best so far.

        Errors that have a `code` are one sentence for people.
        """


def train_installed(
    wish: Mapping[str, object],
    *,
    on_trial: Callable[[Mapping[str, JsonValue]], None],
    on_progress: Callable[[float, str], None],
    should_stop: Callable[[], bool],
) -> Mapping[str, JsonValue]:
    """Train with the installed library. Raises `SkyulfClientError` where there is none, and for what it refuses."""
    found = next(iter(entry_points(group=GROUP)), None)
    if found is None:
        raise SkyulfClientError("No library that trains is installed here: pip install skyulf-core.")
    try:
        trainer = cast("Trainer", found.load())
        return trainer.train(wish, on_trial=on_trial, on_progress=on_progress, should_stop=should_stop)
    except Exception as error:  # whatever goes wrong in it is one sentence
        if isinstance(getattr(error, "code", None), str):
            raise SkyulfClientError(_sentence(str(error))) from error
        raise SkyulfClientError(f"{found.value} does not work: {type(error).__name__}: {error}") from error


def _sentence(text: str) -> str:
    """An error's text as a sentence."""
    whole = text if text.endswith((".", "?", "!")) else f"{text}."
    return whole[:1].upper() + whole[1:]

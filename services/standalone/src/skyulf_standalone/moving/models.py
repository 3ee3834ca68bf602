"""Versions of models: which are here already, and how the others get here."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from skyulf_client import Skyulf, SkyulfApiError
from skyulf_client.answers import ModelVersion

from skyulf_standalone.moving.archive import Reader
from skyulf_standalone.moving.errors import MovingError
from skyulf_standalone.moving.places import everything
from skyulf_standalone.moving.records import ModelRecord, VersionRecord

HOUR = 3600.0
REGISTERED_SECONDS = 120.0
LOOK_SECONDS = 0.2


@dataclass(slots=True)
class There:
    """The versions of a model that are here, with the files of their bundles; each is the match of one at most."""

    versions: list[tuple[int, Mapping[str, str]]]

    def take(self, record: VersionRecord) -> int | None:
        """The number of the first version of the same files that nobody has taken, or None."""
        for index, (number, files) in enumerate(self.versions):
            if files == record.files:
                del self.versions[index]
                return number
        return None


class ModelImport:
    """Imports versions of models into the project of a client's key."""

    def __init__(self, skyulf: Skyulf, archive: Reader, passing: Path) -> None:
        self._skyulf, self._archive, self._passing = skyulf, archive, passing
        self._datasets = {each.id: each.name for each in archive.project.datasets}

    def settle(self) -> None:
        """Wait for what an import before this one has begun: else its versions would be taken in twice."""
        for job in everything(self._skyulf.jobs.list, kind="import"):
            ended = job if job.done else self._skyulf.jobs.wait(job.id, timeout=HOUR)
            if ended.status == "succeeded":
                self._registered(ended.register_as, ended.id)

    def there(self, name: str) -> There:
        """The versions of a model that are here, the oldest first."""
        found = sorted(self._versions(name), key=lambda each: each.version)
        return There([(each.version, self._files(each.lineage.job_id)) for each in found])

    def take(self, name: str, version: VersionRecord, pipeline: UUID, datasets: Mapping[UUID, UUID]) -> int:
        """Import a version; returns the number that it gets. Datasets that did not come along keep their old ids."""
        self._archive.extract(version.pack, self._passing)
        dataset = datasets.get(version.dataset_id, version.dataset_id)
        job = self._skyulf.pipelines.take(
            pipeline,
            self._passing,
            pipeline_version=version.pipeline_version,
            dataset=(dataset, version.dataset_version, self._datasets.get(version.dataset_id, "")),
            sources={
                source: (datasets.get(each.dataset_id, each.dataset_id), each.version)
                for source, each in version.sources.items()
            },
            register_as=name,
        )
        ended = self._skyulf.jobs.wait(job.id, timeout=HOUR)
        if ended.status != "succeeded":
            reason = ended.error.message if ended.error else f"its import was {ended.status}."
            raise MovingError(f"Version {version.number} of {name!r} was not taken in: {reason}")
        return self._registered(name, ended.id)

    def describe(self, model: ModelRecord, numbers: Mapping[int, int]) -> list[str]:
        """Give versions stage and aliases where they have none here; returns what was left as it is."""
        notes = []
        here = self._skyulf.models.get(model.name).aliases if model.versions else {}
        for alias, number in model.aliases.items():
            if alias not in here and number in numbers:
                self._skyulf.models.set_alias(model.name, numbers[number], alias)
            elif here.get(alias) != numbers.get(number):
                notes.append(f"The alias {alias!r} of {model.name!r} was left alone: it names version {here[alias]}.")
        stages = {each.version: each.stage for each in self._versions(model.name)}
        for version in model.versions:
            number = numbers[version.number]
            if version.stage != "none" and stages[number] == "none":
                self._skyulf.models.set_stage(model.name, number, version.stage)
        return notes

    def _registered(self, name: str, job_id: UUID) -> int:
        """The number of a job's version; the registry hears of the job a moment after its end."""
        end = time.monotonic() + REGISTERED_SECONDS
        while True:
            for each in self._versions(name):
                if each.lineage.job_id == job_id:
                    return each.version
            if time.monotonic() > end:
                raise MovingError(f"Job {job_id} has ended, and {name!r} has no version of it: run `skyulf doctor`.")
            time.sleep(LOOK_SECONDS)

    def _versions(self, name: str) -> list[ModelVersion]:
        try:
            return everything(lambda **page: self._skyulf.models.versions(name, **page))
        except SkyulfApiError as error:
            if error.status == 404:
                return []
            raise

    def _files(self, job_id: UUID) -> dict[str, str]:
        return {file.path: file.sha256 for file in self._skyulf.jobs.bundle_files(job_id).items}

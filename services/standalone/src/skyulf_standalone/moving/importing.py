"""Putting a project into a running installation. What is there already is kept, so an import can be repeated."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from skyulf_client import Skyulf, SkyulfApiError
from skyulf_client.answers import Deployment

from skyulf_standalone.moving.archive import Reader
from skyulf_standalone.moving.errors import MovingError
from skyulf_standalone.moving.models import ModelImport
from skyulf_standalone.moving.places import everything
from skyulf_standalone.moving.records import DatasetRecord, DeploymentRecord, PipelineRecord

Say = Callable[[str], None]
HOUR = 3600.0


@dataclass(slots=True)
class Report:
    """What an import has made and what it has found; ``notes`` are sentences for people."""

    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    kept: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    notes: list[str] = field(default_factory=list)


def import_project(skyulf: Skyulf, archive: Reader, say: Say, *, deploy: bool) -> Report:
    """Import into the project that the client's key is of. Broken off it can be repeated, and goes on."""
    with TemporaryDirectory(prefix="skyulf-import-") as scratch:
        moved = _Import(skyulf, archive, say, Path(scratch))
        moved.take_datasets()
        moved.take_pipelines()
        try:
            moved.take_models()
        finally:
            moved.delete_revived()
        for each in archive.project.deployments:
            moved.take_deployment(each, deploy=deploy)
        return moved.report


class _Import:
    """One import, from the ids of the file to those of here."""

    def __init__(self, skyulf: Skyulf, archive: Reader, say: Say, scratch: Path) -> None:
        self._skyulf, self._archive, self._say, self._scratch = skyulf, archive, say, scratch
        self._datasets: dict[UUID, UUID] = {}
        self._pipelines: dict[UUID, UUID] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self._revived: list[UUID] = []
        self.report = Report()

    def take_datasets(self) -> None:
        """Upload what is not there; they are read side by side, and all have to become ready."""
        there: dict[tuple[str, str], list[UUID]] = defaultdict(list)
        for each in everything(self._skyulf.datasets.list):
            if each.status in ("ready", "processing"):
                there[each.name, each.sha256].append(each.id)
        for record in self._archive.project.datasets:
            self._say(f"dataset {record.name}")
            same = there[record.name, record.sha256]
            self._count("datasets", made=not same)
            self._datasets[record.id] = same.pop(0) if same else self._uploaded(record)
        for record in self._archive.project.datasets:
            found = self._skyulf.datasets.wait(self._datasets[record.id], timeout=HOUR)
            if found.status != "ready":
                reason = found.error.message if found.error else found.status
                raise MovingError(f"The dataset {record.name!r} was not taken in: {reason}")

    def take_pipelines(self) -> None:
        """Make pipelines and versions that are not there. Deleted ones wait until a model needs them.

        What an import that was killed has left of those will go at the end.
        """
        marks = {_mark(record) for record in self._archive.project.pipelines if record.deleted}
        self._revived = [each.id for each in everything(self._skyulf.pipelines.list) if each.description in marks]
        for record in self._archive.project.pipelines:
            if not record.deleted:
                self._say(f"pipeline {record.name}")
                self._pipelines[record.id] = self._pipeline(record)

    def take_models(self) -> None:
        """Import versions in their order, so that numbers follow on each other as they did."""
        models = ModelImport(self._skyulf, self._archive, self._scratch / "pack.tar")
        models.settle()
        for model in self._archive.project.models:
            there = models.there(model.name)
            for version in model.versions:
                self._say(f"model {model.name} {version.number}")
                found = there.take(version)
                self._count("model versions", made=found is None)
                if found is None:
                    pipeline = self._pipeline_of(version.pipeline_id)
                    found = models.take(model.name, version, pipeline, self._datasets)
                self._numbers[model.name, version.number] = found
            numbers = {version.number: self._numbers[model.name, version.number] for version in model.versions}
            self.report.notes += models.describe(model, numbers)

    def delete_revived(self) -> None:
        """Delete pipelines again that had been deleted: models were made by them, and nobody shall see them."""
        for id in self._revived:
            self._skyulf.pipelines.delete(id)

    def take_deployment(self, record: DeploymentRecord, *, deploy: bool) -> None:
        """Serve what was served. A name that serves something else here is left alone."""
        number = self._numbers[record.model, record.version]
        there = self._deployment(record.name)
        if there is not None and there.desired == "active":
            self._count("deployments", made=False)
            if (there.model, there.version) != (record.model, number):
                self.report.notes.append(
                    f"Deployment {record.name!r} was left alone: it serves version {there.version} of {there.model!r}, "
                    f"not version {number} of {record.model!r}."
                )
        elif not deploy:
            self.report.notes.append(
                f"Deployment {record.name!r} is not served: repeat with --deploy, or `skyulf deployments create "
                f"{record.name} {record.model} --version {number}`."
            )
        else:
            self._say(f"deployment {record.name}")
            self._skyulf.deployments.create(record.name, record.model, version=number)
            found = self._skyulf.deployments.wait(record.name, timeout=HOUR)
            if found.status != "ready":
                reason = found.error.message if found.error else found.status
                raise MovingError(f"Deployment {record.name!r} cannot be served: {reason}")
            self._count("deployments", made=True)

    def _uploaded(self, record: DatasetRecord) -> UUID:
        file = self._scratch / f"data.{record.format}"
        self._archive.extract(record.file, file)
        sent = self._skyulf.datasets.upload(
            file, name=record.name, separator=record.separator, encoding=record.encoding
        )
        file.unlink()
        return sent.id

    def _pipeline(self, record: PipelineRecord) -> UUID:
        """The pipeline here that has the same history as far as both go, with what it lacks; or a new one."""
        told = {"description": record.description, "register_as": record.register_as}
        taken = set(self._pipelines.values())
        for each in everything(self._skyulf.pipelines.list):
            if each.id in taken or (each.name, each.register_as) != (record.name, record.register_as):
                continue
            count = min(each.latest_version, len(record.configs))
            here = [self._skyulf.pipelines.version(each.id, n + 1).config for n in range(count)]
            if here == record.configs[:count]:
                id, rest = each.id, record.configs[count:]
                self._count("pipelines", made=False)
                break
        else:
            id = self._skyulf.pipelines.create(record.name, record.configs[0], **told).id
            rest = record.configs[1:]
            self._count("pipelines", made=True)
        for config in rest:
            self._skyulf.pipelines.update(id, record.name, config, **told)
        return id

    def _pipeline_of(self, id: UUID) -> UUID:
        """The pipeline here for one of the file; one that was deleted there is made for as long as it is needed."""
        if id not in self._pipelines:
            record = next(each for each in self._archive.project.pipelines if each.id == id)
            told = {"description": _mark(record), "register_as": record.register_as}
            made = self._skyulf.pipelines.create(record.name, record.configs[0], **told).id
            self._revived.append(made)
            for config in record.configs[1:]:
                self._skyulf.pipelines.update(made, record.name, config, **told)
            self._pipelines[id] = made
        return self._pipelines[id]

    def _deployment(self, name: str) -> Deployment | None:
        try:
            return self._skyulf.deployments.get(name)
        except SkyulfApiError as error:
            if error.status == 404:
                return None
            raise

    def _count(self, what: str, *, made: bool) -> None:
        (self.report.made if made else self.report.kept)[what] += 1


def _mark(record: PipelineRecord) -> str:
    """What a pipeline is described as that is here only while its models are imported; nobody else writes that."""
    return f"Deleted where it came from ({record.id}), and here when its models have been imported."

"""Reading a project out of a running installation."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from tempfile import TemporaryDirectory

from skyulf_client import Skyulf
from skyulf_client.answers import Dataset, Model, ModelVersion

from skyulf_standalone.moving.archive import Writer
from skyulf_standalone.moving.places import everything
from skyulf_standalone.moving.records import (
    DatasetRecord,
    DeploymentRecord,
    Manifest,
    ModelRecord,
    PipelineRecord,
    ProjectRecord,
    SourceRecord,
    VersionRecord,
)

Say = Callable[[str], None]


def export_project(skyulf: Skyulf, slug: str, path: Path, say: Say) -> tuple[Manifest, ProjectRecord]:
    """Write the project that the client's key is of into a file, which appears whole or not at all.

    What others refer to is read later than they are, so that it is there while people go on working. Datasets that are
    not ready and deployments that are stopped stay behind.
    """
    with Writer(path) as writer, TemporaryDirectory(dir=path.absolute().parent, prefix=".export-") as scratch:
        passing = Path(scratch) / "member"
        deployments = [
            DeploymentRecord(name=each.name, model=each.model, version=each.version)
            for each in everything(skyulf.deployments.list)
            if each.model is not None and each.version is not None
        ]
        models = [_model(skyulf, each, writer, passing, say) for each in everything(skyulf.models.list)]
        pipelines = _pipelines(skyulf, (each for model in models for each in model.versions), models, say)
        datasets = [
            _dataset(skyulf, each, writer, passing, say)
            for each in everything(skyulf.datasets.list)
            if each.status == "ready"
        ]
        project = ProjectRecord(
            slug=slug, datasets=datasets, pipelines=pipelines, models=models, deployments=deployments
        )
        made = Manifest(version=version_of("skyulf-standalone"), made_at=datetime.now(UTC), project=slug, files=[])
        return writer.finish(project, made), project


def _dataset(skyulf: Skyulf, dataset: Dataset, writer: Writer, passing: Path, say: Say) -> DatasetRecord:
    say(f"dataset {dataset.name}")
    read = skyulf.datasets.versions(dataset.id).items[0]
    skyulf.datasets.export(dataset.id, passing, format="original")
    name = f"datasets/{dataset.id}"
    writer.add(name, passing, sha256=read.sha256)
    told = {"encoding": read.encoding, "separator": read.separator, "format": read.format, "sha256": read.sha256}
    return DatasetRecord.model_validate({"id": dataset.id, "name": dataset.name, "file": name, **told})


def _model(skyulf: Skyulf, model: Model, writer: Writer, passing: Path, say: Say) -> ModelRecord:
    versions = everything(lambda **page: skyulf.models.versions(model.name, **page))
    ordered = sorted(versions, key=lambda each: each.version)
    numbers = {each.version for each in ordered}
    return ModelRecord(
        name=model.name,
        # an alias may have been set behind the newest version that we have seen
        aliases={alias: number for alias, number in model.aliases.items() if number in numbers},
        versions=[_version(skyulf, each, writer, passing, say) for each in ordered],
    )


def _version(skyulf: Skyulf, version: ModelVersion, writer: Writer, passing: Path, say: Say) -> VersionRecord:
    say(f"model {version.model} {version.version}")
    lineage = version.lineage
    skyulf.jobs.bundle(lineage.job_id, passing)
    name = f"models/{version.model}/{version.version}.tar"
    writer.add(name, passing)
    return VersionRecord(
        number=version.version,
        stage=version.stage,
        pipeline_id=lineage.pipeline_id,
        pipeline_version=lineage.pipeline_version,
        dataset_id=lineage.dataset_id,
        dataset_version=lineage.dataset_version,
        sources={
            source: SourceRecord(dataset_id=each.dataset_id, version=each.version)
            for source, each in lineage.sources.items()
        },
        files={file.path: file.sha256 for file in skyulf.jobs.bundle_files(lineage.job_id).items},
        pack=name,
    )


def _pipelines(
    skyulf: Skyulf, versions: Iterable[VersionRecord], models: Iterable[ModelRecord], say: Say
) -> list[PipelineRecord]:
    """The pipelines that there are, and those that were deleted and have made a model."""
    found = {each.id: each for each in everything(skyulf.pipelines.list)}
    records = []
    for pipeline in found.values():
        say(f"pipeline {pipeline.name}")
        told = {"name": pipeline.name, "description": pipeline.description, "register_as": pipeline.register_as}
        configs = [skyulf.pipelines.version(pipeline.id, n + 1).config for n in range(pipeline.latest_version)]
        records.append(PipelineRecord.model_validate({"id": pipeline.id, "configs": configs, **told}))
    named = {each.pack: model.name for model in models for each in model.versions}
    deleted: dict[object, VersionRecord] = {}
    for version in versions:
        newest = deleted.get(version.pipeline_id)
        if version.pipeline_id not in found and (newest is None or newest.pipeline_version < version.pipeline_version):
            deleted[version.pipeline_id] = version
    for version in deleted.values():
        count, model = version.pipeline_version, named[version.pack]
        configs = [skyulf.pipelines.version(version.pipeline_id, n + 1).config for n in range(count)]
        records.append(
            PipelineRecord(id=version.pipeline_id, name=model, register_as=model, deleted=True, configs=configs)
        )
    return records

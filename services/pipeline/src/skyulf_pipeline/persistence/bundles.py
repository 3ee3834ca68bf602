"""Bundles as the outside world gets them: every file a blob, and a signed manifest that names them by their hashes."""

import asyncio
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, ValidationError, field_validator
from skyulf_service.ids import utc_now
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.signing.keys import SigningKey
from skyulf_service.signing.manifest import sign_manifest
from skyulf_service.work.failures import INVALID_RESULT, ChildError

from skyulf_pipeline.domain.jobs import Artifact, Job, Outcome
from skyulf_pipeline.domain.judging import Importance, JudgingFile, MetricInterval, ReportFormat

FORMAT = "skyulf.bundle/1"
EVALUATION = "evaluation.json"
MOST_FILES = 2_000
MOST_BYTES = 16 << 30
MOST_DOCUMENT_BYTES = 2 << 20
MOST_DECIDED_BYTES = 16 << 10


Finite = Annotated[float, Field(allow_inf_nan=False)]
ColumnName = Annotated[str, Field(max_length=300)]
MetricName = Annotated[str, Field(max_length=200)]


class TrainedInterval(BaseModel):
    """How sure a metric is."""

    low: Finite
    high: Finite
    confidence: float = Field(gt=0, lt=1)


class TrainedImportance(BaseModel):
    """How much the model goes by a column."""

    name: ColumnName
    importance: Finite


class Trained(BaseModel):
    """What the training child says of its model; read strictly, since the child is not trusted."""

    task: str = Field(pattern="^(classification|regression)$")
    target: str
    classes: list[bool | int | float | str] | None
    estimator: str
    framework: str
    metrics: dict[str, float]
    intervals: dict[MetricName, TrainedInterval] = Field(default_factory=dict, max_length=100)
    decisions: dict[str, JsonValue] = Field(default_factory=dict)
    importances: list[TrainedImportance] = Field(default_factory=list, max_length=20)
    report_problem: str | None = Field(default=None, description="Why there is no report")

    @field_validator("decisions")
    @classmethod
    def _small(cls, decisions: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if len(json.dumps(decisions, allow_nan=False)) > MOST_DECIDED_BYTES:
            raise ValueError("decisions are too large to be told")
        return decisions

    @classmethod
    def of(cls, result: Mapping[str, JsonValue]) -> "Trained":
        """Read a child's result, or raise `ChildError`."""
        try:
            return cls.model_validate(result)
        except ValidationError as error:
            raise ChildError(INVALID_RESULT, "The training ended with a result that cannot be read.") from error


@dataclass(frozen=True, slots=True)
class Published:
    """Where the signed manifest and the evaluation lie."""

    artifact: Artifact
    evaluation: JudgingFile | None


def outcome_of(trained: Trained, published: Published, report: dict[ReportFormat, JudgingFile] | None) -> Outcome:
    """What a job keeps of what it has made."""
    return Outcome(
        task=trained.task,
        target=trained.target,
        framework=trained.framework,
        estimator=trained.estimator,
        classes=None if trained.classes is None else tuple(trained.classes),
        metrics=trained.metrics,
        artifact=published.artifact,
        evaluation=published.evaluation,
        intervals={name: MetricInterval(**each.model_dump()) for name, each in trained.intervals.items()},
        decisions=trained.decisions,
        importances=tuple(Importance(**each.model_dump()) for each in trained.importances),
        report=report,
    )


class Bundles:
    """Publishes bundles into this service's bucket, signed with what is its key then."""

    def __init__(self, blobs: Blobs, key: SigningKey | Callable[[], SigningKey]) -> None:
        self.blobs = blobs
        self._key: Callable[[], SigningKey] = key if callable(key) else lambda: key

    async def publish(self, folder: Path, *, job: Job, trained: Trained) -> Published:
        """Upload a checked bundle's files and its signed manifest. Nothing refers to them before the job's commit."""
        paths = await asyncio.to_thread(bundle_files, folder)
        documents = await asyncio.to_thread(_documents, paths)
        refs = {name: await self.blobs.put_file(path) for name, path in paths.items()}
        manifest = _manifest(job, trained, refs, documents)
        ref = await self.blobs.put_bytes(sign_manifest(manifest, self._key()))
        artifact = Artifact(bucket=self.blobs.store.bucket, key=ref.key, digest=ref.sha256, size=ref.size)
        found = refs.get(EVALUATION)
        evaluation = None if found is None else JudgingFile(key=found.key, sha256=found.sha256, size=found.size)
        return Published(artifact, evaluation)


def bundle_files(folder: Path) -> dict[str, Path]:
    """Return a bundle's files by name. What is neither file nor folder may lead out of it: `ChildError`."""
    found: dict[str, Path] = {}
    total = 0
    for path in sorted(folder.rglob("*")):
        found_as = path.lstat()
        if stat.S_ISDIR(found_as.st_mode):
            continue
        if not stat.S_ISREG(found_as.st_mode):
            raise ChildError("bundle-refused", "The bundle holds something else than plain files.")
        total += found_as.st_size
        found[path.relative_to(folder).as_posix()] = path
        if len(found) > MOST_FILES or total > MOST_BYTES:
            raise ChildError(
                "bundle-too-large", f"The bundle has more than {MOST_FILES} files or {MOST_BYTES >> 30} GiB."
            )
    return found


def _documents(paths: Mapping[str, Path]) -> dict[str, dict[str, JsonValue]]:
    return {name: _document(paths, name) for name in ("golden.json", "schema.json", "versions.json")}


def _document(paths: Mapping[str, Path], name: str) -> dict[str, JsonValue]:
    path = paths.get(name)
    if path is None or path.stat().st_size > MOST_DOCUMENT_BYTES:
        raise ChildError("bundle-refused", f"The bundle's {name} is missing or too large.")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ChildError("bundle-refused", f"The bundle's {name} is not JSON.") from error
    if not isinstance(document, dict):
        raise ChildError("bundle-refused", f"The bundle's {name} is not an object.")
    return document


def _manifest(
    job: Job, trained: Trained, refs: Mapping[str, BlobRef], documents: Mapping[str, dict[str, JsonValue]]
) -> dict[str, JsonValue]:
    golden = documents["golden.json"]
    output: JsonValue = {name: golden.get(name) for name in ("predictions", "probabilities")}
    files: JsonValue = [{"path": name, "sha256": ref.sha256, "size": ref.size} for name, ref in refs.items()]
    return {
        "format": FORMAT,
        "project_id": str(job.project_id),
        "job_id": str(job.id),
        "attempt": job.attempt,
        "epoch": job.lease_epoch,
        "created_at": utc_now().isoformat().replace("+00:00", "Z"),
        "pipeline": {"pipeline_id": str(job.pipeline_id), "version": job.pipeline_version},
        "dataset": {"dataset_id": str(job.dataset_id), "version": job.dataset_version},
        "sources": {
            name: {"dataset_id": str(pin.dataset_id), "version": pin.version} for name, pin in job.sources.items()
        },
        "versions": documents["versions.json"],
        "input_schema": documents["schema.json"].get("columns"),
        "files": files,
        "golden": {"input": golden.get("rows"), "output": output, "tolerance": golden.get("tolerance")},
        "task": trained.task,
        "target": trained.target,
        "classes": None if trained.classes is None else list(trained.classes),
        "estimator": trained.estimator,
        "framework": trained.framework,
    }

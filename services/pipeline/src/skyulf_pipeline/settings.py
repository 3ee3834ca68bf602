"""The pipeline service's settings."""

import os
from datetime import timedelta
from pathlib import Path

import psutil
from pydantic import Field
from pydantic_settings import SettingsConfigDict
from skyulf_service.settings import ServiceSettings


def _most_of_the_memory() -> int:
    return int(psutil.virtual_memory().total * 0.75)


def _all_cores_but_one() -> int:
    """As many threads as leave a core to everybody else; fewer where the operator's environment says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    most = max(cores - 1, 1)
    return min(most, int(said)) if said.isdecimal() and int(said) else most


class PipelineSettings(ServiceSettings):
    """Settings of the pipeline service; ``SKYULF_PIPELINE_…`` overrides what is shared."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_PIPELINE_")
    service_name = "pipeline"

    job_lease: timedelta = Field(
        default=timedelta(seconds=15), description="How long a runner may be silent before another takes its job over"
    )
    job_concurrency: int = Field(default=1, ge=1, le=64, description="Jobs that one runner works on at a time")
    job_memory_bytes: int = Field(
        default_factory=_most_of_the_memory, ge=64 << 20, description="Memory of one job; default: 75 % of the machine"
    )
    job_threads: int = Field(
        default_factory=_all_cores_but_one,
        ge=1,
        le=1024,
        description="Threads that one job may compute with, whatever its pipeline says (`n_jobs: -1` means so many); "
        "default: the cores of the machine but one",
    )
    job_deadline: timedelta = Field(default=timedelta(hours=6), description="The longest that one attempt may take")
    sweep_seconds: float = Field(default=1.0, gt=0, description="How often expired leases are looked for")
    catch_up_seconds: float = Field(
        default=30.0, gt=0, description="How often missed events are looked for at ingestion, in the distributed form"
    )
    orphans_seconds: float = Field(
        default=3600, gt=0, description="How often the bucket is searched for objects that no model refers to"
    )
    orphan_grace_seconds: float = Field(
        default=86400, gt=0, description="How old an object must be before it counts as one that no model refers to"
    )
    job_log_retention_days: float = Field(
        default=90, gt=0, le=36_500, description="How long the log of a job is kept after it has ended"
    )
    input_cache_bytes: int = Field(default=10 << 30, ge=0, description="Disk space for inputs that jobs may share")
    max_import_bytes: int = Field(default=4 << 30, ge=1, description="Largest model that may be sent to be imported")

    node_files: Path | None = Field(
        default=None,
        description="The one folder in which jobs may name files for nodes to read, such as word vectors; "
        "default: `files` in the home",
    )

    @property
    def node_files_folder(self) -> Path:
        """Where files lie that nodes may read."""
        return self.node_files or self.shared.home / "files"

    @property
    def scratch_folder(self) -> Path:
        """Where running jobs keep their files."""
        return self.shared.home / "scratch" / "pipeline"

    @property
    def input_cache_folder(self) -> Path:
        """Where inputs are kept between jobs."""
        return self.shared.cache_folder / "pipeline-inputs"

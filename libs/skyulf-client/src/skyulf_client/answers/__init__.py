"""What Skyulf answers, as typed values; fields that a newer server adds are ignored."""

from skyulf_client.answers.base import Answer, Failure, Page
from skyulf_client.answers.datasets import (
    Column,
    Dataset,
    DatasetSchema,
    DatasetVersion,
    Profile,
    ProfileColumn,
    Sample,
)
from skyulf_client.answers.figures import Importance, MetricInterval
from skyulf_client.answers.gateway import ApiKey, CreatedApiKey, DeadLetter, DeadLetters, Event, Me, Project
from skyulf_client.answers.jobs import BestTrial, BundleFile, Evaluation, Fold, Job, LogLine, Trial
from skyulf_client.answers.models import (
    Contribution,
    Deployment,
    Explanation,
    Explanations,
    Model,
    ModelVersion,
    Prediction,
    Revision,
)
from skyulf_client.answers.pipelines import (
    Node,
    NodeDetail,
    Pipeline,
    PipelineSummary,
    PipelineVersion,
    Problem,
    Validation,
)

__all__ = [
    "Answer", "ApiKey", "BestTrial", "BundleFile", "Column", "Contribution", "CreatedApiKey", "Dataset",
    "DatasetSchema", "DatasetVersion", "DeadLetter", "DeadLetters", "Deployment", "Evaluation", "Event",
    "Explanation", "Explanations", "Failure", "Fold", "Importance", "Job", "LogLine", "Me", "MetricInterval", "Model",
    "ModelVersion", "Node", "NodeDetail", "Page", "Pipeline", "PipelineSummary", "PipelineVersion", "Prediction",
    "Problem", "Profile", "ProfileColumn", "Project", "Revision", "Sample", "Trial", "Validation",
]  # fmt: skip

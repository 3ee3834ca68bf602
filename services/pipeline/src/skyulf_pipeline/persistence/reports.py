"""Reports as the outside world gets them: each form a blob of its own, beside the bundle and not in it."""

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path

from skyulf_service.objects.blobs import Blobs
from skyulf_service.work.failures import ChildError

from skyulf_pipeline.domain.judging import JudgingFile, ReportFormat

FILES: Mapping[ReportFormat, str] = {
    ReportFormat.HTML: "report.html",
    ReportFormat.JSON: "report.json",
    ReportFormat.MARKDOWN: "model_card.md",
}
MOST_BYTES = 32 << 20


async def publish_report(folder: Path, *, blobs: Blobs) -> dict[ReportFormat, JudgingFile]:
    """Upload a report's files. Nothing refers to them before the job's commit.

    Raises `ChildError` unless all of them are there, plain and of bounded size.
    """
    paths = await asyncio.to_thread(_checked, folder)
    found = {}
    for form, path in paths.items():
        ref = await blobs.put_file(path)
        found[form] = JudgingFile(key=ref.key, sha256=ref.sha256, size=ref.size)
    return found


def _checked(folder: Path) -> dict[ReportFormat, Path]:
    paths = {form: folder / name for form, name in FILES.items()}
    if folder.is_symlink():
        raise ChildError("report-refused", "The report is not a folder of its own.")
    for path in paths.values():
        try:
            found = path.lstat()
        except OSError as error:
            raise ChildError("report-refused", f"The report's {path.name} is missing.") from error
        if not stat.S_ISREG(found.st_mode):
            raise ChildError("report-refused", f"The report's {path.name} is not a plain file.")
        if found.st_size > MOST_BYTES:
            raise ChildError("report-refused", f"The report's {path.name} is larger than {MOST_BYTES >> 20} MiB.")
    return paths

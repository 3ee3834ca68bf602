"""Taking a pack apart. It comes from outside: nothing of it is believed, and none of it is executed."""

import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, JsonValue, ValidationError
from skyulf_core.serving import PlanError
from skyulf_core.serving.explaining import load_explainer
from skyulf_core.serving.plan import load_plan
from skyulf_service.work.failures import ChildError

from skyulf_pipeline.child.parts import Report, Spec
from skyulf_pipeline.domain.packs import BUNDLE, FORMAT, REPORT, TRAINED

MOST_FILES = 2_010
MOST_SAID = 2 << 20
MOST_END = 1 << 20
MOST_EVALUATION = 64 << 20
# no part begins with a dot, so none leads upwards
_BUNDLE_FILE = re.compile(rf"{BUNDLE}(/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,199}}){{1,4}}\.(json|npy)")
_REPORT_FILE = re.compile(rf"{REPORT}/(report\.html|report\.json|model_card\.md)")


class _Evaluation(BaseModel):
    """What answers show of an evaluation; the rest of it is up to the task."""

    model_config = {"extra": "allow"}

    task: Literal["classification", "regression"]
    rows: int
    metrics: dict[str, float]


def unpack(spec: Spec, report: Report) -> dict[str, JsonValue]:
    """Write the files of a pack into two folders, and return what it says of its model.

    ``spec`` has ``pack`` (a path), ``bundle`` and ``report`` (folders to be made). A pack that is damaged, or holds
    what does not belong there, is a `ChildError`.
    """
    report(0.0, "unpack")
    folders = {BUNDLE: Path(str(spec["bundle"])), REPORT: Path(str(spec["report"]))}
    try:
        with tarfile.open(str(spec["pack"]), mode="r:") as tar:
            said = _take_apart(tar, folders)
            _require_end(Path(str(spec["pack"])), tar.offset)
    except (tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        raise _refused(f"it is no whole pack ({_first_line(error)})") from error
    _require_same(said, folders[BUNDLE] / "graph.json")
    _require_usable(folders[BUNDLE])
    missing = {} if folders[REPORT].is_dir() else {"report_problem": "The model came without one."}
    return {**said, **missing}


def _take_apart(tar: tarfile.TarFile, folders: dict[str, Path]) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] | None = None
    for number, member in enumerate(tar):
        if number >= MOST_FILES:
            raise _refused(f"it holds more than {MOST_FILES} files")
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise _refused(f"{member.name!r} is no plain file")
        if member.name == TRAINED and said is None:
            said = _said(tar, member)
            continue
        if not (_BUNDLE_FILE.fullmatch(member.name) or _REPORT_FILE.fullmatch(member.name)):
            raise _refused(f"{member.name!r} does not belong there")
        folder, _, name = member.name.partition("/")
        _write(tar, member, folders[folder] / name)
    if said is None:
        raise _refused(f"it has no {TRAINED}")
    return said


def _said(tar: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, JsonValue]:
    file = tar.extractfile(member)
    if file is None or member.size > MOST_SAID:
        raise _refused(f"{TRAINED} is larger than {MOST_SAID >> 20} MiB")
    data = file.read()
    if b"\\u0000" in data:
        raise _refused(f"{TRAINED} holds text that databases do not take")
    said = json.loads(data)
    if not isinstance(said, dict) or said.pop("format", None) != FORMAT:
        raise _refused(f"{TRAINED} is not of the format {FORMAT}; a newer release may have made it")
    return said


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise _refused(f"{member.name!r} is no plain file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            shutil.copyfileobj(source, target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _refused(f"{member.name!r} is there twice") from error
    if path.stat().st_size != member.size:
        raise _refused(f"{member.name!r} is cut off")


def _require_end(path: Path, offset: int) -> None:
    """A tar that is cut off between two members looks like a shorter one, but for its end of zeros."""
    left = path.stat().st_size - offset
    with path.open("rb") as file:
        file.seek(offset)
        if not 2 * tarfile.BLOCKSIZE <= left <= MOST_END or file.read().strip(b"\0"):
            raise _refused("it is no whole pack (its end is missing)")


def _require_same(said: dict[str, JsonValue], path: Path) -> None:
    """What is said of the model has to be what its own files say."""
    try:
        graph = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _refused("its graph.json is missing or cannot be read") from error
    for name in ("task", "target", "classes"):
        if not isinstance(graph, dict) or graph.get(name) != said.get(name):
            raise _refused(f"its {name} is not that of its graph")


def _require_usable(bundle: Path) -> None:
    """Load what servers and answers read of a bundle besides what every job's model is checked for."""
    try:
        load_explainer(load_plan(bundle), bundle)
    except (PlanError, KeyError, ValueError, RecursionError) as error:
        raise _refused(f"a server could not load it ({_first_line(error)})") from error
    evaluation = bundle / "evaluation.json"
    if not evaluation.exists():
        return
    if evaluation.stat().st_size > MOST_EVALUATION:
        raise _refused(f"its evaluation.json is larger than {MOST_EVALUATION >> 20} MiB")
    try:
        _Evaluation.model_validate_json(evaluation.read_bytes())
    except ValidationError as error:
        raise _refused("its evaluation.json is none") from error


def _refused(reason: str) -> ChildError:
    return ChildError("bundle-refused", f"The model was not taken in: {reason}.")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

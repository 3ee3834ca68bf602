"""What a PromQL expression names: metrics, and labels in matchers and groupings. Its syntax is promtool's business."""

import re
from dataclasses import dataclass

TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
MATCHERS = re.compile(r"\{([^{}]*)\}")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
NAME = re.compile(r"[A-Za-z_:][\w:]*(?!\w)(?!\s*\()")
WORDS = frozenset({"and", "or", "unless", "bool"})


@dataclass(frozen=True)
class Named:
    """The names in an expression."""

    metrics: frozenset[str]
    labels: frozenset[str]


def named_in(promql: str) -> Named:
    """Take an expression apart."""
    bare = TEXT.sub('""', promql)
    matchers = [part for found in MATCHERS.findall(bare) for part in found.split(",") if part.strip()]
    groupings = [part for found in GROUPING.findall(bare) for part in found.split(",") if part.strip()]
    rest = RANGE.sub(" ", GROUPING.sub(" ", MATCHERS.sub(" ", bare)))
    labels = {re.split(r"=|!", each)[0].strip() for each in matchers} | {each.strip() for each in groupings}
    return Named(frozenset(NAME.findall(rest)) - WORDS, frozenset(labels))

"""What a run says: tables for people, and the goals that are broken."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime

from performance.load.client import Json
from performance.load.figures import quantile, table
from performance.load.memory import MOST_SLOPE, Track
from performance.load.street import Found


def memory_lines(tracks: Mapping[str, Track], since: float) -> list[str]:
    """A line per process."""
    rows = []
    for name, track in tracks.items():
        held = [value for _, value in track.samples]
        if held:
            children = track.children if track.ours and track.children else math.nan
            verdict = "STEEP" if track.steep(since) else "UNKNOWN" if track.unknown(since) else ""
            verdict = verdict if track.ours else "(not ours)"
            rows.append((name, held[0], max(held), held[-1], track.slope(since), children, verdict))
    head = ("process, private MB", "first", "most", "last", "MB/10 min", "children, most", "")
    return table(head, rows)


def event_lines(found: Found) -> list[str]:
    """A line per reader."""
    rows = [
        (f"reader {number}", seen.published, seen.seen, seen.lost, seen.repeated, seen.misplaced)
        for number, seen in enumerate(found.readers, start=1)
    ]
    head = ("events", "published", "seen", "lost", "repeated", "out of order")
    last = f"{found.committed} committed, {found.on_kafka} on Kafka, {found.waiting} wait in outboxes"
    return [*table(head, rows), f"{last}; {found.connections} connections of readers"]


def time_lines(found: Found) -> list[str]:
    """A line per operation and per part of a job."""
    took = {**found.tally.took, **parts_of_jobs(found.news.all("job.completed"))}
    rows = [
        (name, len(times), *(quantile(times, share) * 1000 for share in (0.5, 0.99)), max(times) * 1000)
        for name, times in took.items()
        if times
    ]
    return table(("milliseconds", "number", "p50", "p99", "most"), rows)


def failure_lines(found: Found) -> list[str]:
    """Failures and promised retries, by kind."""
    rows = [(what, kind, count, "sent again, as promised") for (what, kind), count in found.tally.retried.items()]
    rows += [(what, kind, count, "FAILED") for (what, kind), count in found.tally.failed.items()]
    lines = table(("failures", "kind", "number", ""), rows) if rows else ["no failures, and nothing sent again"]
    return [*lines, *(f"  {what}, {kind}: {words}" for (what, kind), words in found.tally.examples.items())]


def parts_of_jobs(jobs: list[Json]) -> dict[str, list[float]]:
    """How long jobs waited and ran, in seconds, as their last events tell it."""
    started = [job for job in jobs if job.get("started_at")]
    return {
        "jobs: wait": [_seconds(job["queued_at"], job["started_at"]) for job in started],
        "jobs: run": [_seconds(job["started_at"], job["finished_at"]) for job in started],
    }


def broken(found: Found, tracks: Mapping[str, Track], since: float) -> list[str]:
    """The goals that are broken, a sentence each. What nobody has tried or seen is no goal that was reached."""
    said = [*missing(found, tracks)]
    for name, track in tracks.items():
        if track.steep(since):
            said.append(f"{name}: memory rises by {track.slope(since):.1f} MB per 10 min (goal: below {MOST_SLOPE:g}).")
        elif track.unknown(since):
            said.append(f"{name}: nobody saw its memory for long enough after the warm-up.")
    said += [
        f"reader {number}: {seen.words()} of {seen.published} events."
        for number, seen in enumerate(found.readers, start=1)
        if not seen.whole
    ]
    if found.on_kafka != found.committed:
        said.append(f"{found.committed} events were committed, {found.on_kafka} are on Kafka.")
    if found.waiting:
        said.append(f"{found.waiting} committed events were never published.")
    said += [f"{what}: {count} failed: {kind}." for (what, kind), count in found.tally.failed.items()]
    if found.unended:
        said.append(f"{found.unended} uploads, jobs and others had not ended when patience had; they were cancelled.")
    if found.swaps and not all(found.answers.get(version) for version in (1, 2)):
        said.append(f"Only one version ever answered, in spite of {found.swaps} swaps: {found.answers}.")
    return said


def missing(found: Found, tracks: Mapping[str, Track]) -> Iterator[str]:
    """What a run has to have shown before anything can be said of it."""
    if not any(track.ours for track in tracks.values()):
        yield "No process was watched."
    if not found.readers:
        yield "Nobody read events."
    if not found.committed:
        yield "No event was committed."
    if not found.swaps:
        yield "Nothing was swapped."
    if not found.answers:
        yield "Nothing was predicted."


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()

"""What the measurements say, for people and as JSON."""

from collections.abc import Iterable, Mapping

from performance.serving import Measured

GOALS = {
    "submit_to_running_p95_ms": 150.0,
    "commit_to_consumed_p99_ms": 100.0,
    "ready_seconds": 1.5,
    "rss_mb": 150.0,
}


def serving_lines(found: Mapping[str, Measured], competitor: str) -> Iterable[str]:
    """One line per server; the ratio is its answers per second over those of the competitor of the same rounds."""
    yield f"  {'':42}{'per second':>11}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}{'client CPU':>12}"
    for name, measured in found.items():
        said = measured.summary()
        yield (
            f"  {name:42}{said['per_second']:11.0f}{said['p50_ms']:9.2f}{said['p99_ms']:9.2f}"
            f"{ratio(found, name, competitor):7.1f}x{said['client_cpu']:11.0%}"
        )


def ratio(found: Mapping[str, Measured], name: str, competitor: str) -> float:
    """The median over the rounds of one server's rate by the competitor's in the same round."""
    pairs = zip(found[name].rounds, found[competitor].rounds, strict=True)
    ratios = sorted(float(mine["per_second"]) / float(theirs["per_second"]) for mine, theirs in pairs)
    return ratios[len(ratios) // 2]


def goal_line(name: str, values: Mapping[str, float], key: str, unit: str, digits: int = 0) -> str:
    """A measured value beside its goal."""
    goal = GOALS[key]
    verdict = "reached" if values[key] <= goal else "MISSED"
    return f"  {name:42}{values[key]:11.{digits}f} {unit:4} goal {goal:g} {unit}: {verdict}"


def flow_lines(values: Mapping[str, float]) -> Iterable[str]:
    """Submit to running, commit to consumed."""
    yield f"  {'submit → running, p50':42}{values['submit_to_running_p50_ms']:11.0f} ms"
    yield goal_line("submit → running, p95", values, "submit_to_running_p95_ms", "ms")
    yield f"  {'commit → consumed, p50':42}{values['commit_to_consumed_p50_ms']:11.0f} ms"
    yield goal_line("commit → consumed, p99", values, "commit_to_consumed_p99_ms", "ms")
    left_out = f"{values['runs']:.0f} runs, {values['repeated']:.0f} of them left out for a second attempt"
    yield f"  ({left_out}; {values['events']:.0f} deliveries)"


def start_lines(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Iterable[str]:
    """Cold start and memory, and the competitor's."""
    yield goal_line("spawn → ready", ours, "ready_seconds", "s", 2)
    yield f"  {'  of it processor time':42}{ours['ready_cpu_seconds']:11.2f} s"
    yield goal_line("memory after the first prediction", ours, "rss_mb", "MB")
    yield (
        f"  {'the competitor':42}{theirs['ready_seconds']:11.2f} s, {theirs['ready_cpu_seconds']:.2f} s of processor "
        f"time, {theirs['rss_mb']:.0f} MB"
    )

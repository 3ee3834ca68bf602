"""Whether readers saw every event that was published, once, and those of one key in their order."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """An event as a reader saw it: its place in the stream, its id, what it is about, and the version of that."""

    number: int
    id: str
    key: str
    version: int


@dataclass(frozen=True)
class Seen:
    """What one reader made of what was published."""

    published: int
    seen: int
    lost: int
    foreign: int
    repeated: int
    misplaced: int

    @classmethod
    def of(cls, published: Collection[str], sights: Sequence[Sight]) -> "Seen":
        """Compare what a reader saw with the ids of what was published."""
        times = Counter(sight.id for sight in sights)
        wanted = set(published)
        return cls(
            published=len(wanted),
            seen=len(sights),
            lost=len(wanted - times.keys()),
            foreign=len(times.keys() - wanted),
            repeated=sum(times.values()) - len(times),
            misplaced=misplaced(sights),
        )

    @property
    def whole(self) -> bool:
        """Whether everything came, once and in order."""
        return not (self.lost or self.foreign or self.repeated or self.misplaced)

    def words(self) -> str:
        """What was wrong."""
        named = {
            "lost": self.lost,
            "never published": self.foreign,
            "repeated": self.repeated,
            "out of order": self.misplaced,
        }
        return ", ".join(f"{count} {name}" for name, count in named.items() if count)


def misplaced(sights: Sequence[Sight]) -> int:
    """How many came behind a later one: a higher number of the stream, or a higher version of the same key."""
    wrong, number = 0, -1
    versions: dict[str, int] = {}
    for sight in sights:
        wrong += sight.number <= number or sight.version <= versions.get(sight.key, -1)
        number = max(number, sight.number)
        versions[sight.key] = max(versions.get(sight.key, -1), sight.version)
    return wrong

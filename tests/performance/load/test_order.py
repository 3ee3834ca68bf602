"""What is made of what readers saw."""

from performance.load.order import Seen, Sight

STORY = [Sight(1, "a", "job 1", 1), Sight(4, "b", "job 2", 1), Sight(5, "c", "job 1", 2), Sight(9, "d", "job 1", 5)]
PUBLISHED = {"a", "b", "c", "d"}


def test_a_reader_who_saw_everything_once_and_in_order_saw_the_whole() -> None:
    seen = Seen.of(PUBLISHED, STORY)

    assert seen == Seen(published=4, seen=4, lost=0, foreign=0, repeated=0, misplaced=0)
    assert seen.whole


def test_what_is_missing_is_lost() -> None:
    seen = Seen.of(PUBLISHED, [STORY[0], STORY[3]])

    assert (seen.lost, seen.whole, seen.words()) == (2, False, "2 lost")


def test_what_comes_twice_is_repeated_and_behind_itself() -> None:
    seen = Seen.of(PUBLISHED, [*STORY, STORY[3]])

    assert (seen.repeated, seen.misplaced, seen.lost, seen.whole) == (1, 1, 0, False)


def test_what_nobody_published_is_foreign() -> None:
    seen = Seen.of({"a", "b", "c"}, STORY)

    assert (seen.foreign, seen.words()) == (1, "1 never published")


def test_an_older_version_of_the_same_key_behind_a_newer_one_is_out_of_order() -> None:
    swapped = [Sight(1, "a", "job 1", 2), Sight(2, "b", "job 2", 1), Sight(3, "c", "job 1", 1)]

    assert Seen.of({"a", "b", "c"}, swapped).misplaced == 1


def test_a_lower_number_of_the_stream_behind_a_higher_one_is_out_of_order() -> None:
    assert Seen.of(PUBLISHED, [STORY[1], STORY[0], STORY[2], STORY[3]]).misplaced == 1

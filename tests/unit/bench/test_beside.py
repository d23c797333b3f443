import pytest
from beside import ENOUGH, Beside
from results import Calm, Sample, difference, ratio

PLAIN_AND_OURS = Beside("load", "ours", "plain")


def sample(subject: str, p99_ms: float, calm_p99_ms: float = 0.0, calm: int | None = ENOUGH) -> Sample:
    seen = None if calm is None else Calm(calm, calm_p99_ms * 1e3, 10.0, 12.0)
    return Sample("load", subject, 6_000, 2_000.0, 1.0, p99_ms * 1e3, calm=seen)


def rounds(*pairs: tuple[Sample, Sample]) -> list[Sample]:
    return [sample for pair in pairs for sample in pair]


def calm_round(ours_ms: float, plain_ms: float) -> tuple[Sample, Sample]:
    return sample("ours", 50, ours_ms), sample("plain", 9, plain_ms)


DISTURBED = sample("ours", 90, 80, ENOUGH - 1), sample("plain", 9, 1)


def test_what_is_told_is_of_the_calm_rounds_and_the_raw_figure_of_all():
    samples = rounds(calm_round(1.5, 1.0), DISTURBED, calm_round(1.7, 1.1), calm_round(1.6, 0.9))
    told = PLAIN_AND_OURS.told(samples, difference, wanted=4)
    assert (told.spread.value, told.enough) == (pytest.approx(600), True)
    assert "3 of 4 rounds were calm enough" in told.note
    assert "ours: 17% due in calm moments (cores stood still 0.03 s; stolen 0.04 s)" in told.note
    assert PLAIN_AND_OURS.raw(samples, difference).value == pytest.approx(41_000)
    assert PLAIN_AND_OURS.told(samples, ratio, wanted=4).spread.value == pytest.approx(1.6)


def test_too_few_calm_rounds_are_not_enough_and_more_are_wanted():
    samples = rounds(calm_round(1.5, 1.0), DISTURBED, DISTURBED)
    told = PLAIN_AND_OURS.told(samples, difference, wanted=3)
    assert not told.enough
    assert told.spread == PLAIN_AND_OURS.raw(samples, difference)
    assert PLAIN_AND_OURS.lacks(samples, 2)
    assert not PLAIN_AND_OURS.lacks(samples, 1)


def test_where_nobody_could_watch_all_requests_count_and_no_more_rounds_are_asked_for():
    samples = rounds((sample("ours", 3, calm=None), sample("plain", 2, calm=None)))
    told = PLAIN_AND_OURS.told(samples, difference, wanted=1)
    assert (told.spread.value, told.enough) == (pytest.approx(1_000), True)
    assert "only root" in told.note
    assert not PLAIN_AND_OURS.lacks(samples, 5)


def test_rounds_that_were_added_for_two_subjects_leave_the_third_with_its_own():
    samples = rounds(calm_round(1.5, 1.0), calm_round(1.7, 1.1))
    samples.insert(2, sample("third", 5, 4))
    third = Beside("load", "third", "plain")
    assert [plain.calm_p99_us for _, plain in third.rounds(samples)] == [1_000]

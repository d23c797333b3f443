from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from understudy.diffs.sketch import Paired, Sketch, bucket, milliseconds, ratio

latencies = st.floats(0.02, 100_000)


@given(st.lists(latencies, min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_two_percent(values: list[float], quantile: float) -> None:
    sketch = Sketch()
    for value in values:
        sketch.add(bucket(value))
    number = sketch.at(quantile)
    assert number is not None
    true = sorted(values)[int(quantile * (len(values) - 1))]
    assert abs(milliseconds(number) - true) <= 0.0201 * true


@given(st.lists(latencies), st.lists(latencies))
def test_merged_sketches_are_the_sketch_of_all(a: list[float], b: list[float]) -> None:
    def sketch(values: list[float]) -> Sketch:
        made = Sketch()
        for value in values:
            made.add(bucket(value))
        return made

    merged = sketch(a)
    merged.merge(sketch(b))
    assert merged.counts == sketch(a + b).counts
    assert Sketch.decode(merged.encode()).counts == merged.counts


@given(latencies, latencies)
def test_a_pair_tells_difference_and_ratio(old: float, new: float) -> None:
    paired = Paired()
    paired.add(old, new)
    (old_bucket,), (new_bucket,) = paired.old.counts, paired.new.counts
    assert (old_bucket, new_bucket) == (bucket(old), bucket(new))
    (delta,), (by,) = paired.delta.counts, paired.ratio.counts
    assert abs(milliseconds(delta) - (new - old)) <= 0.0201 * abs(new - old) + 0.011
    assert abs(ratio(by) / (new / old) - 1) <= 0.05


def test_an_empty_sketch_has_no_quantile() -> None:
    assert Sketch().at(0.5) is None
    assert Sketch.decode(b"").at(0.5) is None

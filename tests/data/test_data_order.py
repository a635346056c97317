"""The order of the images: a pure function of (seed, position), whole over the ranks, resumable anywhere."""

from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.order import EndlessBatches, permutation, subset
from zoo.ranks.share import Share


def take(batches: EndlessBatches, count: int) -> list[list[int]]:
    return list(islice(batches, count))


@settings(deadline=None)
@given(
    n=st.integers(1, 40),
    per_rank=st.integers(1, 7),
    world=st.integers(1, 4),
    seed=st.integers(0, 2**64 - 1),
    epochs=st.integers(1, 3),
)
def test_every_image_once_per_epoch_over_all_ranks(n, per_rank, world, seed, epochs):
    batch = per_rank * world
    count = -(-epochs * n // batch)
    ranks = [take(EndlessBatches(n, batch, seed, rank=r, world=world), count) for r in range(world)]
    # rank r's j-th image of a batch stands at place j * world + r
    seen = [ranks[r][k][j] for k in range(count) for j in range(per_rank) for r in range(world)]
    for epoch in range(epochs):
        assert sorted(seen[epoch * n : (epoch + 1) * n]) == list(range(n))


@settings(deadline=None)
@given(
    n=st.integers(1, 40), per_rank=st.integers(1, 5), world=st.integers(1, 4), seed=st.integers(0, 2**63),
    done=st.integers(0, 30),
)  # fmt: skip
def test_ranks_share_the_single_batch_and_resume_anywhere(n, per_rank, world, seed, done):
    batch = per_rank * world
    single = take(EndlessBatches(n, batch, seed), done + 3)[done:]
    for rank in range(world):
        resumed = take(EndlessBatches(n, batch, seed, start=done * batch, rank=rank, world=world), 3)
        assert resumed == [whole[rank::world] for whole in single]


def test_position_is_counted_in_images_so_the_batch_may_change():
    before = [i for b in take(EndlessBatches(10, 4, seed=1), 3) for i in b]
    after = [i for b in take(EndlessBatches(10, 6, seed=1, start=12), 3) for i in b]
    straight = [i for b in take(EndlessBatches(10, 1, seed=1), 30) for i in b]
    assert before + after == straight


def test_epochs_and_seeds_differ():
    orders = {tuple(permutation(50, seed, epoch).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_order_does_not_touch_the_global_stream():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    take(EndlessBatches(10, 4, seed=7), 9)
    assert torch.equal(torch.rand(3), expected)


@given(
    total=st.integers(1, 20), world=st.integers(1, 8), block=st.integers(1, 3), parts=st.integers(1, 3),
    start=st.integers(0, 30),
)  # fmt: skip
def test_batch_that_does_not_divide_is_spread_as_evenly_as_it_goes(total, world, block, parts, start):
    shares = [Share(total, rank, world, block) for rank in range(world)]
    assert max(s.own for s in shares) - min(s.own for s in shares) <= block
    assert shares[0].present
    assert all(len(s) == s.own or s.rows.tolist() == shares[0].rows.tolist()[:block] for s in shares)
    assert sum(s.weight for s in shares) == pytest.approx(1)
    whole = take(EndlessBatches(7, parts * total, 3, start), 2)
    ranks = [
        take(EndlessBatches(7, parts * total, 3, start, rank, world, parts=parts, block=block), 2)
        for rank in range(world)
    ]
    for k, batch in enumerate(whole):
        for part in range(parts):
            put = [None] * total
            for mine, images in zip(shares, ranks, strict=True):
                n = len(mine)
                for row, image in zip(mine.rows.tolist(), images[k][part * n : (part + 1) * n], strict=True):
                    assert mine.present or put[row] == image
                    put[row] = image
            assert put == batch[part * total : (part + 1) * total]


def test_a_batch_needs_an_image():
    with pytest.raises(ValueError, match="batch_size must be at least 1 image, got 0"):
        EndlessBatches(10, 0, seed=0)


@given(n=st.integers(1, 60), limit=st.integers(1, 70))
def test_subset_is_sorted_distinct_and_nested(n, limit):
    chosen = subset(n, limit).tolist()
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(n, limit)
    assert set(chosen) <= set(subset(n, limit + 1).tolist())

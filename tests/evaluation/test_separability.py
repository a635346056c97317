import numpy as np
import pytest

from zoo.evaluation.separability import (
    conditional_entropy,
    entropy,
    linear_separability,
    mutual_information,
    predictions,
    separability_score,
)


def test_independent_table_leaves_one_bit():
    table = np.full((2, 2), 0.25)
    assert entropy(table) == pytest.approx(2.0)
    assert mutual_information(table) == pytest.approx(0.0)
    assert conditional_entropy(table) == pytest.approx(1.0)
    assert separability_score([1.0]) == pytest.approx(2.0)


def test_sides_that_equal_labels_leave_nothing():
    assert conditional_entropy([[30, 0], [0, 10]]) == 0
    assert separability_score(np.zeros(40)) == 1.0


def test_one_hyperplane_separates_halves_and_not_a_ring():
    pytest.importorskip("sklearn")
    codes = np.random.default_rng(0).standard_normal((400, 2))
    assert linear_separability(codes, codes[:, :1] * 10) == pytest.approx(1.0, abs=0.05)
    ring = (np.linalg.norm(codes, axis=1, keepdims=True) - 1.17) * 10
    assert linear_separability(codes, ring) > 1.8
    both = linear_separability(codes, np.hstack([ring, ring]))
    assert both == pytest.approx(linear_separability(codes, ring) ** 2)


def test_the_unsure_are_left_out():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(1)
    codes = rng.standard_normal((400, 2))
    logits = np.where(
        np.arange(400)[:, None] < 200, 10 * np.sign(codes[:, :1]), 0.1 * rng.standard_normal((400, 1))
    )
    assert linear_separability(codes, logits) > 1.1
    assert linear_separability(codes, logits, keep=200) < 1.1


def test_an_attribute_that_all_have_costs_nothing():
    pytest.importorskip("sklearn")
    labels = np.ones(5, bool)
    assert predictions(np.zeros((5, 2)), labels) is labels
    assert linear_separability(np.zeros((5, 2)), np.ones((5, 1))) == 1.0


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="same images"):
        linear_separability(np.zeros((5, 2)), np.zeros((4, 1)))

"""Artificial clusters against the truth of the same field: they agree where they should, and are said to differ."""

import numpy as np
import pytest
from clusterphot.proof import agreement, recovery, summary
from proof_field import FILTERS, made_matched, made_outcome


def compare(outcome, matched, **more):
    proof = summary.summarise(outcome, FILTERS)
    return agreement.compare_with_truth(proof, recovery.summarise(matched, FILTERS), FILTERS, **more)


def test_samples_of_one_kind_agree_and_p_values_are_flat():
    """Of 40 comparisons with some 20 values each few are called different; a tenth of the p values is below 0.1.

    Where bright and faint sources are mixed the errors of medians are too large, here by a tenth: p values of biases
    are on the safe side.
    """
    values, differ = {"p_bias": [], "p_scatter": []}, 0
    for seed in range(40):
        matched = made_matched(300, seed=1000 + seed)
        table = compare(made_outcome(600, seed=seed), matched, systematic=False)
        least, number = agreement.smallest_chance(table)
        differ += least < agreement.CHANCE / number
        whole = table[np.isnan(table["mag_low"])]
        for name, known in values.items():
            known.extend(whole[name])
    assert differ <= 2  # 0.4 expected
    # 80 values each, independent: their mean is known to 0.032, the share below 0.1 to 0.034
    assert np.mean(values["p_scatter"]) == pytest.approx(0.5, abs=0.1)
    assert np.mean(values["p_bias"]) == pytest.approx(0.55, abs=0.1)
    for known in values.values():
        assert np.mean(np.array(known) < 0.1) < 0.2


@pytest.mark.parametrize("wrong", [{"factor": 2.0}, {"scale": 1.08}])
def test_a_scatter_or_a_bias_that_the_truth_does_not_have_is_found(wrong):
    least, number = agreement.smallest_chance(compare(made_outcome(600, **wrong), made_matched(300)))
    assert least < agreement.CHANCE / number


def test_a_bias_within_the_quoted_systematic_error_is_none():
    """The truth is 5 % off, of which 3 % are quoted: 1.7 sigma, or many without it."""
    matched = made_matched(2000, scale=1.07, sys_error=0.03)
    rows = [compare(made_outcome(2000), matched, systematic=of) for of in (True, False)]
    with_it, without = (table[np.isnan(table["mag_low"])] for table in rows)
    assert np.all(with_it["p_bias"] > 0.05) and np.all(without["p_bias"] < 1e-6)
    assert np.all(with_it["sys_error"] == pytest.approx(0.03, rel=0.1)) and np.all(without["sys_error"] == 0)


def test_bins_of_few_have_no_p_value():
    table = compare(made_outcome(600), made_matched(15))
    assert np.isnan(table["p_bias"]).all() and agreement.smallest_chance(table)[1] == 0

"""Colours of stacks do not depend on the depth of the filters, with errors that hold."""

import numpy as np
import pytest
from clusterphot.stack import build
from clusterphot.stack.build import StackOptions, kept_sources, make_stack
from clusterphot.stack.methods import compare_methods, describe_methods
from stack_mocks import COLOR_SCATTER_LN, COLORS_LN, REFERENCE, SIGMA_PX, make_field

FILTERS = list(SIGMA_PX)
OPTIONS = StackOptions(annulus_px=(7, 12), sky="constant", n_resamples=100)


def stacks_of(field, options=OPTIONS):
    return [
        make_stack(
            field.cutouts[filt], field.table, field.psfs[filt], field.noises[filt], FILTERS, options,
            reference=REFERENCE,
        )
        for filt in FILTERS
    ]  # fmt: skip


def test_the_median_of_faint_sources_has_another_colour_and_the_run_says_so():
    """S/N of 1, 10 and 10: in magnitudes of F090W the median is 0.2-0.35 too bright, its mean flux not at all."""
    stacks = stacks_of(make_field({"F090W": 1, "F200W": 10, "F444W": 10}, seed=5))
    table = compare_methods(stacks, REFERENCE)
    assert table["method"][0] == "clipped_mean" and table["p_same_colors"][0] == 1.0
    median = table[table["method"] == "median"][0]
    assert -0.5 < median["color_shift_F090W"] < -0.1 and median["p_same_colors"] < 1e-3
    assert "colours by median differ" in describe_methods(table, FILTERS)
    mean = table[table["method"] == "mean"][0]
    assert abs(mean["color_shift_F090W"]) < 0.05 and mean["p_same_colors"] > 0.01


def test_where_methods_agree_nothing_is_said():
    """A filter against itself: no method can find a colour."""
    field = make_field({"F090W": 40, "F200W": 40, "F444W": 40}, n=80, seed=3)
    stacks = stacks_of(field)
    table = compare_methods([stacks[1], stacks[1]], REFERENCE)
    assert describe_methods(table, [REFERENCE]) == ""


def test_who_is_left_out_does_not_depend_on_the_noise_of_a_filter():
    """A poor fit, a shallow corner and an outlier in the reference filter are out of all; bright noise stays."""
    table = make_field({"F090W": 1, "F200W": 10, "F444W": 10}, n=60, seed=2).table
    everyone = kept_sources(table, FILTERS, REFERENCE)
    assert everyone.all()
    table["flags_F444W"][3] = int(build.Flag.POOR_FIT)
    table["flux_err_F090W"][4] *= 3.5
    table["flux_F200W"][5] = 40 * np.median(table["flux_F200W"])
    table["flux_F090W"][6] = 40 * np.median(table["flux_F090W"])
    table["flux_F200W"][7] = np.nan
    kept = kept_sources(table, FILTERS, REFERENCE)
    assert np.flatnonzero(~kept).tolist() == [3, 4, 5]


def test_the_same_sources_are_in_all_filters():
    field = make_field({"F090W": 5, "F200W": 10, "F444W": 5}, n=60, seed=2)
    field.table["flags_F444W"][3] = int(build.Flag.POOR_FIT)
    stacks = stacks_of(field)
    assert [stack.row["n_sources"] for stack in stacks] == [59] * 3
    assert all(not stack.is_in[3] and stack.by_method["median"].n_sources == 60 for stack in stacks)
    _, correlation = build.join_stacks(stacks, dict.fromkeys(FILTERS, 0.0))
    # the scatter of the fluxes is common to all filters, and the larger part of each error
    assert min(np.ravel(correlation)) > 0.8


@pytest.mark.slow  # make test-slow: 64 fields, half a minute a line
@pytest.mark.parametrize("snr", [(1, 10, 10), (10, 2, 10), (2, 10, 2), (10, 50, 10)])
def test_colours_hold_at_any_depth(monkeypatch, snr):
    """Bias below 0.02 mag, and pulls of colours with mean 0 and width 1 within the errors of 64 fields."""
    monkeypatch.setattr(build, "METHODS", ("clipped_mean",))
    middle = FILTERS.index(REFERENCE)
    offset, pulls = [], []
    expected = np.array([COLORS_LN[filt] + COLOR_SCATTER_LN[filt] ** 2 / 2 for filt in FILTERS])
    for seed in range(64):
        field = make_field(dict(zip(FILTERS, snr, strict=True)), seed=100 + seed)
        stacks = stacks_of(field)
        flux = np.array([np.append(stack.row["flux"], stack.resampled_flux) for stack in stacks])
        truth = [field.flux[stack.filter_name][stack.is_in].mean() for stack in stacks]
        offset.append(-2.5 * np.log10(flux[:, 0] / truth))
        color = np.log(np.maximum(flux / flux[middle], 1e-3))
        off, error = color[:, 0] - expected + expected[middle], color.std(axis=1, ddof=1)
        pulls.append([off[band] / error[band] for band in range(len(FILTERS)) if band != middle])
    bias = np.array(offset) - np.array(offset)[:, [middle]]
    error = bias.std(axis=0, ddof=1) / 8
    assert np.all(np.abs(bias.mean(axis=0)) < 0.02 + 2 * error)
    # 64 values: the mean to 1/8, the width to 1/11; the mean of a skewed distribution makes the last bit
    assert np.all(np.abs(np.mean(pulls, axis=0)) < 0.45)
    assert np.all((np.std(pulls, axis=0) > 0.75) & (np.std(pulls, axis=0) < 1.35))

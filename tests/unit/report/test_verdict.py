"""The verdict on a field: what each source is good for, and the statements of the first screen."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.flags import Flag
from clusterphot.proof.summary import QUANTITIES
from clusterphot.report.advice import Advice, advise
from clusterphot.report.verdict import (
    Evidence,
    age_of_clusters,
    age_of_population,
    age_of_stack,
    give_verdict,
    what_is_assumed,
    what_limits_sizes,
    what_stands,
    whether_errors_hold,
    which_band_is_off,
    which_sources,
)

ASSUMED = {"redshift": "0.39", "ebv": "0.18", "grid": "bc03"}


def evidence(advice=(), **tables):
    tables.setdefault("clusters", Table({"flags": [0]}))
    return Evidence(tables, {name: f"results/f/{name}.ecsv" for name in tables}, list(advice), ASSUMED)


def test_each_source_has_its_strongest_reason():
    """Not measured before spoiled, before unseen, before unlikely, before a poor fit; a flag of the best fit's age is
    none."""
    measured = Table(
        {
            "flags": [0, Flag.NO_DATA, Flag.EDGE | Flag.BLENDED, 0, 0, 0, 0, 0, Flag.ERROR_REPLACED],
            "flux_F200W": [10.0, np.nan, 10, 2.9, 10, 10, 10, 10, 10],
            "flux_err_F200W": np.ones(9),
        }
    )
    clusters = Table({"flags": np.zeros(9, int), "chi2": np.full(9, 198.2), "dof": np.full(9, 3)})
    clusters["flags"][[0, 5, 7]] = [Flag.OLDER_THAN_UNIVERSE, Flag.POOR_FIT, Flag.MASS_PRIOR]
    classes = Table({"p_cluster": np.full(9, 0.9), "p_galaxy": np.full(9, 0.1), "p_star": np.zeros(9)})
    classes["is_control"] = False
    classes["p_cluster"][[3, 4]], classes["p_galaxy"][4] = [np.nan, 0.2], 0.8
    classes["is_control"][6] = True
    found = advise(measured, clusters, reference="F200W", contamination=classes)
    assert [one.use for one in found] == ["yes", "no", "no", "no", "no", "look", "no", "look", "look"]
    assert found[2].why == "photometry: EDGE, BLENDED"
    assert found[3].why == "below 3 sigma in F200W: 2.9"
    assert found[4].why == "more likely a galaxy than a cluster: P(cluster) 0.20"
    assert found[5].why == "no model fits the fluxes: chi-square 198 for 3"
    assert found[8].why == "ERROR_REPLACED"
    assert advise(measured, clusters, reference="F200W")[4].use == "yes"


def test_sources_are_counted_by_reason():
    advice = [*[Advice("yes")] * 7, *[Advice("no", "x: 1", "x")] * 2, Advice("look", "y: 3", "y")]
    said = which_sources(evidence(advice))
    assert said.answer == "use 7 of 10; drop 2, look at 1"
    assert said.detail == "Drop: 2 x. Look at: 1 y."
    assert said.tone == "look"
    assert said.links[0] == ("the 2 to drop", "clusters.html#s=use%3Dno")
    assert which_sources(evidence([Advice("yes")])).answer == "use 1 of 1"


def test_what_stands_whatever_is_changed():
    """A firm no, an interval that one change leaves, and an open question, which is none."""
    names = ["above solar", "age_gyr", "old"]
    table = Table({"varied": ["baseline"] * 3 + ["psf_broader"] * 3, "varied_in": [""] * 3 + ["F444W"] * 3})
    table["conclusion"], table["stands"] = names * 2, [True, True, True, True, False, True]
    table["verdict_before"] = ["no", "1.8 to 5.4", "open"] * 2
    said = what_stands(evidence(robustness=table))
    assert said.answer == "not above solar"
    assert said.detail.endswith("Overturned are: age (Gyr) 1.8 to 5.4, by 1 of 1 (psf broader F444W).")
    assert what_stands(evidence()) is None


def test_the_population_is_told_by_its_best_history():
    quantiles = {
        "p16": [1.5, 0.1, 9.0],
        "p50": [2.0, 0.2, 9.0],
        "p84": [2.6, 0.3, 9.0],
        "p975": [3.0, 0.4, 9.0],
    }
    table = Table({"model": ["burst", "burst", "free"]} | quantiles)
    table["parameter"] = ["median_age_gyr", "age_spread_dex", "median_age_gyr"]
    table.meta["population"] = {"n_sources": 165, "best_model": "burst", "warnings": []}
    said = age_of_population(evidence(population=table))
    assert said.answer == "median 2 Gyr (1.5\N{EN DASH}2.6, 68 %)" and said.tone == "good"
    assert "All 165 clusters" in said.detail and "0.2 dex (below 0.4 at 97.5 %)" in said.detail
    table.meta["population"]["warnings"] = ["12 sources are few: the priors decide"]
    assert age_of_population(evidence(population=table)).tone == "look"
    assert age_of_population(evidence()) is None


def stack(chi2=51.9, dof=3, posterior=True):
    table = Table({"age_gyr": [2.0], "metallicity_zsun": [0.2], "chi2": [chi2], "dof": [dof]})
    for name, values in (("age_gyr", (1.8, 2.9, 5.4)), ("metallicity_zsun", (0.1, 0.16, 0.23))):
        for quantile, value in zip(("p16", "p50", "p84") if posterior else (), values, strict=False):
            table[f"{name}_{quantile}"] = [value]
    return table


def test_a_best_fit_that_does_not_fit_is_no_age():
    said = age_of_stack(evidence(stack=stack()))
    assert said.answer == "2.9 Gyr (1.8\N{EN DASH}5.4, 68 %)"
    assert "chi-square 51.9 for 3 (p below 1e\N{MINUS SIGN}10): it does not fit" in said.detail
    assert said.tone == "look"
    assert age_of_stack(evidence(stack=stack(2.6))).tone == "good"
    assert age_of_stack(evidence(stack=stack(2.6, posterior=False))).answer == "2 Gyr"
    assert "not constrained" in age_of_stack(evidence(stack=stack(0.0, 0))).answer
    assert age_of_stack(evidence()) is None


def test_single_clusters_are_those_to_use():
    names = ("age_gyr_p16", "age_gyr_p50", "age_gyr_p84", "log_mass_p50")
    clusters = Table(dict(zip(names, ([1.0, 1, 9], [2.0, 2, 9], [5.0, 5, 9], [6.5, 6.5, 9]), strict=True)))
    advice = [Advice("yes"), Advice("yes"), Advice("no", "x", "x")]
    assert age_of_clusters(evidence(advice, clusters=clusters)).answer == "median 2 Gyr, log mass 6.50"
    assert age_of_clusters(evidence([Advice("no", "x", "x")] * 3, clusters=clusters)) is None


@pytest.mark.parametrize(
    ("known", "words"), [(33.0, "the width of the PSF limits it"), (36.5, "The noise limits it")]
)
def test_what_limits_sizes(known, words):
    sizes = Table({"is_stack": [True, False, False], "resolved": [False, False, True]})
    sizes["radius_limit_pc"], sizes["radius_limit_psf_known_pc"] = [37.0, 80.0, np.nan], [known, 79.0, np.nan]
    said = what_limits_sizes(evidence(sizes=sizes))
    assert said.answer == "stack below 37 pc (95 %)"
    assert said.detail.startswith("Single clusters below 80 pc in the median (1 of 2); 1 resolved. ")
    assert words in said.detail
    assert what_limits_sizes(evidence()) is None


def test_the_band_that_is_off():
    """8.1 +- 3.9 % is 2.1 sigma, 4.4 +- 3.7 % is not named; errors too small by 2.3 are."""
    table = Table({"filter": ["F090W", "F444W"], "offset": [0.044, 0.081], "offset_err": [0.029, 0.027]})
    table["zero_point_error"] = [0.023, 0.0288]
    table.meta["error_factor_p16_p50_p84"] = [2.2, 2.27, 2.3]
    said = which_band_is_off(evidence(predictive=table))
    assert said.answer == "F444W +8 \N{PLUS-MINUS SIGN} 4 %"
    assert "flux errors 2.3 times those given: the errors are too small" in said.detail
    table.meta["error_factor_p16_p50_p84"] = [1.0, 1.01, 1.02]
    said = which_band_is_off(evidence(predictive=table[:1]))
    assert (said.answer, said.tone) == ("none", "good")


def test_errors_hold_where_pulls_scatter_by_one():
    """To 10 % or three errors; a bias beyond three errors is named, and so is a scatter of 1.3."""
    kinds, scatter, bias = ["injected", "injected", "blank"], [1.03, 0.96, 1.08], [0.004, -0.002, np.nan]
    table = Table({"kind": kinds, "filter": ["F090W", "F200W", "F090W"], "n": [200, 200, 180]})
    table["pull_scatter"], table["pull_scatter_err"] = scatter, [0.08, 0.08, 0.08]
    table["bias"], table["bias_err"] = bias, [0.005, 0.004, np.nan]
    for name in QUANTITIES:
        table[f"{name}_low"] = np.full(3, np.nan)
    said = whether_errors_hold(evidence(proof=table))
    assert said.answer == "scatter of pulls: clusters put in 0.96\N{EN DASH}1.03, blank places 1.08"
    assert said.tone == "good"
    table["pull_scatter"][2], table["bias"][1] = 1.3, -0.02
    said = whether_errors_hold(evidence(proof=table))
    assert said.tone == "look"
    assert said.detail == "Unlike that: F200W: fluxes \N{MINUS SIGN}2.0 %; F090W, blank places: 1.30."
    assert whether_errors_hold(evidence(proof=table[:0])) is None


def test_assumptions_come_from_the_fits():
    clusters = Table({"flags": [0]})
    prior = {"age_gyr": {"min": 0.5, "max": 11.0}, "age_prior": "log-uniform", "av_mag": [0.0]}
    clusters.meta["rows_from"] = {"parameters": {"posterior": prior}}
    said = what_is_assumed(evidence(clusters=clusters))
    assert said.detail == (
        "Ages 0.5\N{EN DASH}11 Gyr, log-uniform; no dust of their own; z = 0.39, Milky Way E(B\N{MINUS SIGN}V) 0.18."
    )


def test_a_field_says_what_it_has():
    topics = [one.topic for one in give_verdict(evidence([Advice("yes")], stack=stack()))]
    assert topics == ["Sources", "Stack's age", "Assumed"]

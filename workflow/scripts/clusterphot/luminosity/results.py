"""Tables and files of the luminosity function, the colours and the map of a field.

Magnitudes AB in the reference filter, areas arcsec2, densities 1/arcmin2.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy import special

from clusterphot.base.errors import DataError
from clusterphot.base.filters import load_filter
from clusterphot.base.products import open_fits, write_fits
from clusterphot.config.luminosity import FunctionKeys
from clusterphot.detect.selection import magnitudes
from clusterphot.luminosity import color_mixture
from clusterphot.luminosity import function as lf
from clusterphot.luminosity.inputs import draw_completeness, probabilities

MIN_SOURCES = 10
"""Fewer sources are not fitted."""

MIN_EXPECTED = 5.0
"""Bins of the test of fit are joined until they hold so many expected sources."""

STATUS = {True: "identifiable", False: "turnover not identifiable"}
COLOR_COLUMNS = {"band": "U11", "n_sources": int, "n_components": int, "component": int, "preferred": bool}
"""Columns of the table of a field of one filter, which has no colour."""

EVIDENCE_FOR_TWO = 3.0
"""Log of the ratio of evidences above which two components are preferred: strong (Kass & Raftery 1995)."""


@dataclass(frozen=True)
class FitSettings(FunctionKeys):
    """Choices of the fit: keys of the configuration."""


@dataclass(frozen=True)
class FieldFunction:
    """Luminosity function of a field.

    Attributes
    ----------
    summary : `astropy.table.Table`
        One row.
    counts : `astropy.table.Table`
        By magnitude.
    fit : `clusterphot.luminosity.function.TurnoverFit` or None
    """

    summary: Table
    counts: Table
    fit: lf.TurnoverFit | None


def fit_field(sample, injections, areas, par):
    """Fit, numbers, and counts by magnitude.

    Parameters
    ----------
    sample : `clusterphot.luminosity.function.Sample`
    injections : `clusterphot.luminosity.inputs.Injections`
    areas : dict of str to float
        Searched and lost areas, arcsec2.
    par : `FitSettings`

    Returns
    -------
    result : `FieldFunction`
    """
    mag_limit = limit_of(par.mag_limit, injections)
    n_selected = len(sample)
    sample = sample[injections.covers(sample)]
    lost = {name: value for name, value in areas.items() if name not in ("searched", "control_region")}
    row = {
        "n_sources": len(sample),
        "n_beyond": n_selected - len(sample),
        "n_clean": float(sample.p_cluster.sum()),
        "mag_limit": mag_limit,
        "area_searched": areas["searched"],
        "area_lost": float(sum(lost.values())),
    }
    if len(sample) < MIN_SOURCES:
        counts = _counts(sample, injections, None, None, par.bin_mag)
        return FieldFunction(Table([row | _nothing()]), counts, None)
    kernels = make_kernels(
        sample, injections, draw_completeness(injections, par.n_completeness_draws, par.seed)
    )
    turnover_range = lf.prior_range(kernels[0]) if par.turnover_range == "auto" else par.turnover_range
    options = lf.Options(tuple(turnover_range), tuple(par.width_range), par.fall, par.reach)
    fit = lf.fit_turnover(kernels, options)
    counts = _counts(sample, injections, kernels[0], fit, par.bin_mag)
    total, to_limit = lf.corrected_numbers(kernels, sample, fit, mag_limit, seed=par.seed)
    return FieldFunction(Table([row | _described(fit, total, to_limit) | _test_of_fit(counts)]), counts, fit)


def make_kernels(sample, injections, several):
    """Kernels of a sample for several draws of the completeness."""
    return [lf.make_sample_kernels(sample, one, injections.response) for one in several]


def limit_of(mag_limit, injections):
    """The limit asked for, or that of 50 % completeness."""
    if mag_limit != "auto":
        return float(mag_limit)
    limit = injections.limit(0.5)
    if not np.isfinite(limit):
        tried = injections.values[0]
        raise DataError(
            "completeness of the artificial clusters",
            f"it does not fall through 50 % between {tried.min():.1f} and {tried.max():.1f} mag",
            "artificial clusters on both sides of the limit",
            "widen completeness.mag_range, or give luminosity.mag_limit",
        )
    return limit


def _described(fit, total, to_limit):
    """Columns of a fit."""
    turnover, width = fit.best
    row = {"identifiable": fit.identifiable, "status": STATUS[fit.identifiable]}
    row |= {"turnover": turnover, "width": width, "faint_fall": fit.faint_fall, "reach_mag": fit.reach_mag}
    for axis, (name, q) in itertools.product(("turnover", "width"), lf.LEVELS.items()):
        row[f"{axis}_{name}"] = fit.quantile(q, axis)
    row["turnover_p05"], (row["turnover_p16"], row["turnover_p84"]) = fit.brightest, fit.interval
    for name, values in (("n_total", total), ("n_to_limit", to_limit)):
        row |= {name + end: value for end, value in zip(("", "_p16", "_p84"), values, strict=True)}
    return row


def _nothing():
    """The same columns where there is no fit."""
    empty = lf.TurnoverFit(
        np.array([np.nan]), np.array([np.nan]), np.zeros((1, 1)), np.zeros(1), np.nan, np.nan, False
    )
    three = np.full(3, np.nan)
    test = {"chi2": np.nan, "dof": 0, "p_value": np.nan}
    return _described(empty, three, three) | {"status": "too few sources"} | test


def _counts(sample, injections, kernels, fit, bin_mag):
    """Counts by found magnitude: raw, corrected one by one, and those that the fit expects."""
    mag = sample.mag
    if not len(mag):
        mag = np.array([27.0])
    edges = bin_mag * np.arange(np.floor(mag.min() / bin_mag), np.ceil(mag.max() / bin_mag) + 1.5)
    seen = injections.completeness(sample.mag, *sample.place)
    with np.errstate(divide="ignore"):
        stands = np.where(seen > 0.02, sample.p_cluster / seen, np.nan)
    table = Table({"mag_low": edges[:-1], "mag_high": edges[1:]})
    table["n_found"] = np.histogram(sample.mag, edges)[0]
    table["n_clean"] = np.histogram(sample.mag, edges, weights=sample.p_cluster)[0]
    table["n_corrected"] = np.histogram(sample.mag, edges, weights=stands)[0]
    variance = np.histogram(sample.mag, edges, weights=stands**2)[0]
    table["n_corrected_err"] = np.sqrt(variance)
    table["completeness"] = _mean_completeness(sample, injections, edges)
    if fit is None:
        table["n_expected"] = table["n_intrinsic"] = np.full(len(table), np.nan)
        return table
    table["n_expected"] = lf.found_density(kernels, sample, injections.response, fit, edges)
    turnover, width = fit.best
    phi = np.exp(lf.gaussian_shapes(kernels.mag, np.array([turnover]), np.array([width]))[0])
    number = (sample.p_cluster / (kernels.seen @ phi * lf.STEP_MAG)).sum()
    table["n_intrinsic"] = number * np.diff(special.ndtr((edges - turnover) / width))
    return table


def _mean_completeness(sample, injections, edges):
    """Completeness at the middle of bins, averaged over the places of the sources."""
    if not len(sample):
        return np.full(len(edges) - 1, np.nan)
    middle = 0.5 * (edges[1:] + edges[:-1])
    place = (values[:, None] for values in sample.place)
    return injections.completeness(middle[None, :], *place).mean(axis=0)


def _test_of_fit(counts):
    """Chi-square of found against expected counts, in bins joined from the bright end."""
    found, expected = np.asarray(counts["n_found"], dtype=float), np.asarray(counts["n_expected"])
    pairs, current = [], np.zeros(2)
    for one in zip(found, expected, strict=True):
        current = current + one
        if current[1] >= MIN_EXPECTED:
            pairs.append(current)
            current = np.zeros(2)
    if pairs:
        pairs[-1] = pairs[-1] + current
    pairs = np.array(pairs).reshape(-1, 2)
    chi2, dof = float(((pairs[:, 0] - pairs[:, 1]) ** 2 / pairs[:, 1]).sum()), len(pairs) - 3
    # turnover, width and the total are taken from the same data
    return {
        "chi2": chi2,
        "dof": max(dof, 0),
        "p_value": float(special.chdtrc(dof, chi2)) if dof > 0 else np.nan,
    }


def table_of_rows(rows, kinds):
    """Table of rows that have some of its columns; what a row has not is NaN, 0 or empty.

    Parameters
    ----------
    rows : list of dict
    kinds : dict of str to type
        float, int or str of each column, in order.
    """
    missing = {float: np.nan, int: 0, str: ""}
    return Table(
        {
            name: np.array([row.get(name, missing[kind]) for row in rows], dtype=kind)
            for name, kind in kinds.items()
        }
    )


def write_posterior(path, fit):
    """Write posterior and profile of a fit as FITS; empty images where there was none."""
    hdus = [fits.PrimaryHDU()]
    if fit is not None:
        image = fits.ImageHDU(np.asarray(fit.log_posterior.T, dtype=float), name="LOG_POSTERIOR")
        image.header["CTYPE1"], image.header["CTYPE2"] = "turnover", "width"
        axes = [
            fits.BinTableHDU(
                Table({"turnover": fit.turnover, "log_profile": fit.log_profile}), name="TURNOVER"
            ),
            fits.BinTableHDU(Table({"width": fit.width}), name="WIDTH"),
        ]
        image.header["REACH"] = (fit.reach_mag, "faintest magnitude seen")
        image.header["SEEN"] = (fit.identifiable, "whether the turnover is identifiable")
        image.header["FALL"] = (fit.faint_fall, "2 ln L from best to none in reach")
        hdus += [image, *axes]
    write_fits(path, hdus)


def read_posterior(path):
    """`TurnoverFit` written by `write_posterior`, or None."""
    with open_fits(path) as hdus:
        if len(hdus) == 1:
            return None
        header, table = hdus["LOG_POSTERIOR"].header, hdus["TURNOVER"].data
        return lf.TurnoverFit(
            np.asarray(table["turnover"], dtype=float),
            np.asarray(hdus["WIDTH"].data["width"], dtype=float),
            np.asarray(hdus["LOG_POSTERIOR"].data, dtype=float).T,
            np.asarray(table["log_profile"], dtype=float),
            header["FALL"],
            header["REACH"],
            header["SEEN"],
        )


def color_pairs(colors, filters):
    """Pairs of filters of the colours asked for; auto takes neighbours in wavelength."""
    if colors != "auto":
        return [tuple(name.split("-")) for name in colors]
    order = sorted(filters, key=lambda name: load_filter(name).wave_pivot)
    return list(itertools.pairwise(order))


def fit_colors(table, injections, reference, pairs):
    """One and two components of each colour.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources with the probabilities to be used.
    injections : `clusterphot.luminosity.inputs.Injections`
    reference : str
    pairs : list of (str, str)

    Returns
    -------
    results : `astropy.table.Table`
        One row per colour, number of components and component.
    """
    rows = []
    for blue, red in pairs:
        detection = _color_detection(injections.table, blue, red, reference)
        flux, error = (
            np.stack([np.asarray(table[f"{kind}_{name}"], dtype=float) for name in (blue, red)], axis=1)
            for kind in ("flux", "flux_err")
        )
        place = [
            np.asarray(table[name], dtype=float)
            for name in ("mag", f"noise_{reference}", "surface_brightness")
        ]
        weight = np.asarray(table["p_cluster"], dtype=float)
        sample, used = color_mixture.color_sample(flux, error, place, detection, weight)
        rows += _color_rows(f"{blue}-{red}", sample, len(used))
    return Table(rows) if rows else Table(names=list(COLOR_COLUMNS), dtype=list(COLOR_COLUMNS.values()))


def _color_detection(injected, blue, red, reference):
    """Completeness in colour from the injections."""
    mags = {
        name: magnitudes(np.asarray(injected[f"flux_in_{name}"], dtype=float))
        for name in {blue, red, reference}
    }
    return color_mixture.fit_detection(
        mags[reference],
        np.asarray(injected[f"noise_{reference}"], dtype=float),
        np.asarray(injected["surface_brightness"], dtype=float),
        mags[blue] - mags[red],
        np.asarray(injected["selected"], dtype=bool),
    )


def _color_rows(band, sample, n):
    """Rows of one colour; NaN where sources are too few."""
    names = ("share", "share_err", "mean", "mean_err", "width", "width_err")
    if sample.weight.sum() < color_mixture.MIN_SOURCES:
        empty = {f"color_{name}": np.nan for name in names}
        empty |= {"log_likelihood": np.nan, "bic": np.nan, "log_evidence": np.nan}
        return [
            {"band": band, "n_sources": n, "n_components": k, "component": c, "preferred": False} | empty
            for k in (1, 2)
            for c in range(k)
        ]
    fits_ = {k: color_mixture.fit_color_mixture(sample, k) for k in (1, 2)}
    two = fits_[2].log_evidence - fits_[1].log_evidence > EVIDENCE_FOR_TWO
    return [
        {"band": band, "n_sources": n, "n_components": k, "component": c, "preferred": bool(two) == (k == 2)}
        | {f"color_{name}": float(getattr(fit, name)[c]) for name in names}
        | {"log_likelihood": fit.log_likelihood, "bic": fit.bic, "log_evidence": fit.log_evidence}
        for k, fit in fits_.items()
        for c in range(k)
    ]


def source_probabilities(table, use_purity):
    """Table of selected sources with the probabilities to be used."""
    table = table.copy()
    table["p_cluster"] = probabilities(table, use_purity)
    return table

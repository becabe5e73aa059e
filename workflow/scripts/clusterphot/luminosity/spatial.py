"""Table of where clusters are: elliptical profiles of clusters and light, and what maps they follow.

Angles arcsec, position angles degrees from north to east.
"""

import os
from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from clusterphot.base.products import open_fits, pixel_scale
from clusterphot.base.units import mag_ab
from clusterphot.detect.tiles import read_maps
from clusterphot.luminosity import density, light
from clusterphot.luminosity.distribution import OWN_LIGHT, cell_of, cells_wcs, read_map
from clusterphot.luminosity.ellipse import fit_ellipse, mean_angle
from clusterphot.luminosity.function import LEVELS
from clusterphot.luminosity.importance import weighted_quantiles
from clusterphot.luminosity.inputs import share_found
from clusterphot.luminosity.results import table_of_rows

LIGHT_MODEL = "light_model"
"""Name of the comparison with the model of the light of the brightest galaxy and between the galaxies."""

LEAST_SOURCES = 20
"""Samples of fewer sources are not described."""

MEASURES = ("core_arcsec", "slope", "flattening")
N_KEPT = 2000
"""Draws of the profile of all clusters that are kept."""


@dataclass(frozen=True)
class Surroundings:
    """What a field is compared with.

    Attributes
    ----------
    maps : `clusterphot.detect.tiles.CoarseMaps`
    wcs : `astropy.wcs.WCS`
        Of the cells.
    centre : (row, column)
    compared : dict of str to (ny, nx) float ndarray
        Maps on the cells.
    isophotes : `astropy.table.Table`
    """

    maps: object
    wcs: object
    centre: tuple
    compared: dict
    isophotes: Table

    @property
    def cell_arcsec(self):
        """Side of a cell."""
        return pixel_scale(self.wcs)

    def position_angle(self, angle):
        """Position angle (deg, north to east, 0-180) of an axis at an angle (radians) from x to y at the centre."""
        row, column = self.centre
        ra, dec = self.wcs.all_pix2world([column, column + np.cos(angle)], [row, row + np.sin(angle)], 0)
        centre, end = SkyCoord(ra, dec, unit="deg")
        return float(centre.position_angle(end).deg % 180.0)


def read_surroundings(maps_path, light_path, isophotes, compared, centre):
    """`Surroundings` from files.

    Parameters
    ----------
    maps_path, light_path : str
        Maps of the search; file of `write_light`.
    isophotes : `astropy.table.Table`
    compared : list of str
        FITS files of the user.
    centre : (ra, dec) or None
    """
    maps = read_maps(maps_path)
    wcs = cells_wcs(maps_path)
    shape = maps.light.shape
    named = {OWN_LIGHT: np.asarray(maps.light, dtype=float)}
    with open_fits(light_path) as hdus:
        model = np.asarray(hdus["MODEL"].data, dtype=float)
        model_wcs = WCS(hdus["MODEL"].header).celestial
    if np.isfinite(model).any():
        named[LIGHT_MODEL] = density.sample_map(model, model_wcs, wcs, shape)
    named |= {os.path.basename(path): read_map(path, wcs, shape) for path in compared}
    return Surroundings(maps, wcs, cell_of(centre, wcs, maps.light), named, isophotes)


def describe_field(table, completeness, around, par):
    """Profiles, and exponents of maps, of all clusters and of parts of them.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources with the probabilities to be used.
    completeness : function of (mag, noise, light)
    around : `Surroundings`
    par : object
        mag_limit, mag_min (mag), turnover and width (of what stands for the clusters), colour (two filters or None),
        smoothings (arcsec), seed.

    Returns
    -------
    spatial : `astropy.table.Table`
        A row for each sample and model, ranked by evidence within a sample.
    draws : `astropy.table.Table`
        Of the profile of all clusters: log_core (arcsec), slope, and two components of the flattening.
    """
    rows, draws = [], Table(names=("log_core", "slope", "along", "across"), dtype=[float] * 4)
    for name, part, mags in _samples(table, par):
        share = share_found(completeness, par.turnover, par.width, *mags)
        survey = density.make_survey(around.maps, around.cell_arcsec, part, mags[1], share)
        there = survey.area[survey.row, survey.column] > 0
        survey = replace(
            survey, row=survey.row[there], column=survey.column[there],
            weight=survey.weight[there], share=survey.share[there],
        )  # fmt: skip
        found, fit = _describe_sample(survey, around, par)
        rows += [{"sample": name, "n_in_sample": int(there.sum())} | row for row in found]
        if name == "all" and fit is not None:
            draws = Table(fit.draws.resampled(N_KEPT, par.seed), names=draws.colnames)
    rows.append({"sample": OWN_LIGHT, "n_in_sample": 0} | _light_row(table, around))
    return _table(rows), draws


def _samples(table, par):
    """Name, sources, and range of magnitude of all clusters, the brighter and fainter, the bluer and redder half."""
    mag = np.asarray(table["mag"], dtype=float)
    table = table[mag < par.mag_limit]
    whole = (par.mag_min, par.mag_limit)
    yield "all", table, whole
    if len(table) < 2 * LEAST_SOURCES:
        return
    mag = np.asarray(table["mag"], dtype=float)
    middle = float(np.median(mag))
    yield "bright", table[mag < middle], (par.mag_min, middle)
    yield "faint", table[mag >= middle], (middle, par.mag_limit)
    if par.colour is None:
        return
    flux = [np.asarray(table[f"flux_{name}"], dtype=float) for name in par.colour]
    known = (flux[0] > 0) & (flux[1] > 0)
    if known.sum() < 2 * LEAST_SOURCES:
        return
    colour = mag_ab(flux[0][known]) - mag_ab(flux[1][known])
    yield "blue", table[known][colour < np.median(colour)], whole
    yield "red", table[known][colour >= np.median(colour)], whole


def _describe_sample(survey, around, par):
    """Rows of one sample, best evidence first, and its `EllipseFit`."""
    if len(survey.row) < LEAST_SOURCES:
        return [{"compared": "profile"}], None
    # evidences compare on the same cells only: those where all maps are positive
    good = survey.area > 0
    for values in around.compared.values():
        good &= density.usable_cells(survey, values)
    on = good[survey.row, survey.column]
    common = replace(
        survey, area=np.where(good, survey.area, 0.0), row=survey.row[on], column=survey.column[on],
        weight=survey.weight[on], share=survey.share[on],
    )  # fmt: skip
    fit = fit_ellipse(survey, around.centre, seed=par.seed)
    ranked = fit_ellipse(common, around.centre, seed=par.seed) if not on.all() else fit
    rows = [_profile_row(fit, ranked.draws.log_evidence, around)]
    for name, values in around.compared.items():
        followed = density.follow_map(common, values, good, (0.0, *par.smoothings))
        rows.append(_map_row(name, followed))
    rows.sort(key=lambda row: -np.nan_to_num(row["ln_evidence"], nan=-np.inf))
    best = rows[0]["ln_evidence"]
    for rank, row in enumerate(rows, 1):
        row |= {
            "rank_evidence": rank,
            "ln_evidence_below": best - row["ln_evidence"],
            "n_ranked": int(on.sum()),
        }
    return rows, fit


def _profile_row(fit, log_evidence, around):
    """Columns of an elliptical profile."""
    row = {"compared": "profile", "ln_evidence": log_evidence, "n_effective": fit.draws.n_effective}
    for name, values in zip(MEASURES, (fit.core, fit.slope, fit.flattening), strict=True):
        at = weighted_quantiles(values, fit.draws.weight, list(LEVELS.values()))
        row |= {f"{name}_{end}": float(value) for end, value in zip(LEVELS, at, strict=True)}
    mean, error = mean_angle(fit.angle, fit.draws.weight)
    return row | {"angle_deg": around.position_angle(mean), "angle_err_deg": float(np.degrees(error))}


def _map_row(name, followed):
    """Columns of a map that clusters may follow, with the exponent in both conventions."""
    row = {"compared": name, "ln_evidence": followed.log_evidence}
    row |= {"ln_evidence_smoothed": followed.log_evidence_smoothed}
    for column, values in (
        ("exponent", followed.exponent), ("exponent_smoothed", followed.exponent_smoothed),
        ("smoothing_arcsec", followed.smoothing_arcsec),
    ):  # fmt: skip
        row |= {f"{column}_{end}": float(value) for end, value in zip(LEVELS, values, strict=True)}
    # density ~ map^beta is map ~ density^alpha with alpha = 1 / beta: the ends change places, and none is left where
    # beta may be 0
    positive = followed.exponent[0] > 0
    inverse = 1.0 / followed.exponent[::-1] if positive else np.full(3, np.nan)
    return row | {f"alpha_{end}": float(value) for end, value in zip(LEVELS, inverse, strict=True)}


def _light_row(table, around):
    """Columns of the profile of the light between the radii at which there are clusters."""
    row, column = around.maps.cells(table["x"], table["y"])
    radius = np.hypot(row - around.centre[0], column - around.centre[1]) * around.cell_arcsec
    inner, outer = np.quantile(radius, [0.02, 1.0]) if len(radius) else (np.nan, np.nan)
    profile = light.fit_profile(around.isophotes, inner, outer)
    out = {"compared": "profile"}
    for name, (value, error) in zip(MEASURES, (profile.core, profile.slope, profile.flattening), strict=True):
        out |= {f"{name}_p16": value - error, f"{name}_p50": value, f"{name}_p84": value + error}
    angle, error = profile.angle
    position = around.position_angle(angle) if np.isfinite(angle) else np.nan
    return out | {"angle_deg": position, "angle_err_deg": float(np.degrees(error))}


def _table(rows):
    """Table of rows that have some of the columns."""
    quantities = (*MEASURES, "exponent", "alpha", "exponent_smoothed", "smoothing_arcsec")
    numbers = [f"{name}_{end}" for name in quantities for end in LEVELS]
    numbers += [
        "angle_deg",
        "angle_err_deg",
        "ln_evidence",
        "ln_evidence_below",
        "ln_evidence_smoothed",
        "n_effective",
    ]
    texts, counts = ("sample", "compared"), ("n_in_sample", "n_ranked", "rank_evidence")
    kinds = dict.fromkeys(texts, str) | dict.fromkeys(counts, int) | dict.fromkeys(numbers, float)
    return table_of_rows(rows, kinds)

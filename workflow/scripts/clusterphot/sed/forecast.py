"""Which filters would pin the age of a cluster: expected posterior widths for a truth and depths.

The posteriors are those of `clusterphot.sed.posterior`, of noiseless fluxes (the Asimov data of Cowan et al. 2011,
Eur. Phys. J. C 71, 1554) or of many noisy realisations. Depths are 5-sigma AB magnitudes of point sources.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from astropy.table import Table

from clusterphot.base.units import AB_ZERO_FLUX_NJY
from clusterphot.config.forecast import ForecastSection
from clusterphot.sed.chi2 import Photometry
from clusterphot.sed.posterior import posteriors
from clusterphot.sed.posterior_model import flux_at, make_model

WIDTHS = ("age", "metallicity", "mass")


@dataclass(frozen=True)
class Truth:
    """The cluster of a forecast.

    Attributes
    ----------
    age_gyr, metallicity_zsun : float
        Within the fine grid.
    log_mass : float
        log10 of the surviving mass, Msun.
    """

    age_gyr: float
    metallicity_zsun: float
    log_mass: float


def depth_to_error(depth_mag):
    """1-sigma flux error, nJy, of a 5-sigma AB depth."""
    return AB_ZERO_FLUX_NJY * 10.0 ** (-0.4 * np.asarray(depth_mag, float)) / 5.0


def filter_sets(baseline, extra, n_extra):
    """The baseline, and it with each combination of up to ``n_extra`` extra filters."""
    sets = [()]
    for n in range(1, n_extra + 1):
        sets += list(combinations([name for name in extra if name not in baseline], n))
    return sets


def forecast(
    grid,
    truth,
    depths_mag,
    baseline,
    priors,
    nuisance,
    *,
    n_extra=ForecastSection.n_extra,
    n_realisations=0,
    seed=ForecastSection.seed,
):
    """Expected widths of the posteriors with the baseline filters and with extra ones.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        Fine, at the redshift of the truth, through all filters.
    truth : `Truth`
    depths_mag : dict of str to float
        5-sigma AB depth of each filter of the grid.
    baseline : sequence of str
        Filters that are there anyway; the others of ``depths_mag`` are the extra ones.
    priors : `clusterphot.sed.posterior_model.Priors`
    nuisance : `clusterphot.sed.posterior_model.Nuisance`
        Of the filters of the grid.
    n_extra : int, optional
        Largest number of extra filters taken together.
    n_realisations : int, optional
        0 for noiseless data; else noise and calibration errors are drawn so often, the same for all sets,
        and widths are medians.
    seed : int, optional

    Returns
    -------
    table : `astropy.table.Table`
        One row per set, narrowest age first: ``rank``, ``extra`` (filters joined by +, empty for the
        baseline), ``n_filters``, ``snr_extra`` (of the extra filters, the lowest), and for q of `WIDTHS`
        ``<q>_dex`` (half the 16-84 % interval), ``<q>_95_dex`` (half of 2.5-97.5 %), then ``age_gain``, the baseline's
        age_dex over that of the set, ``age_p16`` and ``age_p84`` (Gyr, medians), ``p_age_edge``.

    Raises
    ------
    ValueError
        If a filter is not one of the grid or has no depth, or the truth is outside the grid.
    """
    names = list(grid.filters)
    missing = [name for name in (*baseline, *depths_mag) if name not in names or name not in depths_mag]
    if missing:
        raise ValueError(f"filters {missing}: expected in depths_mag and among those of the grid, {names}")
    _check_truth(grid, truth)
    model = make_model(grid, priors, nuisance)
    unit, _ = flux_at(model, np.array([truth.age_gyr]), np.array([truth.metallicity_zsun]))
    flux = unit[0] * 10.0**truth.log_mass
    err = np.array([depth_to_error(depths_mag.get(name, np.nan)) for name in names])
    data = _realisations(flux, err, model.nuisance, n_realisations, seed)
    rows = []
    for extra in filter_sets(baseline, [name for name in names if name in depths_mag], n_extra):
        used = np.isin(names, [*baseline, *extra])
        snr = [flux[names.index(name)] / err[names.index(name)] for name in extra]
        row = {"extra": "+".join(extra), "n_filters": int(used.sum()), "snr_extra": min(snr, default=np.nan)}
        rows.append(row | _widths_with(used, data, err, model))
    return _ranked(rows)


def _widths_with(used, data, err, model):
    """Widths with the filters used, the others missing."""
    flux = np.where(used, data, np.nan)
    err = np.where(used, err, np.nan) * np.ones((len(data), 1))
    return _widths(posteriors(Photometry(flux, err, np.zeros(len(data), int)), model).columns)


def _ranked(rows):
    """Table of the rows, of which the first is the baseline, narrowest age first."""
    base = rows[0]["age_dex"]
    rows = sorted(rows, key=lambda row: row["age_dex"])
    for rank, row in enumerate(rows, start=1):
        row |= {"rank": rank, "age_gain": base / row["age_dex"]}
    order = ["rank", "extra", "n_filters", "snr_extra", "age_gain"]
    order += [f"{q}{kind}_dex" for q in WIDTHS for kind in ("", "_95")] + ["age_p16", "age_p84", "p_age_edge"]
    return Table({name: [row[name] for row in rows] for name in order})


def _check_truth(grid, truth):
    """ValueError if the truth is outside the grid."""
    for name in ("age_gyr", "metallicity_zsun"):
        axis, value = getattr(grid, name), getattr(truth, name)
        if not axis[0] <= value <= axis[-1]:
            raise ValueError(f"{name} of the truth is {value:g}, expected {axis[0]:g} to {axis[-1]:g}")


def _realisations(flux, err, nuisance, n, seed):
    """Data of a cluster: its fluxes where n is 0, else n draws of noise and calibration errors."""
    if n == 0:
        return flux[None].copy()
    rng = np.random.default_rng(seed)
    effects = nuisance.modes.effects
    shared = rng.normal(size=(n, len(effects))) @ effects
    noise = np.nan_to_num(err) * rng.normal(size=(n, len(flux)))
    return flux * (1 + shared) + noise


def _widths(columns):
    """Half widths in dex, medians over realisations."""
    result = {}
    for name, quantity in zip(WIDTHS, ("age_gyr", "metallicity_zsun", "log_mass"), strict=True):
        for kind, low, high in (("", "p16", "p84"), ("_95", "p025", "p975")):
            ends = columns[f"{quantity}_{low}"], columns[f"{quantity}_{high}"]
            if quantity != "log_mass":
                ends = np.log10(ends[0]), np.log10(ends[1])
            result[f"{name}{kind}_dex"] = float(np.median(0.5 * (ends[1] - ends[0])))
    for end in ("p16", "p84"):
        result[f"age_{end}"] = float(np.median(columns[f"age_gyr_{end}"]))
    result["p_age_edge"] = float(np.median(columns["p_age_edge"]))
    return result

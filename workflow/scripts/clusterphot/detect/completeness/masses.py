"""Completeness of the search against mass, age, metallicity and radius of star clusters.

Artificial clusters have the spectrum of a stellar population behind the dust of the Milky Way, and a Plummer profile.
Masses are log10 of the surviving mass in Msun, fluxes nJy, magnitudes AB in the reference filter, radii pc.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy import special

from clusterphot.base.units import flux_from_mag_ab
from clusterphot.config.detection import PopulationKeys
from clusterphot.detect.completeness.logistic import CEILING, LOG_WIDTH, NOISE_SLOPE, PRIOR
from clusterphot.detect.completeness.summary import binomial_error

BIN_DEX = 0.2
"""Width of the bins of mass, half a magnitude: over about as much completeness falls."""

DEX_PER_MAG = -0.4
"""Of mass, at a given population."""

STEP_MAG = 0.04
"""Of the middles of the curves that are tried: a third of the error of a limit from a hundred clusters."""

LOG_WIDTHS, LOGIT_CEILINGS = np.linspace(-3.5, 0.5, 17), np.linspace(-4.0, 8.0, 25)
"""Log widths (0.03 to 1.6 mag) and logits of the ceilings of these curves."""

MOSTLY = 0.9
"""Probability that there is a limit within the magnitudes tried, from which it is told."""

SELECTIONS = {"found": "detected at all", "selected": "in selected.csv"}
"""What completeness is told of, by columns of the injections."""

KINDS = ("age_gyr", "metallicity_zsun", "half_light_radius_pc")
"""What artificial clusters of one kind have in common."""


@dataclass(frozen=True)
class PopulationOptions(PopulationKeys):
    """Keys of the configuration."""


@dataclass(frozen=True)
class Populations:
    """Kinds of artificial clusters, which are put in by turns.

    Attributes
    ----------
    kinds : `astropy.table.Table`
        age_gyr, metallicity_zsun and half_light_radius_pc of each.
    flux_njy : dict of str to (n,) float ndarray
        Flux per Msun that survives, by filter.
    arcsec_per_pc : float
    """

    kinds: Table
    flux_njy: dict
    arcsec_per_pc: float

    def assign(self, injected, reference):
        """Give artificial clusters populations in turns, with the fluxes and masses that follow from their magnitudes.

        Parameters
        ----------
        injected : `astropy.table.Table`
            With mag_in; changed in place.
        reference : str
            Filter of the magnitudes.
        """
        kind = np.arange(len(injected)) % len(self.kinds)
        for name in KINDS:
            injected[name] = np.asarray(self.kinds[name])[kind]
        mass = flux_from_mag_ab(np.asarray(injected["mag_in"])) / self.flux_njy[reference][kind]
        injected["log_mass"] = np.log10(mass)
        for filt, flux in self.flux_njy.items():
            injected[f"flux_in_{filt}"] = mass * flux[kind]


def make_populations(grid, extinction, options, arcsec_per_pc):
    """Kinds of artificial clusters from a grid.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        At the redshift of the field and in its filters.
    extinction : dict of str to float
        Magnitudes by filter.
    options : `PopulationOptions`
    arcsec_per_pc : float

    Returns
    -------
    populations : `Populations`
        Of the nodes of the grid nearest in the logarithm to the ages and metallicities asked for, each once.
    """
    ages, metallicities = (
        sorted({int(np.argmin(np.abs(np.log(nodes / value)))) for value in wanted})
        for nodes, wanted in (
            (grid.age_gyr, options.ages_gyr),
            (grid.metallicity_zsun, options.metallicities_zsun),
        )
    )
    nodes = list(itertools.product(ages, metallicities, options.sizes_pc))
    i, j = (np.array([node[axis] for node in nodes]) for axis in (0, 1))
    values = grid.age_gyr[i], grid.metallicity_zsun[j], [node[2] for node in nodes]
    flux = {
        filt: 10.0 ** (-0.4 * extinction[filt]) * grid.flux_njy[i, j, band] / grid.mass_remaining[i, j]
        for band, filt in enumerate(grid.filters)
    }
    return Populations(Table(dict(zip(KINDS, values, strict=True))), flux, arcsec_per_pc)


def mass_table(injections, reference):
    """Completeness against mass, for each kind of cluster, as in ``completeness/mass.ecsv``.

    Parameters
    ----------
    injections : `astropy.table.Table`
        Searched ones of all runs: `KINDS`, log_mass, mag_in, noise_F, surface_brightness, neighbour_light, found,
        selected.
    reference : str

    Returns
    -------
    table : `astropy.table.Table`
        A row for each of `SELECTIONS`, kind and bin of mass; log_mass_50 and its error stand in all rows of a kind.

    Notes
    -----
    Of one population mass is magnitude: the mass of 50 % completeness is that of the magnitude of `half_seen`.
    Magnitudes are taken to the median noise first, with limits that move by `NOISE_SLOPE` per decade of it.
    """
    kinds = np.unique(np.stack([np.asarray(injections[name], dtype=float) for name in KINDS], axis=1), axis=0)
    rows = []
    for name in SELECTIONS:
        for kind in kinds:
            head = dict(zip(KINDS, kind.tolist(), strict=True))
            chosen = np.all([np.asarray(injections[of]) == value for of, value in head.items()], axis=0)
            seen = np.asarray(injections[name], dtype=bool)[chosen]
            rows += _rows_of_kind(injections[chosen], seen, {"selection": name, **head}, reference)
    return Table(rows)


def _rows_of_kind(some, seen, head, reference):
    """Rows of one kind of cluster."""
    log_mass, mag = np.asarray(some["log_mass"]), np.asarray(some["mag_in"])
    louder = np.log10(np.asarray(some[f"noise_{reference}"]))
    limit, error = half_seen(mag + NOISE_SLOPE * (louder - np.median(louder)), seen)
    # of one population all are on a line
    log_mass_50 = float(np.median(log_mass - DEX_PER_MAG * mag)) + DEX_PER_MAG * limit
    ends = np.floor(log_mass.min() / BIN_DEX), np.floor(log_mass.max() / BIN_DEX) + 1
    edges = np.round(BIN_DEX * np.arange(ends[0], ends[1] + 1), 6)
    n_injected, n_seen = (np.histogram(values, edges)[0] for values in (log_mass, log_mass[seen]))
    return [
        head
        | {
            "log_mass_low": low,
            "log_mass_high": high,
            "n": int(n),
            "n_seen": int(k),
            "completeness": k / n if n else np.nan,
            "completeness_err": float(binomial_error(k, n)),
            "log_mass_50": log_mass_50,
            "log_mass_50_err": abs(DEX_PER_MAG) * error,
        }
        for low, high, n, k in zip(edges[:-1], edges[1:], n_injected, n_seen, strict=True)
    ]


def half_seen(mag, seen):
    """Magnitude at which half of the clusters are seen.

    Parameters
    ----------
    mag : (n,) float ndarray
    seen : (n,) bool ndarray

    Returns
    -------
    mag_50, error : float
        Mean and standard deviation of its posterior; NaN where it is likely that there is none among these magnitudes.

    Notes
    -----
    The curve is logistic with a ceiling, as in `clusterphot.detect.completeness.logistic` for one place; the likelihood
    is summed over a grid of all its middles, widths and ceilings, with the priors of the latter two given there. Few
    clusters lie where completeness falls: the curvature at the best fit would claim too small an error.
    """
    middles = np.arange(mag.min() - 1.0, mag.max() + 1.0, STEP_MAG)
    ceilings = special.expit(LOGIT_CEILINGS)[:, None]
    log_p, limits = [], []
    for log_width in LOG_WIDTHS:
        share = special.expit((middles[:, None] - mag) / np.exp(log_width))
        seen_part = special.log_expit((middles[:, None] - mag[seen]) / np.exp(log_width)).sum(axis=1)
        lost_part = np.stack([np.log1p(-top * share[:, ~seen]).sum(axis=1) for top in ceilings[:, 0]])
        prior = _log_prior(LOG_WIDTH, log_width) + _log_prior(CEILING, LOGIT_CEILINGS)[:, None]
        log_p.append(seen_part + seen.sum() * np.log(ceilings) + lost_part + prior)
        ratio = np.where(ceilings > 0.5, 2.0 * ceilings - 1.0, np.nan)
        limits.append(middles + np.exp(log_width) * np.log(ratio))
    weight, limit = np.exp(np.array(log_p) - np.max(log_p)), np.array(limits)
    weight /= weight.sum()
    inside = (limit >= mag.min()) & (limit <= mag.max())  # false where there is none
    if weight[inside].sum() < MOSTLY:
        return np.nan, np.nan
    mean = np.average(limit[inside], weights=weight[inside])
    return float(mean), float(np.sqrt(np.average((limit[inside] - mean) ** 2, weights=weight[inside])))


def _log_prior(parameter, values):
    """Logarithm of the Gaussian prior of a parameter of the curve, but for a constant."""
    mean, sigma = PRIOR[parameter]
    return -0.5 * ((values - mean) / sigma) ** 2

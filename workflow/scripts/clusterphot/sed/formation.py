"""When clusters formed: from ages to lookback times and redshifts of formation.

Flat Lambda-CDM without radiation, as everywhere in this package; Peebles (1993, Principles of Physical Cosmology,
section 13). Gyr.
"""

import numpy as np
from astropy.table import Table, vstack

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.flags import Flag

RESOLUTION_GYR = 1e-6
"""Populations formed within this time of the Big Bang count as being as old as the Universe."""

QUANTILES = ("p025", "p16", "p50", "p84", "p975")
HUBBLE_TIME_GYR = 977.7922216807892
"""1 / (1 km/s/Mpc) in Gyr, with the Julian year and the parsec of the IAU (2015, resolution B2)."""


def redshift_at_age(age_gyr, *, h0, omega_m):
    """Redshift at which the Universe had an age.

    Parameters
    ----------
    age_gyr : float array_like
        Age of the Universe, Gyr.
    h0 : float, km/s/Mpc
    omega_m : float in (0, 1]

    Returns
    -------
    redshift : float ndarray
        Infinite for ages of zero or less, NaN for NaN.

    Notes
    -----
    The exact inverse of t(z) = 2 / (3 H0 sqrt(OL)) asinh(sqrt(OL / Om) (1 + z)^(-3/2)) with OL = 1 - Om (Peebles 1993,
    equation 13.20), and of t(z) = 2 / (3 H0) (1 + z)^(-3/2) for Om = 1.
    """
    age = np.asarray(age_gyr, dtype=float)
    scaled = 1.5 * np.where(age > 0, age, np.nan) * h0 / HUBBLE_TIME_GYR
    omega_l = 1.0 - omega_m
    growth = scaled
    if omega_l > 0:
        growth = np.sqrt(omega_m / omega_l) * np.sinh(np.sqrt(omega_l) * scaled)
    redshift = growth ** (-2.0 / 3.0) - 1.0
    return np.where(age <= 0, np.inf, redshift)


def formation(age_gyr, *, redshift, cosmology):
    """Lookback time and redshift of formation of populations seen at a redshift.

    Parameters
    ----------
    age_gyr : float array_like
        Age at the time of observation, Gyr; NaN where not measured.
    redshift : float
        Of the field.
    cosmology : dict
        ``h0`` (km/s/Mpc) and ``omega_m``.

    Returns
    -------
    lookback_gyr : float ndarray
        Time from formation until today, Gyr.
    z_form : float ndarray
        Infinite for ages of at least that of the Universe at ``redshift``.
    """
    age = np.asarray(age_gyr, dtype=float)
    today, then = (age_of_universe_gyr(z, **cosmology) for z in (0.0, redshift))
    left = then - age
    left = np.where(left < RESOLUTION_GYR, 0.0, left)
    return age + today - then, redshift_at_age(left, **cosmology)


def formation_table(clusters, stack, *, redshift, cosmology):
    """Formation of the stack and of each cluster, from best fits and posteriors.

    Parameters
    ----------
    clusters : `astropy.table.Table`
        Columns id, age_gyr, flags and the quantiles ``age_gyr_p025`` to ``age_gyr_p975``.
    stack : `astropy.table.Table` or None
        The same of the stack, one row.
    redshift, cosmology
        As of `formation`; a column ``redshift`` of the clusters goes before the former.

    Returns
    -------
    table : `astropy.table.Table`
        First the stack where there is one, then one row per cluster in their order. Both quantities grow with age, so
        that their quantiles are those of the age.
    """
    parts = [part for part in (stack, clusters) if part is not None]
    tables = []
    for part in parts:
        flags = np.asarray(part["flags"], dtype=int)
        table = Table(
            {"id": np.asarray(part["id"], dtype=str), "is_stack": np.full(len(part), part is stack)}
        )
        seen_at = (
            np.asarray(part["redshift"], float)
            if "redshift" in part.colnames
            else np.full(len(part), redshift)
        )
        for name, age in _ages(part):
            lookback, z_form = (np.full(len(part), np.nan) for _ in range(2))
            for z in np.unique(seen_at):
                rows = seen_at == z
                lookback[rows], z_form[rows] = formation(age[rows], redshift=z, cosmology=cosmology)
            table[f"lookback_gyr{name}"], table[f"z_form{name}"] = lookback, z_form
        table["flags"] = np.where(np.isinf(table["z_form"]), flags | int(Flag.OLDER_THAN_UNIVERSE), flags)
        tables.append(table)
    return vstack(tables)


def _ages(table):
    """Ends of column names and ages: of the best fit, then the quantiles of the posterior."""
    yield "", np.asarray(table["age_gyr"], dtype=float)
    for name in QUANTILES:
        yield f"_{name}", np.asarray(table[f"age_gyr_{name}"], dtype=float)


def summary(table):
    """Quantiles (16, 50, 84 %) over the clusters of the medians of their posteriors, for logs and metadata.

    Parameters
    ----------
    table : `astropy.table.Table`
        Of `formation_table`.

    Returns
    -------
    summary : dict
        ``n`` clusters, and three numbers for ``lookback_gyr`` and ``z_form``; empty lists where there is none.
    """
    clusters = table[~np.asarray(table["is_stack"], dtype=bool)]
    found = {}
    for name in ("lookback_gyr", "z_form"):
        values = np.asarray(clusters[f"{name}_p50"], dtype=float)
        values = values[np.isfinite(values)]
        found["n"] = len(values)
        found[name] = [float(q) for q in np.quantile(values, [0.16, 0.5, 0.84])] if len(values) else []
    return found

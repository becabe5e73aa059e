"""The value of each cluster that figures and pages show: the median of its posterior where there is one.

Ages Gyr, metallicities in solar units, masses log10 Msun (surviving).
"""

from dataclasses import dataclass

import numpy as np

BEST_FITS = "best fits"
LEAST_SNR = 3.0
"""Signal to noise below which a source is not drawn as one that is seen."""

LEAST_SNR_MAG = 2.5 / np.log(10) / LEAST_SNR
"""The same as an error of a magnitude."""

LARGEST_DEX = 0.4
"""Half the 68 % interval of a log mass beyond which it is that of the prior: an error of 3 sigma is 0.15, M/L adds as
much."""


@dataclass(frozen=True)
class Values:
    """One quantity of the clusters of a field.

    Attributes
    ----------
    middle, low, high : (n,) float ndarray
        Value and ends of its 68 % interval; NaN where not known.
    words : str
        What the values are.
    """

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    words: str


def recommended(clusters, name):
    """Values of a quantity: medians of posteriors, or best fits where the table has no posteriors.

    Parameters
    ----------
    clusters : `astropy.table.Table`
        clusters.ecsv.
    name : {'age_gyr', 'metallicity_zsun', 'log_mass', 'ml_v'}

    Returns
    -------
    values : `Values`
        Best fits have an interval only where the table has an error of them.
    """

    def column(key):
        return np.ma.filled(np.ma.asarray(clusters[key], dtype=float), np.nan)

    if f"{name}_p50" in clusters.colnames:
        low, middle, high = (column(f"{name}_{quantile}") for quantile in ("p16", "p50", "p84"))
        return Values(middle, low, high, "medians of posteriors")
    best = column(name)
    err = column(f"{name}_err") if f"{name}_err" in clusters.colnames else np.full(len(best), np.nan)
    return Values(best, best - err, best + err, BEST_FITS)

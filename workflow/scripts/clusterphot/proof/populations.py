"""Ages, metallicities and masses of artificial clusters: in against out. Gyr, solar units, log10 Msun."""

import numpy as np
from astropy.table import Table, vstack

from clusterphot.proof.recovery import POPULATION, add_populations, population_rows

COLUMNS = (
    "quantity", "n", "n_flagged", "flagged_fraction", "bias", "bias_err", "median_pull", "pull_scatter",
)  # fmt: skip


def add_fits(outcome, photometry, fitted, models, options):
    """Outcome with the populations of its artificial clusters, fitted and true.

    Parameters
    ----------
    outcome : `astropy.table.Table`
        From `clusterphot.proof.outcome`.
    photometry, fitted : `astropy.table.Table`
        De-reddened photometry of the artificial clusters, and the fits of populations to it.
    models, options
        As in `clusterphot.sed.best_fit.fit_seds`.

    Returns
    -------
    outcome : `astropy.table.Table`
        With age_gyr, metallicity_zsun, log_mass, log_mass_err, the same true_, and flags_sed; NaN and 0 for blank
        places.

    Notes
    -----
    True populations are what the same fit gives for the true fluxes, with the errors of the measured ones.
    """
    injected = np.asarray(outcome["kind"]) == "injected"
    some, others = outcome[injected], outcome[~injected]
    truth = Table({"id": some["id"]})
    for filt in models.filters:
        truth[f"flux_{filt}"] = some[f"true_flux_{filt}"]
    if len(some):
        add_populations(some, truth, photometry, fitted, models, options)
    for table in (others,) if len(some) else (some, others):
        for name in (*POPULATION, "log_mass_err", *(f"true_{name}" for name in POPULATION)):
            table[name] = np.full(len(table), np.nan)
        table["flags_sed"] = np.zeros(len(table), dtype=int)
    return vstack([some, others], metadata_conflicts="silent")


def population_table(outcome):
    """Biases of the populations of artificial clusters without a flag, one row each."""
    some = outcome[(np.asarray(outcome["kind"]) == "injected") & (np.asarray(outcome["flags"]) == 0)]
    rows = population_rows(some)
    return Table({name: [row[name] for row in rows] for name in COLUMNS})

"""How much of the error of a population's median age, metallicity and mass each shared error carries.

The data with a mode off by one sigma are those without and the prior of its amplitude moved by one: so the posterior
mean of a quantity moves by the posterior covariance of the quantity with the amplitude. Modes are independent, so the
squares of these moves and of the rest, the noise, add up to the variance. Dex.
"""

import numpy as np
from astropy.table import Table

from clusterphot.population.directions import amplitude_weights

QUANTITIES = {
    "age": ("median_age_gyr", np.log10),
    "metallicity": ("median_metallicity_zsun", np.log10),
    "mass": ("median_log_mass", np.asarray),
}
"""What the budget is of, the parameters of a fit and how they become dex."""

NOISE, LIBRARY = "noise", "library"


def mode_table(fits, modes):
    """Amplitudes of the shared modes, and what one sigma of each does to the population, model by model.

    Parameters
    ----------
    fits : dict of str to `clusterphot.population.results.Fit`
    modes : `clusterphot.sed.shared_modes.SharedModes`

    Returns
    -------
    table : `astropy.table.Table`
        ``model``, ``name``, ``kind``; ``amplitude`` and ``amplitude_err`` (posterior, in prior sigma);
        ``age_shift_dex``, ``metallicity_shift_dex``, ``mass_shift_dex``. The last row of each model, ``noise``, is all
        that is not shared.
    """
    weights = amplitude_weights(modes)
    rows = []
    for model, fit in fits.items():
        z = np.array([fit.target.split(x)[4] for x in fit.draws.x])
        mean = weights @ z.mean(axis=0)
        covariance = np.atleast_2d(np.cov(z, rowvar=False)) if z.shape[1] else np.zeros((0, 0))
        # what the shifts of the bands leave open of an amplitude keeps its prior
        variance = 1.0 - np.sum(weights**2, axis=1) + np.einsum("ki,ij,kj->k", weights, covariance, weights)
        moves, rest = {}, {}
        for word, (parameter, to_dex) in QUANTITIES.items():
            values = to_dex(fit.values[parameter])
            with_z = np.array([np.cov(values, column)[0, 1] for column in z.T])
            moves[word] = weights @ with_z if len(with_z) else np.zeros(len(weights))
            rest[word] = np.sqrt(max(values.var(ddof=1) - np.sum(moves[word] ** 2), 0.0))
        for k, name in enumerate(modes.names):
            row = {"model": model, "name": name, "kind": modes.kinds[k]}
            row |= {"amplitude": mean[k], "amplitude_err": np.sqrt(max(variance[k], 0.0))}
            rows.append(row | {f"{word}_shift_dex": moves[word][k] for word in QUANTITIES})
        row = {"model": model, "name": NOISE, "kind": NOISE, "amplitude": np.nan, "amplitude_err": np.nan}
        rows.append(row | {f"{word}_shift_dex": rest[word] for word in QUANTITIES})
    return Table(rows)


def budget_table(tables, parameters, fiducial):
    """Share of each mode, of the library and of the noise in the error.

    Parameters
    ----------
    tables : dict of str to `astropy.table.Table`
        `mode_table` of each grid.
    parameters : dict of str to `astropy.table.Table`
        `clusterphot.population.results.parameter_table` of each grid.
    fiducial : str
        Grid whose modes are taken.

    Returns
    -------
    table : `astropy.table.Table`
        ``name``, ``kind``, and for age, metallicity and mass ``<word>_shift_dex`` and ``<word>_share``, of the
        variance, the largest share of the age first.
    model : str
        Of the modes: the best by score with the fiducial grid.
    """
    scores = parameters[fiducial]
    model = str(scores["model"][int(np.argmax(scores["score"]))])
    used = tables[fiducial][tables[fiducial]["model"] == model]
    rows = [{name: row[name] for name in ("name", "kind", *_shifts())} for row in used]
    if len(parameters) > 1:
        library = {"name": LIBRARY, "kind": LIBRARY}
        for word, (parameter, to_dex) in QUANTITIES.items():
            medians = [_median(parameters[grid], model, parameter) for grid in parameters]
            library[f"{word}_shift_dex"] = float(np.std(to_dex(np.array(medians)), ddof=1))
        rows.append(library)
    for word in QUANTITIES:
        variance = np.array([row[f"{word}_shift_dex"] for row in rows]) ** 2
        total = variance.sum()
        for row, part in zip(rows, variance, strict=True):
            row[f"{word}_share"] = float(part / total) if total > 0 else np.nan
    rows.sort(key=lambda row: -row["age_share"])
    return Table(rows), model


def _shifts():
    return tuple(f"{word}_shift_dex" for word in QUANTITIES)


def _median(table, model, parameter):
    """Posterior median of a parameter."""
    rows = (table["model"] == model) & (table["parameter"] == parameter)
    return float(table["p50"][rows][0])

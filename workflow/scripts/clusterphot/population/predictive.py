"""Does a population have the colours of its clusters? Predicted medians and scatters of colours beside those observed.

Posterior-predictive checks after Gelman, Meng & Stern (1996, Stat. Sinica 6, 733). Colours are ratios of fluxes to the
reference band, in which negative fluxes count.
"""

import numpy as np
from astropy.table import Table

from clusterphot.base.robust import mad_sigma
from clusterphot.sed.posterior import PROBABILITIES, QUANTILE_NAMES

N_REPLICATES = 200
"""Replicated samples; p-values to 0.03."""

LEAST_SIGNIFICANCE = 5.0
"""In the reference band, of the clusters whose colours are compared."""

STATISTICS = {
    "median": lambda ratio: np.median(ratio, axis=-1),
    "scatter": lambda ratio: mad_sigma(ratio, axis=-1),
}


def color_table(fits, filters, reference, *, seed):
    """Colours observed and predicted.

    Parameters
    ----------
    fits : dict of str to `clusterphot.population.results.Fit`
    filters : sequence of str
    reference : str
        Filter to which the fluxes are compared.
    seed : int

    Returns
    -------
    table : `astropy.table.Table`
        ``model``, ``filter``, ``statistic`` (median or scatter of the ratio of fluxes), ``observed``, quantiles of what
        the population predicts, and ``p_predictive``, the probability of a value further on the side where the observed
        one is, doubled.

    Notes
    -----
    Clusters of the replicated samples have the brightness of those observed, and ages and metallicities of the
    population, not their own; so a history that is too narrow has too little scatter.
    """
    band = list(filters).index(reference)
    rows = []
    for name, fit in fits.items():
        ratio, predicted = _replicate(fit, band, np.random.default_rng(seed))
        for column, filt in enumerate(filters):
            if column == band:
                continue
            known = np.isfinite(ratio[:, column])
            for statistic, of in STATISTICS.items():
                if known.sum() < 2:
                    continue
                observed = float(of(ratio[known, column]))
                values = of(predicted[:, known, column])
                share = np.mean(values < observed)
                rows.append(
                    {
                        "model": name,
                        "filter": filt,
                        "statistic": statistic,
                        "observed": observed,
                        **dict(
                            zip(QUANTILE_NAMES, map(float, np.quantile(values, PROBABILITIES)), strict=True)
                        ),
                        "p_predictive": float(2 * min(share, 1 - share)),
                    }
                )
    return Table(rows, names=None if rows else COLUMNS, dtype=None if rows else DTYPES)


COLUMNS = ("model", "filter", "statistic", "observed", *QUANTILE_NAMES, "p_predictive")
DTYPES = (str, str, str, *[float] * (len(COLUMNS) - 3))


def _replicate(fit, band, rng):
    """Ratios observed (n, n_bands), and of replicated samples (n_replicates, n, n_bands)."""
    target, draws = fit.target, fit.draws
    sample, flux_of_node = target.likelihood.sample, target.likelihood.nodes.flux
    with np.errstate(invalid="ignore"):
        used = (sample.flux[:, band] > LEAST_SIGNIFICANCE * sample.err[:, band]) & (draws.as_cluster > 0.5)
    flux, err = sample.flux[used], sample.err[used]
    ratio = flux / flux[:, band, None]
    replicates = np.empty((N_REPLICATES, *flux.shape))
    for k, row in enumerate(np.linspace(0, len(draws.x) - 1, N_REPLICATES).astype(int)):
        x = draws.x[row]
        log_scale, _, _, shift, _ = target.values(x)
        p = np.exp(target.history.log_probability(target.split(x)[0])[0])
        node = rng.choice(len(p), size=len(flux), p=p / p.sum())
        noise = np.exp(log_scale) * err * rng.normal(size=err.shape)
        # the reference flux is kept as observed, and its noise taken out of what the other bands are predicted from
        true = flux[:, band] - noise[:, band]
        model = flux_of_node[:, node].T * (1 + shift)
        replicates[k] = (true[:, None] * model / model[:, band, None] + noise) / flux[:, band, None]
    return ratio, replicates

"""Which clusters a list can hold: its completeness in the reference band, and what that does to a population.

Clusters of equal mass are fainter when old. In a list down to a flux the young ones are over-represented by the ratio
of their fluxes per mass to the power of the mass function's slope.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from clusterphot.population.histories import Nodes

SLOPES = (0.05, 3.0)
"""Ends of the range of the mass function's slope, of numbers per log mass."""

N_SLOPES, N_FLUX = 61, 2001

BRIGHTEST_LN = np.log(1e4)
"""Brightest clusters over the flux of 50 % completeness: 10 mag."""


@dataclass(frozen=True)
class Listed:
    """Log of the numbers listed, of clusters of 1 Msun and of contaminants of 1 nJy per log, and derivatives.

    ``by_node`` (n_nodes,), ``by_shift`` (n_bands,) and ``by_slope`` are those of ``log_clusters``.
    """

    log_clusters: float
    log_others: float
    by_node: np.ndarray
    by_shift: np.ndarray
    by_slope: float
    others_by_slope: float


class Selection:
    """Completeness of a list against the flux in its reference band.

    Parameters
    ----------
    band : int
        Of the reference filter.
    flux_half : float, nJy
        Flux, corrected for Milky Way dust, at which half of the clusters are listed.
    width_dex : float
        Width of the logistic fall of completeness in log flux.
    nodes : `clusterphot.population.histories.Nodes`
    """

    def __init__(self, band, flux_half, width_dex, nodes):
        from scipy.interpolate import CubicSpline

        self.band, self.flux_half, self.width_dex = band, float(flux_half), float(width_dex)
        self._log_flux = np.log(nodes.flux[band])
        # integral over ln f of f^-slope times the completeness
        width = width_dex * np.log(10)
        x = np.linspace(-8 * width - 1.0, BRIGHTEST_LN, N_FLUX)
        complete = expit(x / width)
        slopes = np.linspace(0.0, SLOPES[1] + 0.5, N_SLOPES)
        integral = [np.trapezoid(np.exp(-s * x) * complete, x) for s in slopes]
        self._log_integral = CubicSpline(slopes, np.log(integral) - slopes * np.log(self.flux_half))

    def listed(self, log_p, shift, slope):
        """Share of all that is listed, for numbers per log mass that go as mass to minus ``slope``.

        Parameters
        ----------
        log_p : (n_nodes,) float ndarray
        shift : (n_bands,) float ndarray
        slope : float

        Returns
        -------
        listed : `Listed`
        """
        log_flux = self._log_flux + np.log1p(shift[self.band])
        log_node = log_p + slope * log_flux
        top = log_node.max()
        share = np.exp(log_node - top)
        total = share.sum()
        share /= total
        log_integral, by_slope = (float(self._log_integral(slope, order)) for order in (0, 1))
        by_shift = np.zeros(len(shift))
        by_shift[self.band] = slope / (1.0 + shift[self.band])
        return Listed(
            log_clusters=np.log(total) + top + log_integral,
            log_others=log_integral,
            by_node=share,
            by_shift=by_shift,
            by_slope=share @ log_flux + by_slope,
            others_by_slope=by_slope,
        )


WIDTH_DEX = 0.06
"""Width of the fall of completeness in log flux, 0.15 mag: from 75 to 25 % within 0.33 mag, as in searches of NIRCam
fields."""

AB_ZERO_NJY = 3631e9


def field_selection(params, filters, extinction, model):
    """Selection of a field from the configuration, and words about it.

    Parameters
    ----------
    params : namespace
        ``mag_limit`` (AB mag as observed, or None) and ``reference_filter``.
    filters : sequence of str
    extinction : `astropy.table.Table`
        ``filter``, ``extinction_mag``.
    model : `clusterphot.sed.posterior_model.PosteriorModel`

    Returns
    -------
    selection : `Selection` or None
    words : str
    """
    if params.mag_limit is None:
        return None, "none: the population is that of the clusters listed, by number"
    band = list(filters).index(params.reference_filter)
    rows = dict(zip(extinction["filter"], extinction["extinction_mag"], strict=True))
    mag = params.mag_limit - float(rows[params.reference_filter])
    flux = AB_ZERO_NJY * 10 ** (-0.4 * mag)
    words = f"half of the clusters of {params.mag_limit:g} mag in {params.reference_filter} are listed"
    return Selection(band, flux, WIDTH_DEX, Nodes.of_model(model)), words

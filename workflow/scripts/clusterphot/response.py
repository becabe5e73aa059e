"""How found fluxes differ from true ones, from artificial clusters: the response of the search.

Found sources are those that noise has lifted over the threshold (Eddington 1913). Fluxes and noise nJy.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.noise import MAD_TO_SIGMA

PER_BIN = 40
"""Selected artificial clusters per bin of the response."""

MAX_SNR, N_SNR = 1e3, 4000
"""Grid on which the response is inverted; bias and scatter are constant beyond it."""


@dataclass(frozen=True)
class Response:
    """Error of the found flux of selected clusters against their true signal to noise.

    Attributes
    ----------
    snr : (k,) float ndarray
        True flux over local noise, increasing.
    bias, scatter : (k,) float ndarray
        Of found less true flux, in units of the local noise; the bias of faint ones is Eddington's (1913).
    """

    snr: np.ndarray
    bias: np.ndarray
    scatter: np.ndarray

    def __call__(self, snr):
        """Bias and scatter at a signal to noise; constant beyond the ends."""
        at = np.log(np.clip(snr, self.snr[0], self.snr[-1]))
        return np.interp(at, np.log(self.snr), self.bias), np.interp(at, np.log(self.snr), self.scatter)

    def true_flux(self, flux, noise):
        """True flux of which a found one is typical.

        Parameters
        ----------
        flux, noise : (n,) float ndarray, nJy

        Returns
        -------
        true : (n,) float ndarray, nJy
            Where the median of found fluxes is ``flux``; at least that of the faintest artificial clusters that
            were selected, since the fluxes of those below tell nothing.
        """
        snr = np.geomspace(self.snr[0], max(MAX_SNR, 2 * self.snr[-1]), N_SNR)
        typical = np.maximum.accumulate(snr + self(snr)[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.asarray(flux, dtype=float) / noise
        return noise * np.where(found < typical[-1], np.interp(found, typical, snr), found - self.bias[-1])


IDEAL = Response(np.array([1.0, 2.0]), np.zeros(2), np.ones(2))
"""Fluxes that scatter by the noise, unbiased."""


def measure_response(true, found, noise, selected):
    """Response of the search from artificial clusters.

    Parameters
    ----------
    true, found, noise : (n,) float ndarray, nJy
    selected : (n,) bool ndarray

    Returns
    -------
    response : `Response`
        `IDEAL` where fewer than two bins' worth were selected.
    """
    rows = np.flatnonzero(selected & np.isfinite(found) & (true > 0) & (noise > 0))
    if len(rows) < 2 * PER_BIN:
        return IDEAL
    snr = true[rows] / noise[rows]
    order = np.argsort(snr, kind="stable")
    snr, error = snr[order], ((found - true) / noise)[rows][order]
    parts = np.array_split(np.arange(len(rows)), len(rows) // PER_BIN)
    bias = np.array([np.median(error[part]) for part in parts])
    spread = [MAD_TO_SIGMA * np.median(np.abs(error[part] - np.median(error[part]))) for part in parts]
    return Response(
        np.array([np.exp(np.mean(np.log(snr[part]))) for part in parts]), bias, np.maximum(spread, 0.2)
    )

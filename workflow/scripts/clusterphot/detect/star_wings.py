"""Surroundings of bright stars, where light beyond the stamp of the PSF looks like sources.

A PSF known on a stamp of two arcsec leaves the spikes and wings outside it; those of bright stars are found one
piece after the other. The stars are those of the field's star list, whose fluxes are measured on the wings where
the core is saturated. Positions pixels of the reference filter, fluxes nJy, distances arcsec.
"""

import logging
from dataclasses import dataclass

import numpy as np
from scipy import signal

from clusterphot.base.images import radius_grid
from clusterphot.base.robust import mad_sigma
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.detect.kernels import TAPER_ARCSEC

logger = logging.getLogger(__name__)

RING_ARCSEC = 0.08
MIN_RINGS = 3
"""The fall of the wings is measured in rings of this width, from two FWHM outside the disc of the filter to where the
disc leaves the stamp; of the PSF itself from CORE_FWHM outwards where these are fewer."""

CORE_FWHM = 4.0
"""Outside so many FWHM the light of a PSF falls as a power; inside it has rings."""

FALL_RANGE, ROUND_FALL = (2.0, 3.5), 3.0
"""Powers of the distance by which spikes and wings fall: diffraction by straight edges (2), and by a round one (3)."""

CORE_ARCSEC = 0.3
"""The flux of a saturated star is measured outside this radius."""

MIN_WING_PIXELS = 100
"""Good pixels outside the core that the flux of a saturated star is measured on, at least."""

CLIP_SIGMA, N_CLIPS = 4.0, 3
"""Pixels further from the fitted wings belong to other sources; rounds of leaving them out."""

MAX_MAG = 23.0
"""Fainter stars have no wings to speak of: at 1 arcsec less than 1e-4 of the peak."""


@dataclass(frozen=True)
class BrightStars:
    """Stars whose wings are looked out for.

    Attributes
    ----------
    x, y, flux : (n,) float ndarray
    level, fall : float
        A star of unit flux gives ``level`` r^-``fall`` in the flux map, at most, at r arcsec from it.
    """

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    level: float
    fall: float

    def radius(self, flux_limit):
        """Distance in arcsec at which each star's wings give a flux, nJy; 0 where the stamp of the PSF holds them."""
        reach = (self.flux * self.level / flux_limit) ** (1.0 / self.fall)
        return np.where(reach > TAPER_ARCSEC, reach, 0.0)

    def mask(self, plane, threshold_sigma):
        """Pixels of a plane of the reference filter that lie in the wings of a star.

        Parameters
        ----------
        plane : `clusterphot.detect.planes.Plane`
        threshold_sigma : float
            Wings count where they exceed so many sigma of the noise expected from weights and photons.

        Returns
        -------
        mask : (ny, nx) bool ndarray
        """
        mask = np.zeros(plane.bad.shape, dtype=bool)
        known = np.isfinite(plane.sigma) & (plane.sigma > 0)
        if not known.any():
            return mask
        scale, limit = (
            plane.band.mosaic.pixel_scale_arcsec,
            threshold_sigma * np.where(known, plane.sigma, np.inf),
        )
        rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
        farthest = self.radius(limit.min())
        for k in np.flatnonzero(farthest > 0):
            x, y = self.x[k] - plane.origin[0], self.y[k] - plane.origin[1]
            reach = farthest[k] / scale
            y0, y1 = (int(np.clip(y + side * reach + 1, 0, mask.shape[0])) for side in (-1, 1))
            x0, x1 = (int(np.clip(x + side * reach + 1, 0, mask.shape[1])) for side in (-1, 1))
            part = np.s_[y0:y1, x0:x1]
            distance = np.hypot(columns[:, x0:x1] - x, rows[y0:y1] - y) * scale
            # where the stamp of the PSF holds the wings, they are as bright as at its edge at most
            wings = self.flux[k] * self.level * np.maximum(distance, TAPER_ARCSEC) ** -self.fall
            mask[part] |= wings > limit[part]
        return mask


def find_bright_stars(stars, mosaic, psf, flux_filter):
    """Bright stars of a field with their fluxes, and how their wings fall.

    Parameters
    ----------
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars`.
    mosaic : `clusterphot.base.products.Mosaic`
        Of the reference filter.
    psf : `clusterphot.base.products.Psf`
    flux_filter : (2r + 1, 2r + 1) float ndarray
        `clusterphot.detect.kernels.Kernels.flux`.

    Returns
    -------
    bright : `BrightStars`
    """
    rows = stars[(np.asarray(stars["mag_auto"]) < MAX_MAG) & (np.asarray(stars["reason"]) != "galaxy")]
    x, y = (np.asarray(rows[name], dtype=float) for name in ("x", "y"))
    light = psf.data * psf.ee_stamp
    level, fall = 0.0, ROUND_FALL
    if len(rows):
        level, fall = wing_profile(light, flux_filter, psf.fwhm_arcsec, mosaic.pixel_scale_arcsec)
    flux = flux_from_mag_ab(np.asarray(rows["mag_auto"], dtype=float))
    for k in np.flatnonzero(rows["saturated"]):
        flux[k] = max(wing_flux(mosaic, light, x[k], y[k]), flux[k])
    return BrightStars(x, y, flux, level, fall)


def wing_profile(light, flux_filter, fwhm_arcsec, pixel_scale_arcsec):
    """Level at one arcsec and power of the fall of what the flux map shows of a unit source in its wings.

    Parameters
    ----------
    light : (n, n) float ndarray
        PSF per unit total flux; odd n.
    flux_filter : (2r + 1, 2r + 1) float ndarray
    fwhm_arcsec, pixel_scale_arcsec : float

    Returns
    -------
    level, fall : float
        Of the largest value in each ring: level r^-fall; level 0 where the stamp is too small to tell.
    """
    seen = signal.fftconvolve(light, flux_filter[::-1, ::-1], mode="same")
    seen = np.abs(seen) / seen.max()
    distance = radius_grid(len(light) // 2) * pixel_scale_arcsec
    disc, edge = len(flux_filter) // 2 * pixel_scale_arcsec, distance[0].min() - RING_ARCSEC + 1e-9
    inner = np.arange(disc + 2 * fwhm_arcsec, edge - disc, RING_ARCSEC)
    if len(inner) < MIN_RINGS:
        # too small for the filter, which then is taken to see wings as bright as they are beside the peak
        seen = np.abs(light) / light.max()
        inner = np.arange(CORE_FWHM * fwhm_arcsec, edge, RING_ARCSEC)
    if not len(inner):
        logger.warning("the PSF's stamp is too small to tell the wings of bright stars, which are not masked")
        return 0.0, ROUND_FALL
    top = [seen[(distance >= r) & (distance < r + RING_ARCSEC)].max() for r in inner]
    top = np.log(np.maximum(top, 1e-12))
    if len(inner) < MIN_RINGS:
        return float(np.exp(top[-1]) * inner[-1] ** ROUND_FALL), ROUND_FALL
    slope, _ = np.polyfit(np.log(inner), top, 1)
    fall = float(np.clip(-slope, *FALL_RANGE))
    return float(np.exp(np.mean(top + fall * np.log(inner)))), fall


def wing_flux(mosaic, light, x, y):
    """Flux of a star from its wings alone.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    light : (n, n) float ndarray
        PSF per unit total flux.
    x, y : float
        Pixels of the mosaic.

    Returns
    -------
    flux : float, nJy
        0 where there are not enough good pixels.
    """
    half = len(light) // 2
    column, row = int(np.rint(x)), int(np.rint(y))
    ny, nx = mosaic.shape
    y0, y1, x0, x1 = (
        max(row - half, 0),
        min(row + half + 1, ny),
        max(column - half, 0),
        min(column + half + 1, nx),
    )
    if y1 <= y0 or x1 <= x0:
        return 0.0
    sci, ivar = mosaic.region(y0, y1, x0, x1)
    part = np.s_[y0 - row + half : y1 - row + half, x0 - column + half : x1 - column + half]
    shape = light[part]
    outside = radius_grid(half)[part] * mosaic.pixel_scale_arcsec > CORE_ARCSEC
    good = outside & np.isfinite(sci) & np.isfinite(ivar) & (ivar > 0)
    flux = 0.0
    for _ in range(N_CLIPS):
        if good.sum() < MIN_WING_PIXELS:
            return 0.0
        terms = np.stack([shape[good], np.ones(good.sum())], axis=1)
        (flux, sky), *_ = np.linalg.lstsq(terms, sci[good], rcond=None)
        away = np.where(good, sci - flux * shape - sky, 0.0)
        scatter = mad_sigma(away[good], centre=0.0)
        good &= np.abs(away) < CLIP_SIGMA * scatter
    return max(float(flux), 0.0)

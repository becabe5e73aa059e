"""Light of artificial clusters in cutouts of real mosaics, with the noise of its photons.

Images nJy/pixel, positions mosaic pixels (0-based).
"""

from dataclasses import replace

import numpy as np
from scipy.fft import irfft2, rfft2

from clusterphot.measure.rendering import PsfRenderer
from clusterphot.optics.extended import broadened


def paint(cutouts, band, places, fluxes, streams, half_light_arcsec=None):
    """Cutouts with a source painted into each.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
        n of them; each gets its own source only, so that none lies on another.
    band : `clusterphot.proof.bands.Band`
    places : (x, y)
        Of the sources in the mosaic, (n,) each.
    fluxes : (n,) float ndarray, nJy
    streams : list of `numpy.random.Generator`
        One for the photons of each source.
    half_light_arcsec : (n,) float ndarray, optional
        Of Plummer profiles; 0, and the default, is a point.

    Returns
    -------
    cutouts : `clusterphot.base.products.Cutouts`

    Notes
    -----
    Photons add the variance that the fits expect of this light (`clusterphot.base.products.Noise.photon_growth`), with
    the correlation of the background's noise: drizzling spreads both alike. The PSF is that of the place; what dither
    phases do to single sources is left out.
    """
    x, y = places
    sizes = np.zeros(len(x)) if half_light_arcsec is None else np.asarray(half_light_arcsec)
    light = np.zeros_like(cutouts.data)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        terms = band.psf.terms
        if size > 0:
            terms = broadened(terms, cutouts.pixel_scale_arcsec, size)
        renderer = PsfRenderer(terms, cutouts.data.shape[-1])
        cores = renderer.cores(band.psf.weights(x[rows], y[rows]))
        images = renderer.render(x[rows] - cutouts.x0[rows], y[rows] - cutouts.y0[rows], cores)
        light[rows] = fluxes[rows, None, None] * images
    data = cutouts.data + light
    if band.mosaic.gain_e_per_njy is not None:
        part = band.noise.part_of(cutouts.typical_ivar)
        for number in np.unique(part):
            rows = np.flatnonzero(part == number)
            noise = band.noise.parts[number] if band.noise.parts else band.noise
            own = [streams[row] for row in rows]
            data[rows] += _photons(light[rows], cutouts.ivar[rows], noise, band.mosaic.gain_e_per_njy, own)
    return replace(cutouts, data=data)


def _photons(light, ivar, noise, gain_e_per_njy, streams):
    """Noise (n, m, m) of the photons of light, zero on bad pixels."""
    valid = ivar > 0
    ivar = np.where(valid, ivar, 1.0)
    variance = np.maximum(light, 0.0) * noise.photon_growth(ivar, gain_e_per_njy) / (ivar * noise.ivar_scale)
    unit = correlated_noise(noise.correlation, light.shape[-1], streams)
    return np.where(valid, np.sqrt(variance) * unit, 0.0)


def correlated_noise(correlation, size_px, streams):
    """Noise of unit variance with a correlation between pixels.

    Parameters
    ----------
    correlation : (2k+1, 2k+1) float ndarray
        Autocorrelation at integer lags, 1 in the middle.
    size_px : int
        Side of the images.
    streams : list of `numpy.random.Generator`
        One for each image.

    Returns
    -------
    noise : (n, size_px, size_px) float ndarray

    Examples
    --------
    >>> correlation = np.array([[0.0, 0.0, 0.0], [0.4, 1.0, 0.4], [0.0, 0.0, 0.0]])
    >>> noise = correlated_noise(correlation, 200, [np.random.default_rng(1)])[0]
    >>> [round(float(value), 1) for value in (noise.var(), (noise[:, 1:] * noise[:, :-1]).mean())]
    [1.0, 0.4]
    """
    lag = len(correlation) // 2
    length = (
        size_px + lag
    )  # padded by the largest lag, so that the far side of the periodic noise is not felt
    periodic = np.zeros((length, length))
    shifts = np.arange(-lag, lag + 1) % length
    periodic[np.ix_(shifts, shifts)] = correlation
    # a measured correlation can have slightly negative powers, which no noise has
    root = np.sqrt(np.maximum(rfft2(periodic).real, 0.0))
    white = np.stack([rng.standard_normal((length, length)) for rng in streams]) if streams else None
    if white is None:
        return np.zeros((0, size_px, size_px))
    return irfft2(rfft2(white) * root, s=(length, length))[:, :size_px, :size_px]

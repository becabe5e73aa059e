"""Cutouts of Gaussian point sources of known flux and position, for the tests of the fits.

Sources are Gaussians integrated over pixels, so that nothing of the engine enters the simulation.
"""

import numpy as np
from astropy.wcs import WCS
from clusterphot.base.products import Cutouts, Noise, Psf
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.measure.neighbours import neighbours_of
from scipy import ndimage
from scipy.special import erf

SIZE_PX = 41
SCALE_ARCSEC = 0.02
SIGMA_PX = {"F200W": 1.6, "F090W": 1.2}
PITCH_PX = 1000
"""Distance of the sources' middles from one another in the mosaic, along x."""

KERNEL = np.array([0.25, 0.5, 0.25])
WHITE = np.zeros((17, 17))
WHITE[8, 8] = 1.0


def gaussian(size_px, x, y, sigma_px):
    """Unit Gaussian integrated over pixels, centred on (x, y)."""

    def axis(centre):
        edges = (np.arange(size_px + 1) - 0.5 - centre) / (np.sqrt(2) * sigma_px)
        return 0.5 * np.diff(erf(edges))

    return np.outer(axis(y), axis(x))


def with_neighbours(sources, *, radius_arcsec):
    """Sources (id, ra, dec) as `clusterphot.measure.cutouts.make_cutouts` takes them, with their neighbours."""
    near = neighbours_of(sources, radius_arcsec=radius_arcsec)
    return [{"id": name, "ra": ra, "dec": dec, "neighbours": near.get(name, [])} for name, ra, dec in sources]


def make_psf(filt="F200W", **kwargs):
    """PSF of a filter."""
    return Psf(gaussian(61, 30, 30, SIGMA_PX[filt]), SCALE_ARCSEC, filt, **kwargs)


def make_wcs():
    """Mosaic of which the cutouts are parts."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [110.0, -73.0]
    wcs.wcs.crpix = [1.0, 1.0]
    wcs.wcs.cdelt = [-SCALE_ARCSEC / 3600, SCALE_ARCSEC / 3600]
    wcs.wcs.set()
    return wcs


def correlated_noise(rng, n):
    """Unit noise convolved with `KERNEL` along both axes, (n, m, m), and its autocorrelation."""
    noise = rng.normal(size=(n, SIZE_PX + 8, SIZE_PX + 8))
    for axis in (1, 2):
        noise = ndimage.convolve1d(noise, KERNEL, axis=axis)
    profile = np.zeros(17)
    profile[6:11] = [1 / 6, 2 / 3, 1.0, 2 / 3, 1 / 6]
    return noise[:, 4:-4, 4:-4] / 0.375, np.outer(profile, profile)


class Field:
    """Cutouts of ``n`` sources with known fluxes and positions.

    Attributes
    ----------
    true : (n, 2) float ndarray
        Positions in their cutouts.
    """

    def __init__(self, n, flux, *, seed=1, list_error_px=0.3, companion=None):
        rng = np.random.default_rng(seed)
        self.n, self.flux = n, np.broadcast_to(np.asarray(flux, dtype=float), (n,))
        self.true = SIZE_PX // 2 + rng.uniform(-0.5, 0.5, (n, 2))
        self.listed = self.true + list_error_px * rng.normal(size=(n, 2))
        self.companion = companion
        self.angle = rng.uniform(0, 2 * np.pi, n)
        self.sky = rng.normal(size=(n, 6)) * [3.0, 1.0, 1.0, 0.6, 0.6, 0.6] + [5.0, 0, 0, 0, 0, 0]

    def cutouts(
        self,
        filt="F200W",
        *,
        noise=None,
        sigma=1.0,
        flux=None,
        offset=(0.0, 0.0),
        listed_companion=True,
        widths=None,
    ):
        """Cutouts in one filter; noise (n, m, m) in units of sigma, widths (n,) of the PSF in pixels."""
        v, u = np.meshgrid(*2 * [np.linspace(-1, 1, SIZE_PX)], indexing="ij")
        terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v])
        data = np.tensordot(self.sky, terms, axes=1)
        flux = self.flux if flux is None else np.broadcast_to(flux, (self.n,))
        neighbours = [[] for _ in range(self.n)]
        x0 = PITCH_PX * np.arange(self.n)
        widths = np.broadcast_to(SIGMA_PX[filt] if widths is None else widths, (self.n,))
        for i, (x, y) in enumerate(self.true + offset):
            data[i] += flux[i] * gaussian(SIZE_PX, x, y, widths[i])
            if self.companion:
                distance, ratio = self.companion
                dx, dy = distance * np.cos(self.angle[i]), distance * np.sin(self.angle[i])
                data[i] += ratio * flux[i] * gaussian(SIZE_PX, x + dx, y + dy, widths[i])
                if listed_companion:
                    neighbours[i] = [(f"n{i}", x + dx - offset[0] + x0[i], y + dy - offset[1])]
        if noise is not None:
            data = data + sigma * noise
        return Cutouts(
            ids=[f"s{i}" for i in range(self.n)],
            data=data,
            ivar=np.full_like(data, 1.0 / sigma**2),
            x0=x0,
            y0=np.zeros(self.n, dtype=np.int64),
            x=self.listed[:, 0] + x0,
            y=self.listed[:, 1],
            neighbours=neighbours,
            pixel_scale_arcsec=SCALE_ARCSEC,
            filter_name=filt,
        )


def measure(cutouts, *, options=None, correlation=WHITE, reference=None, deep_ivar=None, **kwargs):
    """Table of the targets and neighbours of some cutouts."""
    return fit_sources(
        cutouts,
        kwargs.pop("psf", make_psf(cutouts.filter_name)),
        Noise(correlation, 1.0, cutouts.filter_name, deep_ivar=deep_ivar),
        make_wcs(),
        options or FitOptions(),
        reference=reference,
        **kwargs,
    )


def targets(table):
    """Rows of the sources asked for."""
    return table[np.asarray(table["is_target"])]

"""A field of two bands with a few listed sources, in memory: mosaics of Gaussian PSFs whose noise is known."""

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.flags import Flag
from clusterphot.base.products import Mosaic, Noise
from clusterphot.measure.fit import FitOptions
from clusterphot.proof.bands import Band, Manner
from clusterphot.proof.donors import Listed, choose_donors
from clusterphot.psf.offsets import Offset
from gaussian_cutouts import KERNEL, SCALE_ARCSEC, WHITE, gaussian, make_psf
from scipy import ndimage

FILTERS = ["F090W", "F200W"]
SIZE_PX, SIGMA_NJY = 500, 1.0
OFFSET_PX = (0.4, -0.3)
FLUX_NJY = {"F090W": 60.0, "F200W": 100.0}
MANNER = Manner(FitOptions(), 0.8, "psf")
REACH_ARCSEC = 0.7


def field_wcs():
    """WCS of the mosaics, north up."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [110.0, -73.0]
    wcs.wcs.crpix = [(SIZE_PX + 1) / 2] * 2
    wcs.wcs.cdelt = [-SCALE_ARCSEC / 3600, SCALE_ARCSEC / 3600]
    wcs.wcs.set()
    return wcs


def made_field(*, correlated=False, gain=None, seed=1, n_listed=9, ivar_factor=1.0):
    """Bands and listed sources; noise of `SIGMA_NJY`, stated with ``ivar_factor`` times its inverse variance.

    Sky of 5 nJy a pixel, but none with a gain: the noise has no photons of it.
    """
    rng, wcs = np.random.default_rng(seed), field_wcs()
    axis = np.linspace(60, SIZE_PX - 60, int(np.sqrt(n_listed)))
    x, y = (grid.ravel() for grid in np.meshgrid(axis, axis))
    ra, dec = wcs.pixel_to_world_values(x, y)
    bands = []
    for filt in ("F200W", "F090W"):
        noise = rng.normal(size=(SIZE_PX, SIZE_PX))
        profile = WHITE
        if correlated:
            for way in (0, 1):
                noise = ndimage.convolve1d(noise, KERNEL, axis=way, mode="wrap")
            noise /= 0.375
            along = np.zeros(17)
            along[6:11] = [1 / 6, 2 / 3, 1.0, 2 / 3, 1 / 6]
            profile = np.outer(along, along)
        shift = (0.0, 0.0) if filt == "F200W" else OFFSET_PX
        sci = (5.0 if gain is None else 0.0) + SIGMA_NJY * noise
        for a, b in zip(x, y, strict=True):
            width = {"F200W": 1.6, "F090W": 1.2}[filt]
            corner = [int(v) - 30 for v in (a, b)]
            stamp = FLUX_NJY[filt] * gaussian(61, a + shift[0] - corner[0], b + shift[1] - corner[1], width)
            sci[corner[1] : corner[1] + 61, corner[0] : corner[0] + 61] += stamp
        ivar = np.full(sci.shape, ivar_factor / SIGMA_NJY**2)
        mosaic = Mosaic(sci, ivar, wcs, SCALE_ARCSEC, filt, "made", gain)
        model = Noise(profile, 1.0 / ivar_factor, filt, deep_ivar=ivar_factor / SIGMA_NJY**2)
        offset = None if filt == "F200W" else Offset(*OFFSET_PX, 0.0, 0.0, 9, True)
        bands.append(Band(mosaic, make_psf(filt), model, offset))
    photometry = Table({"id": [f"s{k}" for k in range(len(x))], "ra": ra, "dec": dec})
    photometry["flags"] = np.zeros(len(x), dtype=int)
    for filt in FILTERS:
        photometry[f"flux_{filt}"] = np.full(len(x), FLUX_NJY[filt])
        photometry[f"flux_err_{filt}"] = np.full(len(x), 4.0)
        for axis_name in "xy":
            photometry[f"d{axis_name}_{filt}"] = rng.normal(0, 0.3, len(x))
    return bands, Listed(choose_donors(photometry, FILTERS, "F200W"), FILTERS)


def made_outcome(n=4000, *, scale=1.02, factor=1.3, seed=1):
    """Outcome whose fluxes are 2 % too high and whose errors are 1.3 times too small; every tenth is flagged."""
    rng = np.random.default_rng(seed)
    table = Table({"id": [f"injected-{k}" for k in range(n)], "kind": np.full(n, "injected", dtype="U8")})
    table["neighbour_arcsec"] = rng.uniform(0.1, 1.0, n)
    for filt in FILTERS:
        true = np.exp(rng.uniform(np.log(20), np.log(200), n))
        table[f"true_flux_{filt}"] = true
        table[f"flux_{filt}"] = scale * true + factor * rng.normal(size=n)
        table[f"flux_err_{filt}"], table[f"flux_err_sys_{filt}"] = np.ones(n), 0.01 * true
        table[f"pull_{filt}"] = (table[f"flux_{filt}"] - true) / table[f"flux_err_{filt}"]
        table[f"light_{filt}"], table[f"depth_{filt}"] = rng.uniform(0, 4000, n), rng.uniform(28, 29, n)
        table[f"flags_{filt}"] = np.where(np.arange(n) % 10 == 0, int(Flag.EDGE), 0)
    return table


def made_matched(n=400, *, scale=1.02, factor=1.3, sys_error=0.01, seed=2):
    """The list of the same field beside its truth, as `made_outcome` is by default."""
    table = made_outcome(n, scale=scale, factor=factor, seed=seed)
    for filt in FILTERS:
        table[f"flux_err_sys_{filt}"] = sys_error * table[f"flux_{filt}"]
        table[f"halo_{filt}"] = table[f"light_{filt}"]
        for axis in "xy":
            table[f"offset_{axis}_{filt}"] = np.zeros(n)
    return table

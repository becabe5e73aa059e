"""Places of a field where nothing is seen, at which a fit should find zero within its error.

Positions deg (ICRS), images nJy/pixel.
"""

import logging

import numpy as np
from astropy.table import Table
from scipy.fft import irfft2, next_fast_len, rfft2

from clusterphot.base.images import crop
from clusterphot.base.numerics import TINY
from clusterphot.base.robust import mad_sigma
from clusterphot.measure.cutouts import make_cutouts
from clusterphot.measure.linear import SkyTerms, normal_equations, solve
from clusterphot.proof.draw import BLANK, near, stream

LOUD_SIGMA = 5.0
"""A place is not blank where the PSF, on any pixel of its cutout and in any filter, is fitted with a flux beyond this
many times the scatter of such fluxes in the cutout, positive or negative: on both sides, and with the noise that is
there rather than that of the model, so that what is left has no bias. Of noise 1 in 3,000 cutouts is lost."""

MAX_EXCESS = 3.0
"""That scatter counts up to this many times what the noise model says: beyond, something fills the cutout."""

CORE_ARCSEC = 0.2
"""Half side of the PSF that is looked for: its light is nearly all of the signal."""

ROUNDS = 30
"""Places tried for each number."""

FAR = 3.0
"""Every other blank place lies between once and this many times the reach of a cutout from a listed source, where light
is as under sources; the others lie anywhere on the mosaic of the reference filter."""

logger = logging.getLogger(__name__)


def draw_blank(numbers, bands, listed, manner, options, reach_arcsec):
    """Blank places of these numbers.

    Parameters
    ----------
    numbers : sequence of int
    bands : list of `clusterphot.proof.bands.Band`
        The reference filter first.
    listed : `clusterphot.proof.donors.Listed`
    manner : `clusterphot.proof.bands.Manner`
    options : `clusterphot.proof.draw.DrawOptions`
    reach_arcsec : float
        No listed source lies within it.

    Returns
    -------
    table : `astropy.table.Table`
        id, number, ra, dec, neighbour_arcsec; a number for which no place was found in `ROUNDS` has no row.
    """
    left = np.array(sorted(numbers), dtype=np.int64)
    found = []
    streams = {number: stream(options.seed, BLANK, number) for number in left.tolist()}
    for _ in range(ROUNDS):
        if len(left) == 0:
            break
        ra, dec = np.array(
            [
                _candidate(streams[number], number, bands[0].mosaic, listed, reach_arcsec)
                for number in left.tolist()
            ]
        ).T
        distance = listed.nearest_arcsec(ra, dec)
        good = np.flatnonzero(distance > reach_arcsec)
        for band in bands:
            members = [{"id": "", "ra": ra[k], "dec": dec[k], "neighbours": []} for k in good]
            if not members:
                break
            cutouts = make_cutouts(band.mosaic, members, cutout_size_arcsec=manner.cutout_size_arcsec)
            good = good[is_quiet(cutouts, band, seen=band is bands[0])]
        found += [(int(left[k]), ra[k], dec[k], distance[k]) for k in good]
        left = np.delete(left, good)
    if len(left):
        logger.info("no blank place for %d of %d numbers", len(left), len(left) + len(found))
    columns = list(zip(*sorted(found), strict=True)) or [(), (), (), ()]
    table = Table({"id": np.array([f"blank-{number:06d}" for number in columns[0]], dtype=str)})
    for name, values, kind in zip(
        ("number", "ra", "dec", "neighbour_arcsec"), columns, (np.int64, float, float, float), strict=True
    ):
        table[name] = np.array(values, dtype=kind)
    return table


def _candidate(rng, number, mosaic, listed, reach_arcsec):
    """A place to look at."""
    if number % 2 and len(listed.table):
        row = int(rng.integers(len(listed.table)))
        place = float(listed.table["ra"][row]), float(listed.table["dec"][row])
        return near(rng, *place, reach_arcsec, FAR * reach_arcsec)
    y, x = rng.uniform(-0.5, np.array(mosaic.shape) - 0.5)
    return tuple(float(value) for value in mosaic.wcs.pixel_to_world_values(x, y))


def is_quiet(cutouts, band, *, seen):
    """Whether nothing stands out of the sky of cutouts, (n,) bool.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
    band : `clusterphot.proof.bands.Band`
    seen : bool
        Whether the middle must be a valid pixel; else a cutout without any is quiet.
    """
    n, size = len(cutouts.ids), cutouts.data.shape[-1]
    weights = cutouts.ivar.reshape(n, -1) * band.noise.ivar_scale
    data = cutouts.data.reshape(n, -1)
    terms = SkyTerms("quadratic", size)
    none = np.zeros((n, 0, size * size))
    coefficients, _ = solve(normal_equations(none, none, terms, data, weights))
    residual = ((data - terms.surface(coefficients)) * weights).reshape(n, size, size)
    # the PSF fitted at every pixel: flux over error in white noise
    core = crop(
        band.psf.data, min(int(np.ceil(CORE_ARCSEC / cutouts.pixel_scale_arcsec)), len(band.psf.data) // 2)
    )
    signal = _correlate(residual, core)
    variance = _correlate(weights.reshape(n, size, size), core**2)
    some = variance > 1e-3 * np.max(variance, axis=(1, 2), initial=TINY, keepdims=True)
    flux = np.where(some, signal / np.sqrt(np.where(some, variance, 1.0)), 0.0)
    expected = inflation(band.noise.correlation, core)
    scatter = np.array(
        [mad_sigma(one[of], centre=0.0) if of.any() else 0.0 for one, of in zip(flux, some, strict=True)]
    )
    quiet = np.abs(flux).max(axis=(1, 2), initial=0.0) <= LOUD_SIGMA * np.minimum(
        scatter, MAX_EXCESS * expected
    )
    middle = cutouts.ivar[:, size // 2, size // 2] > 0
    return quiet & middle if seen else quiet


def inflation(correlation, image):
    """Error of a flux in correlated noise over that in white noise, for an image fitted without sky."""
    lag = len(correlation) // 2
    own = _correlate(np.pad(image, lag)[None], image)[0]  # autocorrelation of the image, about its middle
    middle = own.shape[0] // 2
    own = own[middle - lag : middle + lag + 1, middle - lag : middle + lag + 1]
    return float(np.sqrt(max((own * correlation).sum() / np.square(image).sum(), TINY)))


def _correlate(maps, kernel):
    """Correlation of maps (n, m, m) with an odd kernel, of the same shape; zero beyond the edges."""
    size, half = maps.shape[-1], len(kernel) // 2
    length = next_fast_len(size + 2 * half)
    spectrum = rfft2(kernel[::-1, ::-1], s=(length, length))
    full = irfft2(rfft2(maps, s=(length, length)) * spectrum, s=(length, length))
    return full[:, half : half + size, half : half + size]

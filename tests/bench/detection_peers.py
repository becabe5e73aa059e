"""Other finders on the same fields: ring median and threshold, sep, photutils' DAOStarFinder.

Each finds in F200W, asks for a counterpart in F150W, may ask for a concentration like that of the PSF, and is given
the best of a few background cells, thresholds and cuts on a field of its own. Magnitudes are aperture fluxes.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import sep
from astropy.table import Table
from detection_field import REFERENCE
from detection_measures import found_of, mistaken, nearest, read
from scipy import ndimage, signal
from scipy.spatial import cKDTree

SECOND = "F150W"
APERTURE_ARCSEC, WIDE_ARCSEC = 0.08, 0.16
PAIR_ARCSEC = 0.06
MAG_RANGE = (26.0, 30.5)
CONCENTRATIONS = ((0.75, 1.35), (0.6, 1.7), (0.0, np.inf))
"""Ranges of the ratio of the fluxes in the two apertures over that of the PSF; the last lets all pass."""

CELLS_ARCSEC = (0.32, 0.64)
THRESHOLDS = (5.0, 7.0, 9.0)


@dataclass(frozen=True)
class Image:
    """One mosaic: light, noise of a pixel, bad pixels (nJy), PSF and the offset from the WCS (px)."""

    data: np.ndarray
    error: np.ndarray
    bad: np.ndarray
    psf: np.ndarray
    fwhm_px: float
    scale: float
    offset: tuple


def load(folder, filt):
    """The mosaic, PSF, noise and offset of a filter, as the workflow has made them."""
    from clusterphot.io import read_mosaic, read_noise, read_psf
    from clusterphot.offsets import read_offset

    base = folder / f"results/drawn/{filt}"
    mosaic, psf = read_mosaic(str(base / "mosaic.fits")), read_psf(str(base / "psf.fits"))
    sci, ivar = mosaic.region(0, mosaic.shape[0], 0, mosaic.shape[1])
    bad = ~(np.isfinite(sci) & np.isfinite(ivar) & (ivar > 0))
    scale = read_noise(str(base / "noise.fits")).ivar_scale
    error = np.sqrt(1.0 / np.where(bad, np.nan, ivar * scale))
    error[bad] = np.nanmedian(error)
    data = np.where(bad, 0.0, sci)
    smooth = ndimage.gaussian_filter(data, 1.2) / np.maximum(
        ndimage.gaussian_filter((~bad).astype(float), 1.2), 0.1
    )
    data = np.where(bad, smooth, data)
    offset = (0.0, 0.0)
    if filt != REFERENCE:
        entry = read_offset(str(base / "offset.ecsv"))
        offset = (entry.dx, entry.dy)
    return Image(
        np.ascontiguousarray(data),
        error,
        bad,
        psf.data * psf.ee_stamp,
        psf.fwhm_arcsec / mosaic.pixel_scale_arcsec,
        mosaic.pixel_scale_arcsec,
        offset,
    )


def without_mesh(image, cell_arcsec):
    """Light less a background mesh."""
    cell = max(int(round(cell_arcsec / image.scale)), 4)
    return image.data - sep.Background(image.data, mask=image.bad, bw=cell, bh=cell, fw=3, fh=3).back()


def ring_median(image, cell_arcsec, threshold):
    """Peaks of the matched filter on light less its median in a ring; x, y, light."""
    from clusterphot.detection.backgrounds import ring_median as median

    light = image.data - median(image.data.astype(np.float32), image.scale * 0.32 / cell_arcsec)
    half, r = len(image.psf) // 2, int(round(2 * image.fwhm_px))
    kernel = image.psf[half - r : half + r + 1, half - r : half + r + 1]
    matched = signal.oaconvolve(light, kernel[::-1, ::-1], mode="same") / (kernel**2).sum()
    size = np.abs(matched)[::4, ::4]
    noise = 1.48 * ndimage.zoom(ndimage.median_filter(size, 25), 4, order=1)
    noise = noise[: light.shape[0], : light.shape[1]]
    peak = (ndimage.maximum_filter(matched, 3) == matched) & (matched > threshold * noise)
    y, x = np.nonzero(peak)
    return x.astype(float), y.astype(float), light


def sep_extract(image, cell_arcsec, threshold):
    """sep.extract on light less a mesh, deblended; x, y, light."""
    light = without_mesh(image, cell_arcsec)
    sep.set_extract_pixstack(3_000_000)
    found = sep.extract(
        light,
        threshold / 2.5,
        err=image.error,
        mask=image.bad,
        minarea=5,
        deblend_nthresh=32,
        deblend_cont=1e-4,
    )
    return found["x"], found["y"], light


def dao(image, cell_arcsec, threshold):
    """DAOStarFinder on light less a mesh; x, y, light."""
    from photutils.detection import DAOStarFinder

    light = without_mesh(image, cell_arcsec)
    level = threshold / 2.0 * float(np.median(image.error))
    found = DAOStarFinder(fwhm=image.fwhm_px, threshold=level)(light, mask=image.bad)
    if found is None:
        return np.zeros(0), np.zeros(0), light
    names = ("x_centroid", "y_centroid") if "x_centroid" in found.colnames else ("xcentroid", "ycentroid")
    return *(np.asarray(found[name], dtype=float) for name in names), light


FINDERS = {
    "ring median and threshold": ring_median,
    "sep": sep_extract,
    "photutils DAOStarFinder": dao,
}


def catalogue(finder, images, cell_arcsec, threshold):
    """Sources of one finder: x, y, mag and concentration, with a counterpart in the second filter."""
    image, second = images
    x, y, light = finder(image, cell_arcsec, threshold)
    x2, y2, _ = finder(second, cell_arcsec, threshold)
    if len(x) and len(x2):
        other = np.stack([x2 - second.offset[0], y2 - second.offset[1]], axis=1)
        near = cKDTree(other).query(np.stack([x, y], axis=1))[0] * image.scale < PAIR_ARCSEC
        x, y = x[near], y[near]
    flux, wide = (sep.sum_circle(light, x, y, r / image.scale)[0] for r in (APERTURE_ARCSEC, WIDE_ARCSEC))
    middle = len(image.psf) // 2
    share, wide_share = (
        float(sep.sum_circle(np.ascontiguousarray(image.psf), [middle], [middle], r / image.scale)[0][0])
        for r in (APERTURE_ARCSEC, WIDE_ARCSEC)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mag = np.where(flux > 0, 31.4 - 2.5 * np.log10(flux / share), np.inf)
        ratio = np.where(flux > 0, (wide / wide_share) / (flux / share), np.inf)
    return Table({"x": x, "y": y, "mag": mag, "ratio": ratio})


def scores(table, truth, scale):
    """Numbers of clusters found and of what was mistaken for one."""
    clusters = truth[truth["kind"] == "cluster"]
    kept = table[(table["mag"] > MAG_RANGE[0]) & (table["mag"] < MAG_RANGE[1])]
    row = nearest(kept, clusters, scale)
    return found_of(clusters, row) | mistaken(kept, truth, row, scale)


def quality(score):
    """Harmonic mean of completeness and purity for bright clusters."""
    kinds = score["kinds_28.5"]
    completeness = score["found_bright"] / max(score["n_bright"], 1)
    purity = kinds["cluster"] / max(kinds["cluster"] + kinds["galaxy"] + kinds["noise"], 1)
    return 2 * completeness * purity / max(completeness + purity, 1e-9)


def best_settings(folder):
    """For each finder the cell, threshold and cut that do best on this field."""
    truth, images = read(folder / "truth.ecsv"), [load(folder, filt) for filt in (REFERENCE, SECOND)]
    out = {}
    for name, finder in FINDERS.items():
        tried = []
        for cell, threshold in itertools.product(CELLS_ARCSEC, THRESHOLDS):
            table = catalogue(finder, images, cell, threshold)
            for cut in range(len(CONCENTRATIONS)):
                score = quality(scores(_cut(table, cut), truth, images[0].scale))
                tried.append((score, cell, threshold, cut))
        out[name] = max(tried)[1:]
    return out


def compare(folder, settings):
    """Scores of each finder with its settings on a field."""
    truth, images = read(folder / "truth.ecsv"), [load(folder, filt) for filt in (REFERENCE, SECOND)]
    return {
        name: scores(_cut(catalogue(FINDERS[name], images, cell, threshold), cut), truth, images[0].scale)
        for name, (cell, threshold, cut) in settings.items()
    }


def _cut(table, number):
    """Sources whose concentration lies in one of the ranges."""
    low, high = CONCENTRATIONS[number]
    return table[(table["ratio"] >= low) & (table["ratio"] <= high)]

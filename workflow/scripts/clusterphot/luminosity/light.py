"""Light of the brightest galaxy and between the galaxies: isophotes, model image, total within an aperture.

Isophotes after Jedrzejewski (1987, MNRAS 226, 747) by photutils, centre held, on the mosaic of the reference filter
rebinned; what stands out of their model (clusters, members, arcs, stars) is masked and they are fitted again. Light
nJy/arcsec2, angles arcsec.
"""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy import ndimage, optimize

from clusterphot.base.products import open_fits, pixel_scale, write_fits
from clusterphot.base.robust import mad_sigma

logger = logging.getLogger(__name__)

PIXEL_ARCSEC, MOST_PIXELS = 0.16, 1500
"""Pixels of the rebinned image, and how many a side of it may have: finer ones would show the cusp, which no profile of
clusters has, and take longer."""

ROWS = 64
"""Rows of the rebinned image that are read at once."""

PASSES = 3
"""Fits of the isophotes, each with what stood out of those before masked."""

STEP, FIRST_SMA_ARCSEC, REACH = 0.15, 1.6, 0.75
"""Growth of the isophotes, the first one to be fitted, and the last, as a share of the longer side of the image."""

INNERMOST = 1.5
"""Half major axis of the innermost, in pixels of the rebinned image."""

CLIP_SIGMA, CLIP_ROUNDS = 3.0, 3
"""Clipping of pixels along an isophote."""

LEAST_VALID, MOST_GRADIENT_ERROR = 0.3, 2.0
"""Share of an isophote that must be on the image, and error of its gradient over the gradient, beyond which its shape
is held: halos of clusters are shallow and reach beyond the mosaics."""

FIT = {"minit": 4, "maxit": 12, "conver": 0.1, "integrmode": "nearest_neighbor"}
"""Effort for an isophote: shapes to a percent, which masks and members do not let be known better."""

MASK_SIGMA, MASK_SHARE, MASK_PIXELS, MASK_GROWTH = 3.0, 0.15, 4, 2
"""What is masked: this many sigma and this share of the model above it, in so many connected pixels, grown by some."""

CORE_ARCSEC = 1.2
"""Nothing is masked within this of the centre, where the model of a cusp is off by more than noise."""

LEAST_ISOPHOTES = 8
"""Fewer make no profile."""

LEAST_ERROR = 0.03
"""Relative error of an isophote's intensity at least: members that are not masked, and the flatness of the sky."""


@dataclass(frozen=True)
class Rebinned:
    """A mosaic in coarse pixels.

    Attributes
    ----------
    image : (ny, nx) float ndarray, nJy/arcsec2
        NaN where nothing is known.
    wcs : `astropy.wcs.WCS`
    pixel_arcsec : float
    """

    image: np.ndarray
    wcs: object
    pixel_arcsec: float


@dataclass(frozen=True)
class LightModel:
    """Isophotes of the light around the brightest galaxy.

    Attributes
    ----------
    isophotes : `astropy.table.Table`
        sma (arcsec), isophote, isophote_err (nJy/arcsec2), flattening, flattening_err, angle_deg (from x to y) and
        angle_err_deg; empty where none could be fitted.
    model : (ny, nx) float ndarray, nJy/arcsec2
        NaN beyond the last isophote.
    mask : (ny, nx) bool ndarray
        Pixels that were left out.
    """

    isophotes: Table
    model: np.ndarray
    mask: np.ndarray


def rebin(mosaic):
    """`Rebinned` of a mosaic, the mean of the pixels that have weight; a few rows in memory at a time."""
    ny, nx = mosaic.shape
    factor = int(np.ceil(max(PIXEL_ARCSEC / mosaic.pixel_scale_arcsec, max(ny, nx) / MOST_PIXELS, 1)))
    image = np.full((ny // factor, nx // factor), np.nan)
    for first in range(0, len(image), ROWS):
        last = min(first + ROWS, len(image))
        sci, ivar = mosaic.region(first * factor, last * factor, 0, image.shape[1] * factor)
        good = ivar > 0
        shape = (last - first, factor, image.shape[1], factor)
        total = np.where(good, sci, 0.0).reshape(shape).sum(axis=(1, 3))
        number = good.reshape(shape).sum(axis=(1, 3))
        image[first:last] = np.where(number > 0.5 * factor**2, total / np.maximum(number, 1), np.nan)
    wcs = mosaic.wcs.deepcopy() if not mosaic.wcs.has_distortion else WCS(mosaic.wcs.to_header())
    wcs = wcs[::factor, ::factor]
    return Rebinned(image / mosaic.pixel_scale_arcsec**2, wcs, mosaic.pixel_scale_arcsec * factor)


def fit_light(light, centre):
    """Isophotes and model of the light around a centre.

    Parameters
    ----------
    light : `Rebinned`
    centre : (x, y)
        Pixels of the rebinned image; the brightest pixel within 1" of it is taken.

    Returns
    -------
    model : `LightModel`
    """
    missing = ~np.isfinite(light.image)
    mask, isophotes, model = missing, None, np.full(light.image.shape, np.nan)
    x, y = _peak(light, centre)
    away = (
        np.hypot(*(np.indices(light.image.shape)[::-1] - np.reshape([x, y], (2, 1, 1)))) * light.pixel_arcsec
    )
    for _ in range(PASSES):
        found = _fit_isophotes(np.ma.array(np.nan_to_num(light.image), mask=mask), x, y, light.pixel_arcsec)
        if found is None:
            break
        isophotes, model = found, _model(light.image.shape, found)
        mask = missing | (_standing_out(light.image, model) & (away > CORE_ARCSEC))
    if isophotes is None:
        logger.warning("no isophotes could be fitted around the centre: no model of the light")
        return LightModel(Table(names=COLUMNS, dtype=[float] * len(COLUMNS)), model, mask)
    return LightModel(_table(isophotes, light.pixel_arcsec), model, mask)


COLUMNS = ("sma", "isophote", "isophote_err", "flattening", "flattening_err", "angle_deg", "angle_err_deg")


def _peak(light, centre):
    """Brightest pixel (x, y) near a centre, of the image smoothed by a pixel."""
    smooth = ndimage.gaussian_filter(np.nan_to_num(light.image), 1.0)
    rows, columns = np.indices(smooth.shape)
    near = np.hypot(columns - centre[0], rows - centre[1]) * light.pixel_arcsec < 1.0
    if not near.any():
        return centre
    y, x = np.unravel_index(np.argmax(np.where(near, smooth, -np.inf)), smooth.shape)
    return float(x), float(y)


def _fit_isophotes(image, x, y, pixel_arcsec):
    """photutils' isophotes, innermost first, or None where there are too few.

    Each begins with the shape of its neighbour. Where a shape cannot be fitted (flat cores, masks, borders) that of the
    neighbour is held; photutils' own walk ends there, or with an error.
    """
    from photutils.isophote import Ellipse, EllipseGeometry, IsophoteList

    first = FIRST_SMA_ARCSEC / pixel_arcsec
    angle = _major_axis(image, x, y, 2 * first)
    ellipse = Ellipse(image, geometry=EllipseGeometry(x, y, first, 0.2, angle, fix_center=True))
    number = int(np.log(max(REACH * max(image.shape) / first, 1.0)) / np.log1p(STEP))
    growing = first * (1 + STEP) ** np.arange(number + 1)
    shrinking = first / (1 + STEP) ** np.arange(
        1, max(int(np.log(first / INNERMOST) / np.log1p(STEP)), 0) + 1
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of isophotes that meet masked pixels or have no gradient
        outward = _walk(ellipse, growing, None, inward=False)
        inward = _walk(ellipse, shrinking, outward[0], inward=True) if outward else []
    found = inward[::-1] + outward
    return IsophoteList(found) if len(found) >= LEAST_ISOPHOTES else None


def _walk(ellipse, sizes, last, *, inward):
    """Isophotes of these sizes (px) one after another, from the shape of ``last``."""
    found = []
    for size in sizes:
        one = None
        for held in (False, True) if last is not None else (False,):
            try:
                one = ellipse.fit_isophote(
                    size, step=STEP, sclip=CLIP_SIGMA, n_clip=CLIP_ROUNDS, fflag=LEAST_VALID,
                    maxgerr=MOST_GRADIENT_ERROR, going_inwards=inward, noniterate=held,
                    isophote_list=None if last is None else [last], **FIT,
                )  # fmt: skip
            except (
                ValueError,
                IndexError,
                TypeError,
            ):  # nothing but masked pixels, or a shape that is not a number
                one = None
            if (
                one is not None
                and one.valid
                and one.stop_code >= 0
                and np.isfinite([one.intens, one.eps]).all()
            ):
                break
            one = None
        if one is None:
            if last is None:
                break
            continue
        found.append(one)
        last = one
    return found


def _major_axis(image, x, y, reach):
    """Direction (radians, from x to y) in which the light around a place is drawn out, by its second moments."""
    rows, columns = np.indices(image.shape)
    dx, dy = columns - x, rows - y
    weight = np.where(np.hypot(dx, dy) < reach, np.clip(np.ma.filled(image, 0.0), 0, None), 0.0)
    return 0.5 * np.arctan2(2 * np.sum(weight * dx * dy), np.sum(weight * (dx**2 - dy**2))) % np.pi


def _model(shape, isophotes):
    """Model image, NaN beyond the last isophote."""
    from photutils.isophote import build_ellipse_model

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        image = build_ellipse_model(shape, isophotes, fill=np.nan)
    return np.where(image == 0, np.nan, image)


def _standing_out(image, model):
    """Pixels of what is brighter than the model."""
    from photutils.segmentation import detect_sources

    known = np.isfinite(image) & np.isfinite(model)
    residual = np.where(known, image - model, 0.0)
    if not known.any():
        return np.zeros(image.shape, dtype=bool)
    threshold = MASK_SIGMA * mad_sigma(residual[known]) + MASK_SHARE * np.abs(np.where(known, model, 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing stands out
        segments = detect_sources(residual, threshold, n_pixels=MASK_PIXELS)
    if segments is None:
        return np.zeros(image.shape, dtype=bool)
    return ndimage.binary_dilation(segments.data > 0, iterations=MASK_GROWTH)


def _table(isophotes, pixel_arcsec):
    """Table of isophotes, innermost first; the centre, which is no ellipse, left out."""
    kept = [one for one in isophotes if one.sma > 0]

    def column(name):
        return np.array(
            [np.nan if (value := getattr(one, name)) is None else value for one in kept], dtype=float
        )

    return Table(
        [
            column("sma") * pixel_arcsec, column("intens"), column("int_err"), column("eps"), column("ellip_err"),
            np.degrees(column("pa")), np.degrees(column("pa_err")),
        ],
        names=COLUMNS,
    )  # fmt: skip


@dataclass(frozen=True)
class LightProfile:
    """The light as clusters are described: core, slope, flattening, angle, each (value, 1-sigma error).

    Core arcsec, angle radians from x to y.
    """

    core: tuple
    slope: tuple
    flattening: tuple
    angle: tuple


def fit_profile(isophotes, inner_arcsec, outer_arcsec):
    """Profile of the light between two radii, of the form that `clusterphot.luminosity.ellipse` fits to clusters.

    Parameters
    ----------
    isophotes : `astropy.table.Table`
        Of `LightModel`.
    inner_arcsec, outer_arcsec : float
        Mean radii between which there are clusters.

    Returns
    -------
    profile : `LightProfile`
        NaN where fewer than `LEAST_ISOPHOTES` isophotes lie there.

    Notes
    -----
    Least squares of the log of the intensity. Errors are scaled by the scatter about the fit. Flattening and angle are
    means over the isophotes, their errors the scatter from one to the next over the root of half their number, since
    neighbours share pixels.
    """
    radius = np.asarray(isophotes["sma"]) * np.sqrt(1.0 - np.asarray(isophotes["flattening"]))
    intensity = np.asarray(isophotes["isophote"])
    good = (radius >= inner_arcsec) & (radius <= outer_arcsec) & (intensity > 0)
    nothing = (np.nan, np.nan)
    if good.sum() < LEAST_ISOPHOTES:
        return LightProfile(nothing, nothing, nothing, nothing)
    radius, intensity = radius[good], intensity[good]
    error = np.hypot(np.asarray(isophotes["isophote_err"])[good] / intensity, LEAST_ERROR)

    def residuals(parameters):
        log_peak, log_core, slope = parameters
        return (
            log_peak - 0.5 * slope * np.log1p((radius * np.exp(-log_core)) ** 2) - np.log(intensity)
        ) / error

    cores = np.log([0.1 * radius[0], 2.0 * radius[-1]])
    start = [np.log(intensity[0]), np.log(np.sqrt(radius[0] * radius[-1])), 2.0]
    fit = optimize.least_squares(residuals, start, bounds=([-np.inf, cores[0], 0.0], [np.inf, cores[1], 8.0]))
    scale = max(2.0 * fit.cost / max(good.sum() - 3, 1), 1.0)
    variance = scale * np.diag(np.linalg.pinv(fit.jac.T @ fit.jac))
    core, slope = float(np.exp(fit.x[1])), float(fit.x[2])
    number = np.sqrt(0.5 * good.sum())
    flattening = np.asarray(isophotes["flattening"])[good]
    angle = np.radians(np.asarray(isophotes["angle_deg"])[good])
    mean = 0.5 * np.angle(np.mean(flattening * np.exp(2j * angle)))
    away = (angle - mean + 0.5 * np.pi) % np.pi - 0.5 * np.pi
    return LightProfile(
        (core, float(core * np.sqrt(variance[1]))), (slope, float(np.sqrt(variance[2]))),
        (float(flattening.mean()), float(flattening.std() / number)), (float(mean), float(away.std() / number)),
    )  # fmt: skip


def light_within(light, model, centre_deg, radius_arcsec):
    """Flux of the model within a circle, and the share of the circle that it covers.

    Parameters
    ----------
    light : `Rebinned`
    model : (ny, nx) float ndarray, nJy/arcsec2
        On the pixels of ``light``; NaN where it is not known.
    centre_deg : (ra, dec)
    radius_arcsec : float

    Returns
    -------
    flux : float, nJy
        Of the part that is covered, scaled to the whole circle by rings.
    covered : float
    """
    x, y = (float(value) for value in light.wcs.all_world2pix(*centre_deg, 0))
    rows, columns = np.indices(model.shape)
    radius = np.hypot(columns - x, rows - y) * light.pixel_arcsec
    edges = np.linspace(0.0, radius_arcsec, max(int(radius_arcsec / light.pixel_arcsec / 2), 1) + 1)
    known = np.isfinite(model) & (radius < radius_arcsec)
    number = np.histogram(radius[known], edges)[0]
    total = np.histogram(radius[known], edges, weights=model[known])[0]
    area = np.pi * np.diff(edges**2)
    covered = float(number.sum() * light.pixel_arcsec**2 / area.sum())
    seen = number > 0
    middle = 0.5 * (edges[1:] + edges[:-1])
    if not seen.any():
        return np.nan, 0.0
    mean = np.interp(middle, middle[seen], total[seen] / number[seen])
    return float((mean * area).sum()), min(covered, 1.0)


def on_pixels_of(light, other):
    """Image of another filter on the pixels of a rebinned one, bilinear; NaN outside."""
    rows, columns = np.indices(light.image.shape)
    ra, dec = light.wcs.all_pix2world(columns.ravel(), rows.ravel(), 0)
    x, y = other.wcs.all_world2pix(ra, dec, 0)
    image = ndimage.map_coordinates(other.image, [y, x], order=1, mode="constant", cval=np.nan)
    return Rebinned(image.reshape(light.image.shape), light.wcs, light.pixel_arcsec)


def write_light(path, light, light_v, model):
    """Write light, model, residual and mask of a field, and the light near rest-frame V on the same pixels."""
    header = light.wcs.to_header()
    planes = {
        "LIGHT": light.image, "MODEL": model.model, "RESIDUAL": light.image - model.model, "LIGHT_V": light_v.image,
    }  # fmt: skip
    hdus = [fits.PrimaryHDU()]
    for name, image in planes.items():
        hdu = fits.ImageHDU(image.astype(np.float32), header, name=name)
        hdu.header["BUNIT"] = "nJy/arcsec2"
        hdus.append(hdu)
    hdus.append(fits.ImageHDU(model.mask.astype(np.uint8), header, name="MASK"))
    write_fits(path, hdus)


def read_light(path, isophotes):
    """``light, light_v, model`` of a file of `write_light` and its table of isophotes."""
    with open_fits(path) as hdus:
        wcs = WCS(hdus["LIGHT"].header).celestial
        planes = {name: np.asarray(hdus[name].data, dtype=float) for name in ("LIGHT", "LIGHT_V", "MODEL")}
        mask = np.asarray(hdus["MASK"].data, dtype=bool)
    light, light_v = (Rebinned(planes[name], wcs, pixel_scale(wcs)) for name in ("LIGHT", "LIGHT_V"))
    return light, light_v, LightModel(isophotes, planes["MODEL"], mask)

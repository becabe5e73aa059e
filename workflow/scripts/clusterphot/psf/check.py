"""A PSF held against the stars of its field: shapes over the field, what fits leave of the stars, parts of the error.

Each star is fitted with the PSF of its own place; star and PSF are then measured in the same way on the same pixels.
Fluxes nJy, positions pixels of the filter's mosaic, lengths in arcsec or pixels as named.
"""

from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Table

from clusterphot.base.columns import (
    PSF_BUDGET_COLUMNS,
    PSF_CHECK_COLUMNS,
    PSF_GROWTH_COLUMNS,
    PSF_PLACE_COLUMNS,
    PSF_STACK_COLUMNS,
)
from clusterphot.base.images import crop, fourier_shift, polynomial_terms, radius_grid
from clusterphot.base.numerics import TINY
from clusterphot.base.products import Psf, open_fits, write_fits
from clusterphot.base.robust import MEDIAN_ERROR, mad_sigma
from clusterphot.psf.core import PEAK_ERROR, cut_stars
from clusterphot.psf.model import Star
from clusterphot.psf.offsets import FIT_HALF_ARCSEC, FIT_MARGIN_ARCSEC, MAX_OFFSET_PX, MIN_FIT_SNR
from clusterphot.psf.reference import ANCHOR_ARCSEC
from clusterphot.psf.residuals import CLIP_SIGMA, MIN_CLIPPED_STARS, fitted_residual, weighted_mean
from clusterphot.psf.shape import GAUSSIAN_FWHM, core_shape, encircled_energy
from clusterphot.psf.star_fits import SKY_ORDER, StarFit, fit_star
from clusterphot.psf.stars import ROLE_CORE, ROLE_WING

EE_RADIUS_ARCSEC = 0.1
"""Radius of the encircled energy, the first of the reference table. In a star it is compared with the light within
`ANCHOR_ARCSEC`, where that is known best; what lies beyond is taken from the PSF."""

GROWTH_ARCSEC = np.array([0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.24, 0.28, 0.32, 0.4])
"""Radii at which the light of stars is compared with that of the PSF; the pixels of the mosaic may be 0.06 arcsec."""

GROWTH_FLOOR = 0.003
"""Error added to that of each star in the mean: dither phases, by which even the brightest ones differ."""

SKY_ARCSEC = (0.4, 0.6)
"""Ring around a star whose median, less the PSF, is the sky under these circles: as near as wings allow, since stars
are chosen to have no neighbour in 0.5 arcsec, and farther out there is light of what is too faint to be masked. The
curved sky that positions and fluxes are fitted with would take wings for sky."""

WEIGHT_SHARE, MIN_WEIGHT_PX = 0.7, 0.8
"""Width of the Gaussian under which moments are taken, over that of a Gaussian of the PSF's FWHM: with it moments give
the FWHM of NIRCam's PSFs to 3 % and follow its changes. Never so narrow that one pixel has all the weight."""

CORE_RADIUS_ARCSEC = 0.12
"""Radius within which residuals are summed up."""

MAP_PLACES = 15
"""Places along the longer side of the mosaic at which the PSF is measured."""

COVERED_PX = 5
"""Half side of the square about such a place in which at least one pixel must be exposed."""

UNLIKE = "unlike"
"""Reason with which `clusterphot.psf.core` leaves out pairs and galaxies: shown, but in no mean."""

GROUPS = ("bright", "faint", "upper left", "upper right", "lower left", "lower right")
"""Stars brighter than those of the core, those of the core; and the stars of each quarter of the field."""

BUDGET = {
    "ERRCORE": "core: scatter of its stars",
    "ERRWING": "wings: scatter of bright stars",
    "ERRPRIOR": "wings: known encircled energies",
    "ERRTAIL": "light beyond the stamp",
    "ERRREF": "reference encircled energy",
    "ERRVARY": "change over the field",
}
"""Cards of psf.fits with parts of the error of the flux scale; their squares and those of other parts add up."""

OTHER, TOTAL, PHASE, GIVEN = "other", "flux scale", "single source: dither phase", "flux scale, as given"


@dataclass(frozen=True)
class PsfCheck:
    """What `check_psf` finds.

    Attributes
    ----------
    stars : `astropy.table.Table`
        One row per fitted star, columns of `PSF_CHECK_COLUMNS`.
    model : `astropy.table.Table`
        PSF at a grid of exposed places, columns of `PSF_PLACE_COLUMNS`; one row, the middle, for a constant PSF.
    groups : `astropy.table.Table`
        One row per mean residual, columns of `PSF_STACK_COLUMNS`.
    residuals : (6, m, m) float ndarray
        Mean of star less PSF of `GROUPS`, in units of the peak of the PSF; NaN where there is no star.
    growth : `astropy.table.Table`
        Light of stars within circles beside that of the PSF, columns of `PSF_GROWTH_COLUMNS`.
    budget : `astropy.table.Table`
        Parts of the error, columns of `PSF_BUDGET_COLUMNS`.
    meta : dict
        FIELD, FILTER, PIXSCALE (arcsec), RADIUS (arcsec) of the encircled energy, NX and NY of the mosaic, XSPLIT and
        YSPLIT between the quarters.
    """

    stars: Table
    model: Table
    groups: Table
    residuals: np.ndarray
    growth: Table
    budget: Table
    meta: dict

    @property
    def constant(self):
        """Whether there is one PSF everywhere."""
        return len(self.model) == 1


@dataclass(frozen=True)
class _Measure:
    """How shapes are measured.

    Width (px) of the weight, FWHM (arcsec) per px of sigma, radius (px) of the light that others are compared with.
    """

    weight_px: float
    arcsec_per_px: float
    whole_px: float


def check_psf(mosaic, psf, stars, notes, header):
    """Measure stars and PSF in the same way over a mosaic.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`.
    notes : `astropy.table.Table`
        What each star was used for in this filter, table STARS of psf.fits.
    header : mapping
        Of psf.fits, with the parts of the error.

    Returns
    -------
    check : PsfCheck

    Examples
    --------
    Nine stars 1.5 px wide, and a PSF that says 1.4 px:

    >>> from astropy.wcs import WCS
    >>> from clusterphot.base.products import Mosaic, Psf
    >>> def gauss(sigma):
    ...     image = np.exp(-0.5 * (radius_grid(40) / sigma) ** 2)
    ...     return image / image.sum()
    >>> rng, rows = np.random.default_rng(1), []
    >>> sci = rng.normal(0.0, 0.05, (300, 300))
    >>> for k in range(9):
    ...     x, y = 60 + 90 * (k % 3), 60 + 90 * (k // 3)
    ...     sci[y - 40 : y + 41, x - 40 : x + 41] += 300.0 * fourier_shift(gauss(1.5), 0.1 * k, 0.3)
    ...     rows.append((k, x + 0.1 * k, y + 0.3, 25.2, 2.0, False, "core"))
    >>> names = ("id", "x", "y", "mag_auto", "half_light_radius", "saturated", "role")
    >>> stars = Table(rows=rows, names=names, meta={"pixel_scale_arcsec": 0.02})
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.02 / 3600, 0.02 / 3600]
    >>> stars["ra"], stars["dec"] = wcs.all_pix2world(stars["x"], stars["y"], 0)
    >>> mosaic = Mosaic(sci, np.full(sci.shape, 400.0), wcs, 0.02, "F200W", "example")
    >>> psf = Psf(gauss(1.4), 0.02, "F200W", fwhm_arcsec=0.066)
    >>> check = check_psf(mosaic, psf, stars, Table(names=("id", "used", "reason"), dtype=(int, str, str)), {})
    >>> round(float(np.median(check.stars["fwhm"] / check.stars["fwhm_model"])), 2), 1.5 / 1.4 > 1.06
    (1.07, True)
    >>> check.constant, check.groups["n"].tolist()[:2]
    (True, [0, 9])
    """
    measure = _make_measure(psf)
    fitted = _fit_stars(mosaic, psf, stars)
    rows = [_measure_star(one, measure) for one in fitted]
    table = _star_table(fitted, rows, stars, notes)
    residuals, groups, split = _stack_residuals(fitted, table, psf.pixel_scale_arcsec)
    meta = {"FIELD": mosaic.field, "FILTER": psf.filter_name, "PIXSCALE": psf.pixel_scale_arcsec}
    meta |= {"RADIUS": EE_RADIUS_ARCSEC, "NX": mosaic.shape[1], "NY": mosaic.shape[0]}
    meta |= {f"{axis}SPLIT": value for axis, value in zip("XY", split, strict=True) if np.isfinite(value)}
    return PsfCheck(
        stars=table,
        model=_measure_places(mosaic, psf, measure),
        groups=groups,
        residuals=residuals,
        growth=_measure_growth(fitted, table, measure),
        budget=error_budget(psf, header),
        meta=meta,
    )


def _make_measure(psf):
    """`_Measure` for a PSF: in the middle of the field moments give its FWHM."""
    scale, half = psf.pixel_scale_arcsec, psf.data.shape[0] // 2
    fwhm = psf.fwhm_arcsec if np.isfinite(psf.fwhm_arcsec) else GAUSSIAN_FWHM * scale
    weight = max(WEIGHT_SHARE * fwhm / scale / GAUSSIAN_FWHM, MIN_WEIGHT_PX)
    sigma = core_shape(psf.data, weight).sigma_px
    known = np.isfinite(sigma) and np.isfinite(psf.fwhm_arcsec)
    whole = min(ANCHOR_ARCSEC / scale, half - 1.0)
    return _Measure(weight, psf.fwhm_arcsec / sigma if known else GAUSSIAN_FWHM * scale, whole)


def _fit_stars(mosaic, psf, stars):
    """`_Fitted` stars: unsaturated, with a fit of sufficient signal to noise."""
    scale = psf.pixel_scale_arcsec
    largest = psf.data.shape[0] // 2
    half = min(int(round(FIT_HALF_ARCSEC / scale)), largest)
    reach = min(largest, half + int(FIT_MARGIN_ARCSEC / scale))
    fitted = []
    for star in cut_stars(mosaic, stars, int(np.ceil(SKY_ARCSEC[1] / scale))):
        if star.saturated or not star.ok or stars["saturated"][star.row]:
            continue
        local = psf.at(star.x0 + star.dx, star.y0 + star.dy)
        fit = fit_star(
            crop(star.data, half),
            crop(star.ivar, half),
            crop(local.data, reach),
            start=(star.dx, star.dy),
            max_shift_px=MAX_OFFSET_PX,
        )
        if fit.ok and fit.flux > MIN_FIT_SNR * fit.flux_err:
            fitted.append(_Fitted(star, fit, local, half))
    return fitted


@dataclass(frozen=True)
class _Fitted:
    """A `clusterphot.psf.model.Star`, its `StarFit` in a window of half side ``half``, the `Psf` of its place."""

    star: Star
    fit: StarFit
    local: Psf
    half: int

    def window(self):
        """Data and inverse variance of the window."""
        return crop(self.star.data, self.half), crop(self.star.ivar, self.half)

    def distance(self):
        """Distance (px) of the pixels of the whole stamp from the star."""
        axis = np.arange(-(len(self.star.data) // 2), len(self.star.data) // 2 + 1)
        return np.hypot(axis[:, None] - self.fit.dy, axis[None, :] - self.fit.dx)

    def model(self):
        """The PSF at the star's position, on its stamp; 0 beyond that of the PSF."""
        stamp, moved = len(self.star.data) // 2, fourier_shift(self.local.data, self.fit.dx, self.fit.dy)
        both = min(stamp, len(moved) // 2)
        image = np.zeros_like(self.star.data)
        crop(image, both)[...] = crop(moved, both)
        return image


def _light_ratio(fitted, model, measure, radii_arcsec):
    """Light within radii (k,) over that within the whole one, of star and PSF, and the errors of the star's."""
    star, flux, distance = fitted.star, fitted.fit.flux, fitted.distance()
    scale, good = fitted.local.pixel_scale_arcsec, star.ivar > 0
    ring = good & (distance >= SKY_ARCSEC[0] / scale) & (distance <= SKY_ARCSEC[1] / scale)
    if not ring.any():
        return np.full((3, len(radii_arcsec)), np.nan)
    sky = np.median((star.data - flux * model)[ring])
    light = np.where(good, star.data - sky, flux * model)
    scatter = np.divide(1.0, star.ivar, out=np.zeros_like(light), where=good)
    of_sky = MEDIAN_ERROR**2 * np.mean(scatter[ring]) / ring.sum()
    whole = np.clip(measure.whole_px + 0.5 - distance, 0.0, 1.0)
    total, columns = np.sum(whole * light), []
    for radius in np.asarray(radii_arcsec) / scale:
        inner = np.clip(radius + 0.5 - distance, 0.0, 1.0)
        ratio = np.sum(inner * light) / total
        response = (inner - ratio * whole) / total
        variance = np.sum(scatter * response**2) + np.sum(response) ** 2 * of_sky
        columns.append((ratio, np.sum(inner * model) / np.sum(whole * model), np.sqrt(variance)))
    return np.array(columns).T


def _measure_star(fitted, measure):
    """Shape of a star and of the PSF at its place, on the same pixels at the same position in them."""
    fit, local = fitted.fit, fitted.local
    model = fitted.model()
    data, ivar = fitted.window()
    near = crop(model, fitted.half)
    sky = np.tensordot(fit.sky, polynomial_terms(fitted.half, SKY_ORDER), axes=1)
    at = {"dx": fit.dx, "dy": fit.dy}
    seen = core_shape(np.where(ivar > 0, data - sky, fit.flux * near), measure.weight_px, ivar=ivar, **at)
    same = core_shape(near, measure.weight_px, **at)
    place = _shape_of(local, measure)
    (ratio,), (expected,), (ratio_err,) = _light_ratio(fitted, model, measure, [EE_RADIUS_ARCSEC])
    fwhm = place["fwhm"] * seen.sigma_px / same.sigma_px
    return {
        "fwhm": fwhm,
        "e1": place["e1"] + seen.e1 - same.e1,
        "e2": place["e2"] + seen.e2 - same.e2,
        "ee": place["ee"] * ratio / expected,
        "fwhm_err": fwhm * seen.sigma_err,
        "e_err": seen.e_err,
        "ee_err": place["ee"] * ratio_err / expected,
        **{f"{name}_model": value for name, value in place.items()},
    }


def _shape_of(psf, measure):
    """FWHM, ellipticity and encircled energy of a `Psf`."""
    shape = core_shape(psf.data, measure.weight_px)
    energy = encircled_energy(psf.data, psf.ee_stamp, EE_RADIUS_ARCSEC / psf.pixel_scale_arcsec)[0]
    return {"fwhm": shape.sigma_px * measure.arcsec_per_px, "e1": shape.e1, "e2": shape.e2, "ee": energy}


def _star_table(fitted, rows, stars, notes):
    """Table of the fitted stars; the misfit is filled in with the stacks."""
    said = {int(row["id"]): (str(row["used"]).strip(), str(row["reason"]).strip()) for row in notes}
    entries = []
    for one, shape in zip(fitted, rows, strict=True):
        star, fit = one.star, one.fit
        number = int(stars["id"][star.row])
        used, reason = said.get(number, ("", ""))
        entry = {"id": number, "role": str(stars["role"][star.row]), "used": used, "reason": reason}
        entry |= {"flux": fit.flux, "flux_err": fit.flux_err, "misfit": np.nan}
        entry |= {"x": star.x0 + fit.dx, "y": star.y0 + fit.dy, **shape}
        entries.append(entry)
    return _table(entries, PSF_CHECK_COLUMNS)


def _table(rows, columns):
    """Table of rows (dicts) with these columns and their units; words are strings, counts whole numbers."""
    kinds = {"id": np.int64, "n": np.int64} | dict.fromkeys(("name", "part"), "U64")
    kinds |= dict.fromkeys(("role", "used", "reason"), "U16")
    table = Table(
        {name: np.array([row[name] for row in rows], dtype=kinds.get(name, np.float64)) for name in columns}
    )
    for name, (unit, _) in columns.items():
        table[name].unit = unit or None
    return table


def _stack_residuals(fitted, table, scale):
    """Mean residuals (6, m, m) of `GROUPS`, their table and the (x, y) between quarters; fills in the misfits."""
    half = fitted[0].half if fitted else 0
    core = radius_grid(half) * scale < CORE_RADIUS_ARCSEC
    values, weights = np.zeros((2, len(fitted), 2 * half + 1, 2 * half + 1))
    for k, one in enumerate(fitted):
        peak, (data, ivar) = one.local.data.max(), one.window()
        residual, good = fitted_residual(data, ivar, one.fit, one.local.data)
        values[k] = residual / peak
        # Stars whose noise is below PEAK_ERROR of the peak count alike, as in the core of the PSF.
        noise = 1.0 / (one.fit.flux * peak) ** 2 / np.median(ivar[good])
        weights[k] = good / (noise + PEAK_ERROR**2)
        table["misfit"][k] = np.sqrt(np.mean(values[k][good & core] ** 2))
    x, y = np.asarray(table["x"]), np.asarray(table["y"])
    split = (float(np.median(x)), float(np.median(y))) if len(table) else (np.nan, np.nan)
    right, up, role = x >= split[0], y >= split[1], np.asarray(table["role"])
    members = (role == ROLE_WING, role == ROLE_CORE, up & ~right, up & right, ~up & ~right, ~up & right)
    alike = np.asarray(table["reason"]) != UNLIKE
    means, rows = [], []
    for name, which in zip(GROUPS, members, strict=True):
        which = which & alike
        mean, error = _clipped_mean(values[which], weights[which])
        n = int(which.sum())
        rms, chance = (float(np.sqrt(np.mean(image[core] ** 2))) if n else np.nan for image in (mean, error))
        rows.append({"name": name, "n": n, "rms": rms, "chance": chance if n > 1 else np.nan})
        means.append(mean if n else np.full(mean.shape, np.nan))
    return np.array(means), _table(rows, PSF_STACK_COLUMNS), split


def _clipped_mean(values, weights):
    """Weighted mean (...) of values (n, ...) without outliers, and its error from their scatter."""
    if len(values) >= MIN_CLIPPED_STARS:
        centre = np.median(values, axis=0)
        spread = np.maximum(
            mad_sigma(values, centre=centre, axis=0), 1.0 / np.sqrt(np.maximum(weights, TINY))
        )
        weights = np.where(np.abs(values - centre) > CLIP_SIGMA * spread, 0.0, weights)
    mean, total = weighted_mean(values, weights)
    scatter = np.sum((weights * (values - mean)) ** 2, axis=0)
    return mean, np.sqrt(scatter * len(values) / max(len(values) - 1, 1)) / np.maximum(total, TINY)


def _measure_growth(fitted, table, measure):
    """Table of the mean light of the stars within circles beside that of the PSF of their places."""
    alike = np.asarray(table["reason"]) != UNLIKE
    which = [one for one, good in zip(fitted, alike, strict=True) if good]
    excess, weights = np.zeros((2, len(which), len(GROWTH_ARCSEC)))
    for k, one in enumerate(which):
        ratio, expected, error = _light_ratio(one, one.model(), measure, GROWTH_ARCSEC)
        value, error = ratio / expected - 1.0, np.hypot(error / expected, GROWTH_FLOOR)
        known = np.isfinite(value) & np.isfinite(error)
        excess[k], weights[k] = np.where(known, value, 0.0), np.where(known, 1.0 / error**2, 0.0)
    mean, error = _clipped_mean(excess, weights)
    rows = [
        {"radius_arcsec": radius, "excess": value, "excess_err": one, "n": int(n)}
        for radius, value, one, n in zip(GROWTH_ARCSEC, mean, error, (weights > 0).sum(axis=0), strict=True)
    ]
    return _table(rows if which else [], PSF_GROWTH_COLUMNS)


def _measure_places(mosaic, psf, measure):
    """Table of the shape of the PSF at a grid of exposed places; of a constant one, in the middle alone."""
    ny, nx = mosaic.shape
    step = max(nx, ny) / MAP_PLACES
    along_x, along_y = (step * (np.arange(max(int(round(n / step)), 1)) + 0.5) - 0.5 for n in (nx, ny))
    if len(psf.terms) == 1:
        return _table(
            [{"x": 0.5 * (nx - 1), "y": 0.5 * (ny - 1), **_shape_of(psf, measure)}], PSF_PLACE_COLUMNS
        )
    rows = []
    for y in along_y:
        for x in along_x:
            x0, y0 = int(x), int(y)
            _, ivar = mosaic.region(
                y0 - COVERED_PX, y0 + COVERED_PX + 1, x0 - COVERED_PX, x0 + COVERED_PX + 1
            )
            if np.any(ivar > 0):
                rows.append({"x": x, "y": y, **_shape_of(psf.at(x, y), measure)})
    return _table(rows, PSF_PLACE_COLUMNS)


def error_budget(psf, header):
    """Parts of the error of the flux scale as psf.fits has them, largest first, then their sum and the dither phase.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    header : mapping
        Of psf.fits.

    Returns
    -------
    budget : `astropy.table.Table`

    Examples
    --------
    >>> from clusterphot.base.products import Psf
    >>> psf = Psf(np.ones((3, 3)) / 9.0, 0.02, sys_error=0.013, phase_error=0.004)
    >>> for part, error in error_budget(psf, {"ERRCORE": 0.003, "ERRWING": 0.012, "ERRREF": 0.0}).iterrows():
    ...     print(f"{part}: {error:.3f}")
    wings: scatter of bright stars: 0.012
    other: 0.004
    core: scatter of its stars: 0.003
    flux scale: 0.013
    single source: dither phase: 0.004
    """
    parts = {words: float(header[card]) for card, words in BUDGET.items() if header.get(card)}
    rest = psf.sys_error**2 - sum(value**2 for value in parts.values())
    if parts and rest > 0:
        parts[OTHER] = float(np.sqrt(rest))
    ordered = dict(sorted(parts.items(), key=lambda part: -part[1]))
    ordered[TOTAL if parts else GIVEN] = psf.sys_error
    if psf.phase_error:
        ordered[PHASE] = psf.phase_error
    return _table([{"part": part, "error": error} for part, error in ordered.items()], PSF_BUDGET_COLUMNS)


EXTENSIONS = ("stars", "model", "groups", "growth", "budget")
"""Tables of `PsfCheck`, by the names of their extensions in lower case."""


def write_psf_check(path, check):
    """Write a `PsfCheck`: header cards, tables STARS, MODEL, GROUPS, GROWTH, BUDGET and the image RESIDUALS."""
    primary = fits.PrimaryHDU()
    primary.header.update(check.meta)
    tables = [fits.BinTableHDU(getattr(check, name), name=name.upper()) for name in EXTENSIONS]
    image = fits.ImageHDU(check.residuals.astype(np.float32), name="RESIDUALS")
    image.header["COMMENT"] = "Mean of star less PSF, over the peak of the PSF; one image a row of GROUPS"
    write_fits(path, [primary, *tables, image])


def read_psf_check(path):
    """Read what `write_psf_check` wrote."""
    with open_fits(path) as hdus:
        header = hdus[0].header
        tables = {name: Table(hdus[name.upper()].data) for name in EXTENSIONS}
        meta = {key: header[key] for key in ("FIELD", "FILTER", "PIXSCALE", "RADIUS", "NX", "NY")}
        meta |= {key: header[key] for key in ("XSPLIT", "YSPLIT") if key in header}
        return PsfCheck(**tables, residuals=np.asarray(hdus["RESIDUALS"].data, dtype=float), meta=meta)

"""Azimuthally averaged light profiles of stacks beside that of the PSF, centred and blurred in the same way.

After Faisst et al. (2022, ApJL 941, L11, figure 2), with a chi-square for the difference. Radii arcsec,
intensities nJy/arcsec2.
"""

from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table
from scipy.special import chdtrc

from clusterphot.base.images import radius_grid
from clusterphot.base.numerics import TINY
from clusterphot.optics.extended import transfer
from clusterphot.sizes.likelihood import MARGIN_PX, SizeGrid
from clusterphot.sizes.limits import alignment_blur
from clusterphot.sizes.models import PsfSpectrum
from clusterphot.stack.build import aligned_sample
from clusterphot.stack.combine import combine, shift_mirrored, stack_counts

RING_EDGES_PX = np.concatenate([np.arange(-0.5, 6.6), np.arange(8.5, 10.6, 2.0), np.arange(14.5, 200.0, 4.0)])
"""Borders of the rings of a profile: single pixels where the PSF changes, wider where it is smooth and faint."""

CENTRING_RADIUS_ARCSEC, CENTRING_RADII = 0.05, 4
"""Largest radius, and steps to it, of the coarse grid that finds the centre of a stack."""

MIN_DOF_RESAMPLES = 3
"""The covariance of a profile is inverted with at least this many resamples per ring."""


@dataclass(frozen=True)
class Rings:
    """Pixels of a square image sorted by their distance from the middle.

    Attributes
    ----------
    radius_px : (n_rings,) float ndarray
        Mean distance of the pixels of a ring.
    matrix : (n_rings, m * m) float ndarray
        Weights that average a flat image over each ring.
    """

    radius_px: np.ndarray
    matrix: np.ndarray


def make_rings(size_px, reach_px):
    """Rings of one pixel to 6 px, of two to 10 px, then of four; at least one pixel each.

    Parameters
    ----------
    size_px : int
        Odd side of the image.
    reach_px : float
        Outer radius of the last ring, at most.
    """
    edges = RING_EDGES_PX[reach_px + 0.5 >= RING_EDGES_PX]
    distance = radius_grid(size_px // 2).ravel()
    masks = [(distance >= low) & (distance < high) for low, high in zip(edges[:-1], edges[1:], strict=True)]
    matrix = np.array([mask / mask.sum() for mask in masks])
    return Rings(matrix @ distance, matrix)


def measure_profile(cutouts, table, reference_fits, context, stack_options, *, filters, reference_filter):
    """Profile of the stack of one filter and of the PSF.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
        Of all sources, see `clusterphot.stack.build.join_cutouts`.
    table : `astropy.table.Table`
        Merged photometry.
    reference_fits : `astropy.table.Table`
        Fits of all sources in the reference filter.
    context : `clusterphot.sizes.limits.SizeContext`
    stack_options : `clusterphot.stack.build.StackOptions`
    filters : sequence of str
    reference_filter : str

    Returns
    -------
    profile : `astropy.table.Table`
        One row per ring: radius_arcsec, n_pixels, intensity (less the fitted sky), intensity_err, intensity_psf.
    facts : dict
        ``n_sources``, ``alignment_mas``, ``chi2``, ``dof``, ``p_value`` of the difference, ``flux`` (nJy).

    Notes
    -----
    Stack and resamples are moved to the fitted centre of the stack; the PSF, the mean of those at the places of the
    sources, is centred, and is blurred by the errors of the positions that the sources were aligned by. Flux and sky
    (constant, and a term in the square of the radius where the sky of the stack is quadratic) are fitted by least
    squares with the covariance of the rings between resamples, its inverse corrected after Hartlap et al.
    (2007, A&A 464, 399).
    """
    filt = cutouts.filter_name
    sample = aligned_sample(cutouts, table, context.psf, context.noise, filters, stack_options)
    context = replace(context, psf=sample.psf)
    scale, n = context.psf.pixel_scale_arcsec, len(sample.ids)
    size = cutouts.data.shape[-1] - 2 * MARGIN_PX
    rings = make_rings(size, size // 2)
    facts = dict.fromkeys(("alignment_mas", "chi2", "p_value", "flux"), float("nan"))
    facts |= {"n_sources": n, "dof": 0}
    n_pixels = np.rint(1.0 / np.maximum(rings.matrix.max(axis=1), TINY)).astype(int)
    columns = {"radius_arcsec": rings.radius_px * scale, "n_pixels": n_pixels}
    empty = np.full(len(n_pixels), np.nan)
    if n < 2:
        return Table(columns | {"intensity": empty, "intensity_err": empty, "intensity_psf": empty}), facts
    blur = alignment_blur(sample, table, filt, reference_fits, reference_filter)
    values = _ring_values(sample, context, stack_options, rings, size)
    shape = rings.matrix @ psf_image(context.psf, size, blur).ravel()
    covariance = np.atleast_2d(np.cov(values[1:].T)) * n / (n - 1)
    terms = rings.radius_px[None] ** np.array([[0.0], [2.0]] if stack_options.sky == "quadratic" else [[0.0]])
    fit, sky, errors = fit_profile(values, shape, terms, covariance)
    area = scale**2
    columns |= {
        "intensity": (values[0] - sky) / area,
        "intensity_err": errors / area,
        "intensity_psf": fit["flux"] * shape / area,
    }
    facts |= fit | {"alignment_mas": 1000.0 * float(np.sqrt(blur))}
    return Table(columns), facts


def _ring_values(sample, context, options, rings, size):
    """Ring averages of the stack and its resamples, (1 + k, n_rings), about the centre of the stack."""
    counts = stack_counts(len(sample.ids), options.n_resamples, options.seed)
    combined = np.nan_to_num(combine(sample.images, sample.ivar, options.method, counts))
    grid = _centring_grid(context, combined.shape[-1])
    zero = np.zeros(1)
    _, x, y = grid.centre(combined[:1], zero, zero)
    edge = (combined.shape[-1] - size) // 2
    moved = [
        shift_mirrored(image[None], x, y)[0, edge : edge + size, edge : edge + size] for image in combined
    ]
    return np.array([rings.matrix @ image.ravel() for image in moved])


def _centring_grid(context, cutout_px):
    """A coarse `SizeGrid`, for positions only."""
    top = CENTRING_RADIUS_ARCSEC * context.pc_per_arcsec
    options = replace(
        context.options, model="gaussian", radius_max_pc=top, radius_step_pc=top / CENTRING_RADII
    )
    window = options.window_px(context.psf.pixel_scale_arcsec, cutout_px)
    return SizeGrid(context.psf, context.noise, window, context.pc_per_arcsec, options)


def psf_image(psf, size_px, variance_arcsec2=0.0, shape=None):
    """Image (m, m) of a unit source behind a PSF and a Gaussian blur.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    size_px : int
    variance_arcsec2 : float
    shape : (model, half_light_arcsec, king_concentration), optional
        Profile of an extended source.
    """
    spectrum = PsfSpectrum(psf, size_px // 2 + MARGIN_PX)
    light = spectrum.otf * spectrum.gaussian(variance_arcsec2)
    if shape is not None:
        model, radius, concentration = shape
        light = light * transfer(model, spectrum.frequency, radius, king_concentration=concentration)
    return spectrum.images(light, size_px)[0]


def fit_profile(values, shape, terms, covariance):
    """Flux and sky of a profile, the chi-square of what remains, and the errors of its shape.

    Parameters
    ----------
    values : (1 + k, n) float ndarray, nJy/pixel
        Profile and its resamples.
    shape : (n,) float ndarray
        Profile of a unit source, per pixel.
    terms : (k, n) float ndarray
        Of the sky.
    covariance : (n, n) float ndarray
        Of the profile, from the resamples.

    Returns
    -------
    fit : dict
        flux, chi2, dof, p_value; chi-square NaN where there are too few resamples for so many rings.
    sky : (n,) float ndarray
    errors : (n,) float ndarray
        Scatter of the resamples, each less its own sky and scaled to the same flux: sources of different
        brightness do not change the shape.
    """
    n_resamples, n = len(values) - 1, len(shape)
    design = np.concatenate([shape[None], terms]).T
    dof = n - design.shape[1]
    enough = n_resamples >= MIN_DOF_RESAMPLES * n + 2
    if enough:
        inverse = np.linalg.inv(covariance) * (n_resamples - n - 2) / (n_resamples - 1)
    else:
        inverse = np.diag(1.0 / np.diag(covariance))
    solver = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse)
    flux, *sky = solver @ values.T
    sky = terms.T @ np.array(sky)
    rest = values[0] - design[:, 0] * flux[0] - sky[:, 0]
    scaled = (values.T - sky) * flux[0] / flux
    chi2 = float(rest @ inverse @ rest) if enough else float("nan")
    fit = {"flux": float(flux[0]), "chi2": chi2, "dof": dof}
    fit["p_value"] = float(chdtrc(dof, chi2)) if enough else float("nan")
    return fit, sky[:, 0], np.std(scaled[:, 1:], axis=1, ddof=1)


def model_profiles(psf, radii_pc, pc_per_arcsec, *, model, king_concentration, reach_arcsec):
    """Profiles of sources of known size behind a PSF, for figures.

    Returns
    -------
    radius_arcsec : (n_rings,) float ndarray
    profiles : dict of float to (n_rings,) float ndarray
        Intensity over that in the middle, by half-light radius in pc; 0 is the PSF.
    """
    scale = psf.pixel_scale_arcsec
    size = 2 * int(reach_arcsec / scale) + 1
    rings = make_rings(size, size // 2)
    profiles = {}
    for radius in (0.0, *radii_pc):
        image = psf_image(psf, size, shape=(model, radius / pc_per_arcsec, king_concentration))
        values = rings.matrix @ image.ravel()
        profiles[radius] = values / values[0]
    return rings.radius_px * scale, profiles

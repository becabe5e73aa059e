"""Injected sources of known size in real blank sky: which are called resolved, and do the limits hold.

After Faisst et al. (2022, ApJL 941, L11, sect. 3.1 and figure 2), with a decision in place of the eye. Radii
pc, fluxes nJy.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.measure.cutouts import cutout_pixels
from clusterphot.sizes.blank_sky import blank_stamps, draw_noise, synthetic_stamps
from clusterphot.sizes.likelihood import MARGIN_PX
from clusterphot.sizes.limits import flux_error

BLOCK = 50
"""Trials fitted at once; a matter of memory."""

PAPER_LIMIT_PC = 50.0
"""Faisst et al. (2022): larger sources would be seen as extended."""

MIN_STAMPS = 40
"""With fewer blank stamps noise is drawn with the measured correlation instead."""

N_DRAWN_STAMPS = 400
"""Stamps drawn then, of which trials take one each or means."""

SPARSE_ROWS = 500
"""Rows of the mosaic, about, whose weights tell the sigma of a pixel where no tile is blank."""

SETTINGS = {
    "peak": "brightest pixel as given, noise of the mosaic (Faisst et al. 2022, read as a peak per pixel)",
    "flux": "total flux as given, noise of the mosaic (the same, read as a flux)",
    "stack": "flux and noise of the stack",
}


@dataclass(frozen=True)
class Setting:
    """Brightness and noise of simulated sources.

    Attributes
    ----------
    name : str
        ``peak``, ``flux`` or ``stack``.
    value_njy : float
        Brightest pixel of the image (``peak``), else total flux.
    sigma_pixel : float
        Noise of a pixel, nJy.
    n_summed : int
        Blank stamps averaged for one image: as many as sources in the stack, or 1.
    """

    name: str
    value_njy: float
    sigma_pixel: float
    n_summed: int = 1


@dataclass(frozen=True)
class Trials:
    """How many sources of which sizes.

    Attributes
    ----------
    radii_pc : sequence of float
        Radii at which the probability of "resolved" is measured; 0 comes on top.
    n_trials, n_coverage_trials : int
        Sources of each radius, and of radii drawn at random between the smallest and the largest.
    scatter_fraction : float
        1-sigma change of the PSF's FWHM where it varies.
    seed : int
    """

    radii_pc: tuple
    n_trials: int
    n_coverage_trials: int
    scatter_fraction: float
    seed: int


def make_settings(peak_njy, sigma_pixel, stack_facts):
    """The settings of `SETTINGS`; that of the stack only where there is one."""
    settings = [Setting("peak", peak_njy, sigma_pixel), Setting("flux", peak_njy, sigma_pixel)]
    if np.isfinite(stack_facts.get("flux", np.nan)) and stack_facts["flux"] > 0:
        settings.append(
            Setting("stack", stack_facts["flux"], stack_facts["sigma_pixel"], stack_facts["n_sources"])
        )
    return settings


def noise_stamps(mosaic, context, cutout_size_arcsec, seed):
    """Stamps of noise for simulations in one filter.

    Returns
    -------
    stamps : (n, m, m) float ndarray
        `MARGIN_PX` larger than the window of the fits on each side, in units of the sigma of a pixel.
    sigma : float
        Sigma of a pixel, nJy.
    kind : {'blank sky', 'drawn with the measured correlation'}
    """
    cutout = cutout_pixels(cutout_size_arcsec, mosaic.pixel_scale_arcsec)
    size = context.options.window_px(mosaic.pixel_scale_arcsec, cutout) + 2 * MARGIN_PX
    stamps, sigma = blank_stamps(mosaic, context.noise, size)
    if len(stamps) >= MIN_STAMPS:
        return stamps, sigma, "blank sky"
    if not np.isfinite(sigma):
        ivar = np.asarray(mosaic.ivar[:: max(mosaic.shape[0] // SPARSE_ROWS, 1)], dtype=float)
        sigma = float(1.0 / np.sqrt(np.median(ivar[ivar > 0]) * context.noise.ivar_scale))
    drawn = synthetic_stamps(context.noise, size, N_DRAWN_STAMPS, np.random.default_rng([seed, size]))
    return drawn, sigma, "drawn with the measured correlation"


def simulate_sizes(context, stamps, settings, trials):
    """Probability of "resolved" and coverage of the limits against the true radius.

    Parameters
    ----------
    context : `clusterphot.sizes.limits.SizeContext`
    stamps : (n, m, m) float ndarray
        Blank sky in units of the sigma of a pixel, `MARGIN_PX` larger than the window on each side.
    settings : sequence of Setting
    trials : Trials

    Returns
    -------
    table : `astropy.table.Table`
        One row per setting, PSF (known, varied) and true radius; NaN for radii drawn at random.
    summary : dict
        By ``<setting>_<psf>``: radii resolved in 50 and 95 % of the trials, and the median limit of a point
        source.

    Notes
    -----
    Where the PSF varies, each source is broadened (or sharpened) by its own draw from the prior of the
    PSF's width, which the fit knows. Radii at random are uniform between the smallest and the largest
    given.
    """
    rows, summary = [], {}
    window = stamps.shape[-1] - 2 * MARGIN_PX
    for psf, scatter in (("known", 0.0), ("varied", trials.scatter_fraction)):
        grid = context.grid(window + 2 * MARGIN_PX, scatter)
        for setting in settings:
            own = [
                _run(grid, stamps, setting, psf, radius, trials)
                for radius in (0.0, *sorted(trials.radii_pc), np.nan)
            ]
            rows += own
            summary[f"{setting.name}_{psf}"] = _summary(own)
    table = Table(rows=rows, names=list(rows[0]))
    return table, summary


def _run(grid, stamps, setting, psf, radius, trials):
    """One row: trials of one radius (or of random ones)."""
    at_random = not np.isfinite(radius)
    n = trials.n_coverage_trials if at_random else trials.n_trials
    names = (setting.name, psf, "random" if at_random else f"{radius:g}")
    rng = np.random.default_rng([trials.seed, *(zlib.crc32(name.encode()) for name in names)])
    ends = (min(trials.radii_pc), max(trials.radii_pc)) if at_random else (radius, radius)
    truth = rng.uniform(*ends, n)
    limits, resolved, fluxes = [], [], []
    for first in range(0, n, BLOCK):
        part = truth[first : first + BLOCK]
        images, flux = _inject(grid, stamps, setting, part, rng)
        zero = np.zeros(len(part))
        modes, *_ = grid.centre(images, zero, zero)
        likelihood = grid.likelihood(modes, np.full(len(part), setting.sigma_pixel**2), one_by_one=False)
        limits.append(likelihood.upper_limit())
        resolved.append(likelihood.is_resolved())
        fluxes.append(flux)
    limits, resolved, flux = (
        np.concatenate(limits),
        np.concatenate(resolved),
        np.median(np.concatenate(fluxes)),
    )
    return {
        "setting": setting.name,
        "psf": psf,
        "true_radius_pc": float(radius),
        "flux_size": float(flux),
        "snr_size": float(flux / (setting.sigma_pixel * flux_error(grid, grid.covariance))),
        "n_trials": n,
        "p_resolved": float(resolved.mean()),
        "limit_median_pc": float(np.median(limits)),
        "coverage": float(np.mean(limits >= truth)),
    }


def _inject(grid, stamps, setting, radius, rng):
    """Images of sources at random places within a pixel on blank sky, and their fluxes."""
    n, size = len(radius), stamps.shape[-1]
    fraction = grid.scatter_fraction * rng.normal(size=n)
    dx, dy = rng.uniform(-0.5, 0.5, (2, n))
    spectra = np.stack([grid.spectra(r, f) for r, f in zip(radius, fraction, strict=True)])
    images = grid.spectrum.images(spectra, size, dx, dy)
    flux = np.full(n, setting.value_njy)
    if setting.name == "peak":
        flux = flux / grid.spectrum.images(spectra, size).max(axis=(1, 2))
    noise = draw_noise(stamps, n, setting.n_summed, rng)
    return images * flux[:, None, None] + setting.sigma_pixel * noise, flux


def _summary(rows):
    """Radii at which half and 95 % are called resolved, and the limit of a point source."""
    fixed = [row for row in rows if np.isfinite(row["true_radius_pc"])]
    radius = np.array([row["true_radius_pc"] for row in fixed])
    share = np.array([row["p_resolved"] for row in fixed])
    return {
        "resolved_50_pc": _crossing(radius, share, 0.5),
        "resolved_95_pc": _crossing(radius, share, 0.95),
        "limit_of_point_pc": fixed[0]["limit_median_pc"],
        "coverage": rows[-1]["coverage"],
    }


def _crossing(radius, share, level):
    """Smallest radius from which on the share stays above a level, linear between radii; NaN if none."""
    below = np.flatnonzero(share < level)
    if len(below) == 0:
        return float(radius[0])
    last = below[-1]
    if last + 1 == len(radius):
        return float("nan")
    return float(np.interp(level, share[last : last + 2], radius[last : last + 2]))

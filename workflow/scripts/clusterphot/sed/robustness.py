"""Which conclusions about a stack survive which change: calibration, errors, filters, contaminants, models.

The changes are larger than those of `clusterphot.sed.sensitivity`, and in place of numbers in dex there are verdicts.
Fluxes nJy, ages Gyr, masses Msun, metallicities in solar units of the fiducial library.
"""

import dataclasses

import numpy as np
from astropy.table import Table

from clusterphot.base.detectors import find_detector
from clusterphot.base.filters import load_filter
from clusterphot.psf.shape import GAUSSIAN_FWHM
from clusterphot.sed.library_comparison import stack_posterior
from clusterphot.sed.sensitivity import baseline, other_models, scale_flux

YES, NO, OPEN = "yes", "no", "open"
"""Verdicts on a statement."""

ERROR_FACTORS = (0.5, 2.0)
CONTAMINANT_SLOPES = {"flat": 0.0, "red": 1.0}
"""Logarithmic slopes of f_nu over wavelength of what may hide among clusters: star-forming and red galaxies."""

HIDDEN_ARCSEC = 0.15
"""Radius within which a neighbour may hide: the FWHM of F444W, in which it is still under the source."""

FWHM_PER_MICRON = 0.0328
"""FWHM (arcsec) of a diffraction-limited PSF over its wavelength (micron): 1.03 lambda / D of 6.5 m, JWST's."""

YOUNGEST_GYR, OLDEST_GYR = 0.03, 13.0
"""Ends of the wider priors of age, cut to what the library at hand has."""


def robustness_table(stack, libraries, fiducial, params, modes, *, wide, methods=None):
    """Conclusions about a stack with one thing changed at a time.

    Parameters
    ----------
    stack : `clusterphot.sed.library_comparison.StackFluxes`
    libraries : list of `clusterphot.sed.library_comparison.Library`
    fiducial : str
        Name of the library of all rows but those of other libraries.
    params : namespace
        As for `clusterphot.sed.library_comparison.compare_libraries`, and ``robustness``, that section of the
        configuration.
    modes : `clusterphot.sed.shared_modes.SharedModes`
        Of the field.
    wide : `clusterphot.ssp.grid.ProjectedGrid`
        The fiducial library with all its ages, beyond those of the prior.
    methods : `astropy.table.Table`, optional
        ``stack_methods.ecsv``: fluxes of the stack by other methods than the first.

    Returns
    -------
    table : `astropy.table.Table`
        One row a change and conclusion: ``varied``, ``varied_in``, ``varied_by``; ``conclusion``; ``value_before`` and
        ``value_after``, the probability of a statement, or the median of a quantity; ``verdict_before`` and
        ``verdict_after``, yes, no or open for a statement, the 68 % interval as text for a quantity; ``stands``.

    Notes
    -----
    A statement is said to be so, or not to be so, where its probability is above ``robustness.level`` or below one less
    that; it stands where the verdict is the same. A quantity stands where its median after the change lies in its 68 %
    interval before. Metallicities of other libraries are compared as metal fractions.
    """
    base = baseline(stack, libraries, fiducial, modes)
    changes = [base, *_changes(base, params), *_by_method(base, methods)]
    changes += [*_age_ranges(base, wide, params), *other_models(base, libraries, params)]
    found = [_conclusions(change, base, params) for change in changes]
    rows = []
    for change, after in zip(changes, found, strict=True):
        where = {name: getattr(change, name) for name in ("varied", "varied_in", "varied_by")}
        for name, before in found[0].items():
            rows.append(
                where | {"conclusion": name} | _compare(before, after[name], params.robustness["level"])
            )
    return Table(rows)


# ---- what is changed ------------------------------------------------------------------------------------


def _changes(base, params):
    """Changes of calibration, errors, filters and of what is in the stack."""
    options, filters, stack = params.robustness, base.modes.filters, base.stack
    changes = []
    for name, bands in _parts(filters).items():
        factor = np.where(bands, 1.0 / flux_of_broader_psf(options["psf_broader_by"]), 1.0)
        changes.append(
            base.but("psf_broader", name, options["psf_broader_by"], stack=scale_flux(stack, factor))
        )
    for band, filt in enumerate(filters):
        for step in (-options["zero_point_step"], options["zero_point_step"]):
            factor = np.ones(len(filters))
            factor[band] += step
            changes.append(base.but("zero_point", filt, step, stack=scale_flux(stack, factor)))
    for factor in ERROR_FACTORS:
        changes.append(
            base.but("errors", "", factor, stack=dataclasses.replace(stack, err=stack.err * factor))
        )
    for band, filt in enumerate(filters):
        changes.append(base.but("without_filter", filt, stack=_without(stack, band)))
    fraction = options["contaminants"]
    for name, slope in CONTAMINANT_SLOPES.items():
        cleaned = _less_contaminants(stack, filters, fraction, slope)
        changes.append(base.but("contaminants", name, fraction, stack=cleaned))
    share = 1.0 + options["hidden_neighbours"] * light_of_neighbours(filters)
    changes.append(
        base.but("hidden_neighbours", "", options["hidden_neighbours"], stack=scale_flux(stack, 1.0 / share))
    )
    return changes


def light_of_neighbours(filters, within_arcsec=HIDDEN_ARCSEC):
    """Light that a fit takes from a neighbour, anywhere within a radius, with the source's; a fraction by filter.

    Notes
    -----
    The overlap of two Gaussians at a distance r, exp(-r^2 / 4 sigma^2), averaged over the circle: the neighbour is seen
    in the blue and hides in the red, so that it reddens what it is added to. Widths are those of diffraction.

    Examples
    --------
    >>> light_of_neighbours(["F090W", "F444W"]).round(2)
    array([0.03, 0.52])
    """
    micron = np.array([float(load_filter(filt).wave_pivot) * 1e-4 for filt in filters])
    sigma = FWHM_PER_MICRON * micron / GAUSSIAN_FWHM
    spread = 4.0 * sigma**2 / within_arcsec**2
    return spread * (1.0 - np.exp(-1.0 / spread))


def _by_method(base, methods):
    """The stack by the other methods, with the errors of each, correlated between filters as those of the first."""
    changes = []
    for row in () if methods is None else methods[1:]:
        ratio, err_ratio = (
            np.array([[row[f"{name}_{filt}"] / methods[0][f"{name}_{filt}"] for filt in base.modes.filters]])
            for name in ("flux", "flux_err")
        )
        stack = dataclasses.replace(base.stack, flux=base.stack.flux * ratio, err=base.stack.err * err_ratio)
        changes.append(base.but("stack_method", str(row["method"]), stack=stack))
    return changes


def _age_ranges(base, wide, params):
    """The prior of age to the young and to the old end of the library, the Universe's age not asked for."""
    library = dataclasses.replace(base.library, native=wide)
    ends = params.posterior["age_gyr"]
    young = {"age_gyr": {"min": YOUNGEST_GYR, "max": ends["max"]}}
    old = {"age_gyr": {"min": ends["min"], "max": OLDEST_GYR}, "age_of_universe": "none"}
    return [
        base.but("age_range", "from", YOUNGEST_GYR, library=library, keys=young),
        base.but("age_range", "to", OLDEST_GYR, library=library, keys=old),
    ]


def flux_of_broader_psf(fraction):
    """Flux, over the true one, that a fit finds of a source that is broader than the PSF by a fraction.

    Notes
    -----
    The overlap of a PSF with itself, broadened, over that with itself: 1 - fraction to first order for any shape
    (by parts), and 2 / (1 + (1 + fraction)^2) for a Gaussian. The PSFs of the demonstration are within 0.0002 of it
    at 5 %.
    """
    return 2.0 / (1.0 + (1.0 + fraction) ** 2)


def _parts(filters):
    """Which of the filters are of all, (n,) bool, and of each channel where there are several, by name."""
    channels = [find_detector({}, filt) or filt for filt in filters]
    parts = {"all filters": np.ones(len(filters), bool)}
    names = list(dict.fromkeys(channels))
    if 1 < len(names) < len(filters):
        parts |= {name: np.array([channel == name for channel in channels]) for name in names}
    return parts


def _without(stack, band):
    """The stack without a filter."""
    flux, err = stack.flux.copy(), stack.err.copy()
    flux[:, band] = err[:, band] = np.nan
    return dataclasses.replace(stack, flux=flux, err=err)


def _less_contaminants(stack, filters, fraction, slope):
    """What is left of the stack when a fraction of its light, summed over filters, is of a power law of wavelength."""
    shape = np.array([float(load_filter(filt).wave_pivot) for filt in filters]) ** slope
    total = np.nansum(stack.flux, axis=1, keepdims=True)
    light = fraction * total * shape / shape[np.isfinite(stack.flux[0])].sum()
    return dataclasses.replace(stack, flux=stack.flux - light)


# ---- what is concluded ----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Finding:
    """Probability of a statement, or median and 68 % interval of a quantity."""

    value: float
    low: float = np.nan
    high: float = np.nan
    is_statement: bool = True


def _conclusions(change, base, params):
    """What a posterior says, by the name of the conclusion."""
    posterior, model, fine = stack_posterior(
        change.stack, change.library, params, change.modes, **change.keys
    )
    options = params.robustness
    # metallicities in the units of the fiducial library
    units = float(fine.z_sun) / float(base.library.native.z_sun)
    node = posterior.node_weight[0]
    total = node.sum()
    age, metallicity = model.age_gyr[None, :, None], model.metallicity_zsun[None, None, :] * units

    def share(where):
        return float((node * where).sum() / total) if np.isfinite(total) and total > 0 else np.nan

    poor, rich, old = (
        options[name] for name in ("metallicity_below_zsun", "metallicity_above_zsun", "older_than_gyr")
    )
    found = {
        f"metallicity below {poor:g} Zsun": _Finding(share(metallicity < poor)),
        f"metallicity above {rich:g} Zsun": _Finding(share(metallicity > rich)),
        f"older than {old:g} Gyr": _Finding(share(age > old)),
    }
    scale = {"age_gyr": 1.0, "metallicity_zsun": units, "log_mass": 1.0}
    for name, factor in scale.items():
        median, low, high = (
            float(posterior.columns[f"{name}_{q}"][0]) * factor for q in ("p50", "p16", "p84")
        )
        found[name] = _Finding(median, low, high, is_statement=False)
    return found


def _compare(before, after, level):
    """Columns of one conclusion before and after a change."""
    row = {"value_before": before.value, "value_after": after.value}
    if before.is_statement:
        verdicts = [_verdict(finding.value, level) for finding in (before, after)]
        stands = verdicts[0] == verdicts[1] and bool(np.isfinite(after.value))
    else:
        verdicts = [f"{finding.low:.3g} to {finding.high:.3g}" for finding in (before, after)]
        stands = bool(before.low <= after.value <= before.high)
    return row | {"verdict_before": verdicts[0], "verdict_after": verdicts[1], "stands": stands}


def _verdict(probability, level):
    """Yes, no or open."""
    if probability >= level:
        return YES
    return NO if probability <= 1.0 - level else OPEN

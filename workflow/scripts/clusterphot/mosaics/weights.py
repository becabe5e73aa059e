"""What a weight map is: inverse variance or 1-sigma errors, and nothing else, by its name, unit and pixels.

A map is refused where extension, file name, unit or the scatter of the image itself say that it is of another kind
than the place it is given at (``wht:`` inverse variances, ``err:`` errors). Units as in the files.
"""

import re
from dataclasses import dataclass

import numpy as np
from astropy import units as u

from clusterphot.base.errors import DataError
from clusterphot.base.fits_headers import is_gzip
from clusterphot.base.robust import mad_sigma
from clusterphot.mosaics.fits_rows import is_image, walk
from clusterphot.mosaics.image_units import flux_per_pixel, parse_unit
from clusterphot.mosaics.naming import words_of

IVAR, ERR = "ivar", "err"
WEIGHT_EXTENSIONS = {"IVAR": IVAR, "ERR": ERR, "WHT": IVAR}
"""Extensions that can weight the image beside them, best first, and what they hold."""

KIND_WORDS = {
    "an error map": ("rms", "err", "error", "sig", "sigma", "noise", "unc"),
    "a variance map": ("var", "variance"),
    "an exposure map": ("exp", "exptime", "exposure"),
    "inverse variances": ("wht", "wgt", "weight", "weights", "ivar", "invvar", "ivm"),
}
"""Words of file names and extensions, by what a map of that name holds."""
WHAT = {IVAR: "inverse variances", ERR: "an error map"}
MENDING = {
    "an error map": "give it as `err:` in place of `wht:`; weights are inverse variances.",
    "a variance map": "write 1/variance and give it as `wht:`, or its square root as `err:`.",
    "an exposure map": "an exposure map is no noise; write 1/variance, or give errors as `err:`.",
    "inverse variances": "give it as `wht:` in place of `err:`.",
}

LAG_PX = 8
"""Pixels this far apart share no noise in drizzled mosaics."""
MIN_PAIRS = 200
N_BINS = 6
MIN_RANGE = 2.0
"""Ratio of the largest to the smallest weight from which their relation to the scatter can be measured."""
LIKELY_RATIO = (0.2, 5.0)
"""Scatter over stated error of a map that is what it claims to be: 0.3-0.7 if drizzled, above 1 in crowded fields."""
PLAUSIBLE_RATIO = (0.05, 30.0)
"""The same beyond which something must be wrong, or weights be relative ones."""


@dataclass(frozen=True)
class Scatter:
    """Noise of the pixels of an image beside what its weights say.

    Attributes
    ----------
    sigma : float
        Scatter of the pixels, unit of the image.
    weight : float
        Median weight, unit of the file.
    slope : float
        d log scatter / d log weight over pixels of different weights: -0.5 for inverse variances, 1 for errors,
        0.5 for variances; NaN where the weights are alike.
    """

    sigma: float
    weight: float
    slope: float


def find_weight(sci, wht, deep, kind=IVAR):
    """Weights of an image.

    Parameters
    ----------
    sci : `clusterphot.mosaics.fits_rows.ImageHdu`
    wht : str or None
        File of the weights, or of the errors.
    deep : bool
        Look behind the image of a .gz file too.
    kind : {"ivar", "err"}, optional
        What the user gave ``wht`` as.

    Returns
    -------
    weight : `clusterphot.mosaics.fits_rows.ImageHdu` or None
    kind : {"ivar", "err"} or None
    names : tuple of str
        Extensions seen on the way.

    Raises
    ------
    DataError
        If there is none, or its name or unit says that it is of another kind.
    """
    if wht is not None:
        weight = _find_weight_file(wht, kind)
        kind = WEIGHT_EXTENSIONS.get(weight.name, kind) if kind == IVAR else kind
        check_kind(sci, weight, kind)
        return weight, kind, ()
    if is_gzip(sci.path) and not deep:
        return None, None, ()
    found, names = {}, []
    for hdu in walk(sci.path):
        names.append(hdu.name)
        if hdu.name in WEIGHT_EXTENSIONS and is_image(hdu) and len(hdu.shape) == 2 and min(hdu.shape) > 0:
            found.setdefault(hdu.name, hdu)
        if "IVAR" in found or "ERR" in found:
            break
    for name, held in WEIGHT_EXTENSIONS.items():
        if name in found:
            check_kind(sci, found[name], held)
            return found[name], held, tuple(names)
    raise DataError(
        f"{sci.path}, extensions",
        ", ".join(name for name in names if name) or "none",
        "one of " + ", ".join(WEIGHT_EXTENSIONS),
        "name the file of the inverse variance as wht beside sci, or that of the 1-sigma errors as err.",
    )


def _find_weight_file(path, kind):
    """Weight of a file of its own: an extension named so, else its first image."""
    wanted = (
        [name for name, held in WEIGHT_EXTENSIONS.items() if held == kind]
        if kind == ERR
        else WEIGHT_EXTENSIONS
    )
    found = {}
    for hdu in walk(path):
        if not is_image(hdu):
            continue
        found.setdefault(hdu.name if hdu.name in wanted else "first", hdu)
        if hdu.name != "SCI" and is_gzip(path):
            break
    for name in (*wanted, "first"):
        if name in found:
            return found[name]
    raise DataError(path, "no image", "the inverse variance in the primary HDU or in an extension")


# ------------------------------------------------------------------------------------- by name and unit


def check_kind(sci, weight, kind):
    """Refuse a map whose extension, unit or name says that it is of another kind.

    Notes
    -----
    The extension counts most, then a unit that only one kind can have, then words of the file's name. A flux unit
    may have been copied from the image together with its header, as in the DAWN archive: it counts where the name
    is silent.
    """
    by_unit, certain = _kind_of_unit(sci, weight)
    words = words_of(weight.path)
    by_name = _kind_of_words([weight.name.lower()]) or _kind_of_words(words[1:] or words)
    said = by_unit if certain else by_name or by_unit
    if said and said != WHAT[kind]:
        clue = f"BUNIT = {_unit_text(weight)!r}" if said == by_unit else "its name"
        raise _wrong_kind(weight, said, clue, kind)


def _wrong_kind(weight, said, clue, kind):
    """Error for a map of another kind."""
    key, expected = ("err", "1-sigma errors") if kind == ERR else ("wht", "inverse variances, 1/sigma^2")
    hint = MENDING.get(said, "write one in the unit of the image, or without BUNIT.")
    return DataError(
        f"{weight.path}, given as {key}", f"{said} (so says {clue})", f"{expected} in the unit of the image", hint
    )  # fmt: skip


def _kind_of_words(words):
    """What words of a name say that a map is; empty if nothing, or several things."""
    said = {kind for kind, known in KIND_WORDS.items() if any(word in known for word in words)}
    return said.pop() if len(said) == 1 else ""


def _unit_text(weight):
    """BUNIT of a weight, empty where there is none or it means none."""
    text = str(weight.header.get("BUNIT", "")).strip()
    return "" if text.lower() in ("unitless", "none", "dimensionless") else text


def _kind_of_unit(sci, weight):
    """What the unit says that a map is (empty if nothing), and whether only that can be meant."""
    text, image = _unit_text(weight), str(sci.cards.get("BUNIT", "")).strip()
    if not text:
        return "", False
    if text == image:
        return "an error map", False
    unit, of_image = parse_unit(text), parse_unit(image)
    if re.fullmatch(r"s|secs?|seconds?", text.lower()):
        return "an exposure map", True
    if unit is None or of_image is None or unit == u.dimensionless_unscaled:
        return "", False
    for power, said in ((-2, "inverse variances"), (2, "a variance map"), (1, "an error map")):
        if _relative(unit, of_image, power) is not None:
            return said, power != 1
    if flux_per_pixel(unit) is not None or unit.is_equivalent(u.MJy / u.sr):
        return "an error map", False
    return f"a map in {text}", True


def _relative(unit, of_image, power):
    """Factor from ``unit`` to a power of that of the image, '/pixel' or not; None if they are of other kinds."""
    for own in (unit, unit * u.pix**power):
        for image in (of_image, of_image * u.pix):
            if own.is_equivalent(image**power):
                return float(own.to(image**power))
    return None


def weight_factor(sci, weight, kind):
    """Factor that brings weights to the unit of the image (to its power), where their own BUNIT is another one.

    Parameters
    ----------
    sci, weight : `clusterphot.mosaics.fits_rows.ImageHdu`
    kind : {"ivar", "err"}

    Returns
    -------
    factor : float
        1 without a unit.

    Raises
    ------
    DataError
        For errors per pixel beside an image per solid angle, or the reverse. (A flux unit of inverse variances was
        copied from the image with its header, and says nothing.)
    """
    text, image = _unit_text(weight), str(sci.cards.get("BUNIT", "")).strip()
    unit, of_image = parse_unit(text) if text else None, parse_unit(image)
    if unit is None or of_image is None or text == image:
        return 1.0
    factor = _relative(unit, of_image, -2 if kind == IVAR else 1)
    if factor is None and kind == ERR:
        hint = "one is per pixel, the other per solid angle: convert one of them."
        raise DataError(
            f"{weight.path}, BUNIT of {weight.label}", repr(text), f"{image!r} as the image", hint
        )
    return factor or 1.0


def doubt_unit(sci, weight):
    """A `DataError` that warns of a BUNIT of weights that says nothing here; or None."""
    text = _unit_text(weight)
    if not text or text == str(sci.cards.get("BUNIT", "")).strip() or parse_unit(text) is not None:
        return None
    return DataError(
        f"{weight.path}, BUNIT of {weight.label}",
        f"the unknown unit {text!r}",
        "none, or one that astropy reads",
        "it is taken for that of the image.",
    )


# --------------------------------------------------------------------------------------------- by pixels


def measure_scatter(sci, weight):
    """Scatter of an image beside its weights, from differences of pixels in the same row.

    Parameters
    ----------
    sci, weight : (n, nx) float ndarray
        Rows, unit of the files; pixels that cannot be used have a weight that is not positive.

    Returns
    -------
    scatter : Scatter or None
        None where there are too few pixels. ``sigma`` is 0 where most pixels are alike.
    """
    lag = min(LAG_PX, sci.shape[1] - 1)
    if lag < 1:
        return None
    good = np.isfinite(sci) & np.isfinite(weight) & (weight > 0)
    both = good[:, lag:] & good[:, : sci.shape[1] - lag]
    if both.sum() < MIN_PAIRS:
        return None
    steps = np.abs((sci[:, lag:] - sci[:, :-lag])[both])
    sigma = float(mad_sigma(steps, centre=0.0)) / np.sqrt(2.0)
    log_weight = 0.5 * (np.log(weight[:, lag:][both]) + np.log(weight[:, :-lag][both]))
    return Scatter(sigma, float(np.median(weight[good])), _slope(steps, log_weight))


def _slope(steps, log_weight):
    """Slope of log scatter against log weight, from the medians of bins of equal numbers."""
    edges = np.quantile(log_weight, np.linspace(0.0, 1.0, N_BINS + 1))
    number = np.clip(np.searchsorted(edges, log_weight, side="right") - 1, 0, N_BINS - 1)
    x, y = [], []
    for k in np.unique(number):
        inside = number == k
        middle = np.median(steps[inside])
        if inside.sum() >= MIN_PAIRS / N_BINS and middle > 0:
            x.append(np.median(log_weight[inside]))
            y.append(np.log(middle))
    if len(x) < 2 or np.ptp(x) < np.log(MIN_RANGE):
        return float("nan")
    return float(np.polyfit(x, y, 1)[0])


def check_scatter(path, kind, scatter):
    """Refuse a map that the pixels of its image show to be of the other kind.

    Parameters
    ----------
    path : str
        Of the weights.
    kind : {"ivar", "err"}
        What they were given as.
    scatter : Scatter

    Raises
    ------
    DataError
        If the pixels scatter more where "inverse variances" are larger, by about as much as the map says if it is
        one of errors; or the reverse.
    """
    as_ivar, as_err = scatter.sigma * scatter.weight**0.5, scatter.sigma / scatter.weight
    low, high = LIKELY_RATIO
    if kind == IVAR and scatter.slope > 0.25 and low < as_err < high:
        raise DataError(
            f"{path}, given as wht",
            f"pixels that scatter more where the weight is larger, by {as_err:.2g} of it: it is an error map",
            "inverse variances, 1/sigma^2",
            MENDING["an error map"],
        )
    if kind == ERR and scatter.slope < -0.25 and low < as_ivar < high:
        raise DataError(
            f"{path}, given as err",
            f"pixels that scatter less where the error is larger, by {as_ivar:.2g} of its root: it is a weight map",
            "1-sigma errors",
            MENDING["inverse variances"],
        )


def doubt_scatter(path, kind, scatter):
    """A `DataError` that warns of weights whose size or run does not go with the scatter of the pixels; or None."""
    stated = scatter.weight if kind == ERR else scatter.weight**-0.5
    expected = "about the same (0.3-0.7 of it if drizzled)"
    if not PLAUSIBLE_RATIO[0] < scatter.sigma / stated < PLAUSIBLE_RATIO[1]:
        return DataError(
            path,
            f"weights that make the noise {stated:.3g} units of the image, while it scatters by {scatter.sigma:.3g}",
            expected,
            "weights are inverse variances in the unit of the image, not exposure times; errors will be scaled to the "
            "scatter of blank sky.",
        )
    if (scatter.slope > 0.1) if kind == IVAR else (scatter.slope < -0.1):
        return DataError(
            path,
            f"pixels that scatter {'more' if kind == IVAR else 'less'} where the map is larger",
            "inverse variances, 1/sigma^2" if kind == IVAR else "1-sigma errors",
            "is it the map of this image, and of this kind?",
        )
    return None

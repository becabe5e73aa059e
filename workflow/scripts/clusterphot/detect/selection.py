"""Which candidates are taken for star clusters: significance, point-likeness, magnitude, colour, masks.

Sizes and elongations are second moments beyond those of the PSF (mas2), compared with those of the field's own
stars, whose run over the field follows a PSF that varies. Every candidate keeps the reason of its rejection.
"""

import logging
from dataclasses import dataclass, field

import numpy as np
from scipy import special
from scipy.spatial import cKDTree

from clusterphot.base.robust import mad_sigma
from clusterphot.base.units import mag_ab
from clusterphot.config.detection import SelectionKeys
from clusterphot.detect.crowding import SAME_ARCSEC
from clusterphot.psf.stars import ROLE_NONE

logger = logging.getLogger(__name__)

MOMENTS = ("size", "plus", "cross")
"""Mean variance per axis, half the difference of the variances along x and y, and their covariance, beyond the
PSF's."""

STARS_PER_TERM = 5
"""Stars wanted for each coefficient of the run of the PSF over the field."""

UNKNOWN_SCATTER_MAS2 = 40.0
"""Without stars: that of a PSF of 0.065 arcsec whose FWHM is known to three per cent."""

MIN_STARS = 3
"""Fewer stars tell nothing about the PSF of a field."""

CLIP_SIGMA, N_CLIPS = 4.0, 6
"""Stars further from the run of the moments are binaries or no stars; rounds of clipping."""

LEAST_SCATTER_MAS2 = 1e-6
"""Keeps the limit of clipping above zero where moments have neither error nor scatter, as in a test."""

REASONS = {
    "": "selected",
    "edge": "too much of its surroundings is not exposed",
    "saturated": "at a saturated or missing core",
    "glare": "drowned in the light of a galaxy's core (detection.max_surface_brightness)",
    "star_ring": "no brighter than what an imperfect PSF leaves of a bright neighbour",
    "faint": "not significant enough in the reference filter (detection.min_snr_reference)",
    "one_band": "not significant enough in the other filters (detection.band_rule)",
    "bright": "brighter than detection.mag_min",
    "star_wing": "in the wings and spikes of a bright star, beyond the stamp of the PSF",
    "below_range": "fainter than detection.mag_max",
    "extended": "more extended than the field's stars",
    "sharp": "sharper than the field's stars",
    "elongated": "elongated",
    "colour": "outside the colour box",
}
"""Reasons in the order in which they are given: the first that applies."""


@dataclass(frozen=True)
class SelectionOptions(SelectionKeys):
    """Cuts: keys of the configuration."""


@dataclass(frozen=True)
class PointLocus:
    """Moments of the field's stars.

    Attributes
    ----------
    coefficients : dict of (band, moment) to list
        Of 1, x, y, xx, xy, yy in ``scaled`` coordinates, mas2; shorter where stars are few.
    scatter : dict of (band, moment) to float
        Intrinsic scatter, mas2.
    centre, half_size : (float, float), float
        Position of the origin and unit of the coordinates, pixels of the reference filter.
    n_stars : int
    typical : dict of str to float
        Mean size over the stars, by band.
    """

    coefficients: dict
    scatter: dict
    centre: tuple
    half_size: float
    n_stars: int
    typical: dict = field(default_factory=dict)

    def beyond_typical(self, band, x, y):
        """Size of a star at a position less that of the typical star, which the flux scale of the PSF holds for."""
        return self.expected(band, "size", x, y)[0] - self.typical.get(band, 0.0)

    def expected(self, band, moment, x, y):
        """Moment of a star at a position, and its intrinsic scatter."""
        values = self.coefficients.get((band, moment), [0.0])
        terms = self._terms(x, y)[: len(values)]
        return np.asarray(values) @ terms, self.scatter.get((band, moment), 0.0)

    def _terms(self, x, y):
        u = (np.asarray(x, dtype=float) - self.centre[0]) / self.half_size
        v = (np.asarray(y, dtype=float) - self.centre[1]) / self.half_size
        return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v])

    def to_meta(self):
        """Plain dictionary for the metadata of a table."""
        rows = [
            {
                "filter": band,
                "moment": moment,
                "coefficients": [float(c) for c in values],
                "scatter": float(self.scatter[band, moment]),
            }
            for (band, moment), values in self.coefficients.items()
        ]
        return {
            "centre_px": list(self.centre),
            "half_size_px": self.half_size,
            "n_stars": self.n_stars,
            "typical_size": self.typical,
            "rows": rows,
        }

    @classmethod
    def from_meta(cls, meta):
        """The locus written by `to_meta`."""
        key = {(row["filter"], row["moment"]): row for row in meta["rows"]}
        return cls(
            {name: row["coefficients"] for name, row in key.items()},
            {name: row["scatter"] for name, row in key.items()},
            tuple(meta["centre_px"]),
            meta["half_size_px"],
            meta["n_stars"],
            dict(meta["typical_size"]),
        )


def fit_point_locus(table, stars, bands, shape, pixel_scale_arcsec):
    """Moments of the stars over the field.

    Parameters
    ----------
    table : `astropy.table.Table`
        Candidates with columns x, y and <moment>_F, <moment>_err_F.
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars`.
    bands : list of str
    shape : (int, int)
        Of the reference mosaic [y, x].
    pixel_scale_arcsec : float

    Returns
    -------
    locus : `PointLocus`
        Zero with a scatter of `UNKNOWN_SCATTER_MAS2` where there are fewer than three stars.
    """
    centre, half = (0.5 * (shape[1] - 1), 0.5 * (shape[0] - 1)), 0.5 * max(shape)
    good = (stars["role"] != ROLE_NONE) & ~np.asarray(stars["saturated"], dtype=bool)
    rows = _matched(table, stars[good], SAME_ARCSEC / pixel_scale_arcsec)
    locus = PointLocus({}, {}, centre, half, len(rows))
    if len(rows) < MIN_STARS:
        logger.warning(
            "%d stars among the candidates: sizes are relative to the PSF, not to stars", len(rows)
        )
        return PointLocus(
            {(band, moment): [0.0] for band in bands for moment in MOMENTS},
            {(band, moment): UNKNOWN_SCATTER_MAS2 for band in bands for moment in MOMENTS},
            centre, half, len(rows),
        )  # fmt: skip
    # constant, plane or quadratic run over the field, as the number of stars allows
    n_terms = max(count for count in (1, 3, 6) if count == 1 or len(rows) >= STARS_PER_TERM * count)
    terms = locus._terms(table["x"][rows], table["y"][rows])[:n_terms]
    for band in bands:
        for moment in MOMENTS:
            value = np.asarray(table[f"{moment}_{band}"][rows], dtype=float)
            error = np.asarray(table[f"{moment}_err_{band}"][rows], dtype=float)
            use = np.isfinite(value) & np.isfinite(error) & (error > 0)
            if use.sum() < max(MIN_STARS, n_terms + 1):
                coefficients, scatter = np.zeros(1), 0.0
            else:
                coefficients, scatter = _robust_fit(terms[:, use], value[use], error[use])
            locus.coefficients[band, moment] = coefficients.tolist()
            locus.scatter[band, moment] = scatter
        size = np.asarray(locus.coefficients[band, "size"])
        locus.typical[band] = float((size @ terms[: len(size)]).mean())
    return locus


def _matched(table, stars, radius_px):
    """Rows of the candidates nearest to the stars, within a radius."""
    if not len(table) or not len(stars):
        return np.zeros(0, dtype=int)
    tree = cKDTree(np.stack([table["x"], table["y"]], axis=1))
    distance, row = tree.query(np.stack([stars["x"], stars["y"]], axis=1))
    return np.unique(row[distance < radius_px])


def _robust_fit(terms, value, error):
    """Weighted least squares with clipping; intrinsic scatter from what exceeds the errors."""
    scatter = mad_sigma(value)
    keep = np.ones(len(value), dtype=bool)
    for _ in range(N_CLIPS):
        weight = 1.0 / (error**2 + scatter**2)
        matrix = (terms[:, keep] * weight[keep]) @ terms[:, keep].T
        coefficients = np.linalg.solve(matrix, (terms[:, keep] * weight[keep]) @ value[keep])
        left = value - coefficients @ terms
        # intrinsic scatter: what the residuals have beyond the typical error
        total = mad_sigma(left[keep], centre=0.0)
        typical = np.median(error[keep])
        scatter = np.sqrt(max(total**2 - typical**2, 0.0))
        keep = np.abs(left) < CLIP_SIGMA * np.sqrt(error**2 + scatter**2 + LEAST_SCATTER_MAS2**2)
        if keep.sum() <= len(terms):
            keep[:] = True
    return coefficients, float(scatter)


def point_likeness(table, locus, bands):
    """Size and elongation of candidates beyond those of stars, all bands together.

    Returns
    -------
    values : dict of (n,) float ndarray
        ``size``, ``size_err`` (mas2), ``elongation_sigma`` and ``point_likeness``: the probability that a star
        looks at least as extended.
    """
    combined = {}
    for moment in MOMENTS:
        total, weights = np.zeros(len(table)), np.zeros(len(table))
        for band in bands:
            expected, scatter = locus.expected(band, moment, table["x"], table["y"])
            value = np.asarray(table[f"{moment}_{band}"], dtype=float) - expected
            error = np.asarray(table[f"{moment}_err_{band}"], dtype=float)
            good = np.isfinite(value) & np.isfinite(error) & (error > 0)
            weight = np.where(good, 1.0 / np.where(good, error**2 + scatter**2, 1.0), 0.0)
            total += weight * np.where(good, value, 0.0)
            weights += weight
        known = weights > 0
        combined[moment] = np.where(known, total / np.where(known, weights, 1.0), np.nan)
        combined[f"{moment}_err"] = np.where(known, 1.0 / np.sqrt(np.where(known, weights, 1.0)), np.nan)
    chi2 = sum((combined[name] / combined[f"{name}_err"]) ** 2 for name in ("plus", "cross"))
    return {
        "size": combined["size"],
        "size_err": combined["size_err"],
        "elongation_sigma": np.sqrt(chi2),
        "point_likeness": special.ndtr(-combined["size"] / combined["size_err"]),
    }


def select(table, bands, reference, relative_flux, options):
    """Reason for rejection of each candidate, empty for those selected.

    Parameters
    ----------
    table : `astropy.table.Table`
        With the columns of `point_likeness`.
    bands : list of str
        All filters with fluxes.
    reference : str
    relative_flux : dict of str to float
        Spectrum of a typical cluster, for the combined significance of the other filters.
    options : `SelectionOptions`

    Returns
    -------
    reason : (n,) str ndarray
        Keys of `REASONS`.
    """
    flux = {band: np.asarray(table[f"flux_{band}"], dtype=float) for band in bands}
    error = {band: np.asarray(table[f"flux_err_{band}"], dtype=float) for band in bands}
    mag = magnitudes(flux[reference])
    extent = np.asarray(table["size"] / table["size_err"], dtype=float)
    far = (extent > options.max_extent_sigma) & (np.asarray(table["size"]) > options.min_extent_mas2)
    failed = {
        "edge": np.asarray(table["missing"]) > options.max_missing,
        "saturated": np.asarray(table["near_hole"], dtype=bool),
        "glare": np.asarray(table["surface_brightness"]) > options.max_surface_brightness,
        "star_ring": ~np.asarray(table["stands_out"], dtype=bool),
        "faint": ~(flux[reference] > options.min_snr_reference * error[reference]),
        "one_band": ~_seen_elsewhere(flux, error, bands, reference, relative_flux, options),
        "bright": mag < options.mag_min,
        "star_wing": np.asarray(table["near_star"], dtype=bool),
        "below_range": ~(mag < options.mag_max),
        "extended": far | ~np.isfinite(extent),
        "sharp": extent < -options.max_sharp_sigma,
        "elongated": ~(np.asarray(table["elongation_sigma"]) < options.max_elongation_sigma),
        "colour": _outside_box(flux, options.colour_box),
    }
    reason = np.full(len(table), "", dtype="U11")
    for name in reversed([name for name in REASONS if name]):
        reason[failed[name]] = name
    return reason


def magnitudes(flux):
    """AB magnitudes of fluxes in nJy; infinite where not positive."""
    return np.where(flux > 0, mag_ab(np.where(flux > 0, flux, 1.0)), np.inf)


def _seen_elsewhere(flux, error, bands, reference, relative_flux, options):
    """The rule for the other filters: their combined significance, or two of them by themselves."""
    others = [band for band in bands if band != reference]
    if not others:
        return np.ones(len(flux[reference]), dtype=bool)
    if options.band_rule == "two_bands":
        seen = sum((flux[band] > options.min_snr_band * error[band]).astype(int) for band in others)
        return seen >= min(2, len(others))
    if options.band_rule == "combined":
        signal = sum(relative_flux[band] * flux[band] / error[band] ** 2 for band in others)
        variance = sum(relative_flux[band] ** 2 / error[band] ** 2 for band in others)
        return signal > options.min_snr_others * np.sqrt(variance)
    raise ValueError(f"band_rule = {options.band_rule!r}, expected 'combined' or 'two_bands'")


def _outside_box(flux, box):
    """Whether any colour ``A-B`` of the box lies outside its range."""
    outside = np.zeros(len(next(iter(flux.values()))), dtype=bool)
    for name, (low, high) in box.items():
        blue, red = name.split("-")
        colour = magnitudes(flux[blue]) - magnitudes(flux[red])
        outside |= ~((colour >= low) & (colour <= high))
    return outside

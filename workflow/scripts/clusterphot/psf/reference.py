"""Reference encircled energies: what the wings of a PSF are drawn to, and how far they are trusted.

Those of the optics over the states of telescope and detectors (`clusterphot.optics.ensemble`), seen through the pixels
and the drizzle of a mosaic. Radii in arcsec.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clusterphot.base.detectors import DETECTORS, INTERPIXEL_COUPLING, find_detector
from clusterphot.base.errors import DataError
from clusterphot.base.files import own_file
from clusterphot.base.images import radius_grid
from clusterphot.optics.detector import PIXFRAC, blurred, coupled

ANCHOR_ARCSEC = 0.2
"""Radius at which measured and reference light are compared: beyond the join of core and wings, within which the light
is known best."""

STAMP_RADIUS_ARCSEC = 1.0
"""Inscribed circle of the default stamp: light beyond is ``beyond_stamp``."""

MODEL_ERROR = 0.10
"""Fractional 1-sigma error of all light outside the core that the draws do not have. PSFs of real mosaics (COSMOS-Web,
CEERS) have 0.83-0.85 (F115W, F150W), 0.77-0.79 (F277W), 0.71-0.73 (F444W) of their light within 0.2", the means
0.84-0.85, 0.80-0.81 and 0.72."""

SAMPLES_PER_PIXEL = 4
"""Samples per detector pixel of the image that pixels and drizzle blur."""

BLUR_TO_ARCSEC, BLUR_MARGIN_ARCSEC = 0.9, 0.3
"""Radius up to which that matters, and beyond it the image goes on so far."""


def read_encircled_energy(path):
    """Read the table of the optics' encircled energies.

    Returns
    -------
    table : dict
        ``{filter: (radius_arcsec (r,), energy (n, r))}`` of n draws.
    """
    with own_file(path):
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").split("\n")]
        names, *rows = (line.split(",") for line in lines if line and not line.startswith("#"))
        radius = np.array([float(name) for name in names[3:]])
        draws = {}
        for name, _, _, *energy in rows:
            draws.setdefault(name, []).append([float(value) for value in energy])
        table = {name: (radius, np.array(energy)) for name, energy in draws.items()}
        if not table or any(energy.shape[1:] != radius.shape for _, energy in table.values()):
            raise ValueError("it has no rows, or short ones")
        return table


@dataclass(frozen=True)
class Reference:
    """Reference encircled energies of one filter on a mosaic.

    Attributes
    ----------
    radius_arcsec : (r,) float ndarray
    energy : (n, r) float ndarray
        Light within them, of n draws.
    """

    radius_arcsec: np.ndarray
    energy: np.ndarray

    @classmethod
    def of(cls, table, filter_name, pixel_scale_arcsec, *, native_pixel_arcsec=None, pixfrac=None):
        """Reference of a filter on a mosaic.

        Parameters
        ----------
        table : dict
            From `read_encircled_energy`.
        filter_name : str
        pixel_scale_arcsec : float
        native_pixel_arcsec, pixfrac : float, optional
            Pixel of the detector and side of its drop over it, by default those of the filter.

        Raises
        ------
        DataError
            If the table does not hold the filter.
        """
        if filter_name not in table:
            raise DataError(
                f"encircled-energy table, filter {filter_name}",
                "no entry",
                f"one of {', '.join(table)}",
                f"give `psf: file` for {filter_name}",
            )
        radius, energy = table[filter_name]
        native = native_pixel_arcsec or DETECTORS[find_detector({}, filter_name)].pixel_arcsec
        return cls(radius, _through_pixels(radius, energy, native, pixfrac or PIXFRAC, pixel_scale_arcsec))

    def draws(self, radius_arcsec):
        """Encircled energies (n, ...) of all draws within radii (...)."""
        radius = np.asarray(radius_arcsec, dtype=float)
        nodes = np.concatenate([[0.0], self.radius_arcsec])
        return np.stack([np.interp(radius, nodes, [0.0, *energy], right=1.0) for energy in self.energy])

    def ee(self, radius_arcsec):
        """Mean encircled energy within radii."""
        return self.draws(radius_arcsec).mean(axis=0)

    def scatter(self):
        """Fractional 1-sigma error of the light outside `ANCHOR_ARCSEC`: of the draws, and `MODEL_ERROR`."""
        outside = 1.0 - self.draws(ANCHOR_ARCSEC)
        return float(np.hypot(outside.std() / outside.mean(), MODEL_ERROR))


def _through_pixels(radius, energy, native, pixfrac, scale):
    """Encircled energies (n, r) of the optics as detector pixel, drop and mosaic pixel (arcsec) make them."""
    from scipy.interpolate import PchipInterpolator

    sample = native / SAMPLES_PER_PIXEL
    half = int(np.ceil((BLUR_TO_ARCSEC + BLUR_MARGIN_ARCSEC) / sample))
    distance = radius_grid(half) * sample
    order = np.argsort(distance, axis=None)
    # Rings around each sample, half of one wide: their light over their area is the intensity there.
    inner, outer = np.maximum(distance - 0.25 * sample, 0.0), distance + 0.25 * sample
    seen = energy.copy()
    near = radius < BLUR_TO_ARCSEC
    count = np.pi * (radius[near] / sample) ** 2
    whole = np.minimum(count.astype(int), len(order) - 1)
    for k, row in enumerate(energy):
        # Over the area of circles, in which light grows linearly near the middle.
        inside = PchipInterpolator(np.concatenate([[0.0], radius]) ** 2, np.concatenate([[0.0], row]))
        image = (inside(outer**2) - inside(inner**2)) / (np.pi * (outer**2 - inner**2)) * sample**2
        image = coupled(blurred(image, [SAMPLES_PER_PIXEL], 0.0), SAMPLES_PER_PIXEL, INTERPIXEL_COUPLING)
        image = blurred(image, [pixfrac * native / sample, scale / sample], 0.0)
        # As many samples as the circle has area, nearest first; the last one in part.
        ranked = image.ravel()[order]
        total = np.concatenate([[0.0], np.cumsum(ranked)])
        seen[k, near] = total[whole] + (count - whole) * ranked[whole]
    return np.minimum(seen, 1.0)

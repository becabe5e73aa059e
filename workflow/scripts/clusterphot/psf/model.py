"""What the parts of the PSF stage share: options, stars with their stamps, the model and its light.

The model lives on a big stamp (2.5" and more around the star) in an arbitrary scale. Fluxes nJy, lengths as
named.
"""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from clusterphot.config.psf import StampKeys
from clusterphot.psf.reference import windowed_centroid
from clusterphot.psf.star_fits import crop, fourier_shift, radius_grid
from clusterphot.psf.wings import WingGrid, power_law_light


class PsfFlag(IntFlag):
    """Bits of `clusterphot.base.products.Psf.flags`."""

    FEW_STARS = 1 << 0
    CORE_FROM_BRIGHT = 1 << 1
    REFERENCE_TOTAL = 1 << 2
    REFERENCE_BEYOND = 1 << 3
    POOR_ERROR = 1 << 4


PSF_FLAG_SENTENCES = {
    PsfFlag.FEW_STARS: "fewer than 8 stars in the core",
    PsfFlag.CORE_FROM_BRIGHT: "too few stars within psf.mag_min..mag_max; brighter unsaturated ones added",
    PsfFlag.REFERENCE_TOTAL: "the share of light in the core is the reference encircled energy, not measured",
    PsfFlag.REFERENCE_BEYOND: "the light beyond the stamp rests on the reference encircled energy",
    PsfFlag.POOR_ERROR: "flux scale uncertain by more than psf.max_error",
}


@dataclass(frozen=True)
class PsfOptions(StampKeys):
    """How the PSF is built: keys of the configuration, and what has not needed one.

    Attributes
    ----------
    join_arcsec : (float, float)
        Radii between which the core passes into the wings.
    fit_radius_arcsec : float
        Half-width of the window in which the flux of a star is fitted, with a polynomial sky.
    wing_radius_arcsec : float
        Radius out to which wing and sky of bright stars are fitted.
    total_radius_arcsec : float
        Light beyond this radius is not counted: no measured zero point knows about it.
    sky_order : int
        Polynomial sky under the bright stars: 0 constant, 1 plane, 2 quadratic.
    min_bright : int
        With fewer wing stars the share of light in the core is the reference's.
    max_error : float
        Likewise above this fractional error.
    """

    join_arcsec: tuple = (0.14, 0.17)
    fit_radius_arcsec: float = 0.4
    wing_radius_arcsec: float = 2.5
    total_radius_arcsec: float = 6.0
    sky_order: int = 2
    min_bright: int = 5
    max_error: float = 0.03
    min_core: int = 8
    min_stars: int = 3
    max_wing_stars: int = 40


@dataclass
class Star:
    """One star with its big stamp; position from the middle pixel (x0, y0), flux in units of the model's
    sum."""

    row: int
    core: bool
    saturated: bool
    x0: int
    y0: int
    data: np.ndarray
    ivar: np.ndarray
    dx: float = 0.0
    dy: float = 0.0
    flux: float = np.nan
    flux_err: float = np.nan
    sky: np.ndarray = None
    level: float = np.nan
    ok: bool = True
    reason: str = ""


@dataclass
class Model:
    """The PSF under construction on the big stamp: ``image`` in arbitrary scale, ``tail`` amplitude of
    r^-3."""

    image: np.ndarray
    tail: float
    grid: WingGrid
    core_weight: np.ndarray


@dataclass(frozen=True)
class Light:
    """Total light of the model: ``inside`` 1" and ``tail`` beyond, in the model's scale, with the tail's
    error."""

    inside: float
    tail: float
    extrapolated: float

    @property
    def total(self):
        """All light out to the total radius."""
        return self.inside + self.tail


def model_light(image, tail, grid, options):
    """Light of a model within the stamp's radius and beyond."""
    scale = grid.pixel_scale_arcsec
    border = grid.edges_arcsec[grid.n_inner]
    disc = radius_grid(grid.half_px) * scale < border
    effective = np.sqrt(disc.sum() * scale**2 / np.pi)
    outer = max(options.total_radius_arcsec, effective)
    beyond = tail * power_law_light(scale, effective, outer)
    far = tail * power_law_light(scale, min(options.wing_radius_arcsec, outer), outer)
    return Light(float(image[disc].sum()), float(beyond), float(far))


def normalise(model, scale):
    """Centre the model and give the light within 0.2" the value 1."""
    dx, dy = windowed_centroid(crop(model.image, int(0.4 / scale)), max(1.5, 0.06 / scale))
    model.image = fourier_shift(model.image, -dx, -dy)
    light = model.image[radius_grid(model.grid.half_px) * scale < 0.2].sum()
    model.image /= light
    model.tail /= light

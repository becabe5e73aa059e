"""What the parts of the PSF stage share: options, stars with their stamps, the model and its light.

The model lives on a big stamp (2.5" and more around the star) in an arbitrary scale. Fluxes nJy, lengths as
named.
"""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from clusterphot.base.images import crop, fourier_shift, radius_grid
from clusterphot.config.psf import StampKeys
from clusterphot.psf.reference import ANCHOR_ARCSEC
from clusterphot.psf.shape import core_radius_px, windowed_centroid
from clusterphot.psf.wings import WingGrid, power_law_light

BEYOND_STAMP = ("measured", "reference", "none")
"""Ways to count the light beyond the stamp: the power law of the wings, the reference, or not at all."""

CORE_HALF_ARCSEC = 0.4
"""Half side of the stamps on which cores are compared and averaged: well beyond the join, within the window in
which a star is fitted."""


class PsfFlag(IntFlag):
    """Bits of `clusterphot.base.products.Psf.flags`."""

    FEW_STARS = 1 << 0
    CORE_FROM_BRIGHT = 1 << 1
    REFERENCE_TOTAL = 1 << 2
    REFERENCE_BEYOND = 1 << 3
    POOR_ERROR = 1 << 4
    UNLIKE_REFERENCE = 1 << 5


PSF_FLAG_SENTENCES = {
    PsfFlag.FEW_STARS: "fewer than 8 stars in the core",
    PsfFlag.CORE_FROM_BRIGHT: "too few stars within psf.mag_min..mag_max; brighter unsaturated ones added",
    PsfFlag.REFERENCE_TOTAL: "the share of light in the core is the reference encircled energy, not measured",
    PsfFlag.REFERENCE_BEYOND: "the light beyond the stamp rests on the reference encircled energy",
    PsfFlag.POOR_ERROR: "flux scale uncertain by more than psf.max_error",
    PsfFlag.UNLIKE_REFERENCE: "wings unlike the reference encircled energy, which counts for less",
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
        With fewer wing stars that are not core stars the error of the flux scale is larger.
    max_error : float
        Above this fractional error of the flux scale the reference's share of light in the core is drawn on.
    min_core : int
        With fewer core stars brighter unsaturated ones are added.
    min_stars : int
        With fewer there is no PSF.
    max_wing_stars : int
        Brightest stars that the wings are made of, and half as many saturated ones.

    Raises
    ------
    ValueError
        If ``beyond_stamp`` is another word.
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

    def __post_init__(self):
        """Refuse a word that means nothing."""
        if self.beyond_stamp not in BEYOND_STAMP:
            raise ValueError(
                f"beyond_stamp: {self.beyond_stamp!r}, expected one of {', '.join(BEYOND_STAMP)}"
            )


@dataclass
class Star:
    """One star with its big stamp.

    Attributes
    ----------
    row : int
        In the star list.
    core, saturated : bool
        Whether it is one of the core, and whether its centre is missing.
    x0, y0 : int
        Pixel of the mosaic on the middle of the stamp.
    data, ivar : (2h+1, 2h+1) float ndarray, nJy/pixel
    dx, dy : float, px
        Position from (x0, y0).
    flux, flux_err : float
        Factor on the model: nJy within `ANCHOR_ARCSEC`, to which the model is normalised.
    sky : (k,) float ndarray
        Coefficients of the sky in the window of the fit, nJy/pixel.
    level : float, nJy/pixel
        Sky at the star from the solution of the wings; NaN before the first.
    ok, reason : bool, str
        Whether it is used, and why not.
    """

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
class PsfModel:
    """The PSF under construction on the big stamp.

    Attributes
    ----------
    image : (2h+1, 2h+1) float ndarray
        In the scale that `normalise` gives.
    tail : float
        Amplitude of the power law of `clusterphot.psf.wings.POWER` beyond the stamp, r in arcsec.
    grid : WingGrid
    core_weight : (2h+1, 2h+1) float ndarray
        1 in the core, 0 in the wings, smooth between the two radii of the join.
    """

    image: np.ndarray
    tail: float
    grid: WingGrid
    core_weight: np.ndarray


@dataclass(frozen=True)
class Light:
    """Light of the model in its own scale: ``inside`` the stamp's radius, and of the ``tail`` beyond."""

    inside: float
    tail: float

    @property
    def total(self):
        """All light out to the total radius."""
        return self.inside + self.tail


def model_light(image, tail, grid, options):
    """`Light` of an image and its tail, out to ``options.total_radius_arcsec``."""
    scale = grid.pixel_scale_arcsec
    border = grid.edges_arcsec[grid.n_inner]
    disc = radius_grid(grid.half_px) * scale < border
    # The tail begins at the radius of the circle that has the area of the pixels counted inside.
    effective = np.sqrt(disc.sum() * scale**2 / np.pi)
    outer = max(options.total_radius_arcsec, effective)
    beyond = tail * power_law_light(scale, effective, outer)
    return Light(float(image[disc].sum()), float(beyond))


def anchor_light(model):
    """Light of the model within `ANCHOR_ARCSEC`, in its own scale."""
    return model.image[radius_grid(model.grid.half_px) * model.grid.pixel_scale_arcsec < ANCHOR_ARCSEC].sum()


def normalise(model, scale):
    """Centre the model and give its light within `ANCHOR_ARCSEC` the value 1."""
    dx, dy = windowed_centroid(crop(model.image, int(CORE_HALF_ARCSEC / scale)), core_radius_px(scale))
    model.image = fourier_shift(model.image, -dx, -dy)
    light = anchor_light(model)
    model.image /= light
    model.tail /= light

"""Entry ``simulation`` of a field: a field drawn by the workflow instead of read from mosaics."""

from typing import Literal

from clusterphot.base.detectors import INTERPIXEL_COUPLING
from clusterphot.config.keys import key, section


@section
class SceneKeys:
    """What is drawn."""

    filters: tuple[str, ...] = key(
        ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W"),
        "NIRCam filters; leaving one out does not change the others.",
        min_items=1,
        unique=True,
    )
    seed: int = key(1, "Seed of everything random.", ge=0)
    size_arcsec: float = key(40.0, "Side (arcsec) of the square field, a multiple of 0.04.", ge=8, le=300)
    noise: Literal["drizzle", "white", "none"] = key(
        "drizzle", "Pixel noise: with the correlation of drop and pixel, without correlation, or no noise."
    )
    noise_scale: float = key(
        1.0, "Noise relative to that of SMACS J0723; 1 is a 5 sigma depth of 29.5-29.8 mag.", gt=0, le=100
    )
    source_poisson: bool = key(False, "Whether sources have photon noise.")
    halo: float = key(
        1.0,
        "Brightness of the central galaxy and of the light around it relative to SMACS J0723.",
        ge=0,
        le=10,
    )
    n_stars: int = key(40, "Stars of 25 to 27 mag; half as many of 27 to 28 come on top.", ge=0, le=1000)
    n_bright_stars: int = key(None, "Stars of 18 to 25 mag; by default a quarter of n_stars.", ge=0, le=1000)
    n_members: int = key(
        None,
        "Galaxies of the cluster beside the brightest; by default 40 in a field of 40 arcsec, scaled by area.",
        ge=0,
        le=1000,
    )
    galaxies_per_arcsec2: float = key(
        0.15, "Density (1/arcsec2) of background galaxies to 30.5 mag.", ge=0, le=2
    )
    clearance_arcsec: float = key(
        0.6,
        "Distance (arcsec) that unlisted stars and galaxies keep from clusters, as a person would choose them.",
        ge=0,
        le=5,
    )
    # At 0.3 one in ten fluxes fitted in a 0.8" cutout is off by more than 5 sigma, at 0.8 hardly any.
    core_clearance_arcsec: float = key(
        0.8,
        "Distance (arcsec) that clusters placed here keep from the cores of galaxies, whose cusps no smooth sky can "
        "follow; up to twice as much from bright ones.",
        ge=0,
        le=5,
    )
    wcs_offset_px: float = key(0.4, "Largest offset (px) between bands.", ge=0, le=5)
    psf_blur_px: float = key(
        0.0, "Largest extra Gaussian blur (sigma, px) of the PSF over the field.", ge=0, le=3
    )
    bad_pixel_fraction: float = key(
        2e-4, "Share of bad pixels: half of them NaN, half 0, all with weight 0.", ge=0, le=0.2
    )


@section
class ExposureKeys:
    """Dithered exposures of the field, drizzled as real mosaics are, with the noise of photons and detectors.

    The key ``noise`` of the field switches it off, or leaves it, whatever its kind; ``bad_pixel_fraction``,
    ``source_poisson`` and ``psf_blur_px`` are for mosaics that are drawn as such.
    """

    n_exposures: int = key(9, "Exposures of each filter.", ge=1, le=200)
    dither_arcsec: float = key(
        2.0, "Half side (arcsec) of the square in which exposures are dithered at random.", ge=0, le=60
    )
    position_angle_deg: float = key(
        25.0, "Angle (deg) of the detectors against the mosaic, counter-clockwise.", ge=-180, le=180
    )
    roll_deg: float = key(0.01, "1-sigma differences of that angle (deg) between exposures.", ge=0, le=5)
    distortion_px: float = key(
        1.0,
        "Largest distance (px of the detector) of a pixel from where it would be without distortion.",
        ge=0,
        le=50,
    )
    pointing_error_mas: float = key(
        3.0, "1-sigma errors (mas per axis) of the exposures' pointings against each other.", ge=0, le=50
    )
    fwhm_variation: float = key(
        0.2,
        "Largest deviation of the FWHM from its mean over the field at 0.7 micron, as a fraction; it falls to 0.15 of "
        "that at 4.4 micron. 0.2 is what Zhuang & Shen (2024) measured; 0 for one PSF.",
        ge=0,
        le=0.6,
    )
    charge_diffusion_mas: float = key(
        None, "Sigma (mas per axis) of the diffusion of charge; by default that of the channel.", ge=0, le=60
    )
    interpixel_coupling: float = key(
        INTERPIXEL_COUPLING,
        "Share of a pixel's signal that each of its four neighbours takes; default that of pyNRC for NIRCam.",
        ge=0,
        le=0.1,
    )
    gain_e_per_njy: float = key(
        300.0,
        "Electrons per nJy in all exposures together, about two hours of NIRCam; known to the fits.",
        gt=0,
    )
    read_noise_share: float = key(
        0.15, "Share of read noise in the variance of blank sky; the rest are photons of the sky.", ge=0, le=1
    )
    stripe_sigma: float = key(
        0.1, "Residual 1/f noise: scatter of the detector's rows over that of its pixels.", ge=0, le=3
    )
    bad_pixel_share: float = key(
        0.005, "Share of the detector's pixels that are bad in all exposures.", ge=0, le=0.3
    )
    cosmic_ray_share: float = key(
        0.005, "Share of an exposure's pixels that cosmic rays have hit.", ge=0, le=0.3
    )
    saturation_njy_per_arcsec2: float = key(
        1e6,
        "Light (nJy/arcsec2) above which a pixel is saturated: stars of 20.0 (F444W) to 22.4 mag (F090W).",
        gt=0,
    )
    zero_point_scatter: float = key(
        0.01,
        "1-sigma difference of the two detectors' flux scales from the nominal one, as a fraction.",
        ge=0,
        le=0.3,
    )
    gap_arcsec: float = key(2.0, "Gap (arcsec) between the two detectors; 0 for one detector.", ge=0, le=60)
    n_partial: int = key(
        2, "Exposures that reach only one half of the field, so that its depth has a step.", ge=0, le=200
    )
    pixfrac: float = key(0.75, "Side of the drop over that of the detector's pixel.", gt=0, le=1)
    layout: Literal["archive", "i2d"] = key(
        "archive",
        "Files: sci and wht of the DAWN JWST Archive, whose weights conserve information, or i2d of MAST, whose errors "
        "hold the sources' photons.",
    )


@section
class SimulationSection(SceneKeys):
    """A field simulated by the workflow instead of read from mosaics."""

    clusters: str = key(None, "Table of cluster fluxes (nJy, de-reddened) by id; default the published ones.")
    center_deg: tuple[float, float] = key(
        None, "R.A. and Decl. (deg, ICRS) of the centre; default the median source."
    )
    noise_correlation: str = key(
        None,
        "FITS image (odd sides, largest in the middle) of the noise's measured autocorrelation at whole pixels of the "
        "mosaic, in place of that of drop and pixel.",
    )
    exposures: ExposureKeys = key(
        None,
        "The mosaics are drizzled from simulated exposures, {} for all defaults; where it is left out they are drawn "
        "as such, with one PSF.",
    )

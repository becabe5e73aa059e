"""Entry ``simulation`` of a field: a field drawn by the workflow instead of read from mosaics."""

from typing import Literal

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
    noise: Literal["drizzle", "white", "none"] = key("drizzle", "Pixel noise.")
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
class SimulationSection(SceneKeys):
    """A field simulated by the workflow instead of read from mosaics."""

    clusters: str = key(None, "Table of cluster fluxes (nJy, de-reddened) by id; default the published ones.")
    center_deg: tuple[float, float] = key(
        None, "R.A. and Decl. (deg, ICRS) of the centre; default the median source."
    )

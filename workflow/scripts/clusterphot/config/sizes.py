"""Section ``sizes``: light profiles and upper limits of half-light radii."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class LimitKeys:
    """Likelihood of a half-light radius, and what is concluded from it."""

    model: Literal["gaussian", "king", "plummer"] = key(
        "gaussian", "Projected light profile of a cluster: gaussian, king (1962) or plummer."
    )
    king_concentration: float = key(
        1.5, "log10 of tidal over core radius of a King (1962) profile.", ge=0.3, le=3
    )
    window_arcsec: float = key(
        0.6, "Side (arcsec) of the square of pixels fitted; at most the cutout less 8 pixels.", ge=0.2, le=5
    )
    confidence: float = key(0.95, "Of the upper limits.", ge=0.5, le=0.999)
    compact_pc: float = key(
        20.0,
        "A source is called resolved when all half-light radii (pc) up to this one, those of star clusters, are "
        "excluded.",
        ge=0,
        le=1000,
    )
    resolved_sigma: float = key(3.0, "Significance of that exclusion.", ge=1, le=10)
    radius_max_pc: float = key(500.0, "Largest half-light radius (pc) tried.", ge=50, le=5000)


@section
class PsfWidthKeys:
    """How well the PSF is known."""

    psf_fwhm_scatter_fraction: Literal["auto"] | float = key(
        "auto",
        "1-sigma variation of the FWHM of the PSF over the field as a fraction, 0 for a PSF that is known; auto takes "
        "the error of the width that the stars leave open (FWHMERR of psf.fits), for your own PSFs NIRCam's usual one.",
        ge=0,
        le=0.3,
    )


@section
class SizesSection(PsfWidthKeys, LimitKeys):
    """Light profiles and upper limits of half-light radii."""

    filter: str = key("auto", "Filter in which sizes are measured; auto is the one nearest to 1.5 micron.")
    stack_method: Literal["mean", "median"] = key(
        "mean",
        "How sources are stacked for profiles and sizes: mean, or median, which is broader than the PSF where fluxes "
        "differ.",
    )
    n_resamples: int = key(400, "Bootstrap resamples of the sources of the stack.", ge=50, le=10000)
    min_snr: float = key(10.0, "Flux over error below which a cluster gets no limit.", ge=3, le=1000)
    psf_coherence_arcsec: float = key(
        20.0, "Side (arcsec) of the patches of sky that share their PSF.", ge=1, le=1000
    )
    radii_pc: tuple[float, ...] = key(
        (10, 20, 30, 50, 75, 100, 150, 200, 300),
        "Half-light radii (pc) of simulated sources.",
        gt=0,
        min_items=2,
        unique=True,
    )
    figure_radii_pc: tuple[float, ...] = key(
        (20, 50, 100, 200),
        "Half-light radii (pc) of the profiles drawn beside that of the PSF.",
        gt=0,
        min_items=1,
        max_items=5,
        unique=True,
    )
    peak_njy: float = key(
        20.0,
        "Brightness (nJy) of simulated sources after Faisst et al. (2022): of the brightest pixel, and of all light.",
        gt=0,
    )
    n_trials: int = key(200, "Simulated sources of each radius.", ge=10, le=100000)
    n_coverage_trials: int = key(
        1000, "Simulated sources of random radii, for the coverage of the limits.", ge=10, le=1000000
    )
    seed: int = key(1, "Seed of the simulations and of the bootstrap.", ge=0)

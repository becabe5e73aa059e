"""Section ``photometry``: fluxes of sources on cutouts."""

from typing import Literal

from clusterphot.config.keys import key, section

Engine = Literal["psf", "tractor", "photutils"]


@section
class EngineKeys:
    """What fits, and in which manner."""

    engine: Engine = key(
        "psf",
        "Engine of the fits: psf is ours; tractor is The Tractor (Lang et al.), as Faisst et al. (2022) used it, "
        "installed apart (docs/engines.md); photutils is its PSFPhotometry, a hundred times slower.",
    )
    preset: Literal["default", "paper"] = key(
        "default",
        "The default, or paper for the choices of Faisst et al. (2022): constant sky, free positions, single sources, "
        "conditional errors.",
    )


@section
class FitKeys:
    """Choices of the fits."""

    position: Literal["tied", "free"] = key(
        "tied", "Positions in other filters: tied to that of the reference filter, or free."
    )
    sky: Literal["constant", "plane", "quadratic"] = key(
        "quadratic", "Sky under each cutout: constant, plane or quadratic."
    )
    max_shift_px: float = key(
        2.0, "Half side (px of the filter concerned) of the box of fitted positions.", gt=0, le=10
    )
    joint_radius_arcsec: float = key(
        0.55, "Distance (arcsec) within which listed sources are fitted together.", ge=0, le=3
    )
    blend_radius_arcsec: float = key(
        0.08, "Distance (arcsec) within which a pair is flagged BLENDED.", ge=0, le=1
    )
    position_sigma_arcsec: float = key(
        0.02,
        "1-sigma error (arcsec) of the listed positions, a prior in the reference filter; 0 for no prior.",
        ge=0,
        le=1,
    )


@section
class PhotometrySection(FitKeys, EngineKeys):
    """Point-source photometry on cutouts."""

    cutout_size_arcsec: float = key(0.8, "Side (arcsec) of a cutout.", ge=0.3, le=5)
    rescale_errors: Literal["none", "proof"] = key(
        "none",
        "none, or proof: flux_err is multiplied by the scatter of artificial clusters and blank places in their "
        "errors, smooth in light and depth, where that is known to 10 % (docs/proof.md).",
    )
    compare_engines: tuple[Engine, ...] = key(
        (),
        "Engines to compare on the same cutouts, the first against each other one, for example [psf, tractor]: table "
        "and figure in every field of images (results/{field}/engines/); empty for none.",
        unique=True,
    )

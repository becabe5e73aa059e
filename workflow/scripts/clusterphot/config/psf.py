"""Section ``psf``: stars and the point-spread function that they make."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class StarKeys:
    """Stars are chosen in the reference filter and reused in all."""

    mag_min: float = key(
        25.0, "Bright end (AB mag in the reference filter) of the stars that make the core.", ge=10, le=35
    )
    mag_max: float = key(27.0, "Faint end (AB mag) of these stars.", ge=10, le=35)
    mag_bright: float = key(
        17.0, "Bright end (AB mag) of the stars that make the wings; they end at mag_min.", ge=5, le=35
    )
    half_light_radius_max_px: float = key(
        3.0, "Largest half-light radius (px of the reference filter) of a star.", gt=0, le=20
    )
    isolation_arcsec: float = key(
        0.5, "Distance (arcsec) within which a star has no other detection.", ge=0, le=10
    )


@section
class StampKeys:
    """The stamp that the PSF is built on."""

    size_arcsec: float = key(2.0, "Side (arcsec) of the stamp on which the PSF sums to 1.", ge=0.5, le=10)
    beyond_stamp: Literal["measured", "reference", "none"] = key(
        "measured",
        "Light outside the stamp - measured on bright stars, the reference encircled-energy table, or none.",
    )


@section
class PsfSection(StampKeys, StarKeys):
    """PSF of each filter, built from the field's own stars, which are chosen in the reference filter."""

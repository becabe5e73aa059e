"""Sections ``stars``, ``contamination`` and ``comparison``: what else is in a field, and galaxies to compare with."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class StarsSection:
    """Milky Way stars expected towards a field."""

    mag_min: float = key(18.0, "Bright end (AB mag in the reference filter) of the counts.", ge=15, le=33)
    mag_max: float = key(31.0, "Faint end (AB mag) of the counts.", ge=15, le=33)
    bin_mag: float = key(0.5, "Width (mag) of the bins.", ge=0.1, le=5)


@section
class ContaminationSection:
    """Probability of star, cluster or background galaxy."""

    galaxy_fraction: float = key(
        0.1, "Prior share of background galaxies in a field without control_region.", ge=0, le=0.9
    )


@section
class ColumnsSection:
    """Names of the columns of the catalogue; null or left out: it has none."""

    id: str | None = key(None, "Identifier.")
    redshift: str | None = key(None, "Redshift.")
    log_mass: str | None = key(None, "log10 of the stellar mass (Msun).")
    radius_kpc: str | None = key(None, "Half-light radius (kpc).")
    log_ssfr: str | None = key(None, "log10 of the specific star-formation rate (1/yr).")
    is_quiescent: str | None = key(None, "1 for quiescent galaxies and 0 for others; instead of log_ssfr.")
    bands: dict[str, str] = key(
        {},
        'Columns of the bands, by wavelength (micron) or filter name; for example {"1.25": UVISTA_J_MAG}.',
    )


@section
class ComparisonSection:
    """Galaxies to compare with, and what is drawn beside the clusters."""

    catalogue: str | None = key(
        None, "Catalogue of galaxies: csv, tsv, ecsv or FITS, for example COSMOS2020; null for none."
    )
    flux_unit: Literal["mag", "uJy", "nJy"] = key("mag", "Unit of its bands: mag (AB), uJy or nJy.")
    columns: ColumnsSection = key(ColumnsSection, "Names of its columns; null or left out: it has none.")
    redshift_width: float = key(0.05, "Largest difference of redshift to the field.", gt=0, le=1)
    log_ssfr_quiescent: float = key(
        -11.0,
        "Specific star-formation rate (log10 of 1/yr) below which a galaxy is quiescent.",
        ge=-15,
        le=-7,
    )
    size_limit_pc: float = key(
        50.0, "Upper limit (pc) on half-light radii drawn in the mass-size figure.", gt=0, le=5000
    )
    bcg_radius_kpc: float = key(
        50.0,
        "Semi-major axis (kpc) within which the brightest cluster galaxy is measured.",
        ge=1,
        le=500,
    )
    specific_frequency: tuple[float, float] = key(
        (3.7, 14.1),
        "Range of the specific frequency of globular clusters of brightest cluster galaxies: NGC 4874 to M87.",
        gt=0,
        le=100,
    )

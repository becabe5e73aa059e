"""Readers of libraries of stellar populations, one module for each format; all give a `clusterphot.ssp.grid.SspGrid`.

Importing this costs nothing: modules are imported when a library is read or checked.
Ages in Gyr, metallicities in units of each library's own solar value, spectra in Lsun/Angstrom per Msun formed.
"""

from clusterphot.base.errors import ConfigError
from clusterphot.ssp.readers import names

KEYS = {
    "embedded": {},
    "galaxev": {"directory": None, "family": None},
    "fsps": {
        "isochrones": "mist",
        "spectra": "basel",
        "imf": "chabrier",
        "agb_dust": True,
        "sps_home": None,
        "python": None,
    },
    "popstar": {"file": None, "nebular": False},
    "emiles": {"directory": None, "family": None, "mass_table": None, "resolution": 1000.0},
}
"""Keys of a grid in the configuration by reader, beside ``reader``, with their defaults."""

REQUIRED = {"galaxev": ("directory",), "emiles": ("directory",)}

INTERPOLATED = ("fsps",)
"""Readers that give any metallicity in a range; the others give those of their files."""


def complete_options(entry, where):
    """Keys of one grid of the configuration with defaults filled in.

    Parameters
    ----------
    entry : dict
        ``reader`` and its keys.
    where : str
        File and key, for messages.

    Returns
    -------
    options : dict, without ``reader``

    Raises
    ------
    ConfigError
        For an unknown reader, a key of another reader, or a missing one.
    """
    reader = entry["reader"]
    if reader not in KEYS:
        raise ConfigError(f"{where}.reader", reader, f"one of {', '.join(KEYS)}")
    for key in entry:
        if key != "reader" and key not in KEYS[reader]:
            known = ", ".join(KEYS[reader]) or "no more keys"
            raise ConfigError(f"{where}.{key}", f"a key that the reader {reader} does not have", known)
    options = KEYS[reader] | {key: value for key, value in entry.items() if key != "reader"}
    for key in REQUIRED.get(reader, ()):
        if options[key] is None:
            raise ConfigError(f"{where}.{key}", "nothing", f"the folder of the {reader} library")
    return options


def library_files(reader, options):
    """Files that a grid is read from, as inputs of its rule; none for FSPS and the shipped grid.

    Cheap: only looks for names.
    """
    if reader == "galaxev":
        return names.paths_of_galaxev(options["directory"], options["family"])
    if reader == "emiles":
        return names.paths_of_emiles(options["directory"], options["family"], options["mass_table"])
    if reader == "popstar":
        return [names.find_popstar(options["file"])]
    if reader in ("fsps", "embedded"):
        return []
    raise ValueError(f"reader {reader!r}, expected one of {', '.join(KEYS)}")


def check_library(reader, options, where, *, ages_gyr=(), metallicity_zsun=(), data=True):
    """Check before the first job that a library is there and whole, and tell its axes.

    Parameters
    ----------
    reader : str
        Any but ``embedded``, which is shipped.
    options : dict
        Of `complete_options`.
    where : str
        File and key, for messages.
    ages_gyr, metallicity_zsun : sequences of floats, optional
        Of the fit; only FSPS is asked for them.
    data : bool, optional
        As in `clusterphot.ssp.readers.fsps_reader.check_fsps`.

    Returns
    -------
    axes : dict
        Lists of float ``age_gyr``, ``metallicity_zsun`` and ``wave_rest`` (first and last), and ``z_sun``.

    Raises
    ------
    ConfigError, DataError
    """
    if reader == "galaxev":
        from clusterphot.ssp.readers.galaxev import galaxev_axes

        return galaxev_axes(**options)
    if reader == "emiles":
        from clusterphot.ssp.readers.emiles import emiles_axes

        return emiles_axes(**options)
    if reader == "popstar":
        from clusterphot.ssp.readers.popstar import popstar_axes

        return popstar_axes(**options)
    if reader == "fsps":
        from clusterphot.ssp.readers.fsps_reader import FspsSetup, check_fsps

        setup = FspsSetup(**options, where=where)
        wanted = {"ages_gyr": ages_gyr, "metallicity_zsun": metallicity_zsun}
        return check_fsps(setup, **wanted, data=data)
    raise ValueError(f"reader {reader!r}, expected one of {', '.join(KEYS)}")


def read_library(reader, options, *, library=None, ages_gyr=(), metallicity_zsun=()):
    """Read a library.

    Parameters
    ----------
    reader : str
        A key of KEYS.
    options : dict
        Of `complete_options`.
    library : str, optional
        The shipped file, for ``embedded``; the file that `library_files` found, for ``popstar``.
    ages_gyr, metallicity_zsun : sequences of floats, optional
        Of the fit, for ``fsps``: the metallicities to compute, and ages that have to be inside.

    Returns
    -------
    grid : `clusterphot.ssp.grid.SspGrid`
        At the library's own ages and (but for FSPS) metallicities.
    """
    if reader == "embedded":
        from clusterphot.ssp.grid import read_embedded_grid

        return read_embedded_grid(library)
    if reader == "galaxev":
        from clusterphot.ssp.readers.galaxev import read_galaxev

        return read_galaxev(**options)
    if reader == "emiles":
        from clusterphot.ssp.readers.emiles import read_emiles

        return read_emiles(**options)
    if reader == "popstar":
        from clusterphot.ssp.readers.popstar import read_popstar

        return read_popstar(**(options | ({"file": library} if library else {})))
    if reader == "fsps":
        from clusterphot.ssp.readers.fsps_reader import FspsSetup, read_fsps

        return read_fsps(FspsSetup(**options), metallicity_zsun, ages_gyr=ages_gyr)
    raise ValueError(f"reader {reader!r}, expected one of {', '.join(KEYS)}")

"""Readers of libraries of stellar populations, one entry each in `READERS`; all give a `clusterphot.ssp.grid.SspGrid`.

Importing this costs nothing: a reader's module is imported when a library is read or checked.
Ages in Gyr, metallicities in units of each library's own solar value, spectra in Lsun/Angstrom per Msun formed.
"""

from clusterphot.base.errors import ConfigError
from clusterphot.config.keys import REQUIRED, defaults_of
from clusterphot.config.ssp_grids import EmilesKeys, FolderKeys, FspsKeys, PopStarKeys
from clusterphot.ssp.readers import names


class Reader:
    """A reader of libraries on disk, as the checks and the rules see it.

    Attributes
    ----------
    keys : dict
        Keys of a grid in the configuration beside ``reader`` and ``metallicity_zsun``, with their defaults; `REQUIRED`
        where the user has to give one.
    interpolates : bool
        Whether it gives any metallicity in a range; the others give those of their files.
    """

    keys = {}
    interpolates = False

    @staticmethod
    def module():
        """Module with ``read(**keys)``, which gives the grid, and ``axes(**keys)``, which tells its axes fast."""
        raise NotImplementedError

    def files(self, options):
        """Files that a grid is read from, as inputs of its rule; only looks for names."""
        return []

    def axes(self, options, where, *, ages_gyr=(), metallicity_zsun=(), data=True):
        """Check before the first job that a library is there and whole, and tell its axes.

        Parameters
        ----------
        options : dict
            Of `complete_options`.
        where : str
            File and key, for messages.
        ages_gyr, metallicity_zsun : sequences of floats, optional
            Of the fit; for readers that interpolate.
        data : bool, optional
            False where the axes are known and need not be read; for readers that interpolate.

        Returns
        -------
        axes : dict
            Lists of float ``age_gyr``, ``metallicity_zsun`` and ``wave_rest`` (first and last), and ``z_sun``.

        Raises
        ------
        ConfigError, DataError
        """
        return self.module().axes(**options)

    def read(self, options, *, files=(), ages_gyr=(), metallicity_zsun=()):
        """Read a library.

        Parameters
        ----------
        options : dict
            Of `complete_options`.
        files : sequence of str, optional
            What `files` found.
        ages_gyr, metallicity_zsun : sequences of floats, optional
            Of the fit, for readers that interpolate: the metallicities to compute, and ages that have to be inside.

        Returns
        -------
        grid : `clusterphot.ssp.grid.SspGrid`
            At the library's own ages and, where it does not interpolate, metallicities.
        """
        return self.module().read(**options)


class Embedded(Reader):
    """The grid in resources/, whose file and axes the workflow knows."""

    def read(self, options, *, files=(), ages_gyr=(), metallicity_zsun=()):
        """The shipped file."""
        from clusterphot.ssp.grid import read_embedded_grid

        return read_embedded_grid(files[0])


class Galaxev(Reader):
    """A folder of GALAXEV files."""

    keys = defaults_of(FolderKeys) | {"directory": REQUIRED}

    @staticmethod
    def module():
        from clusterphot.ssp.readers import galaxev

        return galaxev

    def files(self, options):
        return names.paths_of_galaxev(**options)


class Fsps(Reader):
    """Models computed by python-fsps."""

    keys = defaults_of(FspsKeys)
    interpolates = True

    @staticmethod
    def module():
        from clusterphot.ssp.readers import fsps_reader

        return fsps_reader

    def axes(self, options, where, *, ages_gyr=(), metallicity_zsun=(), data=True):
        fsps = self.module()
        setup = fsps.FspsSetup(**options, where=where)
        return fsps.check_fsps(setup, ages_gyr=ages_gyr, metallicity_zsun=metallicity_zsun, data=data)

    def read(self, options, *, files=(), ages_gyr=(), metallicity_zsun=()):
        fsps = self.module()
        return fsps.read_fsps(fsps.FspsSetup(**options), metallicity_zsun, ages_gyr=ages_gyr)


class PopStar(Reader):
    """The models that a Python package brings, or a file of them."""

    keys = defaults_of(PopStarKeys)

    @staticmethod
    def module():
        from clusterphot.ssp.readers import popstar

        return popstar

    def files(self, options):
        return [names.find_popstar(options["file"])]

    def read(self, options, *, files=(), ages_gyr=(), metallicity_zsun=()):
        return self.module().read(**(options | ({"file": files[0]} if files else {})))


class Emiles(Reader):
    """A folder of E-MILES spectra."""

    keys = defaults_of(EmilesKeys) | {"directory": REQUIRED}

    @staticmethod
    def module():
        from clusterphot.ssp.readers import emiles

        return emiles

    def files(self, options):
        return names.paths_of_emiles(options["directory"], options["family"], options["mass_table"])


READERS = {
    "embedded": Embedded(),
    "galaxev": Galaxev(),
    "fsps": Fsps(),
    "popstar": PopStar(),
    "emiles": Emiles(),
}
"""Readers by their names in the configuration: a library is one entry here."""


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
    if reader not in READERS:
        raise ConfigError(f"{where}.reader", reader, f"one of {', '.join(READERS)}")
    keys = READERS[reader].keys
    given = {key: value for key, value in entry.items() if key != "reader"}
    for key in given:
        if key not in keys:
            known = ", ".join(keys) or "no more keys"
            raise ConfigError(f"{where}.{key}", f"a key that the reader {reader} does not have", known)
    for key, default in keys.items():
        if default is REQUIRED and given.get(key) is None:
            raise ConfigError(f"{where}.{key}", "nothing", f"the {key} of the {reader} library")
    return keys | given

"""The named grids of stellar populations of a configuration as the rules see them: readers, files, axes.

Built while the rules are read, so that nothing heavy is imported; libraries are opened in the main process only,
before the first job. Ages in Gyr, metallicities in solar units of each library.
"""

import hashlib
import math
import os
from dataclasses import dataclass
from functools import partial

from clusterphot.base.errors import ConfigError, UserError
from clusterphot.base.files import open_hdf5
from clusterphot.base.units import METALLICITY_RTOL
from clusterphot.run import configuration
from clusterphot.ssp.readers import READERS, complete_options

EMBEDDED = "ssp/bc03_miles_kroupa.h5"
"""File in resources/ of the reader ``embedded``."""

NATIVE = "native"
"""Value of ``metallicity_zsun`` of a grid: all metallicities of the library."""


@dataclass(frozen=True)
class Projection:
    """How a grid of stellar populations is seen: at a redshift, through filters.

    Attributes
    ----------
    redshift : float
    filters : tuple of str
    """

    redshift: float
    filters: tuple

    @property
    def digest(self):
        """Name of its files, ten hexadecimal digits: filters joined would be too long for a path, 1e-05 no number."""
        text = f"{float(self.redshift)!r} {' '.join(self.filters)}"
        return hashlib.sha256(text.encode()).hexdigest()[:10]


class Libraries:
    """Grids named in the configuration.

    Parameters
    ----------
    config : dict
        Complete.
    repo : Path
        Folder of the Snakefile.
    origin : callable, optional
        File that holds a key, for messages; see `clusterphot.run.configuration.locate_keys`.
    """

    def __init__(self, config, repo, origin=lambda path: "config"):
        self._grids, self._sed = config["ssp_grids"], config["sed"]
        self._repo, self.origin = repo, origin
        self._axes = {}

    def where(self, grid):
        """File and key of a grid, for messages."""
        return f"{self.origin(('ssp_grids', grid))}, ssp_grids.{grid}"

    def reader(self, grid):
        """Name of the reader of a grid."""
        return self._grids[grid]["reader"]

    def options(self, grid):
        """Keys of the reader of a grid, complete; a ConfigError for those of other readers."""
        entry = {key: value for key, value in self._grids[grid].items() if key != "metallicity_zsun"}
        return complete_options(entry, self.where(grid))

    def files(self, grid):
        """Files that a grid is read from; none where the library is computed."""
        if self.reader(grid) == "embedded":
            return [str(self._repo / "resources" / EMBEDDED)]
        return READERS[self.reader(grid)].files(self.options(grid))

    def metallicities(self, grid):
        """Metallicities of the best fits with a grid: a list, or ``native``."""
        own = self._grids[grid].get("metallicity_zsun")
        return self._sed["metallicity_zsun"] if own is None else own

    def computed_axes(self, grid):
        """Ages and metallicities to compute, where a library interpolates; else nothing."""
        if not READERS[self.reader(grid)].interpolates:
            return [], []
        return configuration.age_grid(self._sed["age_gyr"]), self.metallicities(grid)

    def axes(self, grid):
        """Check that a library is there and whole, and tell its axes.

        Returns
        -------
        axes : dict
            Lists of float age_gyr, metallicity_zsun and wave_rest (first and last); and z_sun, the mass fraction of
            metals called solar.

        Raises
        ------
        ConfigError, DataError
        """
        if grid not in self._axes:
            try:
                self._axes[grid] = self._read_axes(grid)
            except UserError as error:
                if "ssp_grids." in error.where:
                    raise
                where = f"{self.where(grid)}: {error.where}"
                raise type(error)(where, error.got, error.expected, error.hint) from error
        return self._axes[grid]

    def _read_axes(self, grid):
        if self.reader(grid) == "embedded":
            return _axes_of_file(self._repo / "resources" / EMBEDDED)
        reader, options = READERS[self.reader(grid)], self.options(grid)
        if not reader.interpolates:
            return reader.axes(options, self.where(grid))
        ages, metallicities = self.computed_axes(grid)
        wanted = {"ages_gyr": ages, "metallicity_zsun": [] if metallicities == NATIVE else metallicities}
        made = f"results/ssp/{grid}/grid.h5"
        if os.path.isfile(made):
            axes = _axes_of_file(made)
            if set(metallicities) <= set(
                axes["metallicity_zsun"]
            ):  # computed once, FSPS need not read its data again
                return axes | reader.axes(options, self.where(grid), data=False, **wanted)
        return reader.axes(options, self.where(grid), **wanted)

    def check_models(self, dust):
        """Check that ages and metallicities of the configuration are within the libraries to be fitted.

        Parameters
        ----------
        dust : dict
            That section of the configuration.

        Raises
        ------
        ConfigError, DataError
            For the first mistake; `model_checks` has the checks one by one.
        """
        for check in self.model_checks(dust):
            check()

    def model_checks(self, dust):
        """The checks of `check_models`, as functions without arguments that raise a UserError each."""
        ages, checks = configuration.age_grid(self._sed["age_gyr"]), []
        for grid in self._sed["grids"]:
            checks.append(partial(self._check_ages, ages, "sed.age_gyr", grid))
            own = self._grids[grid].get("metallicity_zsun")
            key = "sed.metallicity_zsun" if own is None else f"ssp_grids.{grid}.metallicity_zsun"
            if self.metallicities(grid) != NATIVE:
                checks.append(partial(self._check_metallicities, self.metallicities(grid), key, grid))
        grid = self._sed["fiducial_grid"]
        age, metallicity = [dust["reference_age_gyr"]], [dust["reference_metallicity_zsun"]]
        checks.append(partial(self._check_ages, age, "dust.reference_age_gyr", grid))
        key = "dust.reference_metallicity_zsun"
        return [*checks, partial(self._check_metallicities, metallicity, key, grid)]

    def _check_ages(self, ages, key, grid):
        """Ages lie within those of a grid."""
        first, last = (self.axes(grid)["age_gyr"][end] for end in (0, -1))
        for age in (ages[0], ages[-1]):
            if not first * (1 - 1e-9) <= age <= last * (1 + 1e-9):
                where = f"{self.origin(tuple(key.split('.')))}, {key}"
                raise ConfigError(
                    where, f"{age:g} Gyr", f"ages of the grid {grid}, {first:g} to {last:g} Gyr"
                )

    def _check_metallicities(self, values, key, grid):
        """Metallicities are nodes of a grid, between which no best fit is interpolated."""
        axes = self.axes(grid)
        nodes = axes["metallicity_zsun"]
        where = f"{self.origin(tuple(key.split('.')))}, {key}"
        for value in values:
            if READERS[self.reader(grid)].interpolates:
                if not nodes[0] * (1 - 1e-9) <= value <= nodes[-1] * (1 + 1e-9):
                    expected = f"{nodes[0]:g} to {nodes[-1]:g}, the metallicities of the grid {grid}"
                    raise ConfigError(where, f"{value:g}", expected)
            elif not any(abs(node - value) <= METALLICITY_RTOL * node for node in nodes):
                raise ConfigError(
                    where,
                    f"{value:g}",
                    f"metallicities of the grid {grid}: {', '.join(f'{node:g}' for node in nodes)}",
                    f"they are in units of Z = {axes['z_sun']:g}, the solar value of this grid. "
                    f"ssp_grids.{grid}.metallicity_zsun takes those of this grid alone: a list, or native for all.",
                )

    def check_posterior(self, fields, cosmology):
        """Check that the priors of the posteriors leave something of each library.

        Parameters
        ----------
        fields : iterable of `clusterphot.run.fields.Field`
        cosmology : dict
            ``h0`` in km/s/Mpc and ``omega_m``, flat.

        Raises
        ------
        ConfigError
        """
        options = self._sed["posterior"]
        for grid in self._sed["grids"]:
            for name in ("age_gyr", "metallicity_zsun"):
                axis, (low, high) = self.axes(grid)[name], (options[name][end] for end in ("min", "max"))
                if max(low, axis[0]) > min(high, axis[-1]):
                    raise ConfigError(
                        f"{self.origin(('sed', 'posterior', name))}, sed.posterior.{name}",
                        f"{low:g} to {high:g}",
                        f"a range that overlaps that of the grid {grid}, {axis[0]:g} to {axis[-1]:g}",
                    )
        if options["age_of_universe"] == "bound":
            for field in fields:
                limit = _age_of_universe_gyr(max(field.redshifts), **cosmology)
                if options["age_gyr"]["min"] >= limit:
                    raise ConfigError(
                        f"{self.origin(('sed', 'posterior', 'age_gyr'))}, sed.posterior.age_gyr.min",
                        f"{options['age_gyr']['min']:g} Gyr",
                        f"less than the age of the Universe at the redshift of {field.name}, {limit:.2f} Gyr",
                    )

    def check_forecast(self, section):
        """Check that the true cluster of the forecast is within the models, and the filters within the spectra.

        Parameters
        ----------
        section : dict
            ``forecast`` of the configuration.

        Raises
        ------
        ConfigError, DataError
        """
        grid = section["grid"]
        for name in ("age_gyr", "metallicity_zsun"):
            axis, prior = self.axes(grid)[name], self._sed["posterior"][name]
            low, high = max(axis[0], prior["min"]), min(axis[-1], prior["max"])
            if not low <= section[name] <= high:
                raise ConfigError(
                    f"{self.origin(('forecast', name))}, forecast.{name}",
                    f"{section[name]:g}",
                    f"{low:g} to {high:g}: within the grid {grid} and sed.posterior.{name}",
                )


def _axes_of_file(path):
    """Axes of a grid in our own format."""
    with open_hdf5(str(path)) as file:
        axes = {name: file[name][()].tolist() for name in ("age_gyr", "metallicity_zsun")}
        return axes | {
            "wave_rest": file["wave_rest"][[0, -1]].tolist(),
            "z_sun": float(file.attrs["z_sun"]),
        }


def _age_of_universe_gyr(redshift, h0, omega_m):
    """Age of a flat universe without radiation, Gyr (Peebles 1993, Principles of Physical Cosmology, eq. 13.20)."""
    hubble_gyr = 977.792 / h0  # 1 / (km/s/Mpc) in Gyr
    lam = 1.0 - omega_m
    if lam <= 0:
        return 2.0 / 3.0 * hubble_gyr * (1 + redshift) ** -1.5
    ratio = math.sqrt(lam / omega_m) * (1 + redshift) ** -1.5
    return 2.0 / (3.0 * math.sqrt(lam)) * hubble_gyr * math.asinh(ratio)

"""A run that is finished, or on its way: its fields, tables, images and posteriors, each read when it is asked for."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

from clusterphot.api.populations import SedPosteriors
from clusterphot.base.errors import DataError
from clusterphot.base.products import open_fits, read_mosaic, read_noise, read_psf
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import flux_arrays, flux_filters, read_table
from clusterphot.run import chunks
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.posterior import posteriors
from clusterphot.sed.posterior_model import field_model
from clusterphot.sed.shared_modes import field_modes
from clusterphot.ssp.grid import read_projected_grid

OF_A_FIELD = ("photometry.ecsv", "photometry_dereddened.ecsv", "candidates.ecsv", "stars.ecsv")
"""A folder of results with one of these is a field."""


def open_run(path="results"):
    """Open the results of a run.

    Parameters
    ----------
    path : path, optional
        Folder ``results``, or the one that it lies in.

    Returns
    -------
    run : `Run`

    Raises
    ------
    DataError
        If there are no results of a field.

    Examples
    --------
    A folder as the workflow leaves it, with a single table:

    >>> import tempfile
    >>> from astropy.table import Table
    >>> from clusterphot.base.tables import write_table
    >>> folder = tempfile.mkdtemp()
    >>> Path(folder, "results", "my_cluster").mkdir(parents=True)
    >>> photometry = Table({"id": ["a", "b"], "flux_F200W": [9.1, 4.2], "flux_err_F200W": [0.3, 0.3]})
    >>> write_table(f"{folder}/results/my_cluster/photometry.ecsv", photometry, meta={})
    >>> run = open_run(folder)
    >>> run
    Run with fields: my_cluster
    >>> field = run["my_cluster"]
    >>> list(field.tables)
    ['photometry']
    >>> field.tables["photometry"]["flux_F200W"].unit
    Unit("nJy")
    """
    place = Path(path)
    for folder in (place, place / "results"):
        names = _names_of_fields(folder)
        if names:
            return Run(folder, names)
    raise DataError(
        str(path),
        "no results of a field" if place.is_dir() else "no such folder",
        f"the folder results of a run: in it one folder a field, with {' or '.join(OF_A_FIELD[:2])}",
        f"you are in {Path.cwd()}.",
    )


def _names_of_fields(folder):
    """Fields with results in a folder."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name for entry in folder.iterdir() if any((entry / name).is_file() for name in OF_A_FIELD)
    )


class _Lazy(Mapping):
    """Files by their names, each read when it is first asked for.

    Parameters
    ----------
    kind : str
        What they are, for messages.
    paths : dict of str to path
    read : callable
        Takes the path.
    """

    def __init__(self, kind, paths, read):
        self._kind, self._paths, self._read, self._kept = kind, paths, read, {}

    def __getitem__(self, name):
        if name not in self._paths:
            near = difflib.get_close_matches(name, self._paths, n=3, cutoff=0.4) or list(self._paths)[:10]
            raise KeyError(f"no {self._kind} {name!r}; there is {', '.join(near) or 'none'}")
        if name not in self._kept:
            self._kept[name] = self._read(self._paths[name])
        return self._kept[name]

    def __iter__(self):
        return iter(self._paths)

    def __len__(self):
        return len(self._paths)

    def __repr__(self):
        return f"{len(self)} {self._kind}s: {', '.join(self)}"


class Run(Mapping):
    """Results of a run; a mapping of its fields by name.

    Parameters
    ----------
    path : path
        The folder ``results``.
    names : list of str
        Its fields.

    Attributes
    ----------
    path : `pathlib.Path`
    tables : mapping of str to `astropy.table.Table`
        Tables of the run as a whole, such as ``reproduction`` and ``fields``.
    """

    def __init__(self, path, names):
        self.path = Path(path)
        self._fields = _Lazy("field", {name: self.path / name for name in names}, lambda place: Field(place))
        self.tables = _Lazy("table", _files(self.path, "*.ecsv"), read_table)

    def __getitem__(self, name):
        return self._fields[name]

    def __iter__(self):
        return iter(self._fields)

    def __len__(self):
        return len(self._fields)

    def __repr__(self):
        return f"Run with fields: {', '.join(self)}"


class Field:
    """Results of one field.

    Parameters
    ----------
    path : path
        Its folder in ``results``.

    Attributes
    ----------
    name : str
    path : `pathlib.Path`
    tables : mapping of str to `astropy.table.Table`
        By path below the folder of the field, without the suffix: ``photometry``, ``sed/bc03/clusters``.
    images : mapping
        Likewise: ``F200W/mosaic`` is a `clusterphot.base.products.Mosaic` whose pixels stay on disk,
        ``F200W/psf`` the PSF over the field (`clusterphot.base.psf_field.PsfField`, or one
        `clusterphot.base.products.Psf`), ``F200W/noise`` a `clusterphot.base.products.Noise`; any other a dict of
        arrays by the names of its extensions, as ``F200W/stack``.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.name = self.path.name
        self.tables = _Lazy("table", _files(self.path, "**/*.ecsv"), read_table)
        # merged tables may stand beside themselves as FITS, for other programs
        images = {
            name: file for name, file in _files(self.path, "**/*.fits").items() if name not in self.tables
        }
        self.images = _Lazy("image", images, _read_image)

    @property
    def filters(self):
        """Filters of the photometry, by their order in the table; else those with images."""
        for name in ("photometry", "photometry_dereddened"):
            if name in self.tables:
                return flux_filters(self.tables[name])
        return sorted({name.split("/")[0] for name in self.images if name.endswith("/mosaic")})

    @property
    def grids(self):
        """Libraries of stellar populations that were fitted."""
        return [name.split("/")[1] for name in self.tables if re.fullmatch("sed/[^/]+/clusters", name)]

    @property
    def shared_modes(self):
        """Errors that its sources share, as posteriors take them: `clusterphot.sed.shared_modes.SharedModes`."""
        systematics = self.tables.get("systematics")
        options = self._params_of(None).posterior
        filters = flux_filters(self.tables["photometry_dereddened"])
        return field_modes(filters, self.tables["extinction"], options, systematics).at_one_place()

    def posteriors(self, grid=None, ids=None):
        """Posteriors of sources in full, computed again as the run did; its tables hold their quantiles.

        Parameters
        ----------
        grid : str, optional
            A library of `grids`; by default the first.
        ids : sequence of str, optional
            Sources; by default all, some milliseconds each.

        Returns
        -------
        posteriors : `clusterphot.api.populations.SedPosteriors`

        Raises
        ------
        KeyError
            If there is no such library or source.
        DataError
            If the grid of the library is no longer in results/ssp.
        """
        par = self._params_of(grid)
        grid = grid or self.grids[0]
        photometry = self.tables["photometry_dereddened"]
        native = self._native_grid(grid, photometry, par)
        flux, err = flux_arrays(photometry, native.filters)
        model, _ = field_model(native, par, self.shared_modes)
        known = {str(name): row for row, name in enumerate(photometry["id"])}
        wanted = list(known) if ids is None else [str(name) for name in ids]
        if unknown := [name for name in wanted if name not in known]:
            raise KeyError(f"no source {unknown[0]!r} in field {self.name}")
        rows = [known[name] for name in wanted]
        names = ("flux_floor_fraction", "min_relative_error")
        measured = prepare_photometry(flux[rows], err[rows], **{name: getattr(par, name) for name in names})
        return SedPosteriors(wanted, model, posteriors(measured, model))

    def _params_of(self, grid):
        """Parameters of the fits with a library, by default the first."""
        if grid is None and not self.grids:
            raise DataError(
                str(self.path / "sed"), "no fitted library", "sed/{grid}/clusters.ecsv",
                "ask the workflow for the target `seds`.",
            )  # fmt: skip
        name = f"sed/{grid or self.grids[0]}/clusters"
        meta = self.tables[name].meta
        parameters = meta.get("rows_from", meta).get("parameters", {})
        if "posterior" not in parameters:
            expected = "a table of this workflow, with the parameters of its fits among its metadata"
            raise DataError(str(self.path / f"{name}.ecsv"), "a table without them", expected)
        return SimpleNamespace(**parameters)

    def _native_grid(self, grid, photometry, par):
        """The library through the filters of the field, with all its nodes."""
        folder = self.path.parent / "ssp" / grid / "native"
        wanted = (sorted(flux_filters(photometry)), par.redshift, *map(par.cosmology.get, ("h0", "omega_m")))
        for path in sorted(folder.glob("*.h5")):
            found = read_projected_grid(path)
            if (sorted(found.filters), found.redshift, found.h0, found.omega_m) == wanted:
                return found
        raise DataError(
            str(folder), "no grid with the filters and the redshift of the field",
            "the one that the run has made",
            "ask the workflow for the target `seds` again.",
        )  # fmt: skip

    def __repr__(self):
        return f"Field {self.name} with {len(self.tables)} tables and {len(self.images)} images"


def _files(folder, pattern):
    """Files of a folder by their path without the suffix, chunks aside."""
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.glob(pattern)}
    # rows of single chunks stand in the merged tables
    return {name: found[name] for name in sorted(found) if not re.fullmatch(chunks.NAME, found[name].stem)}


def _read_image(path):
    """An image of the workflow as what it is."""
    if path.stem == "mosaic":
        return read_mosaic(str(path))
    if path.stem == "psf":
        grid = path.with_name("psf_grid.fits")
        return read_psf_field(str(path), str(grid)) if grid.is_file() else read_psf(str(path))
    if path.stem == "noise":
        return read_noise(str(path))
    with open_fits(str(path)) as hdus:
        return {hdu.name: hdu.data for hdu in hdus if hdu.data is not None}

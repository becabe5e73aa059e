"""The fields of one run as the rules see them: sources, chunks, filters, paths.

Built once while the rules are read, from the configuration and the users' tables; no image is opened
and no heavy package imported for csv and tsv tables.
"""

import difflib
import functools
import glob
import hashlib
import math
import os
import re
import statistics
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

from clusterphot.base import user_tables
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.secrets import hide_addresses
from clusterphot.config.sections import complete_configuration, configuration_schema
from clusterphot.measure.engines import check_engines
from clusterphot.run import chunks, configuration
from clusterphot.run.grids import NATIVE, Libraries, Projection
from clusterphot.run.image_fields import (
    DETECT,
    check_detection,
    check_files,
    check_simulation,
    load_image_field,
)

PATH_KEYS = ("photometry", "stack_photometry", "sources")
COMPARISON_KEYS = ("area_arcmin2", "star_counts", "control_region", "bcg")
JOINED_TABLES = ("recovery", "sizes", "rest_frame", "contamination")
"""Tables by id that the report shows beside photometry and fits, where a field has them; see `report_tables`."""


SIZE_WAVE_ANGSTROM = 15000.0
"""Sizes are measured near this wavelength by default, as in Faisst et al. (2022): sharp, and well sampled."""


@dataclass(frozen=True)
class Field:
    """One field of the configuration.

    Attributes
    ----------
    name : str
    redshift : float
    ebv : float or 'sfd'
    ids : list of str
        In the order of the source list.
    filters : list of str
    chunks : dict of str to list of str
    photometry, stack_photometry : str or None
        Tables given by the user.
    is_dereddened : bool
        Whether these are corrected for Milky Way dust already.
    sfd_center_deg : (float, float) or None
        Mean ICRS position, where E(B-V) is to be read from the SFD maps.
    positions : list of (id, ra, dec)
        Of a field given by its mosaics; deg, ICRS.
    mosaics : dict of str to `clusterphot.run.image_fields.MosaicEntry`
        By filter; empty for a field given by its photometry.
    reference_filter : str or None
        Filter that positions are fitted in.
    source_list, truth : str or None
        Tables of the positions and, where known, of the true fluxes.
    simulation : dict or None
        Parameters of a simulated field.
    center_deg : (float, float) or None
        Mean ICRS position of the sources to a tenth of a degree, where their table has positions.
    comparisons : dict
        The entry's area_arcmin2, star_counts, control_region and bcg, where given.
    """

    name: str
    redshift: float
    ebv: float | str
    ids: list
    filters: list
    chunks: dict
    photometry: str | None = None
    stack_photometry: str | None = None
    is_dereddened: bool = False
    sfd_center_deg: tuple | None = None
    positions: list = dataclass_field(default_factory=list)
    mosaics: dict = dataclass_field(default_factory=dict)
    reference_filter: str | None = None
    source_list: str | None = None
    truth: str | None = None
    simulation: dict | None = None
    center_deg: tuple | None = None
    comparisons: dict = dataclass_field(default_factory=dict)
    _neighbours: dict = dataclass_field(default_factory=dict, repr=False, compare=False)
    _members: dict = dataclass_field(default_factory=dict, repr=False, compare=False)

    @property
    def photometry_product(self):
        """The merged table of fluxes; a field given de-reddened has only the second kind."""
        kind = "photometry_dereddened" if self.is_dereddened else "photometry"
        return f"results/{self.name}/{kind}.ecsv"

    @property
    def has_stack(self):
        """Whether the field has photometry of a stack: given, or measured on its mosaics."""
        return self.stack_photometry is not None or bool(self.mosaics)

    @property
    def projection(self):
        """How grids are seen by the field."""
        return Projection(self.redshift, tuple(self.filters))

    @property
    def table(self):
        """The user's table that names the sources."""
        return self.photometry or self.source_list

    def size_filter(self, wanted):
        """Filter in which sizes are measured: the one wanted, or for ``auto`` that nearest to 1.5 micron."""
        if wanted != "auto":
            return wanted
        from clusterphot.base.filters import pivot_wavelength

        return min(self.mosaics, key=lambda filt: abs(pivot_wavelength(filt) - SIZE_WAVE_ANGSTROM))

    @property
    def needs_stars(self):
        """Whether a PSF is to be built from the field's stars."""
        return any(entry.psf is None for entry in self.mosaics.values())

    def filter_key(self, filt):
        """Where the user named a filter, for messages."""
        return (
            f"{self.photometry}, column flux_{filt}"
            if self.photometry
            else f"field {self.name}, filter {filt}"
        )

    @functools.cached_property
    def position_of(self):
        """Dictionary of id to (id, ra, dec)."""
        return {entry[0]: entry for entry in self.positions}

    @property
    def simulation_center_deg(self):
        """Centre of a simulated field: the one given, else the median position of its sources."""
        return self.simulation.get("center_deg") or [
            statistics.median(entry[column] for entry in self.positions) for column in (1, 2)
        ]

    def members(self, chunk, radius_arcsec):
        """Sources of a chunk with their neighbours, the same list for all filters; see `chunk_members`."""
        from clusterphot.measure.neighbours import neighbours_of

        if radius_arcsec not in self._neighbours:
            self._neighbours[radius_arcsec] = neighbours_of(self.positions, radius_arcsec=radius_arcsec)
        if (chunk, radius_arcsec) not in self._members:
            near = self._neighbours[radius_arcsec]
            self._members[chunk, radius_arcsec] = [
                {"id": name, "ra": ra, "dec": dec, "neighbours": near.get(name, [])}
                for name, ra, dec in (self.position_of[name] for name in self.chunk_ids(chunk))
            ]
        return self._members[chunk, radius_arcsec]

    def listed_chunks(self):
        """The chunks, of a field that has a source list.

        Raises
        ------
        ConfigError
            If the field is to be searched first.
        """
        if self.mosaics and self.source_list is None:
            raise ConfigError(
                f"fields.{self.name}.sources",
                "detect, and a result that needs a source list",
                "the targets psfs, candidates, completeness or luminosity",
                f"run `candidates`, look at results/{self.name}/candidates.ecsv, then freeze the proposed list: copy "
                f"results/{self.name}/selected.csv to a place of your own and name that as sources.",
            )
        return self.chunks

    def chunk_ids(self, chunk):
        """Ids in a chunk; ``src-<id>`` is a chunk of one, whatever the batching."""
        self.listed_chunks()
        if chunk in self.chunks:
            return self.chunks[chunk]
        single = [name for name in self.ids if chunks.single_chunk(name) == chunk]
        if not single:
            raise DataError(
                f"the chunk {chunk} of field {self.name}",
                "no source of the list",
                f"{', '.join(list(self.chunks)[:3])}, ... or src-<id> of a source",
                "in src-<id>, characters other than letters, digits and _.-~ are encoded: a space is %20.",
            )
        return single


class FieldSet:
    """All fields of a run, by name.

    Attributes
    ----------
    libraries : `clusterphot.run.grids.Libraries`
        Grids of stellar populations that they are fitted with.
    at_rest, of_forecast : `clusterphot.run.grids.Projection`
        How the grids are seen for rest-frame magnitudes and by the forecast.
    """

    def __init__(self, fields, config, libraries):
        forecast = config["forecast"]
        self._fields = {field.name: field for field in fields}
        self.libraries = libraries
        self.at_rest = Projection(0.0, tuple(config["sed"]["rest_frame_filters"]))
        self.of_forecast = Projection(forecast["redshift"], (*forecast["baseline"], *forecast["extra"]))

    def __getitem__(self, name):
        return self._fields[name]

    def __iter__(self):
        return iter(self._fields.values())

    @property
    def names(self):
        """Names of the fields."""
        return list(self._fields)

    @property
    def given_by_photometry(self):
        """Names of the fields given by a table of photometry."""
        return [field.name for field in self if field.photometry is not None]

    @property
    def with_positions(self):
        """Names of the fields whose sources have positions."""
        return [field.name for field in self if field.center_deg is not None]

    @property
    def given_by_mosaics(self):
        """Names of the fields given by their mosaics."""
        return [field.name for field in self if field.mosaics]

    @property
    def simulated(self):
        """Names of the fields that the workflow simulates."""
        return [field.name for field in self if field.simulation is not None]

    def simulated_as(self, layout):
        """Names of the simulated fields whose mosaics are ``archive`` or ``i2d``, from exposures, or ``drawn``."""
        return [name for name in self.simulated if layout_of(self[name].simulation) == layout]

    @property
    def with_truth(self):
        """Names of the fields whose true fluxes are known."""
        return [field.name for field in self if field.truth is not None]

    @functools.cached_property
    def projections(self):
        """How grids are seen in this run, by the digest that stands in paths."""
        seen = [self.at_rest, self.of_forecast, *(field.projection for field in self)]
        return {projection.digest: projection for projection in seen}

    @property
    def all_filters(self):
        """Filters of all fields, each once."""
        return list(dict.fromkeys(filt for field in self for filt in field.filters))


def load(config, *, repo, user_files, command_line=None, check=True, software_here=True):
    """Complete and check the configuration, read the tables it names.

    Parameters
    ----------
    config : dict
        As merged by Snakemake; what it lacks is added in place: defaults, and the shipped fields when it names none.
        Addresses lose their secrets, in place.
    repo : Path
        Folder of the Snakefile.
    user_files : list of str
        Configuration files of the user, for messages.
    command_line : dict, optional
        What the user gave with ``--config``, with the types of `clusterphot.run.configuration.typed_values`.
    check : bool
        Whether to check everything: the job of the main process, not of each submitted job.
    software_here : bool
        Whether jobs run with the packages of this interpreter, so that they can be looked for; not with conda.

    Returns
    -------
    fields : `FieldSet`

    Raises
    ------
    ConfigError, DataError
    """
    origin = configuration.locate_keys(user_files, "config/config.yaml", command_line)
    if command_line:
        override(config, command_line)
    if "fields" not in config:
        config["fields"] = shipped_fields(repo)
    hide_addresses(config)
    complete_configuration(config)
    models = Libraries(config, repo, origin)
    if check:
        configuration.check_schema(config, configuration_schema(), origin)
        configuration.check_relations(config, origin)
        configuration.check_sfd_maps(config, origin)
        if software_here:
            check_engines(config, origin)
        folder = config["sed"]["four_color_dir"]
        configuration.check_four_color_dir(folder, f"{origin(('sed', 'four_color_dir'))}, sed.four_color_dir")
        models.check_models(config["dust"])
        if config["sed"]["four_color_dir"] is not None:
            _check_four_color_files(config, models, origin)
    fields = FieldSet(
        [_load_field(name, entry, config, origin) for name, entry in config["fields"].items()], config, models
    )
    if check:
        _check_comparisons(fields, config, origin)
        models.check_posterior(fields, config["cosmology"])
        _check_rest_frame(config["sed"], models, origin)
        for field in fields:
            _check_filters(field, config, models, origin)
            if field.mosaics:
                check_detection(field, config, origin)
            place = f"{origin(('fields', field.name))}, fields.{field.name}"
            if field.simulation is not None:
                check_simulation(field.simulation, place)
            elif field.mosaics:
                check_files(field, place)
    return fields


def override(config, given):
    """Put values of the command line in their places, key by key."""
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            override(config[key], value)
        else:
            config[key] = value


def shipped_fields(repo):
    """Fields shipped with the workflow, their paths made to work from any working directory."""
    fields = configuration.load_yaml(repo / "config" / "shipped_fields.yaml")["fields"]
    if Path.cwd() != repo:
        for entry in fields.values():
            for key in PATH_KEYS:
                if key in entry:
                    entry[key] = str(repo / entry[key])
    return fields


def _load_field(name, entry, config, origin):
    """One `Field` from its entry, its tables read and checked."""
    where = f"{origin(('fields', name))}, fields.{name}"
    values = load_image_field(name, entry, where) if "sources" in entry else _given_photometry(entry, where)
    return Field(
        name=name,
        redshift=entry["redshift"],
        ebv=entry.get("ebv", 0.0),
        chunks=chunks.deal(values["ids"], config["batching"]["n_chunks"]),
        sfd_center_deg=_center(entry, where)
        if entry.get("ebv") == "sfd" and entry.get("sources") != DETECT
        else None,
        center_deg=None if entry.get("sources") == DETECT else _sky_center(entry, where),
        comparisons={key: entry[key] for key in COMPARISON_KEYS if key in entry},
        **values,
    )


def _given_photometry(entry, where):
    """Values of a field given by a table of fluxes."""
    ids, filters, *_ = user_tables.read_photometry(entry["photometry"], f"{where}.photometry")
    stack = entry.get("stack_photometry")
    if stack is not None:
        stack_ids, stack_filters, *_ = user_tables.read_photometry(stack, f"{where}.stack_photometry")
        if len(stack_ids) != 1:
            raise DataError(stack, f"{len(stack_ids)} rows", "one row: the stack")
        if set(stack_filters) != set(filters):
            raise DataError(
                f"{stack}, header",
                f"the filters {stack_filters}",
                f"those of {entry['photometry']}: {filters}",
            )
    return {
        "ids": ids,
        "filters": filters,
        "photometry": entry["photometry"],
        "stack_photometry": stack,
        "is_dereddened": entry.get("photometry_is_dereddened", False),
    }


def _center(entry, where):
    """Mean direction of the sources in degrees, for a look-up in the SFD maps."""
    path = entry.get("photometry") or entry["sources"]
    table = user_tables.read_user_table(path, where)
    if not (table.find("ra") and table.find("dec")):
        raise ConfigError(f"{where}.ebv", "sfd", "a number", f"{path} has no columns ra and dec.")
    _, ra, dec = user_tables.read_positions(path, where)
    return _mean_direction(ra, dec)


def _sky_center(entry, where):
    """Mean direction of the sources that have a position, or None."""
    path = entry.get("photometry") or entry["sources"]
    table = user_tables.read_user_table(path, where)
    if not (table.find("ra") and table.find("dec")):
        return None
    ra, dec = (table.angles(axis, missing=True) for axis in ("ra", "dec"))
    known = [(a, d) for a, d in zip(ra, dec, strict=True) if not (math.isnan(a) or math.isnan(d))]
    if not known:
        return None
    return tuple(round(angle, 1) for angle in _mean_direction(*zip(*known, strict=True)))


def _mean_direction(ra, dec):
    """Mean direction in degrees of positions in degrees."""
    ra, dec = [math.radians(v) for v in ra], [math.radians(v) for v in dec]
    x = sum(math.cos(d) * math.cos(r) for r, d in zip(ra, dec, strict=True))
    y = sum(math.cos(d) * math.sin(r) for r, d in zip(ra, dec, strict=True))
    z = sum(math.sin(d) for d in dec)
    return (
        round(math.degrees(math.atan2(y, x)) % 360, 4),
        round(math.degrees(math.atan2(z, math.hypot(x, y))), 4),
    )


def _check_comparisons(fields, config, origin):
    """The comparison catalogue and the fields' tables of star counts have the columns that are read."""
    from clusterphot.comparisons import catalogue

    catalogue.check_catalogue(config["comparison"], origin)
    for field in fields:
        where = f"{origin(('fields', field.name))}, fields.{field.name}"
        catalogue.check_field(field, where)


def _check_filters(field, config, models, origin):
    """Filters are known by name, covered by the models, and the V filter is one of them."""
    from clusterphot.base import filters

    for filt in field.filters:
        filters.check_filter_name(filt, field.filter_key(filt))
    check_v_filter(config["sed"]["v_filter"], field.filters, field.name, origin)
    wanted = config["sizes"]["filter"]
    if field.mosaics and wanted != "auto" and wanted not in field.filters:
        where = f"{origin(('sizes', 'filter'))}, sizes.filter"
        raise ConfigError(
            where, wanted, f"auto or a filter of field {field.name}: {', '.join(field.filters)}"
        )
    for grid in config["sed"]["grids"]:
        for filt in field.filters:
            where = f"{field.filter_key(filt)}, grid {grid}"
            check_coverage(filt, models.axes(grid)["wave_rest"], field.redshift, where)


def check_v_filter(wanted, names, field, origin):
    """Check that ``sed.v_filter`` is auto or one of the filters of a field.

    Raises
    ------
    ConfigError
    """
    if wanted != "auto" and wanted not in names:
        near = difflib.get_close_matches(wanted, names, n=1)
        raise ConfigError(
            f"{origin(('sed', 'v_filter'))}, sed.v_filter",
            wanted,
            f"auto or a filter of field {field}: {', '.join(names)}",
            f"did you mean {near[0]!r}?" if near else "",
        )


def check_forecast(section, models):
    """Check that the true cluster and the filters of the forecast are within its grid.

    Parameters
    ----------
    section : dict
        ``forecast`` of the configuration.
    models : `clusterphot.run.grids.Libraries`

    Raises
    ------
    ConfigError, DataError
    """
    from clusterphot.base import filters

    models.check_forecast(section)
    for key in ("baseline", "extra"):
        where = f"{models.origin(('forecast', key))}, forecast.{key}"
        for filt in section[key]:
            filters.check_filter_name(filt, where)
            check_coverage(
                filt, models.axes(section["grid"])["wave_rest"], section["redshift"], f"{where}: {filt}"
            )


def _check_rest_frame(sed, models, origin):
    """The filters of absolute magnitudes are known and within all grids at rest."""
    from clusterphot.base import filters

    where = f"{origin(('sed', 'rest_frame_filters'))}, sed.rest_frame_filters"
    for filt in sed["rest_frame_filters"]:
        filters.check_filter_name(filt, where)
        for grid in sed["grids"]:
            check_coverage(filt, models.axes(grid)["wave_rest"], 0.0, f"{where}: {filt}, grid {grid}")


def check_coverage(filt, wave_rest, redshift, where):
    """A filter is covered by spectra; where it reaches beyond them, the rule of `clusterphot.ssp.grid` decides."""
    from clusterphot.base import filters

    wave_obs = [wave * (1 + redshift) for wave in wave_rest]
    first, last = filters.curve_range(filt)
    if wave_obs[0] <= first and last <= wave_obs[1]:
        return
    import numpy as np

    from clusterphot.ssp.grid import band_weights, filter_curve

    try:
        band_weights(np.array(wave_obs), filter_curve(filt), redshift=redshift)
    except ConfigError as error:
        raise ConfigError(where, error.got, error.expected, error.hint) from error


def _check_four_color_files(config, models, origin):
    """The `.4color` files can be read, one per metallicity of each grid to be fitted, and cover the ages."""
    from clusterphot.ssp.four_color import mass_to_light_from_files

    sed, key = config["sed"], "sed.four_color_dir"
    ages, files = configuration.age_grid(sed["age_gyr"]), four_color_files(sed["four_color_dir"])
    for grid in sed["grids"]:
        metallicities = models.metallicities(grid)
        if metallicities == NATIVE:
            metallicities = models.axes(grid)["metallicity_zsun"]
        try:
            mass_to_light_from_files(files, ages, metallicities)
        except DataError as error:
            if error.where != key:
                raise
            where = f"{origin(('sed', 'four_color_dir'))}, {key} = {sed['four_color_dir']}, grid {grid}"
            raise DataError(where, error.got, error.expected, error.hint) from error


def chunk_members(field, chunk, photometry):
    """Members of a chunk as `clusterphot.measure.cutouts.make_cutouts` takes them.

    Parameters
    ----------
    field : `Field`
    chunk : str
    photometry : dict
        That section of the configuration; the neighbours reach to the corners of the cutouts.

    Returns
    -------
    members : list of dict
    """
    radius = max(0.75 * photometry["cutout_size_arcsec"], photometry["joint_radius_arcsec"]) + 0.1
    return field.members(chunk, radius)


def card_images(field, chunk):
    """Files behind the cutouts on the cards of a chunk, each list in the order of the filters.

    Parameters
    ----------
    field : `Field`
    chunk : str

    Returns
    -------
    files : dict of str to list of str
        Empty for a field without images.
    """
    if not field.mosaics:
        return {}
    base = f"results/{field.name}"
    return {
        "cutouts": [f"{base}/{filt}/cutouts/{chunk}.fits" for filt in field.filters],
        "fits": [f"{base}/{filt}/fits/{chunk}.ecsv" for filt in field.filters],
        "psfs": [f"{base}/{filt}/psf.fits" for filt in field.filters],
        "psf_grids": [f"{base}/{filt}/psf_grid.fits" for filt in field.filters],
        "noises": [f"{base}/{filt}/noise.fits" for filt in field.filters],
    }


def report_tables(field, grids):
    """Files that the report of a field shows and that not every field has.

    Parameters
    ----------
    field : `Field`
    grids : sequence of str

    Returns
    -------
    files : dict of str to str or list of str
        Keys as `clusterphot.report.field_report.FieldInputs` names them; ``origins`` are files whose origin alone is
        shown; tables of `JOINED_TABLES` have a row per source, and their columns are added to the table of sources.
    """
    base = f"results/{field.name}"
    files = {
        "rest_frame": f"{base}/sed/{grids[0]}/rest_frame.ecsv",
        "origins": [f"{base}/sed/{grid}/predictive.ecsv" for grid in grids] + [f"{base}/reproduction.ecsv"],
    }
    if not field.is_dereddened:
        files["photometry"] = f"{base}/photometry.ecsv"
    if field.has_stack:
        files["stack"] = f"{base}/sed/{grids[0]}/stack.ecsv"
        files["origins"] += [f"{base}/sed/{grid}/stack.ecsv" for grid in grids[1:]]
        files["origins"] += [
            f"{base}/{name}.ecsv" for name in ("stack_photometry", "sed/comparison", "sed/sensitivity")
        ]
    if field.mosaics:
        others = [filt for filt in field.filters if filt != field.reference_filter]
        first = next(iter(field.chunks))
        files |= {
            "psfs": [f"{base}/{filt}/psf.fits" for filt in field.filters],
            "noises": [f"{base}/{filt}/noise.fits" for filt in field.filters],
            "offsets": [f"{base}/{filt}/offset.ecsv" for filt in others],
            "sizes": f"{base}/sizes/limits.ecsv",
            "sky": f"{base}/pages/sky.json",
            "sky_image": f"{base}/pages/sky.jpg",
        }
        for kind in ("mosaic.fits", f"fits/{first}.ecsv", "stack.fits"):
            files["origins"] += [f"{base}/{filt}/{kind}" for filt in field.filters]
        if field.needs_stars:
            files["origins"] += [f"{base}/stars.ecsv"]
    if field.center_deg:
        files["contamination"] = f"{base}/contamination.ecsv"
    if field.truth is not None:
        files["summary"] = f"{base}/recovery/summary.ecsv"
        files["recovery"] = f"{base}/recovery/sources.ecsv"
    return files


def rows_digest(path, ids):
    """Digest of the header and of these rows of a user's table."""
    header, rows = _rows_by_id(path)
    content = [repr(header), *(repr(rows[name]) for name in ids)]
    return hashlib.sha256("".join(content).encode()).hexdigest()[:12]


@functools.lru_cache
def _rows_by_id(path):
    """Header and rows by id of a user's table; a single row without an id is that of the stack."""
    table = user_tables.read_user_table(path, path)
    if not table.find("id"):
        return table.names, {"stack": table.rows[0]}
    return table.names, dict(zip(table.ids(), table.rows, strict=True))


def four_color_files(folder):
    """Sorted `.4color` files of a folder, or nothing."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), "*.4color"))) if folder else []


def layout_of(simulation):
    """How the mosaics of a simulated field come to be: ``archive`` or ``i2d`` from exposures, else ``drawn``."""
    exposures = simulation.get("exposures")
    return exposures["layout"] if exposures else "drawn"


def alternatives(names):
    """Regular expression that matches exactly these names."""
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"

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
from clusterphot.lensing.magnification import Listed, check_entry, read_listed
from clusterphot.measure.engines import check_engines
from clusterphot.mosaics.calibration import field_factor, read_factors
from clusterphot.run import chunks, configuration
from clusterphot.run.grids import NATIVE, Libraries, Projection
from clusterphot.run.image_fields import (
    DETECT,
    check_detection,
    check_files,
    check_simulation,
    load_image_field,
)
from clusterphot.run.redshifts import group_redshifts, read_redshifts
from clusterphot.side_by_side.published import check_columns

PATH_KEYS = ("photometry", "stack_photometry", "sources")
COMPARISON_KEYS = ("area_arcmin2", "star_counts", "control_region", "bcg")
JOINED_TABLES = ("recovery", "sizes", "lensing", "rest_frame", "contamination")
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
    photometry_unit : str
        Theirs.
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
    n_proven : int
        Artificial clusters that its errors are to be proven by.
    comparisons : dict
        The entry's area_arcmin2, star_counts, control_region and bcg, where given.
    own_redshifts : dict of str to float
        By id, of the sources that are not fitted at the field's redshift.
    magnification, compare_with, calibration : dict or None
        The entry's keys of these names.
    same_sources_as : str or None
        Name of the field that holds the same sources.
    has_listed_magnification : bool
        Whether the list has a column ``magnification``.
    """

    name: str
    redshift: float
    ebv: float | str
    ids: list
    filters: list
    chunks: dict
    photometry: str | None = None
    stack_photometry: str | None = None
    photometry_unit: str = "nJy"
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
    n_proven: int = 0
    own_redshifts: dict = dataclass_field(default_factory=dict)
    magnification: dict | None = None
    compare_with: dict | None = None
    calibration: dict | None = None
    same_sources_as: str | None = None
    has_listed_magnification: bool = False
    _neighbours: dict = dataclass_field(default_factory=dict, repr=False, compare=False)
    _members: dict = dataclass_field(default_factory=dict, repr=False, compare=False)

    @property
    def photometry_product(self):
        """The merged table of fluxes; a field given de-reddened has only the second kind."""
        kind = "photometry_dereddened" if self.is_dereddened else "photometry"
        return f"results/{self.name}/{kind}.ecsv"

    @property
    def is_lensed(self):
        """Whether magnifications of its sources are known."""
        return self.table is not None and (self.magnification is not None or self.has_listed_magnification)

    @property
    def has_stack(self):
        """Whether the field has photometry of a stack: given, or measured on its mosaics."""
        return self.stack_photometry is not None or bool(self.mosaics)

    @property
    def is_proven(self):
        """Whether errors are to be proven: the field has mosaics and a list, and artificial clusters are asked for."""
        return bool(self.mosaics and self.source_list is not None and self.n_proven)

    @property
    def projection(self):
        """How grids are seen by the field."""
        return self.projection_at(self.redshift)

    def projection_at(self, redshift):
        """How grids are seen at a redshift, through the field's filters."""
        return Projection(redshift, tuple(self.filters))

    @property
    def redshifts(self):
        """The field's redshift, then those of sources with others, each once."""
        return [self.redshift, *sorted(set(self.own_redshifts.values()))]

    def chunk_redshift(self, chunk):
        """Redshift at which the sources of a chunk are fitted, one for all of them."""
        return self.own_redshifts.get(self.chunk_ids(chunk)[0], self.redshift)

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
    def lensed(self):
        """Names of the fields whose sources are behind a lens."""
        return [field.name for field in self if field.is_lensed]

    @property
    def with_same_sources(self):
        """Names of the fields that name another one with the same sources."""
        return [field.name for field in self if field.same_sources_as is not None]

    @property
    def with_published_values(self):
        """Names of the fields whose sources have published values to compare with."""
        return [field.name for field in self if field.compare_with is not None]

    @property
    def given_by_mosaics(self):
        """Names of the fields given by their mosaics."""
        return [field.name for field in self if field.mosaics]

    @property
    def proven(self):
        """Names of the fields whose errors are to be proven."""
        return [field.name for field in self if field.is_proven]

    @property
    def searched_by_mass(self):
        """Names of the fields whose completeness can be told by mass: those with mosaics and a known extinction."""
        return [
            field.name for field in self if field.mosaics and (field.ebv != "sfd" or field.sfd_center_deg)
        ]

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
        seen = [self.at_rest, self.of_forecast]
        seen += [field.projection_at(redshift) for field in self for redshift in field.redshifts]
        return {projection.digest: projection for projection in seen}

    @property
    def all_filters(self):
        """Filters of all fields, each once."""
        return list(dict.fromkeys(filt for field in self for filt in field.filters))


def load(
    config,
    *,
    repo,
    user_files,
    command_line=None,
    given_by=configuration.DEFAULTS,
    check=True,
    software_here=True,
):
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
    given_by : str, optional
        Where keys stand that are in none of these, for messages: the file of defaults, or another workflow.
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
    origin = configuration.locate_keys(user_files, given_by, command_line)
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
            _check_lensing(field, origin)
            _check_calibration(field, fields, origin)
            if field.compare_with is not None:
                where = f"{origin(('fields', field.name))}, fields.{field.name}.compare_with"
                if field.table is None:
                    raise ConfigError(where, "a field that is searched", "a field with a list of sources")
                check_columns(field.compare_with, field.table, where)
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
    own_redshifts, listed = {}, Listed({}, {})
    if entry.get("sources") != DETECT:
        key = "photometry" if "photometry" in entry else "sources"
        own_redshifts = group_redshifts(
            read_redshifts(entry[key], f"{where}.{key}"),
            field_redshift=entry["redshift"],
            step=config["sed"]["redshift_step"],
        )
        listed = read_listed(entry[key], f"{where}.{key}")
    return Field(
        name=name,
        redshift=entry["redshift"],
        ebv=entry.get("ebv", 0.0),
        chunks=chunks.deal(values["ids"], config["batching"]["n_chunks"], own_redshifts),
        n_proven=config["proof"]["n_injections"],
        own_redshifts=own_redshifts,
        magnification=entry.get("magnification"),
        compare_with=entry.get("compare_with"),
        calibration=entry.get("calibration"),
        same_sources_as=entry.get("same_sources_as"),
        has_listed_magnification=bool(listed.value),
        sfd_center_deg=_center(entry, where)
        if entry.get("ebv") == "sfd" and entry.get("sources") != DETECT
        else None,
        center_deg=None if entry.get("sources") == DETECT else _sky_center(entry, where),
        comparisons={key: entry[key] for key in COMPARISON_KEYS if key in entry},
        **values,
    )


def _given_photometry(entry, where):
    """Values of a field given by a table of fluxes."""
    unit = entry.get("photometry_unit", "nJy")
    ids, filters, *_ = user_tables.read_photometry(entry["photometry"], f"{where}.photometry", unit)
    stack = entry.get("stack_photometry")
    if stack is not None:
        stack_ids, stack_filters, *_ = user_tables.read_photometry(stack, f"{where}.stack_photometry", unit)
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
        "photometry_unit": unit,
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


def _check_lensing(field, origin):
    """The magnification that a field names can be read and is of its sources."""
    if not field.is_lensed or field.magnification is None:
        return
    positions = None
    if field.center_deg is not None:
        table = user_tables.read_user_table(field.table, field.name)
        positions = tuple(table.angles(axis, missing=True) for axis in ("ra", "dec"))
    check_entry(
        field.magnification, f"{origin(('fields', field.name))}, fields.{field.name}.magnification", positions
    )


def _check_calibration(field, fields, origin):
    """The field with the same sources is another one that has some of them, and factors can be read."""
    where = f"{origin(('fields', field.name))}, fields.{field.name}"
    if field.calibration is not None:
        rows = read_factors(field.calibration["factors"], f"{where}.calibration.factors")
        if not {row.filter for row in rows} & set(field.filters):
            raise DataError(
                field.calibration["factors"],
                "no factor of any of its filters",
                f"filters {', '.join(field.filters)}",
            )
        for filt in field.filters if field.photometry else ():
            field_factor(field.calibration, filt)
    name = field.same_sources_as
    if name is None:
        return
    others = [one for one in fields.names if one != field.name]
    if name not in others:
        expected = f"another field: {', '.join(others) or 'there is none'}"
        raise ConfigError(f"{where}.same_sources_as", repr(name), expected)
    other = fields[name]
    for what, own, theirs in (("id", field.ids, other.ids), ("filter", field.filters, other.filters)):
        if not set(own) & set(theirs):
            raise DataError(
                f"{where}.same_sources_as = {name}",
                f"no {what} that both have",
                f"sources of the same ids and at least one filter of {field.name}",
            )


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
            for redshift in field.redshifts:
                check_coverage(filt, models.axes(grid)["wave_rest"], redshift, where)


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
    from clusterphot.measure.neighbours import search_radius

    radius = search_radius(photometry["cutout_size_arcsec"], photometry["joint_radius_arcsec"])
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


def merged_tables(field, grids):
    """Names of the tables of a field that have a row per source, or that of the stack.

    Parameters
    ----------
    field : `Field`
    grids : sequence of str

    Returns
    -------
    names : list of str
        Paths below the folder of the field, without their ending.
    """
    names = ["photometry_dereddened"] if field.is_dereddened else ["photometry", "photometry_dereddened"]
    names += ["catalogue", *(f"sed/{grid}/{name}" for grid in grids for name in ("clusters", "rest_frame"))]
    if field.has_stack:
        names += ["stack_fluxes", "stack_photometry"]
        names += [f"sed/{grid}/{name}" for grid in grids for name in ("stack", "stack_rest_frame")]
    if field.mosaics:
        names += ["sizes/limits"]
    return names


def compared_tables(field, grid):
    """What a field is compared with others by.

    Parameters
    ----------
    field : `Field`
    grid : str

    Returns
    -------
    about : dict
        ``name``, ``redshift``, ``filters``, and the paths of tables by the names of
        `clusterphot.side_by_side.fields.FieldTables`: of population and luminosity function only where they are there.
    """
    base = f"results/{field.name}"
    tables = {
        "photometry": f"{base}/photometry_dereddened.ecsv",
        "clusters": f"{base}/sed/{grid}/clusters.ecsv",
        "formation": f"{base}/sed/{grid}/formation.ecsv",
        "rest_frame": f"{base}/sed/{grid}/rest_frame.ecsv",
    }
    if field.has_stack:
        tables |= {name: f"{base}/sed/{grid}/{name}.ecsv" for name in ("stack", "stack_rest_frame")}
    on_demand = {
        "population": f"{base}/population/{grid}.ecsv",
        "luminosity": f"{base}/luminosity/function.ecsv",
    }
    tables |= {name: path for name, path in on_demand.items() if os.path.isfile(path)}
    return {"name": field.name, "redshift": field.redshift, "filters": field.filters} | tables


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
        "predictive": f"{base}/sed/{grids[0]}/predictive.ecsv",
        "origins": [f"{base}/sed/{grid}/predictive.ecsv" for grid in grids[1:]]
        + [f"{base}/reproduction.ecsv"],
    }
    if not field.is_dereddened:
        files["photometry"] = f"{base}/photometry.ecsv"
    if field.has_stack:
        files["stack"] = f"{base}/sed/{grids[0]}/stack.ecsv"
        files["robustness"] = f"{base}/population/robustness.ecsv"
        files["origins"] += [f"{base}/sed/{grid}/stack.ecsv" for grid in grids[1:]]
        files["origins"] += [
            f"{base}/{name}.ecsv"
            for name in ("stack_photometry", "sed/comparison", "sed/sensitivity", "population/robustness")
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
            "sky_images": [f"{base}/pages/sky.jpg", f"{base}/pages/sky_flat.jpg"],
        }
        for kind in ("mosaic.fits", f"fits/{first}.ecsv", "stack.fits"):
            files["origins"] += [f"{base}/{filt}/{kind}" for filt in field.filters]
        if field.needs_stars:
            files["origins"] += [f"{base}/stars.ecsv"]
    if field.center_deg:
        files["contamination"] = f"{base}/contamination.ecsv"
    if field.is_lensed:
        files["lensing"] = f"{base}/lensing/intrinsic.ecsv"
    if field.is_proven:
        files["proof"] = f"{base}/proof/summary.ecsv"
        files["proven_sources"] = f"{base}/proof/sources.ecsv"
        files["scaling"] = f"{base}/proof/scaling.ecsv"
        files["systematics"] = f"{base}/systematics.ecsv"
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

"""The fields of one run as the rules see them: sources, chunks, filters, paths.

Built once while the rules are read, from the configuration and the users' tables; no image is opened
and no heavy package imported for csv and tsv tables.
"""

import difflib
import glob
import hashlib
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from clusterphot import chunks, configuration, tables
from clusterphot.errors import ConfigError, DataError

PATH_KEYS = ("photometry", "stack_photometry")
LIBRARIES = {"embedded": "ssp/bc03_miles_kroupa.h5"}
"""File in resources/ behind each reader of SSP grids."""


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

    @property
    def photometry_product(self):
        """The merged table of fluxes; a field given de-reddened has only the second kind."""
        kind = "photometry_dereddened" if self.is_dereddened else "photometry"
        return f"results/{self.name}/{kind}.ecsv"

    @property
    def has_stack(self):
        """Whether the field has photometry of a stack."""
        return self.stack_photometry is not None

    def chunk_ids(self, chunk):
        """Ids in a chunk; ``src-<id>`` is a chunk of one, whatever the batching."""
        if chunk in self.chunks:
            return self.chunks[chunk]
        single = [name for name in self.ids if chunks.single_chunk(name) == chunk]
        if not single:
            raise DataError(
                f"the chunk {chunk} of field {self.name}", "no source in it", "a chunk with sources"
            )
        return single


class FieldSet:
    """All fields of a run, by name."""

    def __init__(self, fields):
        self._fields = {field.name: field for field in fields}

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
    def all_filters(self):
        """Filters of all fields, each once."""
        return list(dict.fromkeys(filt for field in self for filt in field.filters))


def load(config, *, repo, user_files, check=True):
    """Complete and check the configuration, read the tables it names.

    Parameters
    ----------
    config : dict
        As merged by Snakemake; shipped fields are added in place when it names none.
    repo : Path
        Folder of the Snakefile.
    user_files : list of str
        Configuration files of the user, for messages.
    check : bool
        Whether to check everything: the job of the main process, not of each submitted job.

    Returns
    -------
    fields : `FieldSet`

    Raises
    ------
    ConfigError, DataError
    """
    if "fields" not in config:
        config["fields"] = _shipped_fields(repo)
    origin = configuration.locate_keys(user_files, "config/config.yaml")
    if check:
        schema = configuration.load_yaml(repo / "workflow" / "schemas" / "config.schema.yaml")
        configuration.check_schema(config, schema, origin)
        configuration.check_relations(config, origin)
        configuration.check_sfd_maps(config, origin)
        folder = config["sed"]["four_color_dir"]
        configuration.check_four_color_dir(folder, f"{origin(('sed', 'four_color_dir'))}, sed.four_color_dir")
    fields = FieldSet(_load_field(name, entry, config, origin) for name, entry in config["fields"].items())
    if check:
        for field in fields:
            _check_filters(field, config, origin)
    return fields


def _shipped_fields(repo):
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
    ids, filters, _, _, carried = tables.read_photometry(entry["photometry"], f"{where}.photometry")
    stack = entry.get("stack_photometry")
    if stack is not None:
        stack_ids, stack_filters, *_ = tables.read_photometry(stack, f"{where}.stack_photometry")
        if len(stack_ids) != 1:
            raise DataError(stack, f"{len(stack_ids)} rows", "one row: the stack")
        if set(stack_filters) != set(filters):
            raise DataError(
                f"{stack}, header",
                f"the filters {stack_filters}",
                f"those of {entry['photometry']}: {filters}",
            )
    return Field(
        name=name,
        redshift=entry["redshift"],
        ebv=entry["ebv"],
        ids=ids,
        filters=filters,
        chunks=chunks.deal(ids, config["batching"]["n_chunks"]),
        photometry=entry["photometry"],
        stack_photometry=stack,
        is_dereddened=entry.get("photometry_is_dereddened", False),
        sfd_center_deg=_center(carried, entry, where) if entry["ebv"] == "sfd" else None,
    )


def _center(carried, entry, where):
    """Mean direction of the sources in degrees, for a look-up in the SFD maps."""
    if not {"ra", "dec"} <= set(carried):
        raise ConfigError(
            f"{where}.ebv", "sfd", "a number", f"{entry['photometry']} has no columns ra and dec."
        )
    _, ra, dec = tables.read_positions(entry["photometry"], f"{where}.photometry")
    ra, dec = [math.radians(v) for v in ra], [math.radians(v) for v in dec]
    x = sum(math.cos(d) * math.cos(r) for r, d in zip(ra, dec, strict=True))
    y = sum(math.cos(d) * math.sin(r) for r, d in zip(ra, dec, strict=True))
    z = sum(math.sin(d) for d in dec)
    return (
        round(math.degrees(math.atan2(y, x)) % 360, 4),
        round(math.degrees(math.atan2(z, math.hypot(x, y))), 4),
    )


def _check_filters(field, config, origin):
    """Filters are known by name, three at least, and the V filter is one of them."""
    from clusterphot import filters

    where = f"{origin(('fields', field.name))}, fields.{field.name}"
    for filt in field.filters:
        filters.check_filter_name(filt, where)
    wanted = config["sed"]["v_filter"]
    if wanted != "auto" and wanted not in field.filters:
        near = difflib.get_close_matches(wanted, field.filters, n=1)
        raise ConfigError(
            f"{origin(('sed', 'v_filter'))}, sed.v_filter",
            wanted,
            f"auto or a filter of field {field.name}: {', '.join(field.filters)}",
            f"did you mean {near[0]!r}?" if near else "",
        )


def rows_digest(path, ids):
    """Digest of the header and of these rows of a user's table."""
    names, rows = tables.read_user_table(path, path)
    wanted = set(ids)
    column = names.index("id") if "id" in names else None
    digest = hashlib.sha256(repr(names).encode())
    for row in rows:
        if column is None or row[column] in wanted:
            digest.update(repr(row).encode())
    return digest.hexdigest()[:12]


def four_color_files(folder):
    """Sorted `.4color` files of a folder, or nothing."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), "*.4color"))) if folder else []


def alternatives(names):
    """Regular expression that matches exactly these names."""
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"

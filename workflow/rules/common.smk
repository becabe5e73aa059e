"""Load and validate the configuration and the users' tables; `get_*` functions for the rules.

Inputs: config, the tables it names. Outputs: names used in the rule files (FIELDS, FILTERS, ...).
Rules: none.
"""

import os
import sys
from pathlib import Path

REPO = Path(str(workflow.current_basedir)).parents[1]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))

from clusterphot import configuration, fieldset
from clusterphot.codedigest import driver_digest
from clusterphot.errors import UserError

ENV = str(REPO / "envs" / "clusterphot.yaml")

try:
    FIELDSET = fieldset.load(
        config,
        repo=REPO,
        user_files=[str(path) for path in workflow.overwrite_configfiles],
        check=workflow.is_main_process,
    )
except UserError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)

FIELDS = FIELDSET.names
GRIDS = config["sed"]["grids"]


wildcard_constraints:
    field=fieldset.alternatives(FIELDS),
    filter=fieldset.alternatives(FIELDSET.all_filters),
    grid=fieldset.alternatives(config["ssp_grids"]),
    chunk=r"c\d+|src-[^/]+",
    redshift=r"[0-9.]+",
    filters=r"[A-Za-z0-9_+]+",


def code_digest(driver):
    """Digest of a driver's package modules, so that an edited module reruns the rules that use it."""
    return driver_digest(REPO / "workflow" / "scripts", driver)


def get_resource(name):
    """Path of a file shipped in resources/."""
    return str(REPO / "resources" / name)


def get_photometry_table(wildcards):
    """The user's table of photometry of a field."""
    return FIELDSET[wildcards.field].photometry


def get_stack_photometry_table(wildcards):
    """The user's table with the photometry of the stack of a field."""
    return FIELDSET[wildcards.field].stack_photometry


def get_chunk_ids(wildcards):
    """Ids of the sources in a chunk."""
    return FIELDSET[wildcards.field].chunk_ids(wildcards.chunk)


def get_chunk_digest(wildcards):
    """Digest of the user's rows in a chunk: a changed row reruns its chunk, not the others."""
    field = FIELDSET[wildcards.field]
    return fieldset.rows_digest(field.photometry, field.chunk_ids(wildcards.chunk))


def get_chunks(pattern):
    """Input function: ``pattern`` for each chunk of the field."""
    return lambda wildcards: expand(pattern, chunk=list(FIELDSET[wildcards.field].chunks), **dict(wildcards))


def get_field_value(name):
    """Params function: one value of the field's entry."""
    return lambda wildcards: getattr(FIELDSET[wildcards.field], name)


def get_ssp_library(wildcards):
    """The files a grid is read from."""
    return get_resource(fieldset.LIBRARIES[config["ssp_grids"][wildcards.grid]["reader"]])


def get_projected_grid(wildcards):
    """Grid of fluxes at the field's redshift and in its filters, shared by fields where both agree."""
    field = FIELDSET[wildcards.field]
    return f"results/ssp/{wildcards.grid}/projected/z{field.redshift}/{'+'.join(field.filters)}.h5"


def get_four_color_files(wildcards):
    """The GALAXEV .4color files named by the configuration, if any."""
    return fieldset.four_color_files(config["sed"]["four_color_dir"])

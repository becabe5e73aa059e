"""The page of all fields of a run: their numbers side by side, what differs, a figure."""

import shutil
from pathlib import Path

import numpy as np

from clusterphot.report import pages
from clusterphot.report.first_page import has_published, read_fields
from clusterphot.side_by_side.fields import COMPARED, sentences

ROWS = (
    ("redshift", "redshift", "{:g}"),
    ("n_used", "clusters", "{:.0f}"),
    ("n_filters", "filters", "{:.0f}"),
    ("depth_mag", "depth near 2 µm (3 sigma, AB)", "{:.2f}"),
    ("stack_age_gyr", "age of the stack (Gyr)", "{:.2g}"),
    ("stack_metallicity_zsun", "metallicity of the stack (Z☉)", "{:.2g}"),
    ("stack_lookback_gyr", "lookback time of formation of the stack (Gyr)", "{:.1f}"),
    ("stack_z_form", "redshift of formation of the stack", "{:.2f}"),
    ("sample_age_gyr", "ages of the clusters (Gyr)", "{:.2g}"),
    ("sample_metallicity_zsun", "metallicities of the clusters (Z☉)", "{:.2g}"),
    ("sample_log_mass", "log masses of the clusters (M☉)", "{:.2f}"),
    ("sample_b_minus_i", "rest-frame B−I of the clusters (mag, Vega)", "{:.2f}"),
    ("sample_abs_mag_v", "rest-frame V of the clusters (absolute mag, Vega)", "{:.2f}"),
    ("population_age_gyr", "median age of the population (Gyr)", "{:.2g}"),
    ("population_metallicity_zsun", "median metallicity of the population (Z☉)", "{:.2g}"),
    ("population_log_mass", "median log mass of the population (M☉)", "{:.2f}"),
    ("luminosity_turnover", "turnover of the luminosity function (AB)", "{:.2f}"),
    ("luminosity_n_total", "clusters, found and missed", "{:.0f}"),
)
"""Columns of fields.ecsv, their words and how they are written; those with quantiles show all three."""


def write_fields_page(path, fields, differences, figure, field_folders, *, reproduction):
    """Write ``fields.html``, and the figure beside it.

    Parameters
    ----------
    path : str
    fields, differences : `astropy.table.Table`
        Of the rule compare_fields.
    figure : str
    field_folders : list of str
    reproduction : str
        File beside the page that compares with the published numbers.
    """
    picture = Path(path).with_suffix(".png")
    shutil.copyfile(figure, picture)
    summaries = read_fields(field_folders)
    hrefs = {Path(folder).name: one["href"] for folder, one in zip(field_folders, summaries, strict=True)}
    pages.write_lone_page(
        "fields.html",
        path,
        page="compared",
        names=[str(name) for name in fields["field"]],
        hrefs=hrefs,
        rows=table_rows(fields),
        sentences=sentences(differences),
        differences=difference_rows(differences),
        picture=picture.name,
        reproduction=reproduction if has_published(summaries) else None,
        compared=Path(path).name,
    )


def table_rows(fields):
    """Rows of the page: words and one cell per field; those that no field has are left out."""
    rows = []
    for name, words, style in ROWS:
        cells = [_cell(row, name, style) for row in fields]
        if any(cells):
            rows.append({"words": words, "cells": cells})
    return rows


def _cell(row, name, style):
    """Value, or median with 16 and 84 %, of a field; None where it has none."""
    if name in row.colnames:
        value = float(row[name])
        return {"value": style.format(value), "range": ""} if np.isfinite(value) else None
    low, middle, high = (float(row[f"{name}_{quantile}"]) for quantile in ("p16", "p50", "p84"))
    if not np.isfinite(middle):
        return None
    return {"value": style.format(middle), "range": f"{style.format(low)} to {style.format(high)}"}


def difference_rows(table):
    """Rows of the table of differences."""
    return [
        {
            "fields": f"{row['field']} − {row['other_field']}",
            "quantity": COMPARED[str(row["quantity"])][0],
            "difference": f"{row['difference']:+.3f} ± {row['difference_err']:.3f} {row['difference_unit']}",
            "sigma": f"{row['sigma']:.1f}" if np.isfinite(row["sigma"]) else "–",
            "outcome": str(row["outcome"]),
            "remark": str(row["remark"]),
        }
        for row in table
    ]

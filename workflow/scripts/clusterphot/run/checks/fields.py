"""Checks of one field that need no image: tables, source list, filters and what the models cover.

Collects what `clusterphot.base.tables`, `clusterphot.base.filters` and `clusterphot.run.fields` find, and adds
warnings for lists that can be read but look wrong. Positions deg (ICRS), fluxes nJy, wavelengths Angstrom.
"""

import os

import numpy as np

from clusterphot.base import filters, units, user_tables
from clusterphot.base.errors import DataError
from clusterphot.run import fields
from clusterphot.run.checks.findings import ERROR, OK, UNSEEN, WARNING
from clusterphot.run.grids import Libraries

SAME_ARCSEC = 0.02
V_WAVE = 5500.0
V_REACH = 0.25
"""Relative distance from rest-frame V at which a filter no longer stands for it."""
MIN_FILTERS = 4
FLUX_NJY = (1e-2, 1e6)
"""Median fluxes of a table (33.9 and 13.9 mag AB) outside which its unit is doubted."""


def check_sources(settings, name, entry, findings):
    """Read the source list of a field.

    Parameters
    ----------
    settings : `clusterphot.run.checks.settings.Settings`
    name : str
    entry : dict
        The field's section.
    findings : `clusterphot.run.checks.findings.Findings`

    Returns
    -------
    positions : (ids, ra, dec) or None
        None where there is no list, or none that can be read.
    """
    path, note = entry.get("sources"), findings.at(name)
    if not isinstance(path, str):
        return None
    if path == "detect":
        note.add(OK, "sources", "sources: detect, no list to look at")
        return None
    table = note.attempt("sources", user_tables.read_user_table, path, f"{settings.where(name)}.sources")
    if table is None:
        return None
    ids = note.attempt("sources", table.ids)
    angles = [note.attempt("sources", table.angles, column) for column in ("ra", "dec")]
    if any(angle is None for angle in angles):
        return None
    ids = ids or [row[0] for row in table.rows]
    _warn_of_doubles(ids, *angles, note)
    _warn_of_comments(path, ids, note)
    if note.quiet:
        note.add(OK, "sources", f"{path}: {len(table.rows)} sources with id, ra, dec{_converted(table)}")
    return ids, *angles


def _warn_of_doubles(ids, ra, dec, note):
    """Two ids that share a position."""
    from scipy.spatial import cKDTree

    a, d = np.deg2rad(ra), np.deg2rad(dec)
    xyz = np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    pairs = cKDTree(xyz).query_pairs(np.deg2rad(SAME_ARCSEC / 3600.0), output_type="ndarray")
    if len(pairs):
        i, j = sorted(pairs[0].tolist())
        note.add(
            WARNING,
            "sources",
            f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''} of sources nearer than {SAME_ARCSEC} arcsec, "
            f"the first {ids[i]!r} and {ids[j]!r} "
            f"(data rows {i + 1} and {j + 1}). Hint: if it is one source, delete one of the rows.",
        )


def _warn_of_comments(path, ids, note):
    """Ids that look as if their rows had been commented out."""
    odd = [name for name in ids if name.startswith("# ")]
    if odd:
        note.add(
            WARNING,
            "sources",
            f"{path}: {len(odd)} ids begin with '# ', the first {odd[0]!r}. Hint: below the header this is an id, no "
            "comment; delete rows that are not wanted.",
        )


def _converted(table):
    """Words on the units that a table declares."""
    units = sorted({unit for name, unit in table.units.items() if name.startswith(("flux_", "ra", "dec"))})
    return f"; units {', '.join(units)}" if units else ""


def check_photometry(settings, name, entry, findings):
    """Read the tables of a field given by its photometry; returns its filters."""
    note, filts = findings.at(name), []
    unit = "nJy" if settings.is_bad(name, "photometry_unit") else entry.get("photometry_unit", "nJy")
    for key in ("photometry", "stack_photometry"):
        if not isinstance(entry.get(key), str):
            continue
        where = f"{settings.where(name)}.{key}"
        found = note.attempt(key, user_tables.read_photometry, entry[key], where, unit)
        if found is None:
            continue
        ids, own, flux, err, _ = found
        filts = filts or own
        flux, err, odd = units.without_sentinels(flux, err)
        table = user_tables.read_user_table(entry[key], where)
        _warn_of_comments(entry[key], ids, note)
        if odd.any():
            row, band = (int(place[0]) for place in odd.nonzero())
            note.add(
                WARNING,
                key,
                f"{entry[key]}: {odd.sum()} values beyond any measurement (above {units.MAX_FLUX_NJY:g} or below "
                f"{units.MIN_FLUX_NJY:g} nJy) are taken as missing, the first of id {ids[row]!r} in {own[band]}.",
            )
        if not np.isfinite(flux).any():
            note.add(
                WARNING,
                key,
                f"{entry[key]}: nothing is measured: all fluxes of all {len(ids)} rows are missing.",
            )
            continue
        middle = float(np.median(np.abs(flux[np.isfinite(flux)]))) if np.isfinite(flux).any() else 0.0
        text = f"{entry[key]}: {len(ids)} rows, {len(own)} filters, median flux {middle:.3g} nJy{_converted(table)}"
        if FLUX_NJY[0] < middle < FLUX_NJY[1]:
            note.add(OK, key, text)
        else:
            note.add(WARNING, key, f"{text}. Hint: fluxes are expected in nJy.")
    return filts


def check_filters(settings, name, entry, names, repo, findings):
    """Filters are known, covered by the models, and enough.

    Parameters
    ----------
    settings, name, entry, findings
        As in `check_sources`.
    names : sequence of str
        Filters of the field.
    repo : Path
        Folder of the Snakefile.
    """
    key = f"{entry['photometry']}, column flux_" if "photometry" in entry else f"field {name}, filter "
    known = [
        filt
        for filt in names
        if findings.at(name, filt).passes("filter", filters.check_filter_name, filt, f"{key}{filt}")
    ]
    redshift = entry.get("redshift")
    if redshift is None or settings.is_bad(name, "redshift"):
        findings.at(name).add(UNSEEN, "coverage", "of the filters by the SSP spectra: needs a redshift")
        return
    models = Libraries(settings.config, repo, settings.origin)
    grids = [grid for grid in settings.config["sed"]["grids"] if grid in settings.config["ssp_grids"]]
    axes = {grid: findings.at().attempt("models", models.axes, grid) for grid in grids}
    for filt in known if None not in axes.values() else ():
        _check_coverage(axes, filt, f"{key}{filt}", redshift, findings.at(name, filt))
    if known:
        _check_bands(settings, name, known, redshift, findings.at(name))


def _check_coverage(axes, filt, key, redshift, note):
    """The spectra of every grid reach over the filter's curve at the redshift."""
    for grid, own in axes.items():
        where = f"{key}, grid {grid}"
        note.attempt("coverage", fields.check_coverage, filt, own["wave_rest"], redshift, where)
    if note.quiet:
        low, high = (wave / (1 + redshift) for wave in filters.curve_range(filt))
        note.add(OK, "coverage", f"rest-frame {low:.0f}-{high:.0f} A, within {', '.join(axes)}")


def _check_bands(settings, name, known, redshift, note):
    """Bands enough for ages, and one near rest-frame V."""
    if len(known) < MIN_FILTERS:
        note.add(
            WARNING,
            "bands",
            f"got {len(known)} filters ({', '.join(known)}), expected {MIN_FILTERS} or more for ages and "
            "metallicities: fits have no degrees of freedom, or rows are flagged TOO_FEW_BANDS.",
        )
    wanted = settings.config["sed"]["v_filter"]
    if wanted != "auto":
        note.attempt("bands", fields.check_v_filter, wanted, known, name, settings.origin)
    target = V_WAVE * (1 + redshift)
    distances = {filt: abs(filters.pivot_wavelength(filt) / target - 1) for filt in known}
    nearest = min(distances, key=distances.get)
    if distances[nearest] > V_REACH:
        note.add(
            WARNING,
            "bands",
            f"got {nearest} as the filter nearest to rest-frame V at z = {redshift:g}, expected one near "
            f"{target:.0f} A. Hint: log_mass extrapolates, use log_mass_sed.",
        )
    if note.quiet:
        note.add(OK, "bands", f"{len(known)}: {', '.join(known)}; {nearest} stands for rest-frame V")


def check_truth(settings, name, entry, findings):
    """The table of true fluxes is there, if one is named."""
    path, where = entry.get("truth"), f"{settings.where(name)}.truth"
    if isinstance(path, str) and not os.path.isfile(path):
        expected = "a table with id and flux_F in nJy"
        findings.at(name).add(ERROR, "truth", DataError(f"{where} = {path}", "no such file", expected))

"""Tables for archives: machine-readable tables of AAS and CDS, and the layout that the RESCUE collaboration asks for.

MRT: https://journals.aas.org/mrt-standards, written by astropy. Fluxes nJy, magnitudes AB, positions degrees (ICRS).
"""

import io
import textwrap

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table
from scipy.special import ndtr

from clusterphot.base.columns import describe_column
from clusterphot.base.flags import SENTENCES
from clusterphot.base.tables import carried_columns, flux_arrays, flux_filters
from clusterphot.base.units import MAG_PER_FRACTION, mag_ab

DETECTION_SIGMA = 3.0
"""A source is detected where its flux in the reference filter is above this many of its errors."""

LINE_WIDTH = 80
"""Of the header of an MRT."""

LABELS = {
    "id": "ID",
    "ra": "RAdeg",
    "dec": "DEdeg",
    "log_mass": "logM",
    "log_mass_err": "e_logM",
    "flags": "Flags",
}
"""Labels after the standard: RAdeg and DEdeg for positions, e_ before the name of what an error belongs to."""

FORMATS = {"deg": ".6f", "nJy": ".4f", "dex(solMass)": ".4f", "dex": ".4f", "mag": ".4f"}
DEX = u.dex(u.dimensionless_unscaled)
"""The unit ``dex`` in a form that astropy can write for the CDS: [-]."""


def mrt(table, *, title, dereddened=True):
    """Text of a machine-readable table.

    Parameters
    ----------
    table : `astropy.table.Table`
        Table 1 or 2; columns described in `clusterphot.base.columns`.
    title : str
        Of the header; authors are left to those who submit it.
    dereddened : bool
        Whether fluxes are corrected for Milky Way dust, for their explanations.

    Returns
    -------
    text : str, ASCII

    Notes
    -----
    What could not be measured is blank. Columns without any value are left out and named in the notes, since a format
    without width is none. Characters of ids beyond ASCII are written as Python escapes.
    """
    written, empty = Table(), []
    for name in table.colnames:
        column = _mrt_column(table[name], name, dereddened)
        if column is None:
            empty.append(_label(name))
        else:
            written[column.name] = column
    lines = _mrt_lines(written)
    notes = [f"Columns without any value are left out: {', '.join(empty)}."] if empty else []
    if "Flags" in written.colnames:
        found = int(np.bitwise_or.reduce(np.asarray(written["Flags"], dtype=int)))
        bits = [f"{int(flag)} = {sentence}" for flag, sentence in SENTENCES.items() if flag & found]
        notes += [f"Flags is the sum of: {'; '.join(bits)}."] if bits else []
    place = lines.index("Notes:") + 1
    for number, note in reversed(list(enumerate(notes, start=1))):
        lines[place:place] = _fold(note, f"Note ({number}): ")
    place = lines.index("Title:")
    lines[place : place + 1] = _fold(_ascii(title), "Title: ")
    return "\n".join([*lines, ""])


def _mrt_lines(table):
    """Lines that astropy writes."""
    stream = io.StringIO()
    table.write(stream, format="ascii.mrt")
    return stream.getvalue().splitlines()


def _ascii(text):
    """Text in ASCII, other characters as Python escapes."""
    return str(text).encode("ascii", "backslashreplace").decode()


def _label(name):
    """Label of a column after the standard."""
    if name in LABELS:
        return LABELS[name]
    if name.startswith("flux_err_"):
        return f"e_{name.removeprefix('flux_err_')}"
    return name.removeprefix("flux_")


def _explanation(name, description):
    """Explanation of a column, with the labels of others instead of their names."""
    if name == "flags":
        return "Quality bits, 0 is clean; see the notes"
    text = description.replace("flux_", "").replace("log_mass", LABELS["log_mass"])
    return text[:1].upper() + text[1:]


def _mrt_column(column, name, dereddened):
    """Column with label, format and explanation; None where nothing was measured."""
    unit, description = describe_column(name)
    if dereddened and name.startswith("flux_"):
        description += ", corrected for Milky Way dust"
    if column.dtype.kind == "f":
        values = np.ma.masked_invalid(np.ma.filled(np.ma.asarray(column, dtype=float), np.nan))
        if values.mask.all():
            return None
        made = MaskedColumn(values) if np.any(values.mask) else Column(values.data)
        made.format = FORMATS.get(unit, ".6g")
    elif column.dtype.kind == "U":
        made = Column([_ascii(value) for value in column])
    else:
        made = Column(np.asarray(column))
    made.name, made.description = _label(name), _explanation(name, description)
    made.unit = DEX if unit == "dex" else unit or None
    return made


def _fold(text, first):
    """Lines of the header that begin with ``first``, later ones indented."""
    return textwrap.wrap(
        text, LINE_WIDTH, initial_indent=first, subsequent_indent="  ", break_on_hyphens=False
    )


def rescue(photometry, *, reference_filter=None):
    """Sources in the layout that RESCUE asks contributors for.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        Merged table of fluxes, as observed where the field has such.
    reference_filter : str, optional
        Filter of positions and detection; if not given, that in which the sources have the highest median signal to
        noise.

    Returns
    -------
    table : `astropy.table.Table`
        One row per source in their order: id, ra, dec (J2000), x_px and y_px of the mosaic of the reference filter,
        p_detection, mag_ab_F and mag_ab_err_F, flags. NaN for what the field does not have or was not measured.
    reference_filter : str

    Notes
    -----
    p_detection is the probability that a source of the measured flux is measured above `DETECTION_SIGMA` errors again:
    Phi(F / sigma - 3), for Gaussian errors. It knows neither crowding nor the selection by eye. Magnitude errors are
    2.5 / ln 10 sigma / F, random errors alone.
    """
    filters = flux_filters(photometry)
    flux, err = flux_arrays(photometry, filters)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.where(err > 0, flux / err, np.nan)
        magnitude_err = np.where(flux > 0, MAG_PER_FRACTION * err / flux, np.nan)
    if reference_filter not in filters:
        known = [
            np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0 for column in snr.T
        ]
        reference_filter = filters[int(np.argmax(known))]
    nothing = np.full(len(photometry), np.nan)
    table = Table({"id": photometry["id"]})
    pixels = {"x_px": f"x_{reference_filter}", "y_px": f"y_{reference_filter}"}
    for name, source in {"ra": "ra", "dec": "dec", **pixels}.items():
        table[name] = photometry[source] if source in photometry.colnames else nothing
    table["p_detection"] = ndtr(snr[:, filters.index(reference_filter)] - DETECTION_SIGMA)
    for band, filt in enumerate(filters):
        table[f"mag_ab_{filt}"] = mag_ab(flux[:, band])
        table[f"mag_ab_err_{filt}"] = magnitude_err[:, band]
    if "flags" in photometry.colnames and "flags" not in carried_columns(photometry):
        table["flags"] = photometry["flags"]
    return table, reference_filter

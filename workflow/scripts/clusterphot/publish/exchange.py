"""Tables in the formats of other programs, beside the ECSV that they are written from: FITS and VOTable.

Names, order of rows, values and units of columns stay. A VOTable has UCDs too
(https://www.ivoa.net/documents/UCD1+, checked against astropy's list of words) and the frame of the positions, so that
TOPCAT and Aladin find positions, fluxes and errors by themselves.
"""

import bisect
import re
import warnings

from clusterphot.base.columns import ERROR_KINDS
from clusterphot.base.errors import ConfigError
from clusterphot.base.files import whole_file
from clusterphot.base.filters import pivot_wavelength
from clusterphot.base.tables import carried_columns, write_fits_table

BAND_EDGES_ANGSTROM = (3e3, 4e3, 5e3, 6e3, 7.5e3, 1e4, 1.5e4, 2e4, 3e4, 4e4, 8e4, 1.5e5, 3e5)
BANDS = (
    *("em.UV", "em.opt.U", "em.opt.B", "em.opt.V", "em.opt.R", "em.opt.I", "em.IR.J", "em.IR.H", "em.IR.K"),
    *("em.IR.3-4um", "em.IR.4-8um", "em.IR.8-15um", "em.IR.15-30um", "em.IR"),
)
"""Words of UCD1+ for bands, and the wavelengths between them."""

UCDS = {
    "id": "meta.id;meta.main",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "redshift": "src.redshift",
    "n_bands": "meta.number",
    "chi2": "stat.fit.chi2",
    "chi2_size": "stat.fit.chi2",
    "dof": "stat.fit.dof",
    "age_gyr": "time.age",
    "metallicity_zsun": "phys.abund.Z",
    "mass_formed": "phys.mass",
    "mass_remaining": "phys.mass",
    "log_mass": "phys.mass",
    "log_mass_formed": "phys.mass",
    "log_mass_sed": "phys.mass",
    "log_mass_err": "stat.error;phys.mass",
    "log_mass_sed_err": "stat.error;phys.mass",
    "ml_v": "phys.mass;arith.ratio",
    "lum_v_lsun": "phys.luminosity;em.opt.V",
    "log_lum_v": "phys.luminosity;em.opt.V",
    "snr_size": "stat.snr",
    "flux_size": "phot.flux.density",
    "radius_pc": "phys.size.radius",
    "radius_limit_pc": "phys.size.radius;stat.max",
    "radius_limit_psf_known_pc": "phys.size.radius;stat.max",
    "p_age_edge": "stat.probability",
    "p_cluster": "stat.probability",
    "p_cluster_err": "stat.error;stat.probability",
}
FILTER_UCDS = {
    "flux_err_sys_": "stat.error.sys;phot.flux.density;{band}",
    **{f"flux_err_{kind}": "stat.error;phot.flux.density;{band}" for kind in ERROR_KINDS if kind != "sys_"},
    "flux_err_": "stat.error;phot.flux.density;{band}",
    "flux_": "phot.flux.density;{band}",
    "flux0_err_sys_": "stat.error.sys;phot.flux.density;{band}",
    "flux0_err_": "stat.error;phot.flux.density;{band}",
    "flux0_": "phot.flux.density;{band}",
    "abs_mag_ab_": "phys.magAbs;{band}",
    "abs_mag_vega_": "phys.magAbs;{band}",
    "A_": "phys.absorption;{band}",
    "x_": "pos.cartesian.x;instr.det",
    "y_": "pos.cartesian.y;instr.det",
    "chi2_": "stat.fit.chi2;{band}",
    "dof_": "stat.fit.dof;{band}",
    "sky_": "instr.skyLevel;{band}",
    "n_sources_": "meta.number;{band}",
}
"""By the beginning of a name that ends in a filter; the first that fits counts."""

ENDS_OF_INTERVALS = {
    "_p50": "stat.median",
    "_(p025|p16|lo_[1-5]sigma(_marginal)?)": "stat.min",
    "_(p84|p975|hi_[1-5]sigma(_marginal)?)": "stat.max",
}
"""Ends of a name after the quantity, and what they add to its UCD."""


def ucd_of(name):
    """UCD of a column of the workflow.

    Parameters
    ----------
    name : str

    Returns
    -------
    ucd : str or None
        None for a column that no word fits.
    """
    if name == "flags" or name.startswith("flags_"):
        return "meta.code.qual"
    if name in UCDS:
        return UCDS[name]
    for ending, word in ENDS_OF_INTERVALS.items():
        if match := re.fullmatch(rf"(.+?){ending}", name):
            quantity = ucd_of(match[1])
            return quantity and f"{quantity};{word}"
    for beginning, ucd in FILTER_UCDS.items():
        if name.startswith(beginning) and (band := _band(name.removeprefix(beginning))):
            return ucd.format(band=band)
    return None


def _band(filter_name):
    """Word for the band of a filter, None where there is no such filter."""
    try:
        pivot = pivot_wavelength(filter_name)
    except (ConfigError, OSError, KeyError):
        return None
    return BANDS[bisect.bisect(BAND_EDGES_ANGSTROM, pivot)]


def write_votable(path, table, title):
    """Write a table as VOTable 1.4, binary, or as text where characters are beyond U+FFFF.

    Parameters
    ----------
    path : str
    table : `astropy.table.Table`
        As `clusterphot.base.tables.read_table` gives it; not changed. Of its metadata the meaning of the flags is
        written, as the description of the table; the rest stays in the ECSV.
    title : str
        First line of that description.
    """
    from astropy.io.votable.exceptions import W03, W50
    from astropy.io.votable.tree import CooSys, VOTableFile

    carried = carried_columns(table)
    bits = table.meta.get("flag_bits", {})
    plain = table.copy()
    plain.meta = {}
    for name in plain.colnames:
        plain[name].meta.clear()
        if name not in carried and (ucd := ucd_of(name)):
            plain[name].meta["ucd"] = ucd
    is_wide = _has_wide_characters(plain)
    if is_wide:
        _make_xml(plain)
    with warnings.catch_warnings():
        # dex and dex(solMass) are no VOUnits; astropy reads them, other programs show them
        warnings.simplefilter("ignore", W50)
        warnings.simplefilter(
            "ignore", W03
        )  # XML has other names for columns that are called as a user likes
        votable = VOTableFile.from_table(plain)
        (resource,) = votable.resources
        (element,) = resource.tables
        element.format = "tabledata" if is_wide else "binary2"
        element.description = "; ".join([title, *(f"flag {bit}: {words}" for bit, words in bits.items())])
        if {"ra", "dec"} <= {*plain.colnames} - {*carried}:
            frame = CooSys(ID="positions", system="ICRS")
            resource.coordinate_systems.append(frame)
            for field in element.fields:
                if field.name in ("ra", "dec"):
                    field.ref = "positions"
        with whole_file(path) as temporary:
            votable.to_xml(temporary)


def _has_wide_characters(table):
    """Whether a text has a character beyond U+FFFF, which binary VOTables hold in two parts and nobody reads back."""
    texts = [column for column in table.itercols() if column.dtype.kind == "U"]
    return any(max(str(text), default="") > "\uffff" for column in texts for text in column)


def _make_xml(table):
    """Put U+FFFD for control characters, which XML does not hold, in the place of the texts of a table."""
    for name in table.colnames:
        if table[name].dtype.kind == "U":
            table[name][:] = [
                re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text) for text in table[name]
            ]


def write_fits(path, table, title):
    """Write a table as FITS, which has no room for ``title``, nor a unit for logarithms: their names say them."""
    from astropy import units as u

    plain = table.copy()
    for column in plain.itercols():
        if column.unit == u.dex or isinstance(column.unit, u.function.FunctionUnitBase):
            column.unit = None
    write_fits_table(path, plain)


WRITERS = {
    "fits": ("fits", write_fits),
    "votable": ("vot", write_votable),
}
"""Ending of the files of a format, and what writes them."""

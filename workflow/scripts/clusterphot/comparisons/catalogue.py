"""A user's catalogue of galaxies to compare with: magnitudes in the field's filters, kinds, masses, sizes.

As Faisst et al. (2022, ApJL 941, L11, section 3.1) did with COSMOS2020 (Weaver et al. 2022, ApJS 258, 11): fluxes
interpolated between the catalogue's bands. Magnitudes AB, wavelengths micron, masses log10 Msun, radii kpc.
"""

import contextlib
import os
from dataclasses import dataclass

import numpy as np

from clusterphot.base import user_tables
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.filters import check_filter_name, load_filter
from clusterphot.base.fits_headers import read_headers
from clusterphot.base.robust import PRINTED_MAD_TO_SIGMA, mad_sigma
from clusterphot.base.units import flux_from_mag_ab, mag_ab

FLUX_UNITS = {"mag": None, "uJy": 1e3, "nJy": 1.0}
"""nJy per unit; magnitudes are AB."""
SAME_UNITS = {"mag": ("mag(ab)", "abmag"), "uJy": ("microjy", "microjansky"), "nJy": ("nanojy", "nanojansky")}
"""Other words for them in tables, in small letters."""

TRUTH = {"true": 1.0, "false": 0.0}

MASS_LIGHT_PIVOT_MAG, MASS_SIZE_PIVOT_DEX = 25.0, 10.0
"""Magnitude and log mass at which the intercepts of the relations are given: amid the galaxies."""

N_REWEIGHTINGS, LEAST_RESIDUAL_DEX = 50, 1e-4
"""Rounds of weights 1 / |residual| that turn least squares into least absolute deviations, and what keeps them
finite."""

MAG_AB_MIN, MAG_AB_MAX = 0.0, 50.0
"""Values outside stand for missing ones in many catalogues (-99, 99)."""

FITS_ENDINGS = (".fits", ".fit", ".fits.gz", ".fit.gz")

SIZE_RELATION_MIN = 10
"""Galaxies that a mass-size relation is fitted to at least."""


@dataclass(frozen=True)
class Comparison:
    """Galaxies near the redshift of a field.

    Attributes
    ----------
    ids : list of str
    redshift : (n,) float ndarray
    flux : (n, n_bands) float ndarray, nJy
        In the catalogue's bands, by wavelength; NaN where missing.
    band_micron : (n_bands,) float ndarray
    log_mass, radius_kpc : (n,) float ndarray
        NaN where the catalogue has none.
    is_quiescent : (n,) int ndarray
        1, 0, or -1 where not known.
    """

    ids: list
    redshift: np.ndarray
    flux: np.ndarray
    band_micron: np.ndarray
    log_mass: np.ndarray
    radius_kpc: np.ndarray
    is_quiescent: np.ndarray


def read_comparison(path, columns, *, flux_unit, redshift, redshift_width, log_ssfr_quiescent):
    """Galaxies of a user's catalogue near a redshift.

    Parameters
    ----------
    path : str
        csv, tsv, ecsv or FITS.
    columns : dict
        Names of its columns: ``redshift``, ``bands`` (wavelength in micron, or a filter name: column) and, optional,
        ``id``, ``log_mass``, ``radius_kpc``, and ``is_quiescent`` (0 or 1) or ``log_ssfr`` (log10 of 1/yr).
    flux_unit : {'mag', 'uJy', 'nJy'}
        Of the bands.
    redshift, redshift_width : float
        Galaxies within the half width are taken.
    log_ssfr_quiescent : float
        Galaxies with less are quiescent.

    Returns
    -------
    comparison : `Comparison`

    Raises
    ------
    DataError
        A missing column, text, or no galaxy near the redshift.
    """
    read = _open_catalogue(path)

    def values(key):
        if columns.get(key) is None:
            return np.nan
        return read(columns[key])

    z = values("redshift")
    near = np.abs(z - redshift) <= redshift_width
    if not near.any():
        raise DataError(
            f"{path}, column {columns['redshift']}",
            f"no galaxy within {redshift_width:g} of z = {redshift:g}",
            "galaxies near the redshift of the field",
            "comparison.redshift_width sets the range.",
        )
    bands = sorted((band_micron(name), column) for name, column in columns["bands"].items())
    flux = np.array([_flux(read(column)[near], flux_unit) for _, column in bands])
    quiescent = values("is_quiescent")
    if columns.get("is_quiescent") is None:
        ssfr = values("log_ssfr")
        quiescent = np.where(np.isfinite(ssfr), ssfr < log_ssfr_quiescent, np.nan)
    log_mass, radius_kpc, quiescent = (
        np.broadcast_to(column, near.shape)[near]
        for column in (values("log_mass"), values("radius_kpc"), quiescent)
    )
    ids = read(columns["id"], as_text=True) if columns.get("id") else np.arange(1, len(z) + 1).astype(str)
    return Comparison(
        [str(name) for name in np.asarray(ids)[near]],
        z[near],
        flux.T,
        np.array([micron for micron, _ in bands]),
        np.where((log_mass > 0) & (log_mass < 14), log_mass, np.nan),
        np.where(radius_kpc > 0, radius_kpc, np.nan),
        np.nan_to_num(quiescent, nan=-1).astype(int),
    )


def _open_catalogue(path):
    """Function that reads a column of a catalogue as numbers, or as text; large FITS tables column by column."""
    if path.lower().endswith(FITS_ENDINGS) and os.path.isfile(path):
        with _fits_table(path) as hdu:
            data = hdu.data

        def of_fits(column, *, as_text=False):
            try:
                values = np.asarray(data[column])
                return np.char.strip(values.astype(str)) if as_text else values.astype(float)
            except Exception as exc:  # whatever astropy trips over as it decodes a column
                got = f"a column that cannot be read ({exc})"
                raise DataError(f"{path}, column {column}", got, "texts" if as_text else "numbers") from exc

        return of_fits
    table = user_tables.read_user_table(path, "comparison.catalogue")

    def of_text(column, *, as_text=False):
        if as_text:
            return np.array(table.texts(column, "identifiers"))
        return _clean_column(table, column, "a number, as comparison.columns says")

    return of_text


@contextlib.contextmanager
def _fits_table(path):
    """The first table of a FITS catalogue, while the file is open.

    Raises
    ------
    DataError
        If the file is damaged, or has no table.
    """
    from astropy.io import fits

    try:
        for header, _ in read_headers(path):  # within bounds, without which astropy is busy for minutes
            if str(header.get("XTENSION", "")).strip() == "BINTABLE":
                break
        else:
            raise DataError(path, "no table", "a FITS file with a binary table")
        with open(path, "rb") as stream, fits.open(stream) as hdus:  # astropy may leave a path open
            yield next(hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU))
    except DataError:
        raise
    except Exception as exc:  # whatever astropy trips over in a damaged file
        raise DataError(
            path, f"a file that cannot be read ({exc})", "a FITS file with a binary table"
        ) from exc


def _clean_column(table, column, expected):
    """Numbers of a column, NaN where missing, masked or infinite."""
    texts = table.texts(column, f"the column that comparison.columns names ({expected})")
    values = np.full(len(texts), np.nan)
    for number, text in enumerate(texts):
        if text.lower() in ("", "nan", "null", "none", "--", "inf", "-inf"):
            continue
        try:
            values[number] = TRUTH[text.lower()] if text.lower() in TRUTH else float(text)
        except ValueError:
            where = f"{table.path}, data row {number + 1}, column {column}"
            raise DataError(
                where, repr(text), expected, "missing values are written as nan or left empty."
            ) from None
    return values


def _flux(values, flux_unit):
    """Fluxes in nJy of the values of a band; sentinels become NaN."""
    if flux_unit not in FLUX_UNITS:
        raise ValueError(f"flux unit {flux_unit!r}, expected one of {tuple(FLUX_UNITS)}")
    if flux_unit == "mag":
        good = (values > MAG_AB_MIN) & (values < MAG_AB_MAX)
        return np.where(good, flux_from_mag_ab(np.where(good, values, 0.0)), np.nan)
    return np.where(values > 0, values * FLUX_UNITS[flux_unit], np.nan)


def band_micron(name):
    """Wavelength in micron of a band named by its wavelength or by a filter of astro-sedpy."""
    try:
        return float(name)
    except ValueError:
        return load_filter(str(name)).wave_pivot / 1e4


def interpolate_magnitudes(comparison, filters):
    """Magnitudes in other filters: log flux linear in log wavelength between the neighbouring measured bands.

    Parameters
    ----------
    comparison : `Comparison`
    filters : sequence of str

    Returns
    -------
    magnitude : (n, n_filters) float ndarray, AB
        NaN beyond the galaxy's first and last measured band.
    """
    at = np.log([load_filter(name).wave_pivot / 1e4 for name in filters])
    wave = np.log(comparison.band_micron)
    result = np.full((len(comparison.flux), len(filters)), np.nan)
    for row, flux in enumerate(comparison.flux):
        known = np.isfinite(flux) & (flux > 0)
        if known.sum() > 1:
            result[row] = np.interp(at, wave[known], np.log(flux[known]), left=np.nan, right=np.nan)
    return mag_ab(np.exp(result))


def mass_light_relation(magnitude, log_mass):
    """Straight line log_mass = a + b (magnitude - 25), least absolute deviation by iterated weights.

    Returns
    -------
    intercept, slope, scatter : float
        NaN for fewer than `SIZE_RELATION_MIN` galaxies; scatter in dex, 1.48 times the median absolute deviation.
    """
    return _robust_line(magnitude - MASS_LIGHT_PIVOT_MAG, log_mass)


def mass_size_relation(log_mass, radius_kpc):
    """Straight line log radius = a + b (log_mass - 10), fitted likewise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _robust_line(log_mass - MASS_SIZE_PIVOT_DEX, np.log10(radius_kpc))


def _robust_line(x, y):
    """Intercept, slope and scatter of a line, NaN where there are too few points."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < SIZE_RELATION_MIN or np.ptp(x[known]) == 0:
        return np.nan, np.nan, np.nan
    x, y = x[known], y[known]
    weight = np.ones(len(x))
    for _ in range(N_REWEIGHTINGS):
        design = np.stack([np.ones_like(x), x])
        intercept, slope = np.linalg.solve((design * weight) @ design.T, (design * weight) @ y)
        residual = y - intercept - slope * x
        weight = 1 / np.maximum(np.abs(residual), LEAST_RESIDUAL_DEX)
    return float(intercept), float(slope), float(mad_sigma(residual, centre=0.0, factor=PRINTED_MAD_TO_SIGMA))


def check_catalogue(comparison, origin):
    """Check the section ``comparison`` of the configuration against the header of its catalogue.

    Parameters
    ----------
    comparison : dict
    origin : callable
        Tells which file holds a key.

    Raises
    ------
    ConfigError, DataError
    """
    path, columns = comparison["catalogue"], comparison["columns"]
    if path is None:
        return
    where = f"{origin(('comparison', 'columns'))}, comparison.columns"
    if not columns.get("redshift"):
        raise ConfigError(f"{where}.redshift", "nothing", "the name of the column of redshifts")
    if len(columns.get("bands") or {}) < 2:
        hint = 'bands: {"0.90": z_mag, "1.25": J_mag, "1.65": H_mag, "2.15": Ks_mag}'
        raise ConfigError(f"{where}.bands", "fewer than two bands", "two bands or more", hint)
    for name in columns["bands"]:
        try:
            float(name)
        except ValueError:
            check_filter_name(str(name), f"{where}.bands")
    header = user_tables.UserTable(path, column_names(path), ())
    for key, column in [*columns.items(), *columns["bands"].items()]:
        if isinstance(column, str):
            header.texts(column, f"the column that comparison.columns names for {key}")
    _check_units(path, columns["bands"], comparison["flux_unit"], origin)


def _check_units(path, bands, flux_unit, origin):
    """Units that the catalogue declares for its bands are that of comparison.flux_unit."""
    declared = column_units(path)
    for column in bands.values():
        unit = declared.get(column, "")
        if unit and unit.lower() not in (flux_unit.lower(), *SAME_UNITS[flux_unit]):
            where = f"{origin(('comparison', 'flux_unit'))}, comparison.flux_unit = {flux_unit}"
            raise ConfigError(where, f"the unit {unit} of column {column} in {path}", "the same unit")


def check_field(field, where):
    """Check what a field's entry says for comparisons.

    Parameters
    ----------
    field : `clusterphot.run.fields.Field`
    where : str
        File and key, for messages.

    Raises
    ------
    ConfigError, DataError
    """
    region = field.comparisons.get("control_region")
    if region is not None:
        keys = set(region) - {"area_ratio"}
        if keys not in ({"ra", "dec"}, {"center_deg", "radius_arcsec"}):
            got, expected = (
                ", ".join(sorted(keys)) or "no keys",
                "ra and dec, or center_deg and radius_arcsec",
            )
            raise ConfigError(f"{where}.control_region", got, expected)
        if field.center_deg is None:
            raise ConfigError(f"{where}.control_region", "a region", "a field whose table has ra and dec")
    if "star_counts" in field.comparisons:
        read_star_counts(field.comparisons["star_counts"])


def read_star_counts(path):
    """Magnitudes (AB, without dust, increasing) and densities (stars / (arcmin2 mag)) of a user's star model.

    Raises
    ------
    DataError
    """
    table = user_tables.read_user_table(path, "star_counts")
    mag = table.floats("mag", unit="mag", expected="an AB magnitude")
    density = table.floats("density", low=0, expected="stars per arcmin2 and mag")
    if not np.all(np.diff(mag) > 0):
        raise DataError(f"{path}, column mag", "values that do not increase", "increasing magnitudes")
    return mag, density


def column_names(path):
    """Names of the columns of a catalogue; of a FITS file from its header alone."""
    if path.lower().endswith(FITS_ENDINGS) and os.path.isfile(path):
        with _fits_table(path) as hdu:
            return tuple(str(name or "") for name in hdu.columns.names)
    return user_tables.read_user_table(path, "comparison.catalogue").names


def column_units(path):
    """Units that a catalogue declares, by column; of a FITS file from its header alone."""
    if path.lower().endswith(FITS_ENDINGS) and os.path.isfile(path):
        with _fits_table(path) as hdu:
            return {column.name: column.unit or "" for column in hdu.columns}
    return user_tables.read_user_table(path, "comparison.catalogue").units


def in_region(ra, dec, region):
    """Which positions (deg) lie in a box or circle of the configuration, (n,) bool ndarray; NaN is outside."""
    if "center_deg" in region:
        ra0, dec0 = region["center_deg"]
        x = (np.asarray(ra) - ra0 + 180) % 360 - 180
        x, y = x * np.cos(np.radians(dec0)), np.asarray(dec) - dec0
        return np.hypot(x, y) * 3600 <= region["radius_arcsec"]
    (west, east), (south, north) = region["ra"], region["dec"]
    inside = (ra >= west) & (ra <= east) if west <= east else (ra >= west) | (ra <= east)
    return inside & (dec >= south) & (dec <= north)

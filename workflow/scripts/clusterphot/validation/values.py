"""Our values of the numbers of Faisst et al. (2022, ApJL 941, L11), each from a table or image that a rule wrote.

`QUANTITIES` is the registry: name in resources/faisst2022/published_values.yaml to function. Units as in that file.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri_exp

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.filters import curve_range
from clusterphot.base.products import open_fits, read_psf
from clusterphot.base.robust import MEDIAN_ERROR, PRINTED_MAD_TO_SIGMA, mad_sigma
from clusterphot.base.tables import flux_arrays, flux_filters, read_table
from clusterphot.sed.best_fit import load_models
from clusterphot.sed.v_light import luminosity_per_njy, v_filter

SEEN_SIGMA = 3.0
"""A source is seen in a filter where its flux is above this many of its errors (Faisst et al. 2022, figure 4)."""

PAPER_METHOD = "median"
"""How the paper's stack was made."""

NO_IMAGES = "the field is given by its fluxes, without images"
NO_STACK = "the field has no photometry of a stack"
NO_RULE = "this run does not compute it"
REASONS = {
    "stack": NO_STACK,
    "stack_photometry": NO_STACK,
    "chi2_map": NO_STACK,
    "black_bodies": NO_STACK,
} | {
    "psf": NO_IMAGES,
    "stars": NO_IMAGES,
    "size_limits": NO_IMAGES,
    "size_detection": NO_IMAGES,
}
"""Why a product may be missing."""

QUANTITIES = {}
"""Functions by name; each takes `Products` and the entry's ``of``, and returns a `Measured`."""


class NotAvailableError(Exception):
    """A number that this field cannot have; the message says why."""


@dataclass(frozen=True)
class Measured:
    """A value with its 1-sigma errors; NaN where it has none."""

    value: float
    err_low: float = float("nan")
    err_high: float = float("nan")


@dataclass
class Products:
    """What rules made for a field.

    Attributes
    ----------
    paths : dict of str to str, or list of str
        Products by name; those that the field cannot have are left out.
    settings : dict
        ``redshift``, ``cosmology``, ``reference_filter``, ``published_masses`` and the settings compared; None for a
        setting that has not been used.
    """

    paths: dict
    settings: dict
    _tables: dict = field(default_factory=dict)

    def path(self, name):
        """Path of a product.

        Raises
        ------
        NotAvailableError
        """
        found = self.paths.get(name)
        if not found:
            raise NotAvailableError(REASONS.get(name, NO_RULE))
        return found

    def table(self, name):
        """Table of a product, read once."""
        if name not in self._tables:
            self._tables[name] = read_table(self.path(name))
        return self._tables[name]

    def setting(self, name):
        """A setting that was used for this field."""
        value = self.settings[name]
        if value is None:
            raise NotAvailableError(NO_IMAGES)
        return value

    def models(self):
        """Grid of populations that the fits used."""
        return load_models(self.path("grid"), self.paths.get("four_color", []))

    def row(self, name, **where):
        """The row of a table in which these columns have these values."""
        table = self.table(name)
        chosen = np.ones(len(table), dtype=bool)
        for column, value in where.items():
            chosen &= np.asarray(table[column]) == value
        if not chosen.any():
            raise NotAvailableError(f"there is no {' '.join(str(value) for value in where.values())}")
        return table[int(np.argmax(chosen))]


def quantity(function):
    """Decorator: enter a function in the registry under its name."""
    QUANTITIES[function.__name__] = function
    return function


def compute(name, products, of):
    """Value of a registered quantity.

    Parameters
    ----------
    name : str
    products : `Products`
    of : str, float, list, dict or None
        Which of its kind: a filter, a quantile, ...

    Returns
    -------
    measured : `Measured`

    Raises
    ------
    NotAvailableError
        If the field lacks a product, or the value is NaN.
    """
    measured = QUANTITIES[name](products, of)
    if np.isnan(measured.value):
        raise NotAvailableError("it could not be measured")
    return measured


def quantile_of_sample(values, q):
    """Quantile of a sample with its error from order statistics.

    Parameters
    ----------
    values : (n,) float array_like
        NaN are left out.
    q : float in (0, 1)

    Returns
    -------
    measured : `Measured`

    Notes
    -----
    The number of values below the true quantile is binomial, so that the quantiles q +- sqrt(q (1 - q) / n) are the
    ends of a 1-sigma interval (David & Nagaraja 2003, Order Statistics, section 7.1; normal approximation).
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        raise NotAvailableError("there are no measured values")
    half = np.sqrt(q * (1 - q) / len(known))
    low, value, high = np.quantile(known, np.clip([q - half, q, q + half], 0, 1))
    return Measured(float(value), float(value - low), float(high - value))


def two_parameter_sigma(delta_chi2):
    """Significance, in sigma of a Gaussian, of a rise of chi-square for two parameters.

    The probability beyond the rise is exp(-rise / 2); for 11.83, 19.33, 28.74 it is 3, 4, 5 sigma.
    """
    return float(-ndtri_exp(-0.5 * max(delta_chi2, 0.0) - np.log(2.0)))


def chi2_map(products):
    """Chi-square of the stack over age and metallicity, and their values."""
    with open_fits(products.path("chi2_map")) as hdus:
        chi2 = np.array(hdus[0].data, dtype=float)
        age = np.array(hdus["AGE"].data["age_gyr"], dtype=float)
        metallicity = np.array(hdus["METALLICITY"].data["metallicity_zsun"], dtype=float)
    return chi2, age, metallicity


def _within(values, of):
    """Mask of the values within ``of``: below, at or above a number, or between two."""
    mask = np.ones(len(values), dtype=bool)
    near = 1e-6 * np.abs(values)
    mask &= values < of["below"] - near if "below" in of else True
    mask &= values >= of["from"] - near if "from" in of else True
    mask &= values > of["above"] + near if "above" in of else True
    mask &= values <= of["to"] + near if "to" in of else True
    return mask


@quantity
def cell(products, of):
    """A cell of a ``table``: its ``column``, with those of the ends of its interval (``low``, ``high``) if it has one,
    in the row where other columns have certain values (``where``)."""
    row = products.row(of["table"], **of.get("where", {}))
    value, *ends = (
        float(row[of[name]]) if name in of else float("nan") for name in ("column", "low", "high")
    )
    return Measured(value, value - ends[0], ends[1] - value)


@quantity
def metadata(products, of):
    """A number in the metadata of a ``table``, under ``keys`` one within the other."""
    found = products.table(of["table"]).meta
    for key in of["keys"]:
        found = found.get(key, {})
    if found in ({}, None):
        raise NotAvailableError(NO_RULE)
    return Measured(float(found))


@quantity
def wavelength_um(products, of):
    """Shortest or longest wavelength, micron, that any filter's curve reaches."""
    ranges = [curve_range(str(filt)) for filt in products.table("extinction")["filter"]]
    ends = min(low for low, _ in ranges), max(high for _, high in ranges)
    return Measured(ends[of == "reddest"] / 1e4)


@quantity
def rest_wavelength_um(products, of):
    """Rest-frame pivot wavelength, micron, of a filter."""
    row = products.row("extinction", filter=of)
    return Measured(float(row["wave_pivot"]) / 1e4 / (1 + products.setting("redshift")))


@quantity
def milliarcsec(products, of):
    """Angle, mas, of a length in pc at the field's redshift."""
    return Measured(of / kpc_per_arcsec(products.setting("redshift"), **products.setting("cosmology")))


@quantity
def megaparsec(products, of):
    """Length, Mpc, of an angle in arcsec at the field's redshift."""
    scale = kpc_per_arcsec(products.setting("redshift"), **products.setting("cosmology"))
    return Measured(of * scale / 1e3)


@quantity
def setting(products, of):
    """A setting of the configuration, for fields that use it."""
    return Measured(float(products.setting(of)))


@quantity
def n_sources(products, of):
    """Sources of the list."""
    return Measured(float(len(products.table("photometry"))))


@quantity
def seen_fraction(products, of):
    """Fraction of the sources that are seen in the reference filter and at least ``of`` others."""
    table = products.table("photometry")
    filters = flux_filters(table)
    flux, err = flux_arrays(table, filters)
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = flux > SEEN_SIGMA * err
    reference = products.settings["reference_filter"]
    if reference not in filters:
        raise NotAvailableError(f"there is no {reference}")
    first = seen[:, filters.index(reference)]
    others = seen.sum(axis=1) - first >= of
    fraction = float(np.mean(first & others))
    error = float(np.sqrt(fraction * (1 - fraction) / len(table)))
    return Measured(fraction, error, error)


@quantity
def expected_stars(products, of):
    """Stars of the Milky Way expected between two magnitudes."""
    table = products.table("star_counts")
    inside = (np.asarray(table["mag_low"]) >= of[0] - 1e-6) & (np.asarray(table["mag_high"]) <= of[1] + 1e-6)
    return Measured(float(np.sum(np.asarray(table["n_stars"])[inside])))


@quantity
def psf_stars(products, of):
    """Stars of the core of the PSF, with the error of a Poisson number."""
    found = float(np.sum(np.asarray(products.table("stars")["role"]) == "core"))
    return Measured(found, np.sqrt(found), np.sqrt(found))


@quantity
def largest_half_light_radius_px(products, of):
    """Half-light radius, px, of the widest star used for the core of the PSF."""
    table = products.table("stars")
    core = np.asarray(table["role"]) == "core"
    radii = np.asarray(table["half_light_radius"], dtype=float)[core]
    return Measured(float(np.max(radii)) if len(radii) else float("nan"))


def _psf(products, filt):
    """PSF of a filter."""
    paths = {path.split("/")[-2]: path for path in products.path("psf")}
    if filt not in paths:
        raise NotAvailableError(f"there is no {filt}")
    return read_psf(paths[filt])


@quantity
def pixel_scale_arcsec(products, of):
    """Pixel scale of the mosaic of a filter."""
    return Measured(float(_psf(products, of).pixel_scale_arcsec))


@quantity
def stamp_arcsec(products, of):
    """Side of the stamp of the PSF of a filter."""
    psf = _psf(products, of)
    return Measured(float(psf.data.shape[0] * psf.pixel_scale_arcsec))


@quantity
def stack_flux_njy(products, of):
    """De-reddened flux of the median stack in a filter, as the paper's, its systematic error included."""
    table = products.table("stack_photometry")
    if f"flux0_{of}" not in table.colnames:
        raise NotAvailableError(f"there is no {of}")
    name = f"flux0_err_sys_{of}"
    flux, err = (float(table[f"{column}_{of}"][0]) for column in ("flux0", "flux0_err"))
    systematic = float(table[name][0]) if name in table.colnames else 0.0
    if products.paths.get("stack_methods"):  # of images: the table's own may be a mean
        median, used = products.row("stack_methods", method=PAPER_METHOD), products.table("stack_methods")[0]
        ratio = float(median[f"flux_{of}"] / used[f"flux_{of}"])
        err *= float(median[f"flux_err_{of}"] / used[f"flux_err_{of}"])
        flux, systematic = flux * ratio, systematic * ratio
    error = float(np.hypot(err, systematic))
    return Measured(flux, error, error)


@quantity
def exclusion_sigma(products, of):
    """Significance at which the stack excludes ages or metallicities, for the two jointly."""
    chi2, age, metallicity = chi2_map(products)
    ages = _within(age, of.get("age_gyr", {}))
    metallicities = _within(metallicity, of.get("metallicity_zsun", {}))
    if not (ages.any() and metallicities.any()):
        raise NotAvailableError("the grid has no such models")
    return Measured(two_parameter_sigma(np.min(chi2[np.ix_(ages, metallicities)]) - np.min(chi2)))


@quantity
def best_age_gyr(products, of):
    """Best-fitting age of the stack among these metallicities."""
    chi2, age, metallicity = chi2_map(products)
    chosen = _within(metallicity, of["metallicity_zsun"])
    if not chosen.any():
        raise NotAvailableError("the grid has no such models")
    return Measured(float(age[np.argmin(np.min(chi2[:, chosen], axis=1))]))


@quantity
def grid_end(products, of):
    """Smallest or largest node of an axis of the grid."""
    axis, end = of
    values = getattr(products.models(), axis)
    return Measured(float({"min": np.min, "max": np.max}[end](values)))


@quantity
def grid_ml_v(products, of):
    """M/L_V at a node of the grid, or the smallest or largest of all nodes."""
    models = products.models()
    if of in ("min", "max"):
        return Measured(float({"min": np.min, "max": np.max}[of](models.mass_to_light.ml_v)))
    i, j = (
        np.flatnonzero(np.isclose(axis, value, rtol=1e-3))
        for axis, value in zip((models.age_gyr, models.metallicity_zsun), of, strict=True)
    )
    if not (len(i) and len(j)):
        raise NotAvailableError("the grid has no such models")
    return Measured(float(models.mass_to_light.ml_v[i[0], j[0]]))


def _log_mass(products, convention):
    """Masses of the clusters, log10 Msun, in a convention, and the ids."""
    table = products.table("clusters")
    of_field = products.settings["redshift"], products.settings["cosmology"]
    filt = products.settings["v_filter"]
    if filt == "auto":
        filt = v_filter(flux_filters(products.table("photometry")), of_field[0])
    ratio = luminosity_per_njy(filt, *of_field, convention=convention)
    ratio /= luminosity_per_njy(filt, *of_field, convention=products.settings["mass_convention"])
    masses = np.ma.filled(np.ma.asarray(table["log_mass"], dtype=float), np.nan) + np.log10(ratio)
    return masses, [str(name) for name in table["id"]]


@quantity
def log_mass_quantile(products, of):
    """Quantile of the masses of the clusters, log10 Msun, in a convention of masses."""
    masses, _ = _log_mass(products, of["convention"])
    return quantile_of_sample(masses, of["quantile"])


@quantity
def mass_quantile(products, of):
    """Quantile of the masses of the clusters, Msun, in a convention of masses."""
    log = log_mass_quantile(products, of)
    value = 10.0**log.value
    return Measured(
        value, value - 10.0 ** (log.value - log.err_low), 10.0 ** (log.value + log.err_high) - value
    )


@quantity
def mass_against_table1(products, of):
    """Median, or scatter, of log mass less that of the same source in Table 1, in its convention, dex."""
    masses, ids = _log_mass(products, "faisst2022")
    published = products.settings["published_masses"]
    shared = [(mass, published[name]) for mass, name in zip(masses, ids, strict=True) if name in published]
    offsets = np.array([ours - theirs for ours, theirs in shared])
    offsets = offsets[np.isfinite(offsets)]
    if not len(offsets):
        raise NotAvailableError("no source has a mass in Table 1")
    middle = np.median(offsets)
    scatter = float(mad_sigma(offsets, factor=PRINTED_MAD_TO_SIGMA))
    if of == "scatter":
        error = 1.17 * scatter / np.sqrt(len(offsets))
        return Measured(scatter, error, error)
    error = float(MEDIAN_ERROR * scatter / np.sqrt(len(offsets)))
    return Measured(float(middle), error, error)

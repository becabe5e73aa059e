"""From a chi-square fit to the columns of a result table: best fit, intervals, luminosity and masses.

The fit itself is `clusterphot.sed.chi2`; its best model becomes a mass in `clusterphot.sed.masses`. Masses Msun.
"""

import logging
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Table

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.filters import load_filter
from clusterphot.base.flags import Flag
from clusterphot.base.products import write_fits
from clusterphot.sed.chi2 import (
    N_FITTED,
    best_models,
    dominated,
    fit_grid,
    intervals,
    is_poor_sed_fit,
    prepare_photometry,
)
from clusterphot.sed.masses import mass_columns
from clusterphot.sed.v_light import V_WAVE_ANGSTROM, luminosity_per_njy, v_filter
from clusterphot.ssp.four_color import MassToLight, mass_to_light_from_files
from clusterphot.ssp.grid import read_projected_grid

logger = logging.getLogger(__name__)

NEAR_V = (0.75, 1.35)
"""Rest-frame pivot wavelengths, over that of V, of filters that may stand for V without a warning: from the blue end
of B to the red end of R. Chosen, not measured."""


@dataclass(frozen=True)
class Models:
    """Grid of models as the fit sees it.

    Attributes
    ----------
    age_gyr, metallicity_zsun : 1-D float ndarray
    flux : (n_age, n_metallicity, n_bands) float ndarray
        nJy per Msun formed.
    filters : list of str
    mass_to_light : `clusterphot.ssp.four_color.MassToLight`
    description : dict
        Where models and M/L_V come from, for the metadata of tables.
    """

    age_gyr: np.ndarray
    metallicity_zsun: np.ndarray
    flux: np.ndarray
    filters: list
    mass_to_light: MassToLight
    description: dict


@dataclass(frozen=True)
class SedOptions:
    """Choices of the SED fit; see config/config.yaml, section sed."""

    flux_floor_fraction: float
    min_relative_error: float
    dominated_weight_fraction: float
    v_filter: str
    lum_v_per_njy: float
    age_of_universe_gyr: float


def fit_seds(flux, err, models, options, *, err_sys=None, correlation=None, flags=None):
    """Best fit, intervals and masses of sources.

    Parameters
    ----------
    flux, err : (n, n_bands) float array_like, nJy
        Corrected for Milky Way dust; bands in the order of ``models.filters``.
    models : `Models`
    options : `SedOptions`
    err_sys : (n, n_bands) float array_like, optional
        Systematic error of each band, nJy.
    correlation : (n_bands, n_bands) float array_like, optional
        Of the random errors between bands.
    flags : (n,) int array_like, optional
        Quality bits of the photometry, kept in those of the fit.

    Returns
    -------
    columns : dict of str to (n,) ndarray
        Columns of ``clusters.ecsv`` but for the id.
    fit : `clusterphot.sed.chi2.GridFit`
    """
    photometry = prepare_photometry(
        flux,
        err,
        flux_floor_fraction=options.flux_floor_fraction,
        min_relative_error=options.min_relative_error,
        err_sys=err_sys,
        correlation=correlation,
    )
    fit = fit_grid(photometry, models.flux)
    i, j = best_models(fit.chi2)
    rows = np.arange(len(i))
    known = np.isfinite(fit.chi2[rows, i, j])
    best_mass = np.where(known, fit.mass[rows, i, j], np.nan)
    age = np.where(known, models.age_gyr[i], np.nan)
    n_bands = np.isfinite(photometry.flux).sum(axis=1)
    listed = np.zeros(len(i), dtype=int) if flags is None else np.asarray(flags, dtype=int)
    flags = photometry.flags | listed
    flags[
        dominated(photometry, best_mass[:, None] * models.flux[i, j], options.dominated_weight_fraction)
    ] |= Flag.DOMINATED
    flags[age > options.age_of_universe_gyr] |= Flag.OLDER_THAN_UNIVERSE
    columns = {
        "age_gyr": age,
        "metallicity_zsun": np.where(known, models.metallicity_zsun[j], np.nan),
        "chi2": np.where(known, fit.chi2[rows, i, j], np.nan),
        "dof": np.maximum(n_bands - N_FITTED, 0),
        "n_bands": n_bands,
    }
    flags[is_poor_sed_fit(columns["chi2"], columns["dof"])] |= Flag.POOR_FIT
    columns |= mass_columns(photometry, fit, (i, j), models, options)
    flags[known & ~(np.isfinite(columns["log_mass"]) & (best_mass > 0))] |= Flag.NEGATIVE_LUMINOSITY
    columns |= intervals(fit.chi2, models.age_gyr, models.metallicity_zsun)
    columns["flags"] = flags
    return columns, fit


def load_models(projected_path, four_color_paths):
    """`Models` from the file of a projected grid and, where given, M/L_V from GALAXEV `.4color` files."""
    return models_of(read_projected_grid(projected_path), four_color_paths)


def models_of(grid, four_color_paths=()):
    """`Models` from a `clusterphot.ssp.grid.ProjectedGrid` and, where given, M/L_V from GALAXEV `.4color` files."""
    if four_color_paths:
        ml = mass_to_light_from_files(four_color_paths, grid.age_gyr, grid.metallicity_zsun)
    else:
        ml = MassToLight(grid.ml_v, grid.mass_remaining, grid.source)
    return Models(
        age_gyr=grid.age_gyr,
        metallicity_zsun=grid.metallicity_zsun,
        flux=grid.flux_njy,
        filters=list(grid.filters),
        mass_to_light=ml,
        description={"source": grid.source, "imf": grid.imf, "z_sun": grid.z_sun, "mass_to_light": ml.source},
    )


def make_options(params, models):
    """`SedOptions` from the parameters of a rule (keys as in the section sed of the configuration)."""
    filt = params.v_filter
    if filt == "auto":
        filt = v_filter(models.filters, params.redshift)
    return SedOptions(
        flux_floor_fraction=params.flux_floor_fraction,
        min_relative_error=params.min_relative_error,
        dominated_weight_fraction=params.dominated_weight_fraction,
        v_filter=filt,
        lum_v_per_njy=luminosity_per_njy(
            filt, params.redshift, params.cosmology, convention=params.mass_convention
        ),
        age_of_universe_gyr=age_of_universe_gyr(params.redshift, **params.cosmology),
    )


def describe_v_filter(options, redshift):
    """Filter that stood for V and its rest-frame pivot wavelength, for metadata; warns where it is far from V."""
    rest = load_filter(options.v_filter).wave_pivot / (1 + redshift)
    if not NEAR_V[0] < rest / V_WAVE_ANGSTROM < NEAR_V[1]:
        logger.warning(
            "no filter near rest-frame V: %s (%.0f A at rest) stands in for it; prefer log_mass_sed to log_mass",
            options.v_filter,
            rest,
        )
    return {"v_filter_used": options.v_filter, "v_filter_rest_angstrom": round(float(rest), 1)}


def write_chi2_map(path, chi2, models, wildcards):
    """Write a chi-square map: image [age, metallicity] and the two tables of coordinates.

    Parameters
    ----------
    path : str
    chi2 : (n_age, n_metallicity) float ndarray
    models : `Models`
    wildcards : mapping
        Field and grid, for the header.
    """
    image = fits.PrimaryHDU(np.asarray(chi2, dtype=float))
    image.header["BUNIT"] = ("", "chi-square, dimensionless")
    image.header["FIELD"], image.header["GRID"] = wildcards["field"], wildcards["grid"]
    image.header["CTYPE1"], image.header["CTYPE2"] = "METALLICITY", "AGE"
    age = fits.BinTableHDU(Table({"age_gyr": models.age_gyr}), name="AGE")
    age.header["TUNIT1"] = "Gyr"
    metallicity = fits.BinTableHDU(Table({"metallicity_zsun": models.metallicity_zsun}), name="METALLICITY")
    write_fits(path, [image, age, metallicity])

"""Rest-frame absolute magnitudes, K-corrections and V luminosities of each source from its posterior.

K-corrections as defined by Hogg et al. (2002, astro-ph/0210394), equation 2; light as it leaves the source, behind
its own dust where the posterior has any, but not the Milky Way's. Magnitudes AB or Vega, luminosities in V-band Suns.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.base.filters import load_filter, nearest_filter
from clusterphot.base.tables import error_correlation, flux_arrays
from clusterphot.base.units import AB_ZERO_FLUX_NJY
from clusterphot.config.dust import DustSection
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.mass_integral import mass_lattice
from clusterphot.sed.posterior import posteriors
from clusterphot.sed.posterior_model import (
    describe_model,
    extinction_per_av,
    field_model,
)
from clusterphot.sed.quantiles import draw_quantiles, lattice_quantiles
from clusterphot.ssp.grid import SUN_MAG_V_AB, V_FILTER, filter_curve
from clusterphot.ssp.refine import interpolate_grid

QUANTILES = {"p16": 0.16, "p50": 0.50, "p84": 0.84}


@dataclass(frozen=True)
class RestFrame:
    """Rest-frame light of the models of a posterior, in their flat order.

    Attributes
    ----------
    filters : tuple of str, the n_rest rest-frame filters
    observed : tuple of str
        Observed filter that the K-correction to each of them starts from.
    mag_ab : (n_rest, n_models) float ndarray
        Absolute AB magnitude of 1 Msun (surviving).
    k_correction : (n_rest, n_models) float ndarray, mag
    lum_v_lsun : (n_models,) float ndarray
        V-band Suns per Msun (surviving).
    ab_to_vega : (n_rest,) float ndarray, mag
        To be added to AB magnitudes.
    distance_modulus : float, mag
    """

    filters: tuple
    observed: tuple
    mag_ab: np.ndarray
    k_correction: np.ndarray
    lum_v_lsun: np.ndarray
    ab_to_vega: np.ndarray
    distance_modulus: float


def nearest_filters(filters, rest_filters, redshift):
    """Observed filter nearest to each rest-frame one.

    Parameters
    ----------
    filters : sequence of str
        Observed.
    rest_filters : sequence of str
    redshift : float

    Returns
    -------
    observed : tuple of str
        For each rest-frame filter the one whose pivot wavelength over 1 + z is nearest in the logarithm: the
        K-correction depends least on the population there.
    """
    wanted = [load_filter(name).wave_pivot * (1 + redshift) / 1e4 for name in rest_filters]
    return tuple(nearest_filter(filters, micron) for micron in wanted)


def make_rest_frame(model, fine, rest_grid, *, r_v=DustSection.r_v):
    """Prepare rest-frame quantities for the models of a posterior.

    Parameters
    ----------
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    fine : `clusterphot.ssp.grid.ProjectedGrid`
        The fine grid behind it, at the redshift of the field.
    rest_grid : `clusterphot.ssp.grid.ProjectedGrid`
        The same library through the rest-frame filters at redshift 0 (10 pc), at its own nodes; interpolated
        here as the fluxes were.
    r_v : float, optional
        Of the extra dust of the source.

    Returns
    -------
    rest : `RestFrame`

    Raises
    ------
    ValueError
        If the second grid is not at redshift 0, or the first one is.

    Notes
    -----
    m_R = M_Q + DM + K_QR (Hogg et al. 2002, equation 2) with AB magnitudes m_R in the observed filter, corrected
    for the Milky Way, and M_Q in the rest-frame filter, and DM = 5 log10(D_L / 10 pc).
    """
    if rest_grid.redshift != 0 or fine.redshift <= 0:
        raise ValueError(f"redshifts {fine.redshift} and {rest_grid.redshift}, expected above 0 and 0")
    rest = interpolate_grid(rest_grid, fine.age_gyr, fine.metallicity_zsun)
    names = (*rest.filters, V_FILTER)
    ratio = extinction_per_av(names, 0.0, r_v=r_v)
    dust = (0.4 * np.log(10) * model.av_mag[:, None] * ratio).T  # of each filter and A_V
    per_mass = (
        np.concatenate([rest.flux_njy, rest.lum_v_lsun[..., None]], -1) / rest.mass_remaining[..., None]
    )
    light = np.moveaxis(per_mass, -1, 0)[:, None] * np.exp(-dust)[:, :, None, None]
    light = light.reshape(len(names), -1)
    mag_ab = -2.5 * np.log10(light[:-1] / AB_ZERO_FLUX_NJY)
    modulus = 5 * np.log10(fine.luminosity_distance_mpc * 1e5)
    observed = nearest_filters(fine.filters, rest.filters, fine.redshift)
    bands = [list(fine.filters).index(name) for name in observed]
    return RestFrame(
        filters=tuple(rest.filters),
        observed=observed,
        mag_ab=mag_ab,
        k_correction=-2.5 * np.log10(model.flux[bands] / AB_ZERO_FLUX_NJY) - mag_ab - modulus,
        lum_v_lsun=light[-1],
        ab_to_vega=np.array([filter_curve(name).ab_to_vega for name in rest.filters]),
        distance_modulus=float(modulus),
    )


def luminosity_quantiles(posterior, priors, per_mass, probabilities):
    """Quantiles of log10 of luminosities over the posteriors of sources.

    Parameters
    ----------
    posterior : `clusterphot.sed.posterior.Posterior`
    priors : `clusterphot.sed.posterior_model.Priors`
        Those of its model.
    per_mass : (n_quantities, n_models) float ndarray
        log10 of the luminosity per Msun (surviving).
    probabilities : (n_p,) float array_like

    Returns
    -------
    quantiles : (n, n_quantities, n_p) float ndarray
        In the mass, the whole distribution of each of the 256 models drawn is summed.
    """
    draws = posterior.draws
    result = np.full((len(draws["model"]), len(per_mass), len(probabilities)), np.nan)
    for row in np.flatnonzero((draws["model"] >= 0).all(axis=1)):
        log_mass, weights, *_ = mass_lattice(draws["mu"][row], draws["scale"][row], priors)
        log_mass /= np.log(10)
        for k, values in enumerate(per_mass[:, draws["model"][row]]):
            result[row, k] = lattice_quantiles(log_mass + values[:, None], weights, probabilities)
    return result


def rest_frame_columns(posterior, priors, rest):
    """Rest-frame magnitudes, K-corrections and V luminosity of sources.

    Parameters
    ----------
    posterior : `clusterphot.sed.posterior.Posterior`
    priors : `clusterphot.sed.posterior_model.Priors`
        Those of its model.
    rest : `RestFrame`
        Of the same models.

    Returns
    -------
    columns : dict of str to (n,) float ndarray
        ``log_lum_v_<q>``, and for each rest-frame filter ``abs_mag_ab_<filter>_<q>``,
        ``abs_mag_vega_<filter>_<q>`` and ``k_correction_<filter>_<q>``, with q of `QUANTILES`; NaN without data.

    Notes
    -----
    From the 256 stratified models of each posterior: against the full sum over models and
    masses quantiles move by 0.05 (rms) of the half width between 16 and 84 %, at most 0.16.
    """
    probabilities = np.array(list(QUANTILES.values()))
    per_mass = np.concatenate([np.log10(rest.lum_v_lsun)[None], -0.4 * rest.mag_ab])
    luminosity = luminosity_quantiles(
        posterior, priors, per_mass, np.append(probabilities, 1 - probabilities)
    )
    n_p = len(probabilities)
    columns = _named("log_lum_v", luminosity[:, 0, :n_p])
    models = posterior.draws["model"]
    known = models >= 0
    for band, name in enumerate(rest.filters):
        mag = -2.5 * luminosity[:, 1 + band, n_p:]  # the brighter, the lower the magnitude
        columns |= _named(f"abs_mag_ab_{name}", mag)
        columns |= _named(f"abs_mag_vega_{name}", mag + rest.ab_to_vega[band])
        k = np.where(known, rest.k_correction[band][models], np.nan)
        columns |= _named(f"k_correction_{name}", draw_quantiles(k, probabilities))
    return columns


def _named(name, quantiles):
    """Columns of the quantiles of a quantity."""
    return {f"{name}_{suffix}": quantiles[:, k] for k, suffix in enumerate(QUANTILES)}


def measure_rest_frame(photometry, grids, params, modes, *, prefix="flux"):
    """Rest-frame quantities of the sources of a table of de-reddened photometry.

    Parameters
    ----------
    photometry : `astropy.table.Table`
    grids : (native, rest) of `clusterphot.ssp.grid.ProjectedGrid`
        A library at the redshift of the field and at rest.
    params : namespace
        As `clusterphot.sed.posterior_model.field_model` takes it, ``min_relative_error`` and ``flux_floor_fraction``.
    modes : `clusterphot.sed.shared_modes.SharedModes`
        Of the field, or of single sources in it.
    prefix : {'flux', 'flux0'}, optional

    Returns
    -------
    table : `astropy.table.Table`
        ``id``, the columns of `rest_frame_columns` and ``flags``.
    about : dict
        For its metadata.
    """
    native, rest_grid = grids
    flux, err = flux_arrays(photometry, native.filters, prefix=prefix)
    model, fine = field_model(native, params, modes)
    rest = make_rest_frame(model, fine, rest_grid, r_v=params.r_v)
    prepared = prepare_photometry(
        flux,
        err,
        flux_floor_fraction=params.flux_floor_fraction,
        min_relative_error=params.min_relative_error,
        correlation=error_correlation(photometry, native.filters),
    )
    columns = rest_frame_columns(posteriors(prepared, model), model.priors, rest)
    flags = prepared.flags
    if "flags" in photometry.colnames:
        flags = flags | np.asarray(photometry["flags"], dtype=int)
    table = Table({"id": photometry["id"], **columns, "flags": flags})
    return table, describe_rest_frame(rest) | {"posterior_model": describe_model(model)}


def describe_rest_frame(rest):
    """What the columns of `rest_frame_columns` rest on, for the metadata of tables."""
    return {
        "k_correction_from": dict(zip(rest.filters, rest.observed, strict=True)),
        "k_correction": "m_R = M_Q + DM + K_QR, AB magnitudes (Hogg et al. 2002, astro-ph/0210394, eq. 2)",
        "distance_modulus_mag": round(rest.distance_modulus, 4),
        "ab_to_vega_mag": {
            name: round(float(value), 4) for name, value in zip(rest.filters, rest.ab_to_vega, strict=True)
        },
        "sun_mag_v_ab": SUN_MAG_V_AB,
    }

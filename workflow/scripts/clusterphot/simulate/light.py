"""What simulated objects look like: Sersic profiles, rough spectra, fluxes of star clusters, Milky Way dust.

Profiles as in Graham & Driver 2005 (PASA 22, 118), dust as in Fitzpatrick 1999 (PASP 111, 63); fluxes in nJy,
surface brightness in nJy/arcsec2.
"""

import functools

import numpy as np
from scipy import special

from clusterphot.base.images import elliptical_radius
from clusterphot.optics.bands import pivot_angstrom

CUSP_ARCSEC = 0.02
"""Surface brightness within this radius of a galaxy's centre is that at it: a mosaic pixel."""

ANCHOR_MICRON = 1.988
"""Magnitudes are drawn at the pivot wavelength of F200W, whatever the filters of the field."""

RATIO_R_V = 3.1
"""A_V over E(B-V) of the diffuse Milky Way (Fitzpatrick 1999)."""

OLD_SCATTER = 0.08
"""Scatter of the slope of galaxies of the cluster, f_nu as a power of the wavelength: red sequence."""

# Relative f_nu against wavelength (micron): an old galaxy at z = 0.39 and stars of 3300 K and 6000 K, rough.
_MICRON = np.array([0.6, 0.7, 0.9, 1.15, 1.5, 2.0, 2.77, 3.56, 4.44, 5.2])
_SHAPES = {
    "old": np.array([0.12, 0.22, 0.42, 0.60, 0.84, 1.0, 0.86, 0.62, 0.47, 0.40]),
    "cool_star": np.array([0.10, 0.22, 0.58, 0.85, 1.05, 1.0, 0.62, 0.45, 0.29, 0.23]),
    "warm_star": np.array([1.6, 1.75, 1.85, 1.75, 1.45, 1.0, 0.58, 0.37, 0.25, 0.18]),
}


def milky_way_extinction(filt, ebv):
    """Extinction in mag at the pivot wavelength: Fitzpatrick 1999 with R_V = 3.1."""
    import extinction

    wave = np.array([pivot_angstrom(filt)])
    return float(extinction.fitzpatrick99(wave, RATIO_R_V * ebv, RATIO_R_V)[0]) if ebv else 0.0


# ---- Sersic profiles ---------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def sersic_constants(index, axis_ratio, r_e_arcsec):
    """``b_n`` and surface brightness at the effective radius for unit total flux, 1/arcsec2."""
    b = float(special.gammaincinv(2 * index, 0.5))
    area = 2 * np.pi * axis_ratio * r_e_arcsec**2
    total = area * index * np.exp(b - 2 * index * np.log(b)) * special.gamma(2 * index)
    return b, 1.0 / float(total)


def sersic(radius, row):
    """Surface brightness for unit total flux, 1/arcsec2, at elliptical radius (major axis, arcsec)."""
    n = float(row["sersic_n"])
    b, at_re = sersic_constants(n, float(row["axis_ratio"]), float(row["r_e_arcsec"]))
    return at_re * np.exp(-b * ((radius / row["r_e_arcsec"]) ** (1 / n) - 1))


def galaxy_radius(dx, dy, row):
    """Semi-major axis of the isophote of a galaxy through offsets (dx, dy) from its centre, in their unit."""
    return elliptical_radius(dx, dy, axis_ratio=row["axis_ratio"], pa_deg=row["pa_deg"])


def surface_brightness(u, v, galaxies, fluxes):
    """Light of all ``galaxies`` (with given total fluxes) at positions (u, v) in arcsec, nJy/arcsec2."""
    total = np.zeros(np.shape(u))
    for row, flux in zip(galaxies, fluxes, strict=True):
        radius = np.maximum(galaxy_radius(u - row["u"], v - row["v"], row), CUSP_ARCSEC)
        total += flux * sersic(radius, row)
    return total


# ---- spectra -----------------------------------------------------------------------------------------------


def relative_flux(kind, colour, filt):
    """Flux in ``filt`` over that at `ANCHOR_MICRON`, of one kind; ``colour`` (n, 2) is standard normal."""
    micron = pivot_angstrom(filt) * 1e-4
    log_wave = np.log(micron / ANCHOR_MICRON)

    def shape(name):
        return np.interp(np.log(micron), np.log(_MICRON), np.log(_SHAPES[name]))

    if kind in ("bcg", "icl", "member"):
        return np.exp(shape("old") + OLD_SCATTER * colour[:, 0] * log_wave)
    if kind == "star":
        # A uniform deviate mixes the two temperatures.
        warm = special.ndtr(colour[:, 0])
        return np.exp(warm * shape("warm_star") + (1 - warm) * shape("cool_star"))
    if kind == "galaxy":
        # Power laws of the wavelength with a bend, from blue star-forming galaxies to red ones, within sensible limits.
        slope, bend = (
            np.clip(0.2 + 0.5 * colour[:, 0], -1, 1.3),
            np.clip(-0.15 + 0.3 * colour[:, 1], -0.8, 0.4),
        )
        return np.exp(slope * log_wave + bend * log_wave**2)
    raise ValueError(f"kind = {kind!r} has no spectrum here")


def cluster_fluxes(table, filt):
    """De-reddened fluxes (nJy) in ``filt`` of the rows of a table with columns ``flux_<FILTER>``, at least 0.

    A filter without a column is interpolated in log wavelength; negative and missing values become 0.
    """
    names = [name for name in table.colnames if name.startswith("flux_") and not name.startswith("flux_err")]
    if not names:
        raise ValueError("the table of star clusters has no column flux_<FILTER>")
    if f"flux_{filt}" in names:
        flux = np.asarray(table[f"flux_{filt}"], dtype=float)
    else:
        wave = np.array([pivot_angstrom(name.removeprefix("flux_")) for name in names])
        order = np.argsort(wave)
        values = np.stack([np.asarray(table[names[i]], dtype=float) for i in order], axis=1)
        at = np.log(pivot_angstrom(filt))
        flux = np.array([np.interp(at, np.log(wave[order]), row) for row in values])
    return np.maximum(np.nan_to_num(flux, nan=0.0), 0.0)


def ssp_twins(clusters, flux_per_msun, age_gyr, metallicity_zsun, *, error_njy=1.0, error_fraction=0.05):
    """Star clusters with the brightness of given ones and the spectrum of the most similar simple population.

    Ages and masses measured on a field simulated with them can be compared with a known truth.

    Parameters
    ----------
    clusters : `astropy.table.Table`
        Columns ``flux_<FILTER>`` (de-reddened, nJy); others are kept.
    flux_per_msun : dict of str to (n_age, n_metallicity) float ndarray, nJy per solar mass
        De-reddened flux of the grid at the field's redshift, by filter.
    age_gyr, metallicity_zsun : (n_age,) and (n_metallicity,) float ndarray
    error_njy, error_fraction : float, optional
        Errors, added in quadrature, that weight the filters when the most similar model is sought.

    Returns
    -------
    twins : `astropy.table.Table`
        Fluxes replaced; new columns true_age_gyr, true_metallicity_zsun and true_log_mass, the latter in the
        sense of ``flux_per_msun`` (per solar mass formed, or surviving). Fluxes of rows that have no positive
        normalisation are 0 and their true values NaN.
    """
    names = list(flux_per_msun)
    flux = np.stack([cluster_fluxes(clusters, name) for name in names], axis=1)
    grid = np.stack([flux_per_msun[name] for name in names], axis=-1)
    weight = 1.0 / (error_njy**2 + (error_fraction * flux) ** 2)
    models = grid.reshape(-1, len(names))
    mass = ((weight * flux)[:, None] * models).sum(-1) / (weight[:, None] * models**2).sum(-1)
    chi2 = (weight[:, None] * (flux[:, None] - mass[..., None] * models) ** 2).sum(-1)
    best = chi2.argmin(axis=1)
    mass = mass[np.arange(len(flux)), best]
    i_age, i_metal = np.unravel_index(best, grid.shape[:2])
    twins = clusters.copy()
    for j, name in enumerate(names):
        twins[f"flux_{name}"] = mass * models[best, j]
    good = mass > 0
    twins["true_age_gyr"] = np.where(good, np.asarray(age_gyr)[i_age], np.nan)
    twins["true_metallicity_zsun"] = np.where(good, np.asarray(metallicity_zsun)[i_metal], np.nan)
    twins["true_log_mass"] = np.log10(np.where(good, mass, np.nan))
    return twins

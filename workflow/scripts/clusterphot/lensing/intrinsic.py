"""What a lensed source would show without its lens: fluxes, luminosities, masses and sizes, observed ones beside.

Fluxes and masses are over the magnification mu, radii over its square root: surface brightness is kept (Schneider,
Ehlers & Falco 1992, Gravitational Lenses, section 5). Errors of the measurement and of the magnification stay apart,
since the latter is common to all images that are near each other. Fluxes nJy, masses log10 Msun, radii pc.
"""

import numpy as np
from astropy.table import Table

from clusterphot.base.flags import Flag
from clusterphot.base.tables import flux_filters

LISTED = ("id", "ra", "dec", "redshift")
LOGARITHMS = ("log_mass", "log_mass_p025", "log_mass_p16", "log_mass_p50", "log_mass_p84", "log_mass_p975")
RADII = ("radius_pc", "radius_limit_pc")
ASSUMED = (
    "radii are divided by sqrt(magnification), the mean of both directions: along an arc a source is stretched by up "
    "to the magnification itself, across it by as little as 1, and how much by either is not told by a magnification"
)


def intrinsic_table(photometry, clusters, magnification, magnification_err, *, sizes=None):
    """Intrinsic values of the sources of a field.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        Fluxes without Milky Way dust.
    clusters : `astropy.table.Table`
        SED fits of the same sources in the same order.
    magnification, magnification_err : (n,) float ndarray
        NaN where not known.
    sizes : `astropy.table.Table`, optional
        Limits of sizes by id; a row of the stack among them is left out.

    Returns
    -------
    table : `astropy.table.Table`
        id, ra, dec, redshift where there; magnification and its error; intrinsic_flux_F, intrinsic_flux_err_F and
        intrinsic_flux_err_lensing_F per filter; intrinsic_<q> of masses, V luminosity and radii, with the part of
        the magnification in their errors; flags of the SED fit, and LENSING_UNKNOWN without a magnification.
    """
    mu, relative = np.asarray(magnification, float), np.asarray(magnification_err, float) / magnification
    table = Table({name: photometry[name] for name in LISTED if name in photometry.colnames})
    table["magnification"], table["magnification_err"] = mu, np.asarray(magnification_err, float)
    for filt in flux_filters(photometry):
        flux = _floats(photometry[f"flux_{filt}"]) / mu
        table[f"intrinsic_flux_{filt}"] = flux
        table[f"intrinsic_flux_err_{filt}"] = _floats(photometry[f"flux_err_{filt}"]) / mu
        table[f"intrinsic_flux_err_lensing_{filt}"] = np.abs(flux) * relative
    for name in LOGARITHMS:
        table[f"intrinsic_{name}"] = _floats(clusters[name]) - np.log10(mu)
    table["intrinsic_log_mass_err"] = np.where(np.isfinite(mu), _floats(clusters["log_mass_err"]), np.nan)
    table["intrinsic_log_mass_err_lensing"] = relative / np.log(10)
    table["intrinsic_lum_v_lsun"] = _floats(clusters["lum_v_lsun"]) / mu
    if sizes is not None:
        sizes = sizes[~np.asarray(sizes["is_stack"], dtype=bool)]
        row_of = {str(name): row for row, name in enumerate(sizes["id"])}
        rows = [row_of[str(name)] for name in table["id"]]
        for name in RADII:
            table[f"intrinsic_{name}"] = _floats(sizes[name])[rows] / np.sqrt(mu)
        table["intrinsic_radius_err_lensing_pc"] = 0.5 * np.abs(table["intrinsic_radius_pc"]) * relative
    flags = np.asarray(clusters["flags"], dtype=int)
    table["flags"] = np.where(np.isfinite(mu), flags, flags | int(Flag.LENSING_UNKNOWN))
    return table


def _floats(column):
    """Values of a column, NaN where masked."""
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)

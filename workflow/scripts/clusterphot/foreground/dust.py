"""Milky Way dust: E(B-V), and the extinction integrated through each filter.

Schlegel, Finkbeiner & Davis (1998, ApJ 500, 525) maps recalibrated by Schlafly & Finkbeiner (2011, ApJ 737,
103); curve of Fitzpatrick (1999, PASP 111, 63). Extinctions are magnitudes, wavelengths Angstrom.
"""

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.base.tables import carried_columns, flux_filters
from clusterphot.config.dust import DustSection

MAX_LOST_FRACTION = 0.01
"""Share of a filter's transmission that may lie outside the spectrum (wings of some ground-based curves)."""

SFD_RECALIBRATION = 0.86
"""E(B-V) of Schlafly & Finkbeiner (2011) over that of SFD98; their section 5."""


def sfd_ebv(ra, dec, map_dir):
    """Mean E(B-V) of positions from the SFD98 maps, recalibrated by Schlafly & Finkbeiner (2011).

    Parameters
    ----------
    ra, dec : (n,) array_like
        ICRS, degrees.
    map_dir : str
        Folder with SFD_dust_4096_ngp.fits and SFD_dust_4096_sgp.fits.

    Returns
    -------
    ebv : float, mag
    """
    from sfdmap2 import sfdmap

    dustmap = sfdmap.SFDMap(map_dir, scaling=1.0)
    return float(
        SFD_RECALIBRATION * np.mean(dustmap.ebv(np.asarray(ra, float), np.asarray(dec, float), frame="icrs"))
    )


def curve_extinction(wave_angstrom, av, r_v):
    """Extinction in mag at wavelengths (Angstrom) for ``av`` mag in V: the curve itself, Fitzpatrick (1999)."""
    from extinction import fitzpatrick99

    return fitzpatrick99(np.asarray(wave_angstrom, dtype=float), av, r_v)


def extinction_through_filter(filt, wave_obs, f_lambda, ebv, *, r_v=DustSection.r_v):
    """Extinction of a spectrum through a filter.

    Parameters
    ----------
    filt : str
        Name of the filter.
    wave_obs : (n,) float ndarray
        Observed wavelength, Angstrom, increasing; covers the filter.
    f_lambda : (n,) float ndarray
        Spectrum per unit wavelength, any scale.
    ebv : float
        E(B-V) in mag on the Schlafly & Finkbeiner (2011) scale.
    r_v : float, optional
        A_V / E(B-V).

    Returns
    -------
    extinction_mag : float
        -2.5 log10 of the ratio of photon rates with and without dust. It differs from the curve at the
        pivot wavelength by up to 1 % of A in broad filters.

    Raises
    ------
    ValueError
        If the spectrum does not cover the filter or has no light in it.
    """
    from extinction import fitzpatrick99

    curve = load_filter(filt)
    wave = np.asarray(curve.wavelength, dtype=float)
    outside = (wave < wave_obs[0]) | (wave > wave_obs[-1])
    if curve.transmission[outside].sum() > MAX_LOST_FRACTION * curve.transmission.sum():
        raise ValueError(f"the spectrum covers {wave_obs[0]:.0f}-{wave_obs[-1]:.0f} A, not filter {filt}")
    photons = np.interp(wave, wave_obs, f_lambda, left=0, right=0) * curve.transmission * wave
    total = np.trapezoid(photons, wave)
    if not total > 0:
        raise ValueError(f"the spectrum has no light in filter {filt}")
    if ebv == 0:
        return 0.0
    a_lambda = fitzpatrick99(wave, r_v * ebv, r_v)
    return float(-2.5 * np.log10(np.trapezoid(photons * 10 ** (-0.4 * a_lambda), wave) / total))


def deredden(flux, extinction_mag):
    """Flux corrected for dust; errors scale alike. Shapes broadcast."""
    return np.asarray(flux) * 10.0 ** (0.4 * np.asarray(extinction_mag))


def deredden_table(measured, extinction, *, already_corrected, prefix):
    """Table of fluxes corrected for Milky Way dust.

    Parameters
    ----------
    measured : `astropy.table.Table`
        With flux_F and flux_err_F per filter; other columns are kept,
        those of the fit to the pixels dropped.
    extinction : `astropy.table.Table`
        Columns filter and extinction_mag.
    already_corrected : bool
        Whether the fluxes are corrected already; then they stay, and A_F tells by how much they were.
    prefix : {'flux', 'flux0'}
        ``flux`` replaces flux_F by the corrected one, ``flux0`` puts it in flux0_F beside flux_F.

    Returns
    -------
    table : `astropy.table.Table`
        With A_F in mag per filter.
    """
    a_mag = dict(zip(extinction["filter"], extinction["extinction_mag"], strict=True))
    filters = flux_filters(measured)
    table = measured.copy()
    measured_only = (
        "x_",
        "y_",
        "dx_",
        "dy_",
        "chi2_",
        "dof_",
        "sky_",
        "flux_err_conditional_",
        "flux_err_marginal_",
        "flux_err_phase_",
    )
    kept = carried_columns(measured)
    table.remove_columns(
        [name for name in table.colnames if name.startswith(measured_only) and name not in kept]
    )
    for filt in filters:
        applied = 0.0 if already_corrected else float(a_mag[filt])
        table[f"{prefix}_{filt}"] = deredden(measured[f"flux_{filt}"], applied)
        table[f"{prefix}_err_{filt}"] = deredden(measured[f"flux_err_{filt}"], applied)
        if f"flux_err_sys_{filt}" in measured.colnames:
            table[f"{prefix}_err_sys_{filt}"] = deredden(measured[f"flux_err_sys_{filt}"], applied)
    for filt in filters:
        table[f"A_{filt}"] = np.full(len(table), float(a_mag[filt]))
    return table

"""Spectral energy distribution of a stack, its best fit, and the alternatives that a reader thinks of.

After figure 5 of Faisst et al. (2022, ApJL 941, L11): other ages, other metallicities, black bodies.
Fluxes nJy, wavelengths Angstrom inside and micron in the figure, ages Gyr, metallicities in solar units.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from astropy import constants
from astropy import units as u
from matplotlib.lines import Line2D

from clusterphot.base.files import open_hdf5
from clusterphot.base.tables import error_correlation, flux_arrays, read_table, systematic_errors
from clusterphot.figures.style import (
    AGE_MAP,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    label_figure,
    metallicity_colors,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.sed.chi2 import best_models, fit_grid, prepare_photometry
from clusterphot.ssp.grid import SspGrid, band_flux, filter_curve, read_projected_grid, resample_ages

ALTERNATIVE_AGES_GYR = (0.5, 5.0, 9.0)
"""Ages drawn at the best metallicity, those of figure 5 of Faisst et al. (2022)."""

MICRON = 1e4
NJY_PER_CGS = 1e32
LIGHT_ANGSTROM_S = constants.c.to_value(u.AA / u.s)
BLACK_BODY_COLORS = ("#ee7733", "#0077bb", "#009988", "#aa3377")


@dataclass(frozen=True)
class Curve:
    """One model beside the data.

    Attributes
    ----------
    label : str
    chi2 : float
    band_flux : (n_bands,) float ndarray, nJy
    wave_obs : (n,) float ndarray, Angstrom
    flux : (n,) float ndarray, nJy
    """

    label: str
    chi2: float
    band_flux: np.ndarray
    wave_obs: np.ndarray
    flux: np.ndarray


def read_spectra(path, nodes):
    """Spectra of a few models of a grid, reading only the ages that enclose them.

    Parameters
    ----------
    path : str
        Grid written by `clusterphot.ssp.grid.write_grid`.
    nodes : sequence of (age_gyr, metallicity_zsun)

    Returns
    -------
    wave_rest : (nw,) float ndarray, Angstrom
    spectra : list of (nw,) float ndarray, erg/s/Angstrom per Msun formed
        Between the ages of the grid as `clusterphot.ssp.grid.resample_ages` does.

    Raises
    ------
    ValueError
        If a metallicity is not one of the grid, or an age lies outside.
    """
    with open_hdf5(path) as file:
        ages, metallicities = file["age_gyr"][()], file["metallicity_zsun"][()]
        wave, lsun = file["wave_rest"][()], float(file.attrs["lsun_erg_s"])
        nearest = [int(np.argmin(np.abs(metallicities - metallicity))) for _, metallicity in nodes]
        firsts = [int(np.clip(np.searchsorted(ages, age) - 1, 0, max(len(ages) - 3, 0))) for age, _ in nodes]
        places = [
            (slice(first, first + 3), slice(j, j + 1)) for first, j in zip(firsts, nearest, strict=True)
        ]
        parts = [(file["spectra"][place].astype(float), file["mass_remaining"][place]) for place in places]
    spectra = []
    for (age, metallicity), (part, metals), (light, mass) in zip(nodes, places, parts, strict=True):
        if abs(metallicities[metals][0] - metallicity) > 1e-6 * metallicity:
            raise ValueError(f"metallicity {metallicity} is not one of the grid: {metallicities}")
        near = SspGrid(ages[part], metallicities[metals], wave, light, mass)
        spectra.append(resample_ages(near, [age]).spectra[0, 0] * lsun)
    return wave, spectra


def choose_alternatives(chi2, age_gyr, metallicity_zsun):
    """Models to draw beside the best one.

    Parameters
    ----------
    chi2 : (n_age, n_metallicity) float ndarray
    age_gyr, metallicity_zsun : 1-D float ndarray

    Returns
    -------
    best : (int, int)
        Index of age and of metallicity.
    ages : list of (int, int)
        The best metallicity at the nodes nearest to `ALTERNATIVE_AGES_GYR`.
    metallicities : list of (int, int)
        Every other metallicity at its best age.
    """
    i, j = (int(index[0]) for index in best_models(chi2[None]))
    near = [int(np.argmin(np.abs(np.asarray(age_gyr) - age))) for age in ALTERNATIVE_AGES_GYR]
    ages = [(k, j) for k in dict.fromkeys(near) if k != i]
    best_age = np.argmin(np.where(np.isnan(chi2), np.inf, chi2), axis=0)
    return (i, j), ages, [(int(best_age[k]), k) for k in range(len(metallicity_zsun)) if k != j]


def population_curves(indices, fit, projected, grid_path):
    """`Curve` of models of a projected grid, with the mass that fits the data best.

    Parameters
    ----------
    indices : list of (int, int)
    fit : `clusterphot.sed.chi2.GridFit`
        Of one source.
    projected : `clusterphot.ssp.grid.ProjectedGrid`
    grid_path : str
        The grid of spectra behind it.
    """
    nodes = [(projected.age_gyr[i], projected.metallicity_zsun[j]) for i, j in indices]
    wave, spectra = read_spectra(grid_path, nodes)
    stretch = 1 + projected.redshift
    distance_cm = (projected.luminosity_distance_mpc * u.Mpc).to_value(u.cm)
    to_njy = (wave * stretch) ** 2 / LIGHT_ANGSTROM_S * NJY_PER_CGS / (4 * np.pi * distance_cm**2 * stretch)
    return [
        Curve(
            label=f"{age:g} Gyr, {metallicity:g} $Z_\\odot$",
            chi2=float(fit.chi2[0, i, j]),
            band_flux=fit.mass[0, i, j] * projected.flux_njy[i, j],
            wave_obs=wave * stretch,
            flux=fit.mass[0, i, j] * spectrum * to_njy,
        )
        for (i, j), (age, metallicity), spectrum in zip(indices, nodes, spectra, strict=True)
    ]


def black_body_curves(photometry, filters, temperatures_k):
    """`Curve` of black bodies at redshift 0 (stars of the Milky Way), normalised by least squares.

    Parameters
    ----------
    photometry : `clusterphot.sed.chi2.Photometry`
        Of one source.
    filters : sequence of str
    temperatures_k : sequence of float
    """
    curves = [filter_curve(name) for name in filters]
    wave = np.geomspace(min(c.wave[0] for c in curves) * 0.9, max(c.wave[-1] for c in curves) * 1.1, 4000)
    result = []
    for temperature in temperatures_k:
        exponent = (constants.h * constants.c / constants.k_B).to_value(u.AA * u.K) / (wave * temperature)
        shape = 1e20 * wave**-5.0 / np.expm1(exponent)
        band = band_flux(wave, shape, curves)
        fit = fit_grid(photometry, (band / band.max())[None, None])
        scale = fit.mass[0, 0, 0] / band.max()
        flux = scale * shape * wave**2 / LIGHT_ANGSTROM_S
        result.append(Curve(f"{temperature:g} K", float(fit.chi2[0, 0, 0]), scale * band, wave, flux))
    return result


def draw(
    photometry, projected, spectra, *, flux_floor_fraction, min_relative_error, black_body_k, field, grid
):
    """Figure of the rule plot_stack_sed, from the files of its input; ``spectra`` are those of the grid."""
    models, table = read_projected_grid(projected), read_table(photometry)
    prepared = prepare_photometry(
        *flux_arrays(table, models.filters, prefix="flux0"),
        flux_floor_fraction=flux_floor_fraction,
        min_relative_error=min_relative_error,
        err_sys=systematic_errors(table, models.filters, prefix="flux0"),
        correlation=error_correlation(table, models.filters),
    )
    return plot_stack_sed(prepared, models, spectra, black_body_k=black_body_k, field=field, grid=grid)


@in_style
def plot_stack_sed(photometry, projected, grid_path, *, black_body_k, field, grid):
    """Figure of the stack's SED: three columns of alternatives, residuals below.

    Parameters
    ----------
    photometry : `clusterphot.sed.chi2.Photometry`
        Of the stack, one row, bands in the order of ``projected.filters``.
    projected : `clusterphot.ssp.grid.ProjectedGrid`
    grid_path : str
        The grid of spectra behind ``projected``.
    black_body_k : sequence of float
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.9)
    axes = figure.subplots(2, 3, sharex=True, sharey="row", height_ratios=(2.4, 1))
    label_figure(figure, field, grid, _describe_errors(photometry))
    _label_axes(axes)
    fit = fit_grid(photometry, projected.flux_njy)
    if not np.isfinite(fit.chi2).any():
        for ax in axes.flat:
            say_empty(ax)
        return figure
    best, ages, metallicities = choose_alternatives(
        fit.chi2[0], projected.age_gyr, projected.metallicity_zsun
    )
    curves = population_curves([best, *ages, *metallicities], fit, projected, grid_path)
    colors = metallicity_colors(projected.metallicity_zsun)
    columns = (
        ("Other ages", curves[1 : 1 + len(ages)], AGE_MAP(np.linspace(0.15, 1, max(len(ages), 1)))),
        (
            "Other metallicities, each at its best age",
            curves[1 + len(ages) :],
            [colors[k] for _, k in metallicities],
        ),
        ("Black bodies", black_body_curves(photometry, projected.filters, black_body_k), BLACK_BODY_COLORS),
    )
    for column, (title, alternatives, palette) in zip(axes.T, columns, strict=True):
        _draw_column(
            column, photometry, projected.filters, curves[0], zip(alternatives, itertools.cycle(palette))
        )
        _add_legend(column[0], title, alternatives)
    _set_limits(axes, photometry, projected.filters)
    return figure


def _describe_errors(photometry):
    """How the fluxes were corrected, and how far their errors go together."""
    words = "corrected for Milky Way dust"
    if photometry.covariance is None:
        return words
    covariance, err = photometry.covariance[0], photometry.err[0]
    shared = covariance / (err[:, None] * err)
    largest = np.nanmax(shared[~np.eye(len(err), dtype=bool)], initial=0.0)
    if largest < 0.5:
        return words
    return f"{words}. Bands err together (correlation up to {largest:.2f}): models may lie beside all points and fit"


def _label_axes(axes):
    """Names and units of the axes; wavelengths are logarithmic."""
    for ax in axes[1]:
        ax.set_xlabel(r"Observed wavelength ($\mathrm{\mu m}$)")
        ax.set_xscale("log")
    axes[0, 0].set_ylabel(r"$F_\nu$ (nJy)")
    axes[1, 0].set_ylabel("Residual ($\\sigma$,\nlog beyond 3)")


def _draw_column(column, photometry, filters, best, alternatives):
    """Data, best fit and alternatives above, their residuals in units of the errors below."""
    upper, lower = column
    flux, err = photometry.flux[0], photometry.err[0]
    bands = [filter_curve(name) for name in filters]
    pivots = np.array([band.pivot_angstrom for band in bands]) / MICRON
    order = np.argsort(pivots)
    lower.axhline(0, color=FAINT, lw=0.6, zorder=0)
    lower.axhspan(-1, 1, color="#e6e6e6", lw=0, zorder=0)
    for curve, color in [*alternatives, (best, INK)]:
        z = {"zorder": 2.5 if curve is best else 2}
        residual = (flux - curve.band_flux) / err
        (line,) = upper.plot(curve.wave_obs / MICRON, curve.flux, color=color, lw=0.7, **z)
        line.set_label(_describe(curve, best))
        lower.plot(pivots[order], residual[order], "o-", color=color, ms=2.6, lw=0.5, **z)
    upper.plot(pivots, best.band_flux, "s", mfc="none", mec=INK, ms=6.5, mew=0.8, ls="none", zorder=3)
    for band, pivot, value, error in zip(bands, pivots, flux, err, strict=True):
        color = filter_color(band.pivot_angstrom)
        upper.errorbar(
            pivot, value, error, fmt="o", color=color, ms=3.6, mec=INK, mew=0.4, capsize=1.5, zorder=4
        )
        shape = 0.13 * band.transmission / band.transmission.max()
        across = upper.get_xaxis_transform()
        upper.fill_between(band.wave / MICRON, shape, transform=across, color=color, alpha=0.25, lw=0)
    if upper.get_subplotspec().is_first_col():
        _name_filters(upper, filters, pivots)


def _name_filters(ax, filters, pivots):
    """Names of the filters upright over their curves."""
    for name, pivot in zip(filters, pivots, strict=True):
        place = {"transform": ax.get_xaxis_transform(), "rotation": 90, "ha": "center", "va": "bottom"}
        ax.text(pivot, 0.015, name, fontsize=5.5, color=INK, **place)


def _describe(curve, best):
    """Entry of a legend: the model and how well it fits."""
    if curve is best:
        return f"{curve.label} (best, $\\chi^2 = {curve.chi2:.1f}$)"
    rise = curve.chi2 - best.chi2
    return f"{curve.label} ($\\Delta\\chi^2 = {rise:.{1 if abs(rise) < 100 else 0}f}$)"


def _add_legend(ax, title, alternatives):
    """Legend above a column; best fit and symbols are named in the first and last one only."""
    handles = ax.lines[: len(alternatives)]
    place = ax.get_subplotspec()
    if place.is_first_col():
        handles = [*handles, ax.lines[len(alternatives)]]
    if place.is_last_col():
        symbols = {"o": ("stack", FAINT, 3.6), "s": ("best fit in the filters", "none", 6.5)}
        for marker, (label, face, size) in symbols.items():
            handles.append(
                Line2D([], [], ls="none", marker=marker, mfc=face, mec=INK, mew=0.6, ms=size, label=label)
            )
    options = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.02), "borderaxespad": 0, "labelspacing": 0.25}
    options |= {"fontsize": 6.6, "handlelength": 1.2, "handletextpad": 0.4}
    ax.legend(handles=handles, title=title, title_fontsize=8, alignment="left", **options)


def _set_limits(axes, photometry, filters):
    """Wavelengths a little beyond the filters, fluxes from the data, residuals linear within 3 sigma."""
    bands = [filter_curve(name) for name in filters]
    seen = [band.wave[band.transmission > 0.01 * band.transmission.max()] for band in bands]
    low, high = min(w[0] for w in seen) / MICRON / 1.06, max(w[-1] for w in seen) / MICRON * 1.06
    axes[0, 0].set_xlim(low, high)
    ticks = [tick for tick in (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20) if low <= tick <= high]
    plain_ticks(axes[1, 0].xaxis, ticks)
    flux = photometry.flux[0][np.isfinite(photometry.flux[0])]
    axes[0, 0].set_ylim(min(0.0, 1.2 * flux.min()), 1.3 * flux.max() if flux.max() > 0 else None)
    largest = max(3.0, *(np.abs(ax.dataLim.intervaly).max() for ax in axes[1]))
    axes[1, 0].set_yscale("symlog", linthresh=3, linscale=0.8)
    axes[1, 0].set_ylim(-1.5 * largest, 1.5 * largest)
    decades = [10**k for k in range(1, 6) if 10**k <= 1.5 * largest]
    ticks = decades if len(decades) > 1 else [3, *decades]
    plain_ticks(axes[1, 0].yaxis, [*(-tick for tick in ticks[::-1]), 0, *ticks])

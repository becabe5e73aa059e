"""Magnitude of the clusters near 2.2 micron against their mass.

After figure 4 of Faisst et al. (2022, ApJL 941, L11). Magnitudes AB, corrected for Milky Way dust; masses log10 Msun.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from clusterphot.base.filters import nearest_filter
from clusterphot.base.tables import at_field_redshift, flux_arrays, read_table
from clusterphot.base.units import mag_ab
from clusterphot.comparisons.catalogue import mass_light_relation
from clusterphot.figures.comparison_colors import QUIESCENT, draw_galaxies
from clusterphot.figures.masses import CONVENTIONS
from clusterphot.figures.recommended import BEST_FITS, LEAST_SNR, recommended
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)


def draw(photometry, clusters, comparison, *, filters, mass_convention, field, grid):
    """Figure of the rule plot_mass_light, from the files of its input; ``comparison`` may be none."""
    filt, fits, galaxies = nearest_filter(filters, 2.2), read_table(clusters), None
    members = at_field_redshift(fits)
    fits, fluxes = fits[members], read_table(photometry)[members]
    if comparison:
        table = read_table(comparison)
        galaxies = tuple(np.ma.filled(table[name], np.nan) for name in (f"mag_{filt}", "log_mass_galaxy"))
        galaxies = (*galaxies, np.asarray(table["is_quiescent"]))
    flux, err = (values[:, 0] for values in flux_arrays(fluxes, [filt]))
    return plot_mass_light(
        np.where(flux >= LEAST_SNR * err, mag_ab(flux), np.nan),
        recommended(fits, "log_mass"),
        galaxies=galaxies,
        filter_name=filt,
        mass_convention=mass_convention,
        field=field,
        grid=grid,
    )


@in_style
def plot_mass_light(magnitude, masses, *, galaxies, filter_name, mass_convention, field, grid):
    """Figure of the magnitude near 2.2 micron against mass.

    Parameters
    ----------
    magnitude : (n,) float ndarray
        NaN for sources that are not seen.
    masses : `clusterphot.figures.recommended.Values`
    galaxies : (magnitude, log_mass, is_quiescent) or None
    filter_name : str
    mass_convention : {'vband', 'faisst2022'}
        Of best fits.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    The relation of the quiescent galaxies is a straight line of least absolute deviations, continued to the clusters.
    """
    figure = new_figure(COLUMN_WIDTH_IN, 3.6)
    ax = figure.subplots()
    known = np.isfinite(magnitude) & np.isfinite(masses.middle)
    label_figure(figure, field, grid, f"{known.sum()} of {len(known)} clusters seen at {LEAST_SNR:g} sigma")
    words = CONVENTIONS[mass_convention] if masses.words == BEST_FITS else masses.words
    ax.set(
        xlabel=f"{filter_name} magnitude (AB)",
        ylabel=f"$\\log_{{10}}$ (stellar mass / $M_\\odot$)\n{words}",
    )
    ends = [magnitude[known]]
    if galaxies is not None and np.any(np.isfinite(galaxies[0]) & np.isfinite(galaxies[1])):
        mags, weights, is_quiescent = galaxies
        draw_galaxies(ax, mags, weights, is_quiescent)
        ends.append(mags[np.isfinite(mags) & np.isfinite(weights)])
        quiescent = is_quiescent == 1
        intercept, slope, scatter = mass_light_relation(mags[quiescent], weights[quiescent])
        if np.isfinite(slope):
            line = np.array([min(e.min() for e in ends if len(e)), max(e.max() for e in ends if len(e))])
            ax.plot(
                line,
                intercept + slope * (line - 25),
                color=QUIESCENT,
                lw=1.1,
                zorder=2,
                label=f"quiescent: slope ${slope:.2f}$ dex/mag,\nscatter {scatter:.2f} dex",
            )
    if known.any():
        ax.errorbar(
            magnitude[known],
            masses.middle[known],
            [(masses.middle - masses.low)[known], (masses.high - masses.middle)[known]],
            fmt="none",
            ecolor="#bbbbbb",
            elinewidth=0.4,
            zorder=1,
        )
        ax.scatter(
            magnitude[known],
            masses.middle[known],
            s=10,
            c=ACCENT,
            ec="white",
            lw=0.3,
            zorder=3,
            label=f"clusters ({known.sum()})",
        )
    else:
        say_empty(ax)
    ax.invert_xaxis()
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    if ax.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=2)
    return figure

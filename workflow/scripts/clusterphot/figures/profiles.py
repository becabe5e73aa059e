"""Light profiles of the stacks of all filters beside that of the PSF, and their difference.

After figure 2 (left) of Faisst et al. (2022, ApJL 941, L11). Radii arcsec, intensities nJy/arcsec2.
"""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    label_field,
    new_figure,
    panel_shape,
    plain_ticks,
    say_empty,
)
from clusterphot.ssp.grid import filter_curve

N_COLUMNS = 3


def draw(profiles, *, field):
    """Figure of the rule plot_profiles, from the files of its input."""
    return plot_profiles([read_table(path) for path in profiles], field=field)


@in_style
def plot_profiles(profiles, *, field):
    """Figure of the profiles of all filters.

    Parameters
    ----------
    profiles : sequence of `astropy.table.Table`
        From `clusterphot.sizes.profiles.measure_profile`, with ``wildcards`` and ``profile`` in the metadata.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    n_rows, n_columns = panel_shape(len(profiles), N_COLUMNS)
    width = PAGE_WIDTH_IN if n_columns > 1 else COLUMN_WIDTH_IN
    figure = new_figure(width, 0.5 + 2.6 * n_rows)
    axes = figure.subplots(
        2 * n_rows, n_columns, squeeze=False, sharex="col", height_ratios=(2.6, 1) * n_rows
    )
    label_field(figure, f"{field}: * with the covariance of the rings, so not the sum of the squares below")
    for number, profile in enumerate(profiles):
        row, column = divmod(number, n_columns)
        _draw(axes[2 * row, column], axes[2 * row + 1, column], profile)
        axes[2 * row, column].set_xlim(-0.012, 1.05 * max(table["radius_arcsec"][-1] for table in profiles))
    for number in range(len(profiles), n_rows * n_columns):
        row, column = divmod(number, n_columns)
        axes[2 * row, column].set_visible(False)
        axes[2 * row + 1, column].set_visible(False)
    for row in range(n_rows):
        axes[2 * row, 0].set_ylabel(r"Intensity (nJy arcsec$^{-2}$)")
        axes[2 * row + 1, 0].set_ylabel(r"Diff. ($\sigma$)")
    for column in range(n_columns):
        last = max(row for row in range(n_rows) if row * n_columns + column < len(profiles))
        axes[2 * last + 1, column].set_xlabel("Radius (arcsec)")
        axes[2 * last + 1, column].tick_params(labelbottom=True)
    figure.align_ylabels()
    return figure


def _draw(upper, lower, profile):
    """Profile of one filter above, difference from the PSF's in units of the error below."""
    filt, facts = profile.meta["wildcards"]["filter"], profile.meta["profile"]
    color = filter_color(filter_curve(filt).pivot_angstrom)
    radius, value, err, psf = (
        np.asarray(profile[name], dtype=float)
        for name in ("radius_arcsec", "intensity", "intensity_err", "intensity_psf")
    )
    upper.text(0.95, 0.92, filt, transform=upper.transAxes, ha="right", va="top", color=INK)
    if not np.isfinite(value).any():
        say_empty(upper)
        return
    top = np.nanmax(value)
    upper.set_yscale("symlog", linthresh=0.01 * top, linscale=0.6)
    upper.axhline(0, color=FAINT, lw=0.5, zorder=0)
    upper.plot(radius, psf, "-", color=INK, lw=1.0, label="point source")
    upper.errorbar(
        radius, value, err, fmt="o", color=color, ms=3.2, mec=INK, mew=0.4, capsize=1.5, lw=0.8, label="stack"
    )
    upper.set_ylim(-0.01 * top, 2.5 * top)
    ticks = [0.0, *(10.0**k for k in range(7) if 0.01 * top <= 10.0**k <= 2.5 * top)]
    plain_ticks(upper.yaxis, ticks)
    words = [f"{facts['n_sources']} sources"]
    if np.isfinite(facts["chi2"]):
        words.append(f"$\\chi^2 = {facts['chi2']:.1f}$ / {facts['dof']}*")
    upper.text(0.95, 0.80, "\n".join(words), transform=upper.transAxes, ha="right", va="top", fontsize=7.5)
    upper.legend(loc="lower left", bbox_to_anchor=(0.0, 0.12))
    difference = (value - psf) / err
    lower.axhline(0, color=INK, lw=0.7, zorder=0)
    lower.axhspan(-1, 1, color="#e6e6e6", lw=0, zorder=-1)
    lower.plot(radius, difference, "o-", color=color, ms=3, mec=INK, mew=0.4, lw=0.6)
    reach = 1.15 * max(3.0, np.nanmax(np.abs(difference)))
    lower.set_ylim(-reach, reach)

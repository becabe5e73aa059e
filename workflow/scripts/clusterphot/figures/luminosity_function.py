"""Luminosity function of the clusters with the posterior of its turnover. Magnitudes AB, densities 1/arcmin2."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    say_empty,
)
from clusterphot.luminosity.results import read_posterior

CORRECTED, RAW, MODEL = "#cc3311", INK, ACCENT
"""Colours after Tol (2021, SRON/EPS/TN/09-002); the kinds differ by marker and line as well."""


def draw(function, counts, posterior, *, reference_filter, fall, field):
    """Figure of the rule plot_luminosity_function, from the files of its input."""
    return plot_luminosity_function(
        read_table(function),
        read_table(counts),
        read_posterior(posterior),
        filt=reference_filter,
        field=field,
        fall=fall,
    )


@in_style
def plot_luminosity_function(function, counts, fit, *, filt, field, fall):
    """Counts raw and corrected with the fit, and what the data say of the turnover.

    Parameters
    ----------
    function, counts : `astropy.table.Table`
        As in ``luminosity/function.ecsv`` and ``counts.ecsv``.
    fit : `clusterphot.luminosity.function.TurnoverFit` or None
    filt, field : str
    fall : float
        Of 2 ln L, that a turnover must show.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.8)
    label_field(figure, f"{field}: luminosity function in {filt}")
    ax, profile, plane = figure.subplots(1, 3, width_ratios=(1.35, 1, 1))
    row = function[0]
    _draw_counts(ax, counts, row)
    ax.set(xlabel=f"{filt} magnitude (AB)")
    if fit is None:
        for empty in (profile, plane):
            say_empty(empty)
            empty.set(xticks=[], yticks=[])
        return figure
    _draw_profile(profile, fit, row, fall)
    if len(fit.width) > 1:
        _draw_plane(plane, fit)
    else:
        plane.set_axis_off()
        plane.text(
            0.5,
            0.5,
            f"width fixed at {fit.width[0]:g} mag",
            ha="center",
            color=FAINT,
            transform=plane.transAxes,
        )
    return figure


def _draw_counts(ax, counts, row):
    """Raw counts, corrected counts, the fit before and after the search."""
    low, high = np.asarray(counts["mag_low"]), np.asarray(counts["mag_high"])
    middle, raw = 0.5 * (low + high), np.asarray(counts["n_found"])
    ax.stairs(raw, [*low, high[-1]], color=RAW, lw=0.9, label="found")
    value = np.asarray(counts["n_corrected"], dtype=float)
    error = np.asarray(counts["n_corrected_err"], dtype=float)
    good = (np.asarray(counts["completeness"]) > 0.1) & (raw > 0)
    ax.errorbar(
        middle[good], value[good], error[good], fmt="s", color=CORRECTED, ms=3, elinewidth=0.7, mfc="white",
        label="one by one over completeness",
    )  # fmt: skip
    if np.isfinite(np.asarray(counts["n_expected"])).any():
        ax.plot(middle, counts["n_expected"], color=MODEL, ls="--", lw=1.0, label="fit, as found")
        ax.plot(middle, counts["n_intrinsic"], color=MODEL, lw=1.2, label="fit, corrected")
    limit = float(row["mag_limit"])
    ax.axvline(limit, color=FAINT, lw=0.8, ls=":")
    top = 1.75 * max(np.max(raw, initial=1), np.max((value + error)[good], initial=1))
    ax.text(
        limit, 0.99, "limit", rotation=90, ha="right", va="top", color=FAINT, fontsize=7,
        transform=ax.get_xaxis_transform(),
    )  # fmt: skip
    ax.set(
        ylabel=f"Sources per {high[0] - low[0]:g} mag",
        ylim=(0, top),
        xlim=(low[0], max(high[-1], limit + 0.1)),
    )
    ax.legend(loc="upper left", handlelength=1.4)


def _draw_profile(ax, fit, row, fall):
    """Profile likelihood and marginal posterior of the turnover."""
    ax.plot(fit.turnover, 2 * fit.log_profile, color=INK, lw=1.1, label="profile likelihood")
    with np.errstate(divide="ignore"):
        marginal = np.log(fit.weights.sum(axis=1))
    ax.plot(fit.turnover, 2 * (marginal - marginal.max()), color=MODEL, ls="--", lw=1.0, label="posterior")
    ax.axhline(-fall, color=FAINT, lw=0.7, ls=":")
    if np.isfinite(fit.reach_mag):
        ax.axvspan(fit.reach_mag, fit.turnover[-1], color="#dddddd", lw=0, zorder=0)
        ax.text(fit.reach_mag + 0.08, 0.98, "not reached", rotation=90, va="top", ha="left", color=FAINT,
                fontsize=7, transform=ax.get_xaxis_transform())  # fmt: skip
    if fit.identifiable:
        low, middle, high = (float(row[f"turnover_{q}"]) for q in ("p16", "p50", "p84"))
        said = f"turnover ${middle:.2f}^{{+{high - middle:.2f}}}_{{-{middle - low:.2f}}}$"
    else:
        said = "turnover not identifiable"
    ax.set_title(said, loc="left", fontsize=8)
    keep = 2 * fit.log_profile > -3 * fall
    last = max(fit.turnover[keep][-1], fit.reach_mag + 0.5) if fit.identifiable else fit.turnover[-1]
    ax.set(xlabel="Turnover (AB mag)", ylabel=r"2 $\Delta$ ln L", ylim=(-2.2 * fall, 0.12 * fall))
    ax.set_xlim(fit.turnover[keep][0], last)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.legend(loc="lower right", handlelength=1.4)


def _draw_plane(ax, fit):
    """Credible regions of turnover and width."""
    weight = fit.weights
    order = np.sort(weight.ravel())[::-1]
    levels = [order[min(np.searchsorted(np.cumsum(order), q), len(order) - 1)] for q in (0.954, 0.683)]
    if levels[0] < levels[1] < order[0]:
        ax.contourf(fit.turnover, fit.width, weight.T, [*levels, order[0]], colors=["#c5dfef", "#6aaed6"])
    ax.plot(*fit.best, "+", color=INK, ms=7)
    if np.isfinite(fit.reach_mag):
        ax.axvline(fit.reach_mag, color=FAINT, lw=0.8)
    marginal = weight.sum(axis=1)
    inside = fit.turnover[marginal > 1e-3 * marginal.max()]
    ax.set(xlabel="Turnover (AB mag)", ylabel="Width (mag)", xlim=(inside[0] - 0.2, inside[-1] + 0.2))
    across = weight.sum(axis=0)
    seen = fit.width[across > 1e-3 * across.max()]
    ax.set_ylim(max(0.9 * seen[0], 0), 1.1 * seen[-1])
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_title("68 and 95 %", loc="left", fontsize=7, color=FAINT)

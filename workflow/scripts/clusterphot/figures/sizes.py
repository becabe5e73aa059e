"""What sizes can be told from a point: profiles of model clusters, detection probability, limits.

After figure 2 (right) of Faisst et al. (2022, ApJL 941, L11). Radii pc or arcsec.
"""

import matplotlib
import numpy as np
from matplotlib.lines import Line2D

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.products import read_psf
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.sizes.profiles import model_profiles
from clusterphot.sizes.trials import PAPER_LIMIT_PC

SETTING_STYLES = {
    "peak": ("#0077bb", "o", "brightest pixel of {value:g} nJy"),
    "flux": ("#ee7733", "s", "flux of {value:g} nJy"),
    "stack": ("#009988", "D", "like the stack"),
}
PAPER_LINE = {"color": FAINT, "lw": 0.8, "ls": "-.", "zorder": 0}
PSF_STYLES = {"known": "-", "varied": "--"}


def draw(
    limits, detection, profile, psf, *, model, king_concentration, figure_radii_pc, redshift, cosmology, field
):
    """Figure of the rule plot_sizes, from the files of its input."""
    measured = read_table(profile)
    models = model_profiles(
        read_psf(psf),
        figure_radii_pc,
        1000.0 * kpc_per_arcsec(redshift, **cosmology),
        model=model,
        king_concentration=king_concentration,
        reach_arcsec=float(measured["radius_arcsec"][-1]),
    )
    return plot_sizes(read_table(limits), read_table(detection), measured, models, field=field)


@in_style
def plot_sizes(limits, detection, profile, models, *, field):
    """Figure of three panels: profiles, probability of "resolved", upper limits.

    Parameters
    ----------
    limits : `astropy.table.Table`
        Of stack and clusters.
    detection : `astropy.table.Table`
        From `clusterphot.sizes.trials.simulate_sizes`.
    profile : `astropy.table.Table`
        Of the stack in the filter of the sizes.
    models : (radius_arcsec, {radius_pc: profile})
        From `clusterphot.sizes.profiles.model_profiles`.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.75)
    left, middle, right = figure.subplots(1, 3)
    filt = limits.meta["stack"]["filter"]
    label_field(figure, f"{field}, {filt}")
    _draw_models(left, profile, models)
    _draw_probability(middle, detection)
    _draw_limits(right, limits, detection.meta["parameters"]["confidence"])
    return figure


def _draw_models(ax, profile, models):
    """Profiles over their middle: PSF, model clusters behind it, the stack."""
    radius, curves = models
    shown = radius <= 0.2
    colors = matplotlib.colormaps["viridis"](np.linspace(0.15, 0.88, max(len(curves) - 1, 1)))
    for (size, values), color in zip(sorted(curves.items()), [INK, *colors], strict=True):
        label = f"{size:g} pc" if size else "PSF"
        ax.plot(radius[shown], values[shown], color=color, lw=1.0 if size else 2.2, label=label)
    value, err, psf = (
        np.asarray(profile[name], dtype=float) for name in ("intensity", "intensity_err", "intensity_psf")
    )
    at, peak = np.asarray(profile["radius_arcsec"]), psf[0]
    use = np.isfinite(value) & (at <= 0.2)
    if use.any():
        ax.errorbar(
            at[use], value[use] / peak, err[use] / peak, fmt="o", color="#cc3311", ms=2.8, lw=0.8, capsize=1.5,
            label="stack", zorder=4,
        )  # fmt: skip
    ax.set(xlabel="Radius (arcsec)", ylabel="Intensity / central intensity", yscale="log", xlim=(-0.005, 0.2))
    ax.set_ylim(3e-3, 1.5)
    plain_ticks(ax.yaxis, [0.01, 0.1, 1])
    ax.legend(loc="upper right", title="Half-light radius", title_fontsize=7.5, labelspacing=0.25)


def _draw_probability(ax, detection):
    """Share of simulated sources called resolved against their half-light radius."""
    handles = []
    value = detection.meta["parameters"]["peak_njy"]
    for name, (color, marker, words) in SETTING_STYLES.items():
        for psf, line in PSF_STYLES.items():
            rows = detection[(detection["setting"] == name) & (detection["psf"] == psf)]
            radius = np.asarray(rows["true_radius_pc"], dtype=float)
            use = np.isfinite(radius) & (radius > 0)
            if use.any():
                share = np.asarray(rows["p_resolved"], dtype=float)
                err = np.sqrt(share * (1 - share) / np.asarray(rows["n_trials"], dtype=float))
                look = {"color": color, "marker": marker, "ms": 2.6, "lw": 1.0, "elinewidth": 0.7}
                ax.errorbar(radius[use], share[use], err[use], fmt=line, **look)
        if np.any(detection["setting"] == name):
            handles.append(
                Line2D([], [], color=color, marker=marker, ms=2.6, label=words.format(value=value))
            )
    scatter = detection.meta["simulation"]["psf_fwhm_scatter_fraction"]
    handles += [
        Line2D([], [], color=INK, ls="-", label="PSF exact"),
        Line2D([], [], color=INK, ls="--", label=f"width of the PSF known to {100 * scatter:.2g} %"),
    ]
    ax.axhline(0.95, color=FAINT, lw=0.6, ls=":")
    ax.text(8.6, 0.965, "95 %", fontsize=6.5, color=FAINT, va="bottom")
    ax.set(
        xlabel="Half-light radius (pc)", ylabel="Fraction called resolved", xscale="log", ylim=(-0.03, 1.85)
    )
    ax.plot([PAPER_LIMIT_PC] * 2, [-1, 1.08], **PAPER_LINE)
    handles.append(Line2D([], [], **PAPER_LINE, label="Faisst et al. (2022)"))
    plain_ticks(ax.xaxis, [10, 20, 50, 100, 200, 500])
    ax.set_xlim(8, 400)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
    ax.legend(handles=handles, loc="upper left", fontsize=7, ncols=1, labelspacing=0.2)


def _draw_limits(ax, limits, confidence):
    """Upper limits against signal-to-noise."""
    snr = np.asarray(limits["snr_size"], dtype=float)
    is_stack = np.asarray(limits["is_stack"], dtype=bool)
    drawn = False
    for name, face, label in (
        ("radius_limit_pc", "#0077bb", "PSF as known"),
        ("radius_limit_psf_known_pc", "none", "PSF exact"),
    ):
        limit = np.asarray(limits[name], dtype=float)
        for rows, marker, size, who in ((~is_stack, "o", 3.0, "clusters"), (is_stack, "D", 5.5, "stack")):
            use = rows & np.isfinite(limit) & np.isfinite(snr)
            if use.any():
                drawn = True
                ax.plot(
                    snr[use], limit[use], marker, ms=size, mfc=face, mec="#0077bb" if who == "clusters" else "#cc3311",
                    mew=0.6, ls="none", label=f"{who}, {label}",
                )  # fmt: skip
    ax.set(xlabel="Signal-to-noise ratio", ylabel=f"{100 * confidence:g} % upper limit (pc)")
    if not drawn:
        say_empty(ax)
        return
    ax.set(xscale="log", yscale="log")
    ax.axhline(PAPER_LIMIT_PC, **PAPER_LINE, label="Faisst et al. (2022)")
    low, high = ax.get_ylim()
    plain_ticks(ax.yaxis, [t for t in (5, 10, 20, 50, 100, 200, 500) if low <= t <= high])
    low, high = ax.get_xlim()
    plain_ticks(ax.xaxis, [t for t in (5, 10, 20, 50, 100, 200, 500, 1000) if low <= t <= high])
    ax.legend(loc="upper right", fontsize=7, labelspacing=0.25, handletextpad=0.2)
    ax.set_ylim(top=ax.get_ylim()[1] * 2.4)

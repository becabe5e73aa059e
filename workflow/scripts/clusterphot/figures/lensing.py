"""Masses and ages of lensed sources, with and without their lens. Ages Gyr, masses log10 Msun."""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    in_style,
    label_field,
    new_figure,
    plain_ticks,
    say_empty,
)

LENS_COLOR = "#ee7733"
AGE_TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


@in_style
def draw(intrinsic, clusters, *, field):
    """Figure of the rule plot_lensing, from the files of its input."""
    table, fits = read_table(intrinsic), read_table(clusters)
    age, age_low, age_high, observed = (
        _floats(fits[name]) for name in ("age_gyr_p50", "age_gyr_p16", "age_gyr_p84", "log_mass_p50")
    )
    mass, low, high = (_floats(table[f"intrinsic_log_mass_{q}"]) for q in ("p50", "p16", "p84"))
    by_lens = _floats(table["intrinsic_log_mass_err_lensing"])
    figure = new_figure(COLUMN_WIDTH_IN, 3.4)
    shown = np.isfinite(mass) & np.isfinite(age) & (age > 0)
    label_field(figure, f"{field}: {shown.sum()} of {len(mass)} sources with a magnification")
    ax = figure.subplots()
    ax.set(xlabel="Age (Gyr)", ylabel="$\\log_{10}$ (surviving mass / $M_\\odot$)", xscale="log")
    if not shown.any():
        say_empty(ax)
        return figure
    age, age_low, age_high, observed, mass, low, high, by_lens = (
        values[shown] for values in (age, age_low, age_high, observed, mass, low, high, by_lens)
    )
    ax.vlines(age, mass, observed, color=FAINT, lw=0.5, ls=":")
    ax.plot(age, observed, "o", ms=3.4, mfc="white", mec=FAINT, mew=0.7, label="as observed")
    known = np.isfinite(by_lens)
    ax.vlines(
        age[known],
        (mass - by_lens)[known],
        (mass + by_lens)[known],
        color=LENS_COLOR,
        lw=2.6,
        alpha=0.55,
        label="error of the magnification",
    )
    ax.hlines(mass, age_low, age_high, color=INK, lw=0.5, label="error of the measurement")
    ax.vlines(age, low, high, color=INK, lw=0.5)
    ax.plot(age, mass, "o", ms=3.4, color=ACCENT, label="without the lens", zorder=3)
    first, last = ax.get_xlim()
    plain_ticks(
        ax.xaxis, [tick for tick in AGE_TICKS if first <= tick <= last] or [float(f"{np.median(age):.2g}")]
    )
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _floats(column):
    """Values of a column, NaN where masked."""
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)

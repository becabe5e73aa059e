"""Which conclusions about the stack survive which change, as a matrix.

See `clusterphot.sed.robustness` for the table behind the figure.
"""

import numpy as np
from matplotlib.patches import Patch

from clusterphot.base.tables import read_table
from clusterphot.figures.style import ACCENT, FAINT, INK, PAGE_WIDTH_IN, in_style, new_figure

FALLS = "#ee7733"
CAUSES = {
    "baseline": "as measured",
    "psf_broader": "PSF {percent:.3g} % broader, {name}",
    "zero_point": "{name} zero point {percent:+.3g} %",
    "errors": "random errors times {step:.2g}",
    "without_filter": "without {name}",
    "contaminants": "{percent:.3g} % of the light of {name} contaminants",
    "hidden_neighbours": "{step:.2g} hidden neighbours a cluster",
    "stack_method": "stack by {name}",
    "age_range": "ages {name} {step:.3g} Gyr",
    "age_prior": "age prior {name}",
    "metallicity_prior": "metallicity prior {name}",
    "library": "library {name}",
}
QUANTITIES = {"age_gyr": "age (Gyr)", "metallicity_zsun": "metallicity (Zsun)", "log_mass": "log mass"}


def draw(robustness, *, fiducial_grid, field):
    """Figure of the rule plot_robustness, from the file of its input."""
    return plot_robustness(read_table(robustness), field=field, grid=fiducial_grid)


@in_style
def plot_robustness(table, *, field, grid):
    """Matrix of changes and conclusions.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `clusterphot.sed.robustness.robustness_table`.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Blue where a conclusion stands, orange where it does not; in the cells probabilities of statements and medians.
    """
    changes = list(dict.fromkeys(_cause(row) for row in table))
    conclusions = list(dict.fromkeys(table["conclusion"]))
    figure = new_figure(PAGE_WIDTH_IN, 1.3 + 0.185 * len(changes))
    title = f"{field}, {grid} models: conclusions about the stack, one thing changed at a time"
    figure.suptitle(title, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)
    ax = figure.subplots()
    for row in table:
        x, y = conclusions.index(row["conclusion"]), changes.index(_cause(row))
        color = FAINT if row["varied"] == "baseline" else ACCENT if row["stands"] else FALLS
        ax.add_patch(_cell(x, y, color, strong=not row["stands"]))
        ax.text(x, y, _words(row), ha="center", va="center", fontsize=6.5, color=INK)
    ax.set(xlim=(-0.5, len(conclusions) - 0.5), ylim=(len(changes) - 0.5, -0.5))
    ax.set_yticks(range(len(changes)), changes, fontsize=6.5)
    ax.set_xticks(range(len(conclusions)), [_heading(name) for name in conclusions], fontsize=7)
    ax.xaxis.tick_top()
    ax.tick_params(which="both", length=0)
    ax.minorticks_off()
    for spine in ax.spines.values():
        spine.set_visible(False)
    handles = [
        Patch(color=ACCENT, alpha=0.25, lw=0, label="stands"),
        Patch(color=FALLS, alpha=0.75, lw=0, label="does not"),
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=2)
    return figure


def _cell(x, y, color, *, strong):
    """Rectangle of a cell."""
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=color, alpha=0.75 if strong else 0.25, lw=0)


def _cause(row):
    """Words for a change."""
    step = float(row["varied_by"])
    return CAUSES[row["varied"]].format(name=row["varied_in"], step=step, percent=100 * step)


def _words(row):
    """Text of a cell."""
    value = float(row["value_after"])
    if not np.isfinite(value):
        return "unknown"
    if row["conclusion"] not in QUANTITIES:
        return f"{row['verdict_after']}, p = {value:.2f}"
    return f"{value:.2f}"


def _heading(name):
    """Words for a conclusion, in two lines."""
    words = QUANTITIES.get(name, name)
    first, _, rest = words.partition(" ")
    return f"{first}\n{rest}"

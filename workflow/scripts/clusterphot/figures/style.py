"""Look of all figures: sizes, fonts, one colour per filter, and how a figure is written.

Figures are made without pyplot, so no window system is needed and nothing is left open.
Sizes in inches, those of the columns of the ApJ; wavelengths Angstrom.
"""

import functools
import logging
import types

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from scipy.special import chdtrc

from clusterphot.base.files import whole_file

COLUMN_WIDTH_IN = 3.4
PAGE_WIDTH_IN = 7.1

RC = types.MappingProxyType(
    {
        "font.family": "STIXGeneral",
        "mathtext.fontset": "stix",
        "font.size": 9,
        "axes.labelsize": 9,
        "axes.titlesize": 8,
        "axes.linewidth": 0.7,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "xtick.direction": "in",
        "ytick.direction": "in",
        "xtick.top": True,
        "ytick.right": True,
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "lines.linewidth": 1.0,
        "hatch.linewidth": 0.5,
        "pdf.fonttype": 42,
        "savefig.facecolor": "white",
    }
)
"""Settings of matplotlib; the STIX fonts come with it, so every machine draws the same."""

SMALL_CHANCE = 0.001
"""Chances below it are given as powers of ten: errors are not known so well."""

INK = "#222222"
FAINT = "#8c8c8c"
ACCENT = "#0077bb"

_FILTER_ANCHORS = (
    (7000, "#332288"),
    (9000, "#0077bb"),
    (11500, "#33bbee"),
    (15000, "#009988"),
    (20000, "#b8a000"),
    (27700, "#ee7733"),
    (35600, "#cc3311"),
    (44400, "#882255"),
)
"""Colours after Tol (2021, SRON/EPS/TN/09-002), told apart by colour-blind readers, by wavelength."""

AGE_MAP = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.92, 256)), name="age")
"""Viridis, cut where it is too light on white paper."""

METALLICITY_MAP = LinearSegmentedColormap.from_list(
    "metallicity", ["#364b9a", "#4a90c7", "#78c0dc", "#f4a93c", "#ee5f2b", "#a50026"], N=256
)
"""Blue for metal-poor, red for metal-rich; after Tol's (2021) scheme sunset, without its light middle."""


def in_style(function):
    """Decorator: draw with the settings of this module, whatever the user's matplotlibrc says."""

    @functools.wraps(function)
    def styled(*args, **kwargs):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(RC)
            return function(*args, **kwargs)

    return styled


def new_figure(width_in, height_in):
    """Empty figure of this size with constrained layout."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@in_style
def save_figure(figure, png, pdf, dpi):
    """Write a figure as PNG and as vector PDF, both or neither.

    Parameters
    ----------
    figure : `matplotlib.figure.Figure`
    png, pdf : str
    dpi : int
        Resolution of the PNG, dots per inch.

    Notes
    -----
    No date is written, so that the same input gives the same bytes.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it reports every glyph it embeds
    with whole_file(png) as temporary_png, whole_file(pdf) as temporary_pdf:
        figure.savefig(temporary_png, format="png", dpi=dpi)
        figure.savefig(temporary_pdf, format="pdf", metadata={"Creator": "clusterphot", "CreationDate": None})


def filter_color(pivot_angstrom):
    """Colour of a filter by its pivot wavelength: the same in every figure, blue to red."""
    waves, colors = zip(*_FILTER_ANCHORS, strict=True)
    position = np.log(np.array(waves) / waves[0]) / np.log(waves[-1] / waves[0])
    cmap = LinearSegmentedColormap.from_list("filters", list(zip(position, colors, strict=True)), N=1024)
    return to_hex(cmap(np.log(pivot_angstrom / waves[0]) / np.log(waves[-1] / waves[0])))


def metallicity_colors(metallicity_zsun):
    """One colour for each metallicity of a grid, in its order."""
    return [to_hex(METALLICITY_MAP(x)) for x in np.linspace(0, 1, len(metallicity_zsun))]


def label_figure(figure, field, grid, note=""):
    """Name of field and grid, and a note, small, in the upper left corner of a figure."""
    text = f"{field}, {grid} models" + (f": {note}" if note else "")
    figure.suptitle(text, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)


def label_field(figure, text):
    """Name of the field, or a note, small, in the upper left corner of a figure without a grid."""
    figure.suptitle(text, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)


def chi2_words(chi2, dof):
    """Chi-square in mathtext with the chance of so large a one: ``chi2 = 9.3 (3 d.o.f., p = 0.02)``.

    Parameters
    ----------
    chi2 : float
    dof : int
        Without any, there is nothing to test.
    """
    if dof < 1:
        return f"$\\chi^2 = {chi2:.1f}$ (0 d.o.f.)"
    return f"$\\chi^2 = {chi2:.1f}$ ({dof} d.o.f., ${chance_words(chi2, dof)}$)"


def chance_words(chi2, dof):
    """Chance of a chi-square as large as this or larger, in mathtext: ``p = 0.025``, ``p < 10^{-3}``."""
    chance = float(chdtrc(dof, chi2))
    if chance >= SMALL_CHANCE:
        return f"p = {chance:.2g}"
    return f"p < 10^{{{max(int(np.floor(np.log10(max(chance, 1e-99)))) + 1, -99)}}}"


def panel_shape(n, most=3):
    """Rows and columns of panels for n things, at most so many side by side."""
    n_columns = min(max(n, 1), most)
    return max(-(-n // n_columns), 1), n_columns


def say_empty(ax, words="no measured values", *, height=0.5):
    """Say in an axes without data why there are none, at this fraction of its height."""
    ax.text(0.5, height, words, transform=ax.transAxes, ha="center", va="center", color=FAINT)


def decade_ticks(axis):
    """Ticks at 1, 2 and 5 of each decade within the limits of a logarithmic axis, as plain numbers."""
    low, high = sorted(axis.get_view_interval())
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.outer(decades, [1, 2, 5]).ravel()
    plain_ticks(axis, ticks[(ticks >= low) & (ticks <= high)])


def plain_ticks(axis, ticks):
    """Ticks at these values and nowhere else, written as plain numbers (for logarithmic axes)."""
    axis.set_ticks(list(ticks))
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}")))

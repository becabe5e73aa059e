"""Draw docs/figures/turnover.png: what the luminosity function makes of mocks of known turnover (about a minute)."""

import sys
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from clusterphot.figures.style import ACCENT, COLUMN_WIDTH_IN, FAINT, INK, in_style, new_figure  # noqa: E402
from luminosity_mocks import LIMIT, draw  # noqa: E402

OFFSETS = np.round(np.arange(-2.0, 3.01, 0.125), 3)
WIDTH_MAG, N_SELECTED, N_DRAWS = 1.0, 250, 4
UNSEEN = "#ee7733"


def measure(number, offset):
    """Quantiles of the turnover less the limit, and whether it is identifiable."""
    mock = draw(500 + number, offset, WIDTH_MAG, N_SELECTED)
    fit = mock.fit(mock.kernels(N_DRAWS))
    return [fit.quantile(q) - LIMIT for q in (0.05, 0.1587, 0.5, 0.8413)], fit.identifiable


@in_style
def main():
    figure = new_figure(COLUMN_WIDTH_IN, 3.1)
    ax = figure.subplots()
    ax.plot(OFFSETS[[0, -1]], OFFSETS[[0, -1]], color=FAINT, lw=0.8)
    ax.axhline(0, color=FAINT, lw=0.6, ls=":")
    ax.axvline(0, color=FAINT, lw=0.6, ls=":")
    for number, offset in enumerate(OFFSETS):
        (lowest, low, middle, high), seen = measure(number, offset)
        if seen:
            ax.errorbar(
                offset, middle, [[middle - low], [high - middle]], fmt="o", color=ACCENT, ms=3, elinewidth=0.8
            )
        else:
            ax.annotate(
                "",
                (offset, lowest + 0.45),
                (offset, lowest),
                arrowprops={"arrowstyle": "->", "color": UNSEEN, "lw": 0.8},
            )
            ax.plot(offset, lowest, "_", color=UNSEEN, ms=5)
    ax.plot([], [], "o", color=ACCENT, ms=3, label="identifiable: 68 % interval")
    ax.plot([], [], "_", color=UNSEEN, ms=5, label="not identifiable: fainter than this (95 %)")
    ax.set(
        xlabel="True turnover less 50 % limit (mag)",
        ylabel="Measured less 50 % limit (mag)",
        ylim=(-2.4, 3.4),
    )
    ax.legend(loc="upper left", labelcolor=INK)
    figure.savefig(REPO / "docs" / "figures" / "turnover.png", dpi=160)


if __name__ == "__main__":
    main()

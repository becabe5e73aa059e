"""Mocks of known turnover: docs/figures/turnover.png and the table of docs/luminosity.md.

`make docs-luminosity`: a minute for the figure, some twenty for the table.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from clusterphot import luminosity_function as lf  # noqa: E402
from clusterphot.figures.style import ACCENT, COLUMN_WIDTH_IN, FAINT, INK, in_style, new_figure  # noqa: E402
from luminosity_mocks import LIMIT, draw  # noqa: E402
from marked_page import markdown_table, write_between_marks  # noqa: E402

OFFSETS = np.round(np.arange(-2.0, 3.01, 0.125), 3)
WIDTH_MAG, N_SELECTED, N_DRAWS = 1.0, 250, 4
UNSEEN = "#ee7733"

LINES = (
    (-1.5, 1.2, 150, 300, False),
    (-1.0, 0.9, 250, 300, False),
    (-1.0, 0.9, 100, 300, False),
    (-0.5, 0.9, 250, 300, False),
    (0.0, 0.9, 250, 300, False),
    (3.0, 1.2, 250, 300, False),
    (3.0, 0.9, 1000, 200, False),
    (3.0, 1.2, 250, 100, True),
)
"""Turnover less limit, width (mag), clusters found per mock, mocks, and whether the width is told to the fit."""


def measure(number, offset):
    """Quantiles of the turnover less the limit, and whether it is identifiable."""
    mock = draw(500 + number, offset, WIDTH_MAG, N_SELECTED)
    fit = mock.fit(mock.kernels(N_DRAWS))
    return [fit.quantile(q) - LIMIT for q in (0.05, 0.1587, 0.5, 0.8413)], fit.identifiable


def count(offset, width, n_found, n_mocks, assumed, seed):
    """Mocks whose turnover is called identifiable, share of these inside the 68 % interval, and that of the numbers.

    The completeness of each mock is fitted to artificial clusters of its own, which are not resampled.
    """
    seen, inside, number_inside = [], [], []
    for k in range(n_mocks):
        mock = draw(seed + k, offset, width, n_found)
        kernels = mock.kernels()
        fit = mock.fit(kernels, (width, width)) if assumed else mock.fit(kernels)
        low, high = fit.quantile(0.1587), fit.quantile(0.8413)
        seen.append(fit.identifiable)
        inside.append(low <= LIMIT + offset <= high)
        _, (_, fewest, most) = lf.corrected_numbers(kernels, mock.sample, fit, LIMIT)
        number_inside.append(fewest <= mock.to_limit <= most)
    seen, inside = np.array(seen), np.array(inside)
    return int(seen.sum()), inside[seen].mean() if seen.any() else np.nan, np.mean(number_inside)


def table(seed):
    """The table, in Markdown."""
    rows = []
    for offset, width, n_found, n_mocks, assumed in LINES:
        seen, inside, number = count(offset, width, n_found, n_mocks, assumed, seed)
        text = f"{inside:.2f}" if seen else ""
        label = f"{offset:+g}, {width:g}" + (" (width assumed)" if assumed else "")
        rows.append([label, n_found, n_mocks, seen, text, f"{number:.2f}"])
        print(rows[-1], flush=True)
    head = ["turnover less 50 % limit, width (mag)", "found per mock", "mocks", "identifiable"]
    return markdown_table(
        head + ["of these inside the 68 % interval", "number to the limit inside its own"], rows
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7000, help="of the first mock of the table")
    parser.add_argument("--only", choices=("figure", "table"))
    arguments = parser.parse_args()
    if arguments.only != "table":
        draw_figure()
    if arguments.only != "figure":
        text = table(arguments.seed) + f"\n\nSeeds from {arguments.seed} on; `make docs-luminosity`."
        write_between_marks(REPO / "docs" / "luminosity.md", "table", text)


@in_style
def draw_figure():
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

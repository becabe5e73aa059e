"""Mocks of known turnover: docs/figures/turnover.png and the table of docs/luminosity.md.

`make docs-luminosity`: a minute for the figure, half an hour of CPU for the table.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from clusterphot.figures.style import ACCENT, COLUMN_WIDTH_IN, FAINT, INK, in_style, new_figure  # noqa: E402
from clusterphot.luminosity import function as lf  # noqa: E402
from luminosity_mocks import LIMIT, draw  # noqa: E402
from marked_page import markdown_table, write_between_marks  # noqa: E402

OFFSETS = np.round(np.arange(-2.0, 3.01, 0.125), 3)
WIDTH_MAG, N_SELECTED, N_DRAWS = 1.0, 250, 4
UNSEEN = "#ee7733"

LINES = (
    (-1.5, 1.2, 250, 300, 0, False),
    (-1.0, 1.2, 250, 300, 0, False),
    (-0.75, 1.2, 250, 300, 0, False),
    (-0.5, 1.2, 250, 300, 0, False),
    (-0.25, 1.2, 250, 300, 0, False),
    (0.0, 1.2, 250, 300, 0, False),
    (1.0, 1.2, 250, 300, 0, False),
    (3.0, 1.2, 250, 300, 0, False),
    (-1.0, 0.8, 100, 300, 0, False),
    (-0.5, 0.8, 100, 300, 0, False),
    (-0.25, 0.8, 600, 100, 8, False),
    (0.0, 0.8, 600, 100, 8, False),
    (3.0, 0.8, 600, 300, 0, False),
    (-0.25, 1.2, 250, 300, 0, True),
    (0.0, 1.2, 250, 300, 0, True),
    (3.0, 1.2, 250, 300, 0, True),
)
"""Turnover less limit, width (mag), clusters found per mock, mocks, resamplings of the artificial clusters, and whether
the width is told to the fit."""


def measure(number, offset):
    """Quantiles of the turnover less the limit, and whether it is identifiable."""
    mock = draw(500 + number, offset, WIDTH_MAG, N_SELECTED)
    fit = mock.fit(mock.kernels(N_DRAWS))
    low, high = fit.interval
    return [mag - LIMIT for mag in (fit.brightest, low, fit.quantile(0.5), high)], fit.identifiable


def count(line, seed):
    """Mocks whose turnover is called identifiable, shares inside the 68 % interval of these, others, and of numbers.

    The completeness of each mock is fitted to artificial clusters of its own.
    """
    offset, width, n_found, n_mocks, n_draws, assumed = line
    seen, inside, number_inside = [], [], []
    for k in range(n_mocks):
        mock = draw(seed + k, offset, width, n_found)
        kernels = mock.kernels(n_draws)
        fit = mock.fit(kernels, (width, width)) if assumed else mock.fit(kernels)
        low, high = fit.interval
        seen.append(fit.identifiable)
        inside.append(low <= LIMIT + offset <= high)
        _, (_, fewest, most) = lf.corrected_numbers(kernels, mock.sample, fit, LIMIT)
        number_inside.append(fewest <= mock.to_limit <= most)
    seen, inside = np.array(seen), np.array(inside)
    label = f"{offset:+g}, {width:g}" + (" (width assumed)" if assumed else "")
    shares = [f"{part.mean():.2f}" if len(part) else "" for part in (inside[seen], inside[~seen])]
    return [label, n_found, n_draws or "", n_mocks, int(seen.sum()), *shares, f"{np.mean(number_inside):.2f}"]


def table(seed, jobs):
    """The table, in Markdown."""
    rows = []
    with ProcessPoolExecutor(jobs) as pool:
        for row in pool.map(count, LINES, [seed + 1000 * number for number in range(len(LINES))]):
            rows.append(row)
            print(row, flush=True)
    head = ["turnover less 50 % limit, width (mag)", "found per mock", "resampled", "mocks", "identifiable"]
    head += ["of these inside the 68 % interval", "of the others", "number to the limit inside its own"]
    return markdown_table(head, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7000, help="of the first mock of the table")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=("figure", "table"))
    arguments = parser.parse_args()
    if arguments.only != "table":
        draw_figure()
    if arguments.only != "figure":
        text = (
            table(arguments.seed, arguments.jobs)
            + f"\n\nSeeds from {arguments.seed} on; `make docs-luminosity`."
        )
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

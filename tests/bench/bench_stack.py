"""Colours of stacks in fields whose filters differ in depth, with true PSFs: bias and pulls, a table of Markdown.

`make bench-stack` (some twenty minutes on one core) writes a table of docs/stack.md. A line has 64 fields of 170
clusters: their mean or median flux against that of the same sources, the colour against that of the population.
"""

import argparse
from pathlib import Path

import numpy as np
from clusterphot.stack.build import METHODS, StackOptions, make_stack
from marked_page import markdown_table, write_between_marks
from stack_mocks import COLOR_SCATTER_LN, COLORS_LN, REFERENCE, SIGMA_PX, make_field

FILTERS = tuple(SIGMA_PX)
OTHERS = tuple(filt for filt in FILTERS if filt != REFERENCE)
CASES = {
    "all 10": ((10, 10, 10), {}),
    "all 2": ((2, 2, 2), {}),
    "1, 10, 10": ((1, 10, 10), {}),
    "2, 10, 2": ((2, 10, 2), {}),
    "10, 2, 10": ((10, 2, 10), {}),
    "10, 50, 10": ((10, 50, 10), {}),
    "2, 10, 2, fitted positions": ((2, 10, 2), {"fitted": True}),
    "2, 10, 2, hidden neighbours of a third": ((2, 10, 2), {"neighbours": 0.33}),
}
"""Signal to noise of a cluster of median flux in F090W, F200W and F444W, and what else is different."""


def measure_fields(snr, n_fields, **options):
    """Magnitudes of stacks less the truth of their sources, and colours and errors, by method.

    Returns
    -------
    offset : dict of str to (n_fields, n_filters) float ndarray, mag
    color, color_err : dict of str to (n_fields, n_filters) float ndarray, mag
        Against the reference filter and the mean colour of the population.
    """
    choices = StackOptions(annulus_px=(7, 12), sky="constant", n_resamples=100)
    expected = np.array([COLORS_LN[filt] + COLOR_SCATTER_LN[filt] ** 2 / 2 for filt in FILTERS])
    expected = -2.5 / np.log(10) * (expected - expected[FILTERS.index(REFERENCE)])
    offset, color, color_err = ({method: [] for method in METHODS} for _ in range(3))
    for seed in range(n_fields):
        field = make_field(dict(zip(FILTERS, snr, strict=True)), seed=seed, **options)
        stacks = [
            make_stack(
                field.cutouts[filt], field.table, field.psfs[filt], field.noises[filt], FILTERS, choices,
                reference=REFERENCE,
            )
            for filt in FILTERS
        ]  # fmt: skip
        for method in METHODS:
            typical = np.median if method == "median" else np.mean
            fits = [stack.by_method[method] for stack in stacks]
            taken = stacks[0].is_in if method == "clipped_mean" else slice(None)
            truth = [typical(field.flux[filt][taken]) for filt in FILTERS]
            offset[method].append(
                [-2.5 * np.log10(fit.flux / true) for fit, true in zip(fits, truth, strict=True)]
            )
            fluxes = np.array([np.append(fit.flux, fit.resampled_flux) for fit in fits])
            mag = -2.5 * np.log10(np.maximum(fluxes, 1e-3))
            colors = mag - mag[FILTERS.index(REFERENCE)]
            color[method].append(colors[:, 0] - expected)
            color_err[method].append(np.std(colors[:, 1:], axis=1, ddof=1))
    return tuple({method: np.array(rows) for method, rows in by.items()} for by in (offset, color, color_err))


def lines_of(name, snr, options, n_fields):
    """Rows of the table for one case, a method each."""
    offset, color, color_err = measure_fields(snr, n_fields, **options)
    middle = FILTERS.index(REFERENCE)
    for method in METHODS:
        bias = offset[method] - offset[method][:, [middle]]
        cells = [name, method]
        for band in map(FILTERS.index, OTHERS):
            mean, error = bias[:, band].mean(), bias[:, band].std(ddof=1) / np.sqrt(n_fields)
            pulls = color[method][:, band] / color_err[method][:, band]
            cells += [f"{mean:+.3f} ± {error:.3f}", f"{pulls.mean():+.2f} ± {pulls.std(ddof=1):.2f}"]
        yield cells


def main():
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=64)
    parser.add_argument("--page", action="store_true")
    args = parser.parse_args()
    head = ["S/N in " + ", ".join(FILTERS), "method"]
    head += [words for filt in OTHERS for words in (f"colour of {filt}, bias (mag)", "pulls")]
    rows = [
        line for name, (snr, options) in CASES.items() for line in lines_of(name, snr, options, args.fields)
    ]
    table = markdown_table(head, rows)
    print(table)
    if args.page:
        write_between_marks(Path(__file__).resolve().parents[2] / "docs" / "stack.md", "depth", table)


if __name__ == "__main__":
    main()

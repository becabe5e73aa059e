"""Write docs/reached.md and docs/figures/errors.png from the results of `make run` (`make docs`)."""

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))

from clusterphot.base.filters import load_filter  # noqa: E402
from clusterphot.base.tables import flux_filters, read_table  # noqa: E402
from clusterphot.figures.style import PAGE_WIDTH_IN, filter_color, in_style, new_figure  # noqa: E402

DEMO = REPO / "results" / "demo"
DPI = 130

REACHED = """# What is reached

Written by `make docs` from the results of `make run`, field `demo` with the configuration as shipped; do not edit. Each
table names the file it is read from. How errors are made is in [errors.md](errors.md).

{n_used} unflagged of {n_all} clusters on mosaics drizzled from nine simulated exposures a filter; PSFs built from
{n_core} to {n_core_max} faint and {n_bright} bright stars of the field.

## Fluxes

`results/demo/recovery/summary.ecsv`, rows `flux`: measured less true flux, in units of `flux_err` (pulls) and of the
true flux (bias). If errors are right, the scatter of pulls is 1 and the bias is within the quoted systematic error.

{fluxes}

Of the fluxes of all filters, {beyond:.1%} are more than 5 sigma off.

## Colours

Rows `colour`: sources above 10 sigma in both filters; bias of the colour in magnitudes.

{colours}

## Stacks

Rows `stack`: flux of the stack against the mean of the true fluxes of its sources (their median, for a median stack,
which is too bright in faint filters: [the stack](stack.md)).

{stacks}

## Populations

Rows `age_gyr`, `metallicity_zsun`, `log_mass`: median of fitted less true value, where the truth is what the same fit
gives for the true fluxes. Single ages are weak, masses are not.

{populations}
"""


def markdown(heads, rows):
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def rows_of(summary, quantity):
    """Rows of a quantity over all sources, by band."""
    here = (summary["quantity"] == quantity) & (summary["binned_by"] == "all")
    return {str(row["band"]): row for row in summary[here]}


def reached():
    """Text of docs/reached.md."""
    summary = read_table(DEMO / "recovery" / "summary.ecsv")
    flux = rows_of(summary, "flux")
    scale = rows_of(summary, "flux_scale")
    headers = {filt: fits.getheader(DEMO / filt / "psf.fits") for filt in flux}
    lines = [
        ["median pull", *(f"{row['median_pull']:+.2f}" for row in flux.values())],
        ["scatter of pulls", *(f"{row['pull_scatter']:.2f}" for row in flux.values())],
        [
            "median bias (%)",
            *(f"{100 * row['bias']:+.1f} ± {100 * row['bias_err']:.1f}" for row in flux.values()),
        ],
        ["quoted systematic (%)", *(f"{100 * scale[filt]['sys_error']:.1f}" for filt in flux)],
    ]
    colours = rows_of(summary, "colour")
    stacks = rows_of(summary, "stack")
    populations = {name: rows_of(summary, name) for name in ("age_gyr", "metallicity_zsun", "log_mass")}
    units = {"age_gyr": "Gyr", "metallicity_zsun": "Zsun", "log_mass": "dex"}
    first = next(iter(flux.values()))
    n_core = [header["NSTARS"] for header in headers.values()]
    return REACHED.format(
        n_used=first["n"],
        n_all=first["n"] + first["n_flagged"],
        n_core=min(n_core),
        n_core_max=max(n_core),
        n_bright=headers["F200W"]["NBRIGHT"],
        fluxes=markdown(["", *flux], lines),
        beyond=np.mean([row["beyond_5_sigma"] for row in flux.values()]),
        colours=markdown(
            ["colour", "sources", "bias (mag)", "scatter of pulls"],
            [
                [name, row["n"], f"{row['bias']:+.3f} ± {row['bias_err']:.3f}", f"{row['pull_scatter']:.2f}"]
                for name, row in colours.items()
            ],
        ),
        stacks=markdown(
            ["filter", "bias (%)"],
            [
                [name, f"{100 * row['bias']:+.1f} ± {100 * row['bias_err']:.1f}"]
                for name, row in stacks.items()
            ],
        ),
        populations=markdown(
            ["quantity", "sources", "bias"],
            [
                [f"`{name}`", row["n"], f"{row['bias']:+.2f} ± {row['bias_err']:.2f} {units[name]}"]
                for name, found in populations.items()
                for row in found.values()
            ],
        ),
    )


@in_style
def draw_errors(path):
    """The figure of docs/errors.md."""
    photometry = read_table(DEMO / "photometry.ecsv")
    sources = read_table(DEMO / "recovery" / "sources.ecsv")
    filters = flux_filters(photometry)
    clean = np.asarray(photometry["flags"]) == 0
    figure = new_figure(PAGE_WIDTH_IN, 5.4)
    lag, ratio, pulls, budget = figure.subplots(2, 2).ravel()
    for filt in filters:
        color = filter_color(float(load_filter(filt).wave_pivot))
        with fits.open(DEMO / filt / "noise.fits") as hdus:
            correlation = hdus[0].data
        middle = len(correlation) // 2
        lag.plot(np.arange(middle + 1), correlation[middle, middle:], "o-", ms=2.5, color=color, label=filt)
        values = np.asarray(photometry[f"flux_err_{filt}"] / photometry[f"flux_err_conditional_{filt}"])[
            clean
        ]
        snr = np.asarray(photometry[f"flux_{filt}"] / photometry[f"flux_err_{filt}"])[clean]
        ratio.plot(snr, values, "o", ms=2, alpha=0.6, mew=0, color=color)
    lag.axhline(0.0, color="0.6", lw=0.6)
    lag.set(xlabel="distance along a row (pixels of the filter)", ylabel="correlation of the noise")
    lag.legend(ncol=2)
    ratio.axhline(1.0, color="0.6", lw=0.6)
    ratio.set(
        xscale="symlog", ylim=(0.9, 4.0), xlabel="flux / flux_err", ylabel="flux_err / flux_err_conditional"
    )
    ratio.set_xlim(1, None)
    good = [np.asarray(sources[f"flags_{filt}"]) == 0 for filt in filters]
    values = np.concatenate(
        [np.asarray(sources[f"pull_{f}"])[ok] for f, ok in zip(filters, good, strict=True)]
    )
    bins = np.arange(-5.0, 5.01, 0.25)
    pulls.hist(values, bins=bins, color="0.75", label=f"{np.isfinite(values).sum()} fluxes, six filters")
    expected = np.exp(-0.5 * bins**2) / np.sqrt(2 * np.pi) * np.isfinite(values).sum() * 0.25
    pulls.plot(bins, expected, color="#cc3311", label="normal distribution of width 1")
    pulls.set(xlabel="(measured - true flux) / flux_err", ylabel="fluxes", ylim=(0, 1.35 * expected.max()))
    pulls.legend(loc="upper left")
    parts = {
        "core stars": "ERRCORE",
        "wing stars": "ERRWING",
        "prior of the wings": "ERRPRIOR",
        "beyond the stamp": "ERRTAIL",
        "change over the field": "ERRVARY",
    }
    headers = [fits.getheader(DEMO / filt / "psf.fits") for filt in filters]
    for (label, card), marker in zip(parts.items(), "osv^D", strict=True):
        budget.plot(filters, [100 * header.get(card, 0.0) for header in headers], marker, ms=4, label=label)
    budget.plot(
        filters,
        [100 * header["SYSERR"] for header in headers],
        "k_",
        ms=12,
        mew=1.5,
        label="all, flux_err_sys",
    )
    highest = max(100 * header["SYSERR"] for header in headers)
    budget.set(ylabel="error of the flux scale (%)", ylim=(0, 1.55 * highest))  # room for the legend
    budget.legend(ncol=2, loc="upper right")
    figure.savefig(path, dpi=DPI)


if __name__ == "__main__":
    (REPO / "docs" / "reached.md").write_text(reached(), encoding="utf-8")
    draw_errors(REPO / "docs" / "figures" / "errors.png")

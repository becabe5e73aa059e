"""Write docs/calibration.md and its figures: are the posteriors right, and how good is the fine grid (`make docs`).

Mock clusters are drawn from the priors and the errors of config/config.yaml, with random errors like those of the
published clusters, and fitted; nodes of the shipped library are left out and interpolated. Fixed seed.
"""

import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from calibration_figures import plot_interpolation, sbc_figure  # noqa: E402
from clusterphot.base.cosmology import flat_lambda_cdm  # noqa: E402
from clusterphot.base.user_tables import read_photometry  # noqa: E402
from clusterphot.figures.style import save_figure  # noqa: E402
from clusterphot.sed.chi2 import prepare_photometry  # noqa: E402
from clusterphot.sed.posterior_model import expected_modes, field_model  # noqa: E402
from clusterphot.ssp.grid import nodes_around, project_grid, read_embedded_grid  # noqa: E402
from grid_interpolation import interpolation_error  # noqa: E402
from posterior_mocks import calibrate, draw_mocks  # noqa: E402

FIELD = "smacs0723_published"
N_MOCKS = 2000
SEED = 1
DPI = 130

TEXT = """# Are the posteriors right?

Written by `make docs` from `config/config.yaml` and the shipped library; do not edit.

## Calibration

{n} mock clusters (seed {seed}) are drawn from the priors of `sed.posterior`, with the zero points, E(B-V) and jitter
it allows for and with random errors like those of the published clusters, at z = {redshift} through
{filters}. Each is fitted as a source would be. If the posteriors are right, 68 and 95 % of
the truths are inside the 16-84 and 2.5-97.5 % intervals, and the posterior probability below the truth is spread
evenly from 0 to 1 (Talts et al. 2018, arXiv:1804.06788).

{calibration}

For {n} clusters 1-sigma sampling errors are {err_68:.1f} and {err_95:.1f} %, and the Kolmogorov-Smirnov distance of
a flat distribution stays below {ks:.3f} in 95 % of all trials.

![Rank histograms](figures/calibration.png)

The grey band holds 99 % of the counts of each bin if the ranks are flat.

## Interpolation

Between the nodes of a library log flux is linear in log age and log metallicity. Its error is known where a node is
left out and predicted from its two neighbours, over a gap wider, mostly twice as wide, than any that is bridged in a
fit: inside those the error of a smooth function is about a quarter of what follows. {n_age} ages from {age_low:.2g} to
{age_high:.2g} Gyr and {n_z} metallicities are left out in turn; errors in per cent over all filters and the nodes of
the other axis. Colours are fluxes over the geometric mean of the filters: what ages and metallicities come from.

{interpolation}

The largest errors are those of the library's step between 1 and 1.6 Gyr.

![Interpolation error](figures/interpolation.png)
"""


def model_of_field(config, field):
    """Model of the posteriors of the published field, and the native grid behind it."""
    options, cosmology = config["sed"]["posterior"], config["cosmology"]
    grid = nodes_around(
        read_embedded_grid(REPO / "resources" / "ssp" / "bc03_miles_kroupa.h5"),
        age_range_gyr=(options["age_gyr"]["min"], options["age_gyr"]["max"]),
        metallicity_range_zsun=(options["metallicity_zsun"]["min"], options["metallicity_zsun"]["max"]),
    )
    _, filters, flux, err, _ = read_photometry(str(REPO / field["photometry"]), "docs")
    native = project_grid(grid, filters, field["redshift"], flat_lambda_cdm(**cosmology))
    params = types.SimpleNamespace(
        posterior=options, redshift=field["redshift"], cosmology=cosmology, r_v=config["dust"]["r_v"]
    )
    model, _ = field_model(native, params, expected_modes(filters, options, ebv=field["ebv"], r_v=params.r_v))
    random = prepare_photometry(flux, err, min_relative_error=config["sed"]["min_relative_error"]).err
    return model, native, random


def markdown(header, rows):
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def calibration_rows(table):
    """Rows of the table of coverages."""
    for row in table:
        yield [
            str(row["quantity"]),
            f"{100 * row['coverage_68']:.1f} %",
            f"{100 * row['coverage_95']:.1f} %",
            f"{row['mean_rank']:.3f}",
            f"{row['ks_distance']:.3f}",
        ]


def interpolation_rows(table):
    """Medians and extremes of the errors along each axis, and each metallicity."""
    names = ("flux_rms", "colour_rms", "ml_v_rms", "flux_max")
    ages = table[table["axis"] == "age_gyr"]
    for label, low, high in (("below 1 Gyr", 0, 1), ("1 to 2 Gyr", 1, 2), ("2 Gyr and older", 2, 99)):
        rows = ages[(ages["value"] >= low) & (ages["value"] < high)]
        values = [np.sqrt(np.mean(np.square(rows[name]))) for name in names[:3]] + [np.max(rows["flux_max"])]
        steps = f"{np.median(rows['step_low_dex'] + rows['step_high_dex']):.3f}"
        yield [f"age, {label}", steps, *(f"{100 * value:.2f}" for value in values)]
    for row in table[table["axis"] == "metallicity_zsun"]:
        steps = f"{row['step_low_dex'] + row['step_high_dex']:.3f}"
        yield [f"metallicity {row['value']:g}", steps, *(f"{100 * row[name]:.2f}" for name in names)]


def write_figure(figure, name):
    """PNG of a figure in docs/figures; its PDF is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        save_figure(figure, str(REPO / "docs" / "figures" / f"{name}.png"), f"{folder}/{name}.pdf", DPI)


def main():
    config = yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))
    fields = yaml.safe_load((REPO / "config" / "shipped_fields.yaml").read_text(encoding="utf-8"))
    field = fields["fields"][FIELD]
    model, native, random = model_of_field(config, field)
    table, ranks = calibrate(draw_mocks(model, random, N_MOCKS, seed=SEED), model)
    write_figure(sbc_figure(ranks, table, note=f"{N_MOCKS} mock clusters from the prior"), "calibration")
    errors = interpolation_error(native)
    note = "shipped library at z = {:g} through {}: each node from its two neighbours".format(
        field["redshift"], ", ".join(native.filters)
    )
    write_figure(plot_interpolation(errors, note=note), "interpolation")
    ages = errors[errors["axis"] == "age_gyr"]["value"]
    text = TEXT.format(
        n=N_MOCKS,
        seed=SEED,
        filters=", ".join(native.filters),
        redshift=field["redshift"],
        calibration=markdown(
            ["quantity", "inside 16-84 %", "inside 2.5-97.5 %", "mean rank", "KS distance"],
            calibration_rows(table),
        ),
        err_68=100 * np.sqrt(0.68 * 0.32 / N_MOCKS),
        err_95=100 * np.sqrt(0.95 * 0.05 / N_MOCKS),
        ks=1.36 / np.sqrt(N_MOCKS),
        n_age=len(ages),
        n_z=int(np.sum(errors["axis"] == "metallicity_zsun")),
        age_low=np.min(ages),
        age_high=np.max(ages),
        interpolation=markdown(
            ["left out", "gap (dex)", "flux rms", "colour rms", "M/L_V rms", "flux, largest"],
            interpolation_rows(errors),
        ),
    )
    (REPO / "docs" / "calibration.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

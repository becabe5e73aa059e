"""Probabilities that sources are clusters, background galaxies or stars (rule classify_sources)."""

import logging

import numpy as np
from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import at_field_redshift, provenance, read_table, write_table
from clusterphot.comparisons.contamination import CLASSES, classify_field
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par = smk.params
    photometry = read_table(smk.input.photometry)
    members = at_field_redshift(photometry)  # colours of clusters are those at the field's redshift
    classes, in_control = classify_field(
        photometry[members],
        read_projected_grid(smk.input.grid),
        read_table(smk.input.star_counts),
        read_literature(smk.input.sequence),
        control_region=par.control_region,
        galaxy_fraction=par.galaxy_fraction,
        min_relative_error=par.min_relative_error,
    )
    table = Table({"id": photometry["id"]})
    columns = {f"p_{name}": classes.probability[:, k] for k, name in enumerate(CLASSES)}
    columns |= {"p_cluster_err": classes.cluster_err, "log_ratio_cluster": classes.log_ratio}
    for name, values in columns.items():
        table[name] = np.full(len(table), np.nan)
        table[name][members] = values
    control = np.zeros(len(table), dtype=bool)
    control[members] = in_control
    table["is_control"] = control
    unlikely = np.asarray(table["p_cluster"]) < 0.5
    counts = {
        "n_control": int(control.sum()),
        "n_control_not_clusters": int((unlikely & control).sum()),
        "n_others": int((~control).sum()),
        "n_others_not_clusters": int((unlikely & ~control).sum()),
    }
    more = {"prior_shares": classes.shares, "scatter": classes.scatter, **counts}
    write_table(
        smk.output.contamination, table, meta=provenance("classify_sources", smk.wildcards, par, **more)
    )
    logging.info(
        "%s: p_cluster < 0.5 for %d of %d control sources and %d of %d others",
        smk.wildcards.field, counts["n_control_not_clusters"], counts["n_control"],
        counts["n_others_not_clusters"], counts["n_others"],
    )  # fmt: skip


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

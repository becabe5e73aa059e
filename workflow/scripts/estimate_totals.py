"""Numbers of clusters under assumptions on their luminosity function, and per light (rule estimate_totals)."""

import logging
from types import SimpleNamespace

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.luminosity.inputs import make_sample, read_injections, selected_sources
from clusterphot.luminosity.light import read_light
from clusterphot.luminosity.results import read_posterior
from clusterphot.luminosity.totals import field_totals
from clusterphot.luminosity.turnover import OldClusters
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par = smk.params
    candidates = read_table(smk.input.candidates)
    injections = read_injections([read_table(path) for path in smk.input.runs], par.reference_filter)
    table = selected_sources(candidates)
    sample = make_sample(table, par.reference_filter, use_purity=par.use_purity, mag_min=par.mag_min)
    extinction = read_table(smk.input.extinction)
    function = par.function
    options = SimpleNamespace(
        reference_filter=par.reference_filter, v_filter=par.v_filter, centre=par.centre, turnover=par.turnover,
        apertures_kpc=par.apertures_kpc, mag_min=par.mag_min, old=OldClusters(**par.old_clusters),
        n_completeness_draws=function["n_completeness_draws"], seed=function["seed"],
        width_range=function["width_range"],
        extinction=dict(zip(extinction["filter"], extinction["extinction_mag"], strict=True)),
    )  # fmt: skip
    totals = field_totals(
        table, sample, injections, read_posterior(smk.input.posterior), smk.input.maps,
        read_light(smk.input.light, read_table(smk.input.isophotes)), read_table(smk.input.draws),
        read_projected_grid(smk.input.grid), options,
    )  # fmt: skip
    write_table(smk.output.totals, totals, meta=provenance("estimate_totals", smk.wildcards, par))
    for row in totals[totals["region"] == "searched"]:
        logging.info(
            "turnover %s, width %s: %.0f clusters (%.0f to %.0f)", row["turnover_kind"], row["width_kind"],
            row["n_total_p50"], row["n_total_p16"], row["n_total_p84"],
        )  # fmt: skip


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

"""Write the pages of one field (rule write_field_report)."""

import logging

from clusterphot.base.filters import nearest_filter
from clusterphot.base.jobs import run_job
from clusterphot.report.field_report import FieldInputs, write_field

REFERENCE_MICRON = 2.0
"""Without a reference filter magnitudes are shown in the one nearest to this, as in the figures."""


def main(smk):
    par, given = smk.params, smk.input
    by_filter = {name: given.get(name, []) for name in ("psfs", "noises", "offsets")}
    others = [filt for filt in par.filters if filt != par.reference_filter]
    filters_of = {"psfs": par.filters, "noises": par.filters, "offsets": others}
    inputs = FieldInputs(
        name=smk.wildcards.field,
        filters=par.filters,
        reference=par.reference_filter or nearest_filter(par.filters, REFERENCE_MICRON),
        grids=par.grids,
        redshift=par.redshift,
        role=par.role,
        config=par.config,
        codes=par.codes,
        dereddened=given.dereddened,
        extinction=given.extinction,
        projected=given.projected,
        grid=given.grid,
        clusters=dict(zip(par.grids, given.clusters, strict=True)),
        cards=list(given.cards),
        figures=list(given.figures),
        figures_made=par.figures_made,
        photometry=given.get("photometry"),
        stack=given.get("stack"),
        sky=given.get("sky"),
        sky_images=list(given.get("sky_images", [])),
        predictive=given.get("predictive"),
        proof=given.get("proof"),
        proven_sources=given.get("proven_sources"),
        scaling=given.get("scaling"),
        systematics=given.get("systematics"),
        population=given.get("population"),
        robustness=given.get("robustness"),
        summary=given.get("summary"),
        joined={key: given[key] for key in par.joined if given.get(key)},
        origins=list(given.get("origins", [])),
        **{
            name: dict(zip(filters_of[name], paths, strict=True)) if paths else {}
            for name, paths in by_filter.items()
        },
    )
    summary = write_field(smk.output.folder, inputs)
    logging.info(
        "%s: %s", inputs.name, "; ".join(f"{one['topic']}: {one['answer']}" for one in summary["verdict"])
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

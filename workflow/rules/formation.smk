"""When the clusters formed: from posteriors of ages to lookback times and redshifts of formation.

Inputs: SED fits. Outputs: results/{field}/sed/{grid}/formation.ecsv and its figure. Target: `formation`.
Rules: compute_formation, plot_formation.

Ages become lookback times and redshifts with the cosmology of the configuration; the first row is the stack.
"""


rule compute_formation:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        stack=get_stack_fit,
    output:
        formation="results/{field}/sed/{grid}/formation.ecsv",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=code_digest("compute_formation"),
    log:
        "logs/compute_formation/{field}/{grid}.log",
    benchmark:
        "benchmarks/compute_formation/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: formation times with {wildcards.grid} populations"
    script:
        "../scripts/compute_formation.py"


rule plot_formation:
    input:
        formation="results/{field}/sed/{grid}/formation.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
    output:
        png=report(
            "results/{field}/figures/formation_{grid}.png",
            caption="../report/formation.rst",
            category="Ages, metallicities, masses",
            subcategory="{field}",
            labels={"figure": "formation", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/formation_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_formation"),
    log:
        "logs/plot_formation/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_formation/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: when the clusters formed, with {wildcards.grid} populations"
    script:
        "../scripts/plot_formation.py"


rule formation:
    input:
        [f"results/{field.name}/sed/{grid}/formation.ecsv" for field in FIELDSET for grid in GRIDS],
        [
            f"results/{field.name}/figures/formation_{grid}.{kind}"
            for field in FIELDSET
            for grid in GRIDS
            for kind in ("png", "pdf")
        ],

"""Fit stellar populations to the fluxes of every cluster and of the stack.

Inputs: de-reddened photometry, projected grids. Outputs: results/{field}/sed/{grid}/.
Rules: fit_sed, merge_sed, fit_stack_sed.
"""


rule fit_sed:
    input:
        photometry="results/{field}/photometry_dereddened/{chunk}.ecsv",
        grid=get_projected_grid,
        four_color=get_four_color_files,
    output:
        clusters="results/{field}/sed/{grid}/{chunk}.ecsv",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        dominated_weight_fraction=config["sed"]["dominated_weight_fraction"],
        v_filter=config["sed"]["v_filter"],
        mass_convention=config["sed"]["mass_convention"],
        code=code_digest("fit_sed"),
    log:
        "logs/fit_sed/{field}/{grid}/{chunk}.log",
    benchmark:
        "benchmarks/fit_sed/{field}/{grid}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field} {wildcards.chunk}: fit {wildcards.grid} populations"
    script:
        "../scripts/fit_sed.py"


rule merge_sed:
    input:
        chunks=get_chunks("results/{field}/sed/{grid}/{chunk}.ecsv"),
    output:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
    params:
        ids=get_field_value("ids"),
        code=code_digest("merge_sed"),
    log:
        "logs/merge_sed/{field}/{grid}.log",
    benchmark:
        "benchmarks/merge_sed/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: merge the {wildcards.grid} fits of all chunks"
    script:
        "../scripts/merge_sed.py"


rule fit_stack_sed:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
        grid=get_projected_grid,
        four_color=get_four_color_files,
    output:
        stack="results/{field}/sed/{grid}/stack.ecsv",
        chi2_map="results/{field}/sed/{grid}/chi2_map.fits",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        dominated_weight_fraction=config["sed"]["dominated_weight_fraction"],
        v_filter=config["sed"]["v_filter"],
        mass_convention=config["sed"]["mass_convention"],
        code=code_digest("fit_stack_sed"),
    log:
        "logs/fit_stack_sed/{field}/{grid}.log",
    benchmark:
        "benchmarks/fit_stack_sed/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: fit {wildcards.grid} populations to the stack"
    script:
        "../scripts/fit_stack_sed.py"


rule seds:
    input:
        [f"results/{field.name}/sed/{grid}/clusters.ecsv" for field in FIELDSET for grid in GRIDS],
        [
            f"results/{field.name}/sed/{grid}/stack.ecsv"
            for field in FIELDSET
            if field.has_stack
            for grid in GRIDS
        ],

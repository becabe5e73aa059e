"""Fit stellar populations to the fluxes of every cluster and of the stack.

Inputs: de-reddened photometry, projected grids. Outputs: results/{field}/sed/{grid}/.
Rules: fit_sed, merge_sed, fit_stack_sed (best fits and posteriors), check_posteriors (do the models explain the sample).

Each source and the stack are compared with all models of a grid at once, the mass solved exactly. Best fits and
their intervals are nodes of the grid; beside them stand the posteriors of age, metallicity, mass and M/L_V on a
finer grid, with zero points, E(B-V) and the size of the errors left open. `predictive.ecsv` asks whether the
models explain the sample.
"""


rule fit_sed:
    input:
        photometry="results/{field}/photometry_dereddened/{chunk}.ecsv",
        extinction="results/{field}/extinction.ecsv",
        grid=get_projected_grid,
        native_grid=get_native_grid,
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
        posterior=config["sed"]["posterior"],
        zero_point_errors=get_named_zero_point_errors,
        r_v=config["dust"]["r_v"],
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
        extinction="results/{field}/extinction.ecsv",
        grid=get_projected_grid,
        native_grid=get_native_grid,
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
        posterior=config["sed"]["posterior"],
        zero_point_errors=get_named_zero_point_errors,
        r_v=config["dust"]["r_v"],
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


rule check_posteriors:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        extinction="results/{field}/extinction.ecsv",
        native_grid=get_native_grid,
    output:
        table="results/{field}/sed/{grid}/predictive.ecsv",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
        zero_point_errors=get_named_zero_point_errors,
        r_v=config["dust"]["r_v"],
        code=code_digest("check_posteriors"),
    log:
        "logs/check_posteriors/{field}/{grid}.log",
    benchmark:
        "benchmarks/check_posteriors/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: do {wildcards.grid} populations explain the fluxes of the sample"
    script:
        "../scripts/check_posteriors.py"


rule seds:
    input:
        [
            f"results/{field.name}/sed/{grid}/{name}.ecsv"
            for field in FIELDSET
            for grid in GRIDS
            for name in ("clusters", "predictive")
        ],
        [
            f"results/{field.name}/sed/{grid}/stack.ecsv"
            for field in FIELDSET
            if field.has_stack
            for grid in GRIDS
        ],

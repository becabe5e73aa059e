"""Rest-frame magnitudes of the clusters, and the stack with every library side by side.

Inputs: de-reddened photometry, grids. Outputs: results/{field}/sed/{grid}/rest_frame.ecsv and stack_rest_frame.ecsv,
results/{field}/sed/comparison.ecsv, library_posteriors.ecsv and sensitivity.ecsv, their figures. Target: `libraries`.
Rules: measure_rest_frame, merge_rest_frame, measure_stack_rest_frame, compare_libraries, measure_sensitivity,
plot_libraries, plot_sensitivity.

Rest-frame magnitudes, K-corrections and V luminosities come from the posteriors. The stack is fitted with every
grid of `sed.grids` and for several zero-point errors; `sensitivity.ecsv` changes one thing at a time and says
what moves.
"""


rule measure_rest_frame:
    input:
        photometry="results/{field}/photometry_dereddened/{chunk}.ecsv",
        extinction="results/{field}/extinction.ecsv",
        native_grid=get_native_grid,
        rest_grid=get_rest_frame_grid,
    output:
        rest_frame="results/{field}/sed/{grid}/rest_frame/{chunk}.ecsv",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
        zero_point_errors=get_named_zero_point_errors,
        r_v=config["dust"]["r_v"],
        code=code_digest("measure_rest_frame"),
    log:
        "logs/measure_rest_frame/{field}/{grid}/{chunk}.log",
    benchmark:
        "benchmarks/measure_rest_frame/{field}/{grid}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field} {wildcards.chunk}: rest-frame magnitudes with {wildcards.grid} populations"
    script:
        "../scripts/measure_rest_frame.py"


rule merge_rest_frame:
    input:
        chunks=get_chunks("results/{field}/sed/{grid}/rest_frame/{chunk}.ecsv"),
    output:
        rest_frame="results/{field}/sed/{grid}/rest_frame.ecsv",
    params:
        ids=get_field_value("ids"),
        code=code_digest("merge_rest_frame"),
    log:
        "logs/merge_rest_frame/{field}/{grid}.log",
    benchmark:
        "benchmarks/merge_rest_frame/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: merge the rest-frame magnitudes of all chunks"
    script:
        "../scripts/merge_rest_frame.py"


rule measure_stack_rest_frame:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
        extinction="results/{field}/extinction.ecsv",
        native_grid=get_native_grid,
        rest_grid=get_rest_frame_grid,
    output:
        rest_frame="results/{field}/sed/{grid}/stack_rest_frame.ecsv",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
        zero_point_errors=get_named_zero_point_errors,
        r_v=config["dust"]["r_v"],
        code=code_digest("measure_stack_rest_frame"),
    log:
        "logs/measure_stack_rest_frame/{field}/{grid}.log",
    benchmark:
        "benchmarks/measure_stack_rest_frame/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: rest-frame magnitudes of the stack with {wildcards.grid} populations"
    script:
        "../scripts/measure_stack_rest_frame.py"


rule compare_libraries:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
        extinction="results/{field}/extinction.ecsv",
        projected=get_all_grids("projected"),
        native=get_all_grids("native"),
        four_color=get_four_color_files,
    output:
        comparison="results/{field}/sed/comparison.ecsv",
        densities="results/{field}/sed/library_posteriors.ecsv",
    params:
        readers=get_readers,
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        dominated_weight_fraction=config["sed"]["dominated_weight_fraction"],
        v_filter=config["sed"]["v_filter"],
        mass_convention=config["sed"]["mass_convention"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
        zero_point_errors=get_named_zero_point_errors,
        r_v=config["dust"]["r_v"],
        comparison_zero_point_errors=config["sed"]["comparison"]["zero_point_errors"],
        code=code_digest("compare_libraries"),
    log:
        "logs/compare_libraries/{field}.log",
    benchmark:
        "benchmarks/compare_libraries/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: the stack with every library"
    script:
        "../scripts/compare_libraries.py"


rule measure_sensitivity:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
        extinction="results/{field}/extinction.ecsv",
        projected=get_all_grids("projected"),
        native=get_all_grids("native"),
    output:
        sensitivity="results/{field}/sed/sensitivity.ecsv",
    params:
        readers=get_readers,
        fiducial_grid=config["sed"]["fiducial_grid"],
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
        zero_point_errors=get_named_zero_point_errors,
        r_v=config["dust"]["r_v"],
        comparison_zero_point_errors=config["sed"]["comparison"]["zero_point_errors"],
        code=code_digest("measure_sensitivity"),
    log:
        "logs/measure_sensitivity/{field}.log",
    benchmark:
        "benchmarks/measure_sensitivity/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: what moves age, metallicity and mass of the stack"
    script:
        "../scripts/measure_sensitivity.py"


rule plot_libraries:
    input:
        comparison="results/{field}/sed/comparison.ecsv",
        densities="results/{field}/sed/library_posteriors.ecsv",
        chi2_maps=expand("results/{{field}}/sed/{grid}/chi2_map.fits", grid=GRIDS),
    output:
        png=report(
            "results/{field}/figures/libraries.png",
            caption="../report/libraries.rst",
            category="Posteriors and libraries",
            subcategory="{field}",
            labels={"figure": "libraries"},
        ),
        pdf="results/{field}/figures/libraries.pdf",
    params:
        grids=GRIDS,
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_libraries"),
    log:
        "logs/plot_libraries/{field}.log",
    benchmark:
        "benchmarks/plot_libraries/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: chi-square maps and posteriors of the stack with every library"
    script:
        "../scripts/plot_libraries.py"


rule plot_sensitivity:
    input:
        sensitivity="results/{field}/sed/sensitivity.ecsv",
    output:
        png=report(
            "results/{field}/figures/sensitivity.png",
            caption="../report/sensitivity.rst",
            category="Posteriors and libraries",
            subcategory="{field}",
            labels={"figure": "sensitivity"},
        ),
        pdf="results/{field}/figures/sensitivity.pdf",
    params:
        fiducial_grid=config["sed"]["fiducial_grid"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_sensitivity"),
    log:
        "logs/plot_sensitivity/{field}.log",
    benchmark:
        "benchmarks/plot_sensitivity/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: what moves the stack's age, as a figure"
    script:
        "../scripts/plot_sensitivity.py"


rule libraries:
    input:
        [f"results/{field.name}/sed/{grid}/rest_frame.ecsv" for field in FIELDSET for grid in GRIDS],
        [
            f"results/{field.name}/{path}"
            for field in FIELDSET
            if field.has_stack
            for path in (
                *(f"sed/{grid}/stack_rest_frame.ecsv" for grid in GRIDS),
                "sed/comparison.ecsv",
                "sed/sensitivity.ecsv",
                *(
                    f"figures/{name}.{kind}"
                    for name in ("libraries", "sensitivity")
                    for kind in ("png", "pdf")
                ),
            )
        ],

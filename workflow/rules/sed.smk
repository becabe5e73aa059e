"""Fit stellar populations to the fluxes of every cluster and of the stack, and what follows from the fits.

Inputs: de-reddened photometry, grids. Outputs: results/{field}/sed/, population/robustness.ecsv, results/forecast/.
Targets: `seds`, `libraries`, `robustness`, `formation`, `forecast`.
Rules: fit_sed, merge_sed, fit_stack_sed (best fits and posteriors), check_posteriors (do the models explain the sample),
measure_rest_frame, merge_rest_frame, measure_stack_rest_frame, compare_libraries, measure_sensitivity,
compute_formation, forecast_filters.

Each source and the stack are compared with all models of a grid at once, the mass solved exactly. Best fits and
their intervals are nodes of the grid; beside them stand the posteriors of age, metallicity, mass and M/L_V on a
finer grid, with zero points, E(B-V) and the size of the errors left open. `predictive.ecsv` asks whether the
models explain the sample.

Rest-frame magnitudes, K-corrections and V luminosities come from the posteriors. The stack is fitted with every
grid of `sed.grids` and for several zero-point errors; `sensitivity.ecsv` changes one thing at a time and says
what moves, `robustness.ecsv` which conclusions survive larger changes. Ages become lookback times and redshifts of
formation with the cosmology of the configuration; the first row is the stack. On demand, and without a field: which extra filters would pin the age of a cluster that is
observed in the filters that are there and one or more others, at the depths given.
"""


rule fit_sed:
    input:
        photometry="results/{field}/photometry_dereddened/{chunk}.ecsv",
        extinction="results/{field}/extinction.ecsv",
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        grid=get_chunk_grid("projected"),
        native_grid=get_chunk_grid("native"),
        four_color=get_four_color_files,
    output:
        clusters="results/{field}/sed/{grid}/{chunk}.ecsv",
    params:
        redshift=get_chunk_redshift,
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        dominated_weight_fraction=config["sed"]["dominated_weight_fraction"],
        v_filter=config["sed"]["v_filter"],
        mass_convention=config["sed"]["mass_convention"],
        posterior=config["sed"]["posterior"],
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
        youngest_gyr=configuration.age_grid(config["sed"]["age_gyr"])[0],
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
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        grid=get_field_grid("projected"),
        native_grid=get_field_grid("native"),
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
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        native_grid=get_field_grid("native"),
    output:
        table="results/{field}/sed/{grid}/predictive.ecsv",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
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


rule measure_rest_frame:
    input:
        photometry="results/{field}/photometry_dereddened/{chunk}.ecsv",
        extinction="results/{field}/extinction.ecsv",
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        native_grid=get_chunk_grid("native"),
        rest_grid=get_rest_frame_grid,
    output:
        rest_frame="results/{field}/sed/{grid}/rest_frame/{chunk}.ecsv",
    params:
        redshift=get_chunk_redshift,
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
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
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        native_grid=get_field_grid("native"),
        rest_grid=get_rest_frame_grid,
    output:
        rest_frame="results/{field}/sed/{grid}/stack_rest_frame.ecsv",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
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
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
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
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        projected=get_all_grids("projected"),
        native=get_all_grids("native"),
        spectra=f"results/ssp/{FIDUCIAL_GRID}/grid.h5",
        methods=get_where("mosaics", "results/{field}/stack_methods.ecsv"),
    output:
        sensitivity="results/{field}/sed/sensitivity.ecsv",
        robustness="results/{field}/population/robustness.ecsv",
    params:
        robustness=config["sed"]["robustness"],
        readers=get_readers,
        fiducial_grid=config["sed"]["fiducial_grid"],
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
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


rule robustness:
    input:
        [
            f"results/{field.name}/{path}"
            for field in FIELDSET
            if field.has_stack
            for path in (
                "population/robustness.ecsv",
                *(f"figures/robustness.{kind}" for kind in ("png", "pdf")),
            )
        ],


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
            )
        ],
        [
            png.removesuffix("png") + kind
            for field in FIELDSET
            for png in figures_of(field, GRIDS)
            if Path(png).stem in ("libraries", "sensitivity")
            for kind in ("png", "pdf")
        ],


rule compute_formation:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        stack=get_where("has_stack", "results/{field}/sed/{grid}/stack.ecsv"),
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


rule formation:
    input:
        [f"results/{field.name}/sed/{grid}/formation.ecsv" for field in FIELDSET for grid in GRIDS],
        [
            f"results/{field.name}/figures/formation_{grid}.{kind}"
            for field in FIELDSET
            for grid in GRIDS
            for kind in ("png", "pdf")
        ],


rule forecast_filters:
    input:
        native_grid=get_forecast_grid,
    output:
        table="results/forecast/forecast.ecsv",
        png="results/forecast/forecast.png",
        pdf="results/forecast/forecast.pdf",
    params:
        redshift=config["forecast"]["redshift"],
        cosmology=config["cosmology"],
        ebv=config["forecast"]["ebv"],
        age_gyr=config["forecast"]["age_gyr"],
        metallicity_zsun=config["forecast"]["metallicity_zsun"],
        log_mass=config["forecast"]["log_mass"],
        baseline=config["forecast"]["baseline"],
        depths_mag=get_forecast_depths(),
        n_extra=config["forecast"]["n_extra"],
        n_realisations=config["forecast"]["n_realisations"],
        seed=config["forecast"]["seed"],
        posterior=config["sed"]["posterior"],
        r_v=config["dust"]["r_v"],
        dpi=config["figures"]["dpi"],
        code=code_digest("forecast_filters"),
    log:
        "logs/forecast_filters.log",
    benchmark:
        "benchmarks/forecast_filters.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "forecast the age errors with extra filters"
    script:
        "../scripts/forecast_filters.py"


rule forecast:
    input:
        rules.forecast_filters.output,

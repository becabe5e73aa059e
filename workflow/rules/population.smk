"""The clusters of a field as one population: ages, metallicities and masses together, with shared errors shared.

Inputs: de-reddened photometry, shared errors, probabilities of being a cluster, grids. Outputs:
results/{field}/population/. Target: `population`.
Rules: fit_population, budget_population.

On demand only: half a minute for each field and grid. Histories of formation (a smooth histogram, one burst, two, formation
at a constant rate) are fitted to the fluxes of all clusters at once, together with the PSF's and zero points' errors that
all of them share, and compared by cross-validation. `budget.ecsv` says what carries the error.
"""


rule fit_population:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        extinction="results/{field}/extinction.ecsv",
        native_grid=get_field_grid("native"),
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        contamination=get_where("center_deg", "results/{field}/contamination.ecsv"),
    output:
        parameters="results/{field}/population/{grid}.ecsv",
        ages="results/{field}/population/{grid}_age.ecsv",
        colors="results/{field}/population/{grid}_colors.ecsv",
        modes="results/{field}/population/{grid}_modes.ecsv",
    params:
        models=config["population"]["models"],
        age_bins=config["population"]["age_bins"],
        n_draws=config["population"]["n_draws"],
        seed=config["population"]["seed"],
        model_error=config["population"]["model_error"],
        mag_limit=lambda wildcards: config["population"]["mag_limit"].get(wildcards.field),
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        posterior=config["sed"]["posterior"],
        r_v=config["dust"]["r_v"],
        code=code_digest("fit_population"),
    log:
        "logs/fit_population/{field}/{grid}.log",
    benchmark:
        "benchmarks/fit_population/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: one population of all clusters, {wildcards.grid} models"
    script:
        "../scripts/fit_population.py"


rule budget_population:
    input:
        parameters=expand("results/{{field}}/population/{grid}.ecsv", grid=GRIDS),
        modes=expand("results/{{field}}/population/{grid}_modes.ecsv", grid=GRIDS),
    output:
        budget="results/{field}/population/budget.ecsv",
    params:
        grids=GRIDS,
        fiducial_grid=config["sed"]["fiducial_grid"],
        code=code_digest("budget_population"),
    log:
        "logs/budget_population/{field}.log",
    benchmark:
        "benchmarks/budget_population/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=800,
    message:
        "{wildcards.field}: what carries the error of the population"
    script:
        "../scripts/budget_population.py"


rule population:
    input:
        [
            f"results/{field.name}/figures/{figure}.png"
            for field in FIELDSET
            for figure in (*(f"population_{grid}" for grid in GRIDS), "population_budget")
        ],

"""Forecast which extra filters would pin the age of a cluster; no field is needed.

Inputs: the native grid of a library. Outputs: results/forecast/. Target: `forecast`.
Rules: forecast_filters.

On demand only. A cluster of known age is observed in the filters that are there and one or more others, at the
depths given; the table ranks them by how narrow the age becomes.
"""


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
        zero_point_errors={},
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

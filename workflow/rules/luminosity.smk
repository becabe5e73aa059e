"""Luminosity function, colours and distribution of the clusters found, corrected for what the search misses.

Inputs: candidates, maps of the search, artificial clusters. Outputs: results/{field}/luminosity/.
Rules: fit_luminosity_function, fit_color_mixture, map_clusters.

On demand only. Each cluster found stands for those missed like it, by the completeness at its place and
magnitude; a turnover is said to be seen only where the data show it.
"""


rule fit_luminosity_function:
    input:
        candidates="results/{field}/candidates.ecsv",
        runs=get_injection_runs("results/{field}/completeness/runs/{run}.ecsv"),
    output:
        function="results/{field}/luminosity/function.ecsv",
        counts="results/{field}/luminosity/counts.ecsv",
        posterior="results/{field}/luminosity/posterior.fits",
    params:
        reference_filter=get_field_value("reference_filter"),
        function=get_keys("luminosity", FunctionKeys),
        mag_min=config["detection"]["mag_min"],
        use_purity=config["luminosity"]["use_purity"],
        code=code_digest("fit_luminosity_function"),
    log:
        "logs/fit_luminosity_function/{field}.log",
    benchmark:
        "benchmarks/fit_luminosity_function/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field}: fit the luminosity function"
    script:
        "../scripts/fit_luminosity_function.py"


rule fit_color_mixture:
    input:
        candidates="results/{field}/candidates.ecsv",
        runs=get_injection_runs("results/{field}/completeness/runs/{run}.ecsv"),
    output:
        colors="results/{field}/luminosity/colors.ecsv",
    params:
        reference_filter=get_field_value("reference_filter"),
        colours=config["luminosity"]["colours"],
        use_purity=config["luminosity"]["use_purity"],
        code=code_digest("fit_color_mixture"),
    log:
        "logs/fit_color_mixture/{field}.log",
    benchmark:
        "benchmarks/fit_color_mixture/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=800,
    message:
        "{wildcards.field}: one or two kinds of colour"
    script:
        "../scripts/fit_color_mixture.py"


rule map_clusters:
    input:
        candidates="results/{field}/candidates.ecsv",
        runs=get_injection_runs("results/{field}/completeness/runs/{run}.ecsv"),
        maps="results/{field}/detection/maps.fits",
        function="results/{field}/luminosity/function.ecsv",
        compared=get_compared_maps,
    output:
        radial="results/{field}/luminosity/radial.ecsv",
        comparison="results/{field}/luminosity/comparison.ecsv",
        density="results/{field}/luminosity/density.fits",
    params:
        reference_filter=get_field_value("reference_filter"),
        mag_min=config["detection"]["mag_min"],
        use_purity=config["luminosity"]["use_purity"],
        centre=lambda wildcards: config["luminosity"]["centres"].get(wildcards.field),
        binning=get_keys("luminosity", BinningKeys),
        content=content_of(get_compared_maps),
        code=code_digest("map_clusters"),
    log:
        "logs/map_clusters/{field}.log",
    benchmark:
        "benchmarks/map_clusters/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field}: where the clusters lie"
    script:
        "../scripts/map_clusters.py"


rule luminosity:
    input:
        [
            f"results/{name}/figures/{figure}.png"
            for name in FIELDSET.given_by_mosaics
            for figure in ("luminosity_function", "color_mixture", "cluster_map")
        ],

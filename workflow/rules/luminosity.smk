"""Luminosity function, colours and distribution of the clusters found, corrected for what the search misses.

Inputs: candidates, maps of the search, artificial clusters. Outputs: results/{field}/luminosity/.
Rules: fit_luminosity_function, fit_color_mixture, map_clusters, measure_light, fit_spatial, estimate_totals.

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


rule measure_light:
    input:
        mosaic=get_reference("results/{field}/{filter}/mosaic.fits"),
        v_mosaic=get_v_mosaic,
        maps="results/{field}/detection/maps.fits",
    output:
        model="results/{field}/luminosity/light_model.fits",
        isophotes="results/{field}/luminosity/isophotes.ecsv",
    params:
        centre=lambda wildcards: config["luminosity"]["centres"].get(wildcards.field),
        v_filter=get_v_filter,
        code=code_digest("measure_light"),
    log:
        "logs/measure_light/{field}.log",
    benchmark:
        "benchmarks/measure_light/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: isophotes of the light around the brightest galaxy"
    script:
        "../scripts/measure_light.py"


rule fit_spatial:
    input:
        candidates="results/{field}/candidates.ecsv",
        runs=get_injection_runs("results/{field}/completeness/runs/{run}.ecsv"),
        maps="results/{field}/detection/maps.fits",
        function="results/{field}/luminosity/function.ecsv",
        light="results/{field}/luminosity/light_model.fits",
        isophotes="results/{field}/luminosity/isophotes.ecsv",
        compared=get_compared_maps,
    output:
        spatial="results/{field}/luminosity/spatial.ecsv",
        draws="results/{field}/luminosity/profile_draws.ecsv",
    params:
        reference_filter=get_field_value("reference_filter"),
        mag_min=config["detection"]["mag_min"],
        use_purity=config["luminosity"]["use_purity"],
        centre=lambda wildcards: config["luminosity"]["centres"].get(wildcards.field),
        colour=get_sides_of_color,
        map_smoothings_arcsec=config["luminosity"]["map_smoothings_arcsec"],
        seed=config["luminosity"]["seed"],
        content=content_of(get_compared_maps),
        code=code_digest("fit_spatial"),
    log:
        "logs/fit_spatial/{field}.log",
    benchmark:
        "benchmarks/fit_spatial/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: profiles of clusters and light, and the maps that clusters follow"
    script:
        "../scripts/fit_spatial.py"


rule estimate_totals:
    input:
        candidates="results/{field}/candidates.ecsv",
        runs=get_injection_runs("results/{field}/completeness/runs/{run}.ecsv"),
        maps="results/{field}/detection/maps.fits",
        posterior="results/{field}/luminosity/posterior.fits",
        light="results/{field}/luminosity/light_model.fits",
        isophotes="results/{field}/luminosity/isophotes.ecsv",
        draws="results/{field}/luminosity/profile_draws.ecsv",
        extinction="results/{field}/extinction.ecsv",
        grid=get_field_grid("native", GRIDS[0]),
    output:
        totals="results/{field}/luminosity/totals.ecsv",
    params:
        reference_filter=get_field_value("reference_filter"),
        v_filter=get_v_filter,
        mag_min=config["detection"]["mag_min"],
        use_purity=config["luminosity"]["use_purity"],
        centre=lambda wildcards: config["luminosity"]["centres"].get(wildcards.field),
        turnover=lambda wildcards: config["luminosity"]["turnovers"].get(wildcards.field),
        apertures_kpc=config["luminosity"]["apertures_kpc"],
        old_clusters=get_keys("luminosity", OldClusterKeys),
        function=get_keys("luminosity", FunctionKeys),
        code=code_digest("estimate_totals"),
    log:
        "logs/estimate_totals/{field}.log",
    benchmark:
        "benchmarks/estimate_totals/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: numbers of clusters, found and missed"
    script:
        "../scripts/estimate_totals.py"


rule luminosity:
    input:
        [
            f"results/{name}/figures/{figure}.png"
            for name in FIELDSET.given_by_mosaics
            for figure in ("luminosity_function", "color_mixture", "cluster_map", "spatial", "totals")
        ],

"""Find star clusters without a list of sources, and say what the search misses and mistakes.

Inputs: mosaics, PSFs, noise, offsets and stars. Outputs: results/{field}/candidates.ecsv, selected.csv and
results/{field}/completeness/{filter}.ecsv.
Rules: detect_sources (tile by tile), merge_candidates, inject_clusters (run by run), measure_completeness.
"""


rule detect_sources:
    input:
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        candidates="results/{field}/detection/{tile}.ecsv",
        maps="results/{field}/detection/{tile}_maps.fits",
    params:
        reference_filter=get_field_value("reference_filter"),
        combined_filters=config["detection"]["combined_filters"],
        relative_flux=config["detection"]["relative_flux"],
        background=config["detection"]["background"],
        threshold_sigma=config["detection"]["threshold_sigma"],
        n_passes=config["detection"]["n_passes"],
        separation_arcsec=config["detection"]["separation_arcsec"],
        psf_error=config["detection"]["psf_error"],
        max_surface_brightness=config["detection"]["max_surface_brightness"],
        tile_px=config["detection"]["tile_px"],
        n_tiles=config["detection"]["n_tiles"],
        code=code_digest("detect_sources"),
    log:
        "logs/detect_sources/{field}/{tile}.log",
    benchmark:
        "benchmarks/detect_sources/{field}/{tile}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field} {wildcards.tile}: search for point sources"
    script:
        "../scripts/detect_sources.py"


rule merge_candidates:
    input:
        candidates=get_tiles("results/{field}/detection/{tile}.ecsv"),
        maps=get_tiles("results/{field}/detection/{tile}_maps.fits"),
        stars="results/{field}/stars.ecsv",
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        candidates="results/{field}/candidates.ecsv",
        selected="results/{field}/selected.csv",
        maps="results/{field}/detection/maps.fits",
    params:
        **{name: config["detection"][name] for name in SELECTION_KEYS},
        reference_filter=get_field_value("reference_filter"),
        combined_filters=config["detection"]["combined_filters"],
        relative_flux=config["detection"]["relative_flux"],
        background=config["detection"]["background"],
        control_region=config["detection"]["control_region"],
        code=code_digest("merge_candidates"),
    log:
        "logs/merge_candidates/{field}.log",
    benchmark:
        "benchmarks/merge_candidates/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: select star clusters among the candidates"
    script:
        "../scripts/merge_candidates.py"


rule inject_clusters:
    input:
        candidates="results/{field}/candidates.ecsv",
        maps="results/{field}/detection/maps.fits",
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        injections="results/{field}/completeness/runs/{run}.ecsv",
    params:
        **{name: config["detection"][name] for name in SELECTION_KEYS},
        reference_filter=get_field_value("reference_filter"),
        combined_filters=config["detection"]["combined_filters"],
        relative_flux=config["detection"]["relative_flux"],
        background=config["detection"]["background"],
        threshold_sigma=config["detection"]["threshold_sigma"],
        n_passes=config["detection"]["n_passes"],
        separation_arcsec=config["detection"]["separation_arcsec"],
        psf_error=config["detection"]["psf_error"],
        n_per_run=config["completeness"]["n_per_run"],
        seed=config["completeness"]["seed"],
        mag_range=config["completeness"]["mag_range"],
        colour_scatter=config["completeness"]["colour_scatter"],
        light_exponent=config["completeness"]["light_exponent"],
        clearance_arcsec=config["completeness"]["clearance_arcsec"],
        code=code_digest("inject_clusters"),
    log:
        "logs/inject_clusters/{field}/{run}.log",
    benchmark:
        "benchmarks/inject_clusters/{field}/{run}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field} {wildcards.run}: search for artificial clusters"
    script:
        "../scripts/inject_clusters.py"


rule measure_completeness:
    input:
        runs=get_injection_runs("results/{field}/completeness/runs/{run}.ecsv"),
        candidates="results/{field}/candidates.ecsv",
        maps="results/{field}/detection/maps.fits",
    output:
        completeness="results/{field}/completeness/{filter}.ecsv",
        sources="results/{field}/completeness/{filter}_sources.ecsv",
        map="results/{field}/completeness/{filter}_map.fits",
    params:
        code=code_digest("measure_completeness"),
    log:
        "logs/measure_completeness/{field}/{filter}.log",
    benchmark:
        "benchmarks/measure_completeness/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=800,
    message:
        "{wildcards.field} {wildcards.filter}: completeness against magnitude and noise"
    script:
        "../scripts/measure_completeness.py"


rule candidates:
    input:
        [f"results/{name}/candidates.ecsv" for name in FIELDSET.given_by_mosaics],


rule completeness:
    input:
        [f"results/{field.name}/completeness/{filt}.ecsv" for field in FIELDSET for filt in field.mosaics],

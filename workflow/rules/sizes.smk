"""Light profiles of the stacks, upper limits of half-light radii, and simulations of what can be resolved.

Inputs: mosaics, cutouts, fits, PSFs. Outputs: results/{field}/{filter}/profile.ecsv, results/{field}/sizes/.
Rules: measure_profiles, limit_sizes, limit_stack_size, merge_sizes, simulate_sizes.

A half-light radius and its limit come from a likelihood with flux, position, sky and the width of the PSF free:
the PSF's own variation over the field is what limits sizes. Simulations on the real sky say which radii would
be seen, and how often limits hold.
"""


rule measure_profiles:
    input:
        cutouts=get_chunks("results/{field}/{filter}/cutouts/{chunk}.fits"),
        photometry="results/{field}/photometry.ecsv",
        reference_fits=get_reference_chunks,
        psf="results/{field}/{filter}/psf.fits",
        psf_grid="results/{field}/{filter}/psf_grid.fits",
        noise="results/{field}/{filter}/noise.fits",
    output:
        profile="results/{field}/{filter}/profile.ecsv",
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        window_arcsec=config["sizes"]["window_arcsec"],
        method=config["sizes"]["stack_method"],
        annulus_px=config["stack"]["annulus_px"],
        sky=config["photometry"]["sky"],
        n_resamples=config["sizes"]["n_resamples"],
        seed=config["sizes"]["seed"],
        code=code_digest("measure_profiles"),
    log:
        "logs/measure_profiles/{field}/{filter}.log",
    benchmark:
        "benchmarks/measure_profiles/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field} {wildcards.filter}: profiles of stack and PSF"
    script:
        "../scripts/measure_profiles.py"


rule limit_sizes:
    input:
        cutouts=get_size_filter("results/{field}/{filter}/cutouts/{chunk}.fits"),
        fits=get_size_filter("results/{field}/{filter}/fits/{chunk}.ecsv"),
        psf=get_size_filter("results/{field}/{filter}/psf.fits"),
        psf_grid=get_size_filter("results/{field}/{filter}/psf_grid.fits"),
        noise=get_size_filter("results/{field}/{filter}/noise.fits"),
    output:
        sizes="results/{field}/sizes/{chunk}.ecsv",
    params:
        **get_keys("sizes", LimitKeys),
        **get_keys("sizes", PsfWidthKeys),
        redshift=get_chunk_redshift,
        cosmology=config["cosmology"],
        sky=config["photometry"]["sky"],
        min_snr=config["sizes"]["min_snr"],
        code=code_digest("limit_sizes"),
    log:
        "logs/limit_sizes/{field}/{chunk}.log",
    benchmark:
        "benchmarks/limit_sizes/{field}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.chunk}: upper limits of sizes"
    script:
        "../scripts/limit_sizes.py"


rule limit_stack_size:
    input:
        mosaic=get_size_filter("results/{field}/{filter}/mosaic.fits"),
        cutouts=get_size_cutouts,
        photometry="results/{field}/photometry.ecsv",
        reference_fits=get_reference_chunks,
        psf=get_size_filter("results/{field}/{filter}/psf.fits"),
        psf_grid=get_size_filter("results/{field}/{filter}/psf_grid.fits"),
        noise=get_size_filter("results/{field}/{filter}/noise.fits"),
    output:
        sizes="results/{field}/sizes/stack.ecsv",
    params:
        **get_keys("sizes", LimitKeys),
        **get_keys("sizes", PsfWidthKeys),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        psf_coherence_arcsec=config["sizes"]["psf_coherence_arcsec"],
        method=config["sizes"]["stack_method"],
        annulus_px=config["stack"]["annulus_px"],
        sky=config["photometry"]["sky"],
        n_resamples=config["sizes"]["n_resamples"],
        seed=config["sizes"]["seed"],
        code=code_digest("limit_stack_size"),
    log:
        "logs/limit_stack_size/{field}.log",
    benchmark:
        "benchmarks/limit_stack_size/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: upper limit of the size of the stack"
    script:
        "../scripts/limit_stack_size.py"


rule merge_sizes:
    input:
        stack="results/{field}/sizes/stack.ecsv",
        chunks=get_chunks("results/{field}/sizes/{chunk}.ecsv"),
    output:
        limits="results/{field}/sizes/limits.ecsv",
    params:
        ids=get_field_value("ids"),
        code=code_digest("merge_sizes"),
    log:
        "logs/merge_sizes/{field}.log",
    benchmark:
        "benchmarks/merge_sizes/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: sizes of stack and clusters in one table"
    script:
        "../scripts/merge_sizes.py"


rule simulate_sizes:
    input:
        mosaic=get_size_filter("results/{field}/{filter}/mosaic.fits"),
        stack="results/{field}/sizes/stack.ecsv",
        psf=get_size_filter("results/{field}/{filter}/psf.fits"),
        noise=get_size_filter("results/{field}/{filter}/noise.fits"),
    output:
        detection="results/{field}/sizes/detection.ecsv",
    params:
        **get_keys("sizes", LimitKeys),
        **get_keys("sizes", PsfWidthKeys),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        sky=config["photometry"]["sky"],
        cutout_size_arcsec=config["photometry"]["cutout_size_arcsec"],
        peak_njy=config["sizes"]["peak_njy"],
        radii_pc=config["sizes"]["radii_pc"],
        n_trials=config["sizes"]["n_trials"],
        n_coverage_trials=config["sizes"]["n_coverage_trials"],
        seed=config["sizes"]["seed"],
        code=code_digest("simulate_sizes"),
    log:
        "logs/simulate_sizes/{field}.log",
    benchmark:
        "benchmarks/simulate_sizes/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field}: simulate sources of known size on blank sky"
    script:
        "../scripts/simulate_sizes.py"


rule sizes:
    input:
        [
            f"results/{name}/sizes/{kind}.ecsv"
            for name in FIELDSET.given_by_mosaics
            for kind in ("limits", "detection")
        ],
        [f"results/{field.name}/{filt}/profile.ecsv" for field in FIELDSET for filt in field.mosaics],

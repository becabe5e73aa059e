"""Measure the sources of a field: cutouts, point-source fits, all filters side by side, chunk by chunk.

Inputs: mosaics, PSFs, noise, offsets, source list. Outputs: results/{field}/photometry/{chunk}.ecsv.
Rules: cut_sources, fit_sources (reference filter first), join_filters.
"""


rule cut_sources:
    input:
        mosaic="results/{field}/{filter}/mosaic.fits",
    output:
        cutouts="results/{field}/{filter}/cutouts/{chunk}.fits",
    params:
        sources=get_chunk_members,
        cutout_size_arcsec=config["photometry"]["cutout_size_arcsec"],
        joint_radius_arcsec=config["photometry"]["joint_radius_arcsec"],
        code=code_digest("cut_sources"),
    log:
        "logs/cut_sources/{field}/{filter}/{chunk}.log",
    benchmark:
        "benchmarks/cut_sources/{field}/{filter}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.filter} {wildcards.chunk}: cut out its sources"
    script:
        "../scripts/cut_sources.py"


rule fit_sources:
    input:
        unpack(get_reference_fits),
        cutouts="results/{field}/{filter}/cutouts/{chunk}.fits",
        mosaic="results/{field}/{filter}/mosaic.fits",
        psf="results/{field}/{filter}/psf.fits",
        noise="results/{field}/{filter}/noise.fits",
    output:
        fits="results/{field}/{filter}/fits/{chunk}.ecsv",
    params:
        preset=config["photometry"]["preset"],
        position=config["photometry"]["position"],
        sky=config["photometry"]["sky"],
        max_shift_px=config["photometry"]["max_shift_px"],
        joint_radius_arcsec=config["photometry"]["joint_radius_arcsec"],
        blend_radius_arcsec=config["photometry"]["blend_radius_arcsec"],
        position_sigma_arcsec=config["photometry"]["position_sigma_arcsec"],
        code=code_digest("fit_sources"),
    log:
        "logs/fit_sources/{field}/{filter}/{chunk}.log",
    benchmark:
        "benchmarks/fit_sources/{field}/{filter}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.filter} {wildcards.chunk}: fit fluxes"
    script:
        "../scripts/fit_sources.py"


rule join_filters:
    input:
        fits=get_filters("results/{field}/{filter}/fits/{chunk}.ecsv"),
        sources=ancient(get_field_value("source_list")),
    output:
        photometry="results/{field}/photometry/{chunk}.ecsv",
    params:
        ids=get_chunk_ids,
        content=get_chunk_digest,
        zero_point_errors=get_zero_point_errors,
        code=code_digest("join_filters"),
    wildcard_constraints:
        field=fieldset.alternatives(FIELDSET.given_by_mosaics),
    log:
        "logs/join_filters/{field}/{chunk}.log",
    benchmark:
        "benchmarks/join_filters/{field}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.chunk}: join the fits of all filters"
    script:
        "../scripts/join_filters.py"

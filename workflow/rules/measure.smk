"""Measure the sources of a field: cutouts, point-source fits, all filters side by side, chunk by chunk.

Inputs: mosaics, PSFs, noise, offsets, source list; or tables of photometry. Outputs: results/{field}/photometry*.ecsv,
whole and by chunk.
Rules: cut_sources, fit_sources (reference filter first), join_filters; compare_engines and join_engines where asked for;
import_photometry, import_stack_photometry; merge_photometry, merge_dereddened; draw_residual (target residuals only).

Sources are dealt into chunks by their ids, so that a new source redoes its own chunk only. A cutout is fitted
with its source, the listed neighbours and a local sky together; positions are those of the reference filter
unless `photometry.position` is `free`. Fits of one chunk in one filter are `{filter}/fits/{chunk}.ecsv`, with
rows for the neighbours too; a chunk `src-<id>` is one source through the very same rules.

A field given by its fluxes alone enters at import_photometry. The merged table `photometry.ecsv` is for people, stacks
and reports; what is fitted source by source goes from chunk to chunk.
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
        psf_grid="results/{field}/{filter}/psf_grid.fits",
        noise="results/{field}/{filter}/noise.fits",
        exposures=get_exposures,
    output:
        fits="results/{field}/{filter}/fits/{chunk}.ecsv",
    params:
        **get_keys("photometry", FitKeys),
        engine=config["photometry"]["engine"],
        preset=config["photometry"]["preset"],
        content=content_of(get_exposures),
        code=code_digest("fit_sources"),
    log:
        "logs/fit_sources/{field}/{filter}/{chunk}.log",
    benchmark:
        "benchmarks/fit_sources/{field}/{filter}/{chunk}.tsv"
    conda:
        FIT_ENV
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
        redshift_columns=get_redshift_columns,
        code=code_digest("join_filters"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.given_by_mosaics),
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


rule compare_engines:
    input:
        unpack(get_all_reference_fits),
        cutouts=get_chunks("results/{field}/{filter}/cutouts/{chunk}.fits"),
        mosaic="results/{field}/{filter}/mosaic.fits",
        psf="results/{field}/{filter}/psf.fits",
        psf_grid="results/{field}/{filter}/psf_grid.fits",
        noise="results/{field}/{filter}/noise.fits",
    output:
        engines="results/{field}/engines/{filter}.ecsv",
    params:
        **get_keys("photometry", FitKeys),
        engines=ENGINES,
        preset=config["photometry"]["preset"],
        code=code_digest("compare_engines"),
    wildcard_constraints:
        field=fields.alternatives(COMPARED_FIELDS),
    log:
        "logs/compare_engines/{field}/{filter}.log",
    benchmark:
        "benchmarks/compare_engines/{field}/{filter}.tsv"
    conda:
        TRACTOR_ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field} {wildcards.filter}: fit the same cutouts with each engine"
    script:
        "../scripts/compare_engines.py"


rule join_engines:
    input:
        engines=get_filters("results/{field}/engines/{filter}.ecsv"),
    output:
        sources="results/{field}/engines/sources.ecsv",
        summary="results/{field}/engines/summary.ecsv",
    params:
        code=code_digest("join_engines"),
    wildcard_constraints:
        field=fields.alternatives(COMPARED_FIELDS),
    log:
        "logs/join_engines/{field}.log",
    benchmark:
        "benchmarks/join_engines/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: differences between the engines in all filters"
    script:
        "../scripts/join_engines.py"


rule import_photometry:
    input:
        table=ancient(get_field_value("photometry")),
        factors=get_calibration_factors,
    output:
        photometry="results/{field}/photometry/{chunk}.ecsv",
    params:
        ids=get_chunk_ids,
        filters=get_field_value("filters"),
        unit=get_field_value("photometry_unit"),
        calibration=get_field_value("calibration"),
        content=get_chunk_digest,
        redshift_columns=get_redshift_columns,
        code=code_digest("import_photometry"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.given_by_photometry),
    log:
        "logs/import_photometry/{field}/{chunk}.log",
    benchmark:
        "benchmarks/import_photometry/{field}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.chunk}: take the photometry from the user's table"
    script:
        "../scripts/import_photometry.py"


rule import_stack_photometry:
    input:
        table=get_field_value("stack_photometry"),
        factors=get_calibration_factors,
    output:
        photometry="results/{field}/stack_fluxes.ecsv",
    params:
        filters=get_field_value("filters"),
        unit=get_field_value("photometry_unit"),
        calibration=get_field_value("calibration"),
        content=content_of(get_field_value("stack_photometry")),
        code=code_digest("import_stack_photometry"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.given_by_photometry),
    log:
        "logs/import_stack_photometry/{field}.log",
    benchmark:
        "benchmarks/import_stack_photometry/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: take the photometry of the stack from the user's table"
    script:
        "../scripts/import_stack_photometry.py"


rule merge_photometry:
    input:
        chunks=get_photometry_chunks,
    output:
        photometry="results/{field}/photometry.ecsv",
        fits="results/{field}/photometry.fits",
    params:
        ids=get_field_value("ids"),
        code=code_digest("merge_photometry"),
    log:
        "logs/merge_photometry/{field}.log",
    benchmark:
        "benchmarks/merge_photometry/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: merge the photometry of all chunks"
    script:
        "../scripts/merge_photometry.py"


rule merge_dereddened:
    input:
        chunks=get_chunks("results/{field}/photometry_dereddened/{chunk}.ecsv"),
    output:
        photometry="results/{field}/photometry_dereddened.ecsv",
    params:
        ids=get_field_value("ids"),
        code=code_digest("merge_dereddened"),
    log:
        "logs/merge_dereddened/{field}.log",
    benchmark:
        "benchmarks/merge_dereddened/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: merge the de-reddened photometry of all chunks"
    script:
        "../scripts/merge_dereddened.py"


rule draw_residual:
    input:
        mosaic="results/{field}/{filter}/mosaic.fits",
        psf="results/{field}/{filter}/psf.fits",
        psf_grid="results/{field}/{filter}/psf_grid.fits",
        fits=get_chunks("results/{field}/{filter}/fits/{chunk}.ecsv"),
    output:
        model="results/{field}/{filter}/model.fits",
        residual="results/{field}/{filter}/residual.fits",
    params:
        code=code_digest("draw_residual"),
    log:
        "logs/draw_residual/{field}/{filter}.log",
    benchmark:
        "benchmarks/draw_residual/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.filter}: draw the fitted sources, and the mosaic without them"
    script:
        "../scripts/draw_residual.py"


rule residuals:
    input:
        [f"results/{field.name}/{filt}/residual.fits" for field in FIELDSET for filt in field.mosaics],


rule photometry:
    input:
        [field.photometry_product for field in FIELDSET],

"""Photometry of sources: taken from a table, or measured on cutouts (see the image stages).

Inputs: tables of photometry. Outputs: results/{field}/photometry*.ecsv, whole and by chunk.
Rules: import_photometry, import_stack_photometry, merge_photometry, merge_dereddened.

The merged table `photometry.ecsv` is for people, stacks and reports; what is fitted source by source goes from
chunk to chunk. A field given by its fluxes alone enters here.
"""


rule import_photometry:
    input:
        table=ancient(get_photometry_table),
    output:
        photometry="results/{field}/photometry/{chunk}.ecsv",
    params:
        ids=get_chunk_ids,
        content=get_chunk_digest,
        code=code_digest("import_photometry"),
    wildcard_constraints:
        field=fieldset.alternatives(FIELDSET.given_by_photometry),
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
        table=get_stack_photometry_table,
    output:
        photometry="results/{field}/stack_fluxes.ecsv",
    params:
        code=code_digest("import_stack_photometry"),
    wildcard_constraints:
        field=fieldset.alternatives(FIELDSET.given_by_photometry),
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
        chunks=get_chunks("results/{field}/photometry/{chunk}.ecsv"),
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


rule photometry:
    input:
        [field.photometry_product for field in FIELDSET],

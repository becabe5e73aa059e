"""Results beside one another: what sources were published with, fields of one run, versions of a calibration.

Inputs: tables of all stages, those of users. Outputs: results/{field}/published/, results/fields.ecsv,
results/fields_differences.ecsv, results/fields.png and .pdf, results/{field}/calibration/. Target: `side_by_side`.
Rules: compare_calibrations (fields that name `same_sources_as`), compare_published (fields that name `compare_with`), compare_fields and
plot_fields (a run of more than one field).

All is done with one method: what is compared are tables of the run itself, and the users' tables as they are.
"""


rule compare_calibrations:
    input:
        photometry=get_shared_photometry(other=False),
        other=get_shared_photometry(other=True),
        mosaics=get_shared_mosaics(other=False),
        other_mosaics=get_shared_mosaics(other=True),
    output:
        sources="results/{field}/calibration/sources.ecsv",
        factors="results/{field}/calibration/factors.ecsv",
    params:
        other=get_field_value("same_sources_as"),
        filters=get_shared_filters,
        code=code_digest("compare_calibrations"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_same_sources),
    log:
        "logs/compare_calibrations/{field}.log",
    benchmark:
        "benchmarks/compare_calibrations/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: its fluxes over those of {params.other}"
    script:
        "../scripts/compare_calibrations.py"


rule compare_published:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        photometry="results/{field}/photometry_dereddened.ecsv",
        listed=get_field_value("table"),
        published=get_published_table,
    output:
        sources="results/{field}/published/{grid}.ecsv",
        summary="results/{field}/published/{grid}_summary.ecsv",
    params:
        compare_with=get_field_value("compare_with"),
        content=content_of(get_published_table),
        code=code_digest("compare_published"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_published_values),
    log:
        "logs/compare_published/{field}/{grid}.log",
    benchmark:
        "benchmarks/compare_published/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: {wildcards.grid} ages and masses beside the published ones"
    script:
        "../scripts/compare_published.py"


rule compare_fields:
    input:
        tables=get_compared_tables,
    output:
        fields="results/fields.ecsv",
        differences="results/fields_differences.ecsv",
    params:
        fields=get_compared_fields,
        code=code_digest("compare_fields"),
    log:
        "logs/compare_fields.log",
    benchmark:
        "benchmarks/compare_fields.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "The fields beside one another"
    script:
        "../scripts/compare_fields.py"


rule plot_fields:
    input:
        tables=get_compared_tables,
        fields="results/fields.ecsv",
        lensed=get_resource("literature/lensed_clusters.ecsv"),
    output:
        png="results/fields.png",
        pdf="results/fields.pdf",
    params:
        fields=get_compared_fields,
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_fields"),
    log:
        "logs/plot_fields.log",
    benchmark:
        "benchmarks/plot_fields.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "Figure of the fields beside one another"
    script:
        "../scripts/plot_fields.py"


rule side_by_side:
    input:
        [f"results/{name}/calibration/factors.ecsv" for name in FIELDSET.with_same_sources],
        [*rules.compare_fields.output, *rules.plot_fields.output] if len(FIELDS_WITH_SOURCES) > 1 else [],
        [
            f"results/{name}/published/{grid}_summary.ecsv"
            for name in FIELDSET.with_published_values
            for grid in GRIDS
        ],

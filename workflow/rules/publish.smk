"""Tables for papers and archives: photometry and masses of the clusters (table 1), photometry of the stack (table 2).

Inputs: merged tables, stars. Outputs: results/{field}/tables/table1.*, table2.*, rescue.ecsv; results/{field}/regions/;
results/{field}/catalogue.ecsv and .csv; merged tables as .fits and .vot.
Rules: write_table1, write_table2, write_rescue (the layout that the RESCUE collaboration asks for); write_regions;
join_catalogue, convert_table.

Table 1 holds the sources, table 2 the stack, both as ECSV, CSV, LaTeX and machine-readable table (MRT). Regions are for
DS9: sources and stars on the sky, coloured by their flags. The catalogue is one table of each source's fluxes
and of the values to use, with the flags of each table; `pandas.read_csv` needs no options for it. Merged tables are
written for other programs in the formats that the configuration names; one can be asked for in any case: `make run ARGS=results/demo/photometry.vot`.
"""

from clusterphot.publish import exchange

TABLE_ENDINGS = [exchange.WRITERS[name][0] for name in config["tables"]["formats"]]


rule write_table1:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters=f"results/{{field}}/sed/{config['sed']['fiducial_grid']}/clusters.ecsv",
    output:
        ecsv="results/{field}/tables/table1.ecsv",
        csv=report(
            "results/{field}/tables/table1.csv",
            caption="../report/table1.rst",
            category="Tables",
            subcategory="{field}",
            labels={"table": "clusters"},
        ),
        tex="results/{field}/tables/table1.tex",
        mrt="results/{field}/tables/table1.mrt",
    params:
        code=code_digest("write_table1"),
    log:
        "logs/write_table1/{field}.log",
    benchmark:
        "benchmarks/write_table1/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: table 1, photometry and masses of the clusters"
    script:
        "../scripts/write_table1.py"


rule write_table2:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
    output:
        ecsv="results/{field}/tables/table2.ecsv",
        csv=report(
            "results/{field}/tables/table2.csv",
            caption="../report/table2.rst",
            category="Tables",
            subcategory="{field}",
            labels={"table": "stack"},
        ),
        tex="results/{field}/tables/table2.tex",
        mrt="results/{field}/tables/table2.mrt",
    params:
        code=code_digest("write_table2"),
    log:
        "logs/write_table2/{field}.log",
    benchmark:
        "benchmarks/write_table2/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: table 2, photometry of the stack"
    script:
        "../scripts/write_table2.py"


rule write_rescue:
    input:
        photometry=get_field_value("photometry_product"),
    output:
        ecsv="results/{field}/tables/rescue.ecsv",
    params:
        reference_filter=get_field_value("reference_filter"),
        is_dereddened=get_field_value("is_dereddened"),
        code=code_digest("write_rescue"),
    log:
        "logs/write_rescue/{field}.log",
    benchmark:
        "benchmarks/write_rescue/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: table of magnitudes and positions for RESCUE"
    script:
        "../scripts/write_rescue.py"


rule write_regions:
    input:
        photometry="results/{field}/photometry.ecsv",
        stars="results/{field}/stars.ecsv",
        psf=get_reference_filter("results/{field}/{reference}/psf.fits"),
    output:
        sources="results/{field}/regions/sources.reg",
        stars="results/{field}/regions/stars.reg",
        rejected="results/{field}/regions/rejected.reg",
    params:
        code=code_digest("write_regions"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.given_by_mosaics),
    log:
        "logs/write_regions/{field}.log",
    benchmark:
        "benchmarks/write_regions/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: regions for DS9"
    script:
        "../scripts/write_regions.py"


rule regions:
    input:
        [f"results/{field}/regions/sources.reg" for field in FIELDSET.given_by_mosaics],


rule join_catalogue:
    input:
        unpack(get_catalogue_tables),
        dereddened="results/{field}/photometry_dereddened.ecsv",
        clusters=f"results/{{field}}/sed/{config['sed']['fiducial_grid']}/clusters.ecsv",
    output:
        ecsv="results/{field}/catalogue.ecsv",
        csv="results/{field}/catalogue.csv",
    params:
        code=code_digest("join_catalogue"),
    log:
        "logs/join_catalogue/{field}.log",
    benchmark:
        "benchmarks/join_catalogue/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: catalogue of fluxes, populations and sizes"
    script:
        "../scripts/join_catalogue.py"


rule convert_table:
    input:
        table="results/{field}/{table}.ecsv",
    output:
        table="results/{field}/{table}.{ending}",
    params:
        code=code_digest("convert_table"),
    wildcard_constraints:
        table=fields.alternatives(
            sorted({name for field in FIELDSET for name in fields.merged_tables(field, GRIDS)})
        ),
        ending=fields.alternatives(ending for ending, _ in exchange.WRITERS.values()),
    log:
        "logs/convert_table/{field}/{table}.{ending}.log",
    benchmark:
        "benchmarks/convert_table/{field}/{table}.{ending}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: {wildcards.table} as .{wildcards.ending}"
    script:
        "../scripts/convert_table.py"


ruleorder: merge_photometry > convert_table


rule tables:
    input:
        [
            f"results/{field.name}/{name}.{ending}"
            for field in FIELDSET
            for name in fields.merged_tables(field, GRIDS)
            for ending in TABLE_ENDINGS
        ],
        [f"results/{field.name}/catalogue.csv" for field in FIELDSET],
        [f"results/{field.name}/tables/rescue.ecsv" for field in FIELDSET],
        [f"results/{field.name}/tables/table1.ecsv" for field in FIELDSET],
        [f"results/{field.name}/tables/table2.ecsv" for field in FIELDSET if field.has_stack],

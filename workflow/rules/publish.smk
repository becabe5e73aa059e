"""Tables for papers and archives: photometry and masses of the clusters (table 1), photometry of the stack (table 2).

Inputs: merged tables. Outputs: results/{field}/tables/table1.*, table2.*, rescue.ecsv.
Rules: write_table1, write_table2, write_rescue (the layout that the RESCUE collaboration asks for).

Table 1 holds the sources, table 2 the stack, both as ECSV, CSV, LaTeX and machine-readable table (MRT).
"""


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


rule tables:
    input:
        [f"results/{field.name}/tables/rescue.ecsv" for field in FIELDSET],
        [f"results/{field.name}/tables/table1.ecsv" for field in FIELDSET],
        [f"results/{field.name}/tables/table2.ecsv" for field in FIELDSET if field.has_stack],

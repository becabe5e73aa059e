"""Comparisons: black bodies, contamination, galaxies of a user's catalogue, luminosities.

Inputs: photometry, SED fits, mosaics, resources/literature, the user's catalogue. Outputs: tables and figures.
Rules: fit_black_bodies, classify_sources, prepare_comparison, measure_bcg, measure_luminosities,
plot_comparison_colors, plot_mass_light, plot_contamination, plot_mass_size, plot_luminosities,
plot_color_magnitude, plot_lensed_ages.

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
        bcg=get_bcg,
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


rule plot_comparison_colors:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        comparison=get_comparison,
        sequence=get_resource("literature/dwarf_sequence.ecsv"),
    output:
        png=report(
            "results/{field}/figures/comparison_colors.png",
            caption="../report/comparison_colors.rst",
            category="Comparison with other samples",
            subcategory="{field}",
            labels={"figure": "comparison colors"},
        ),
        pdf="results/{field}/figures/comparison_colors.pdf",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        r_v=config["dust"]["r_v"],
        black_body_k=config["figures"]["black_body_k"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_comparison_colors"),
    log:
        "logs/plot_comparison_colors/{field}.log",
    benchmark:
        "benchmarks/plot_comparison_colors/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: colours beside galaxies, stars and black bodies"
    script:
        "../scripts/plot_comparison_colors.py"


rule plot_mass_light:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        comparison=get_comparison,
    output:
        png=report(
            "results/{field}/figures/mass_light_{grid}.png",
            caption="../report/mass_light.rst",
            category="Comparison with other samples",
            subcategory="{field}",
            labels={"figure": "mass light", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/mass_light_{grid}.pdf",
    params:
        filters=get_field_value("filters"),
        mass_convention=config["sed"]["mass_convention"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_mass_light"),
    log:
        "logs/plot_mass_light/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_mass_light/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: magnitude near 2.2 micron against {wildcards.grid} masses"
    script:
        "../scripts/plot_mass_light.py"


rule plot_contamination:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        contamination="results/{field}/contamination.ecsv",
    output:
        png=report(
            "results/{field}/figures/contamination.png",
            caption="../report/contamination.rst",
            category="Contamination and completeness",
            subcategory="{field}",
            labels={"figure": "contamination"},
        ),
        pdf="results/{field}/figures/contamination.pdf",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_contamination"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_positions),
    log:
        "logs/plot_contamination/{field}.log",
    benchmark:
        "benchmarks/plot_contamination/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: probabilities in colour and magnitude"
    script:
        "../scripts/plot_contamination.py"


rule plot_mass_size:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        comparison=get_comparison,
        mass_size=get_resource("literature/mass_size.ecsv"),
        galaxy_sizes=get_resource("literature/galaxy_sizes.ecsv"),
    output:
        png=report(
            "results/{field}/figures/mass_size_{grid}.png",
            caption="../report/mass_size.rst",
            category="Comparison with other samples",
            subcategory="{field}",
            labels={"figure": "mass size", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/mass_size_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        size_limit_pc=config["comparison"]["size_limit_pc"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_mass_size"),
    log:
        "logs/plot_mass_size/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_mass_size/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: {wildcards.grid} masses and sizes beside other systems"
    script:
        "../scripts/plot_mass_size.py"


rule plot_luminosities:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        summary="results/{field}/sed/{grid}/luminosities.ecsv",
        mass_to_light=get_resource("literature/mass_to_light.ecsv"),
    output:
        png=report(
            "results/{field}/figures/luminosities_{grid}.png",
            caption="../report/luminosities.rst",
            category="Comparison with other samples",
            subcategory="{field}",
            labels={"figure": "luminosities", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/luminosities_{grid}.pdf",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        v_filter=config["sed"]["v_filter"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_luminosities"),
    log:
        "logs/plot_luminosities/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_luminosities/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: luminosity function and {wildcards.grid} mass-to-light ratios"
    script:
        "../scripts/plot_luminosities.py"


rule plot_color_magnitude:
    input:
        rest_frame="results/{field}/sed/{grid}/rest_frame.ecsv",
        sequences=get_resource("literature/bcg_cluster_colors.ecsv"),
    output:
        png=report(
            "results/{field}/figures/color_magnitude_{grid}.png",
            caption="../report/color_magnitude.rst",
            category="Comparison with other samples",
            subcategory="{field}",
            labels={"figure": "color magnitude", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/color_magnitude_{grid}.pdf",
    params:
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_color_magnitude"),
    log:
        "logs/plot_color_magnitude/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_color_magnitude/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: rest-frame B-I and I with {wildcards.grid} populations"
    script:
        "../scripts/plot_color_magnitude.py"


rule plot_lensed_ages:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        lensed=get_resource("literature/lensed_clusters.ecsv"),
    output:
        png=report(
            "results/{field}/figures/lensed_ages_{grid}.png",
            caption="../report/lensed_ages.rst",
            category="Comparison with other samples",
            subcategory="{field}",
            labels={"figure": "lensed ages", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/lensed_ages_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_lensed_ages"),
    log:
        "logs/plot_lensed_ages/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_lensed_ages/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: {wildcards.grid} ages beside lensed clusters"
    script:
        "../scripts/plot_lensed_ages.py"


rule comparisons:
    input:
        [f"results/{name}/contamination.ecsv" for name in FIELDSET.with_positions],
        [f"results/{name}/bcg.ecsv" for name in FIELDSET.given_by_mosaics],
        [f"results/{field.name}/black_bodies.ecsv" for field in FIELDSET if field.has_stack],
        [f"results/{field.name}/sed/{grid}/luminosities.ecsv" for field in FIELDSET for grid in GRIDS],

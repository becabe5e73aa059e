"""Figures for papers, each as PNG and as vector PDF.

Inputs: photometry, SED fits, grids. Outputs: results/{field}/figures/*_{grid}.png and .pdf.
Rules: plot_psf, plot_overview, plot_magnitudes, plot_stack, plot_recovery, plot_engines (fields of images), plot_chi2_map, plot_stack_sed, plot_colors, plot_masses, plot_formation, plot_libraries, plot_sensitivity.

Figures never compute: what they show is in a table or an image of an earlier stage, and can be drawn anew with
a key of the section `figures` without anything else being done again.
"""


rule plot_psf:
    input:
        psf="results/{field}/{filter}/psf.fits",
        stars="results/{field}/stars.ecsv",
    output:
        png=report(
            "results/{field}/figures/psf_{filter}.png",
            caption="../report/psf.rst",
            category="Point spread functions",
            subcategory="{field}",
            labels={"figure": "PSF", "filter": "{filter}"},
        ),
        pdf="results/{field}/figures/psf_{filter}.pdf",
    params:
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_psf"),
    log:
        "logs/plot_psf/{field}/{filter}.log",
    benchmark:
        "benchmarks/plot_psf/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.filter}: stars, encircled energy and stamp of the PSF"
    script:
        "../scripts/plot_psf.py"


rule plot_overview:
    input:
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        photometry="results/{field}/photometry.ecsv",
    output:
        png=report(
            "results/{field}/figures/overview.png",
            caption="../report/overview.rst",
            category="Field",
            subcategory="{field}",
            labels={"figure": "overview"},
        ),
        pdf="results/{field}/figures/overview.pdf",
    params:
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_overview"),
    log:
        "logs/plot_overview/{field}.log",
    benchmark:
        "benchmarks/plot_overview/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: colour composite with the sources"
    script:
        "../scripts/plot_overview.py"


rule plot_magnitudes:
    input:
        photometry=get_photometry_product,
        star_counts=get_star_counts,
    output:
        png=report(
            "results/{field}/figures/magnitudes.png",
            caption="../report/magnitudes.rst",
            category="Photometry",
            subcategory="{field}",
            labels={"figure": "magnitudes and depths"},
        ),
        pdf="results/{field}/figures/magnitudes.pdf",
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        is_dereddened=get_field_value("is_dereddened"),
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_magnitudes"),
    log:
        "logs/plot_magnitudes/{field}.log",
    benchmark:
        "benchmarks/plot_magnitudes/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: magnitudes, depths and expected stars"
    script:
        "../scripts/plot_magnitudes.py"


rule plot_stack:
    input:
        stacks=get_filters("results/{field}/{filter}/stack.fits"),
    output:
        png=report(
            "results/{field}/figures/stacks.png",
            caption="../report/stacks.rst",
            category="Stack",
            subcategory="{field}",
            labels={"figure": "stack, model, residual"},
        ),
        pdf="results/{field}/figures/stacks.pdf",
    params:
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_stack"),
    log:
        "logs/plot_stack/{field}.log",
    benchmark:
        "benchmarks/plot_stack/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: stack, model and residual in all filters"
    script:
        "../scripts/plot_stack.py"


rule plot_recovery:
    input:
        sources="results/{field}/recovery/sources.ecsv",
        summary="results/{field}/recovery/summary.ecsv",
    output:
        pulls_png=report(
            "results/{field}/figures/recovery_pulls.png",
            caption="../report/recovery_pulls.rst",
            category="Against the truth",
            subcategory="{field}",
            labels={"figure": "pulls"},
        ),
        pulls_pdf="results/{field}/figures/recovery_pulls.pdf",
        trends_png=report(
            "results/{field}/figures/recovery_trends.png",
            caption="../report/recovery_trends.rst",
            category="Against the truth",
            subcategory="{field}",
            labels={"figure": "biases"},
        ),
        trends_pdf="results/{field}/figures/recovery_trends.pdf",
        populations_png=report(
            "results/{field}/figures/recovery_populations.png",
            caption="../report/recovery_populations.rst",
            category="Against the truth",
            subcategory="{field}",
            labels={"figure": "populations"},
        ),
        populations_pdf="results/{field}/figures/recovery_populations.pdf",
    params:
        filters=get_field_value("filters"),
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_recovery"),
    log:
        "logs/plot_recovery/{field}.log",
    benchmark:
        "benchmarks/plot_recovery/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: pulls, biases and populations against the truth"
    script:
        "../scripts/plot_recovery.py"


rule plot_engines:
    input:
        sources="results/{field}/engines/sources.ecsv",
        summary="results/{field}/engines/summary.ecsv",
    output:
        png=report(
            "results/{field}/figures/engines.png",
            caption="../report/engines.rst",
            category="Photometry",
            subcategory="{field}",
            labels={"figure": "engines"},
        ),
        pdf="results/{field}/figures/engines.pdf",
    params:
        filters=get_field_value("filters"),
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_engines"),
    wildcard_constraints:
        field=fields.alternatives(COMPARED_FIELDS),
    log:
        "logs/plot_engines/{field}.log",
    benchmark:
        "benchmarks/plot_engines/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: differences between the engines of photometry"
    script:
        "../scripts/plot_engines.py"


rule plot_chi2_map:
    input:
        stack="results/{field}/sed/{grid}/stack.ecsv",
        chi2_map="results/{field}/sed/{grid}/chi2_map.fits",
    output:
        png=report(
            "results/{field}/figures/chi2_map_{grid}.png",
            caption="../report/chi2_map.rst",
            category="Ages, metallicities, masses",
            subcategory="{field}",
            labels={"figure": "chi-square map of the stack", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/chi2_map_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_chi2_map"),
    log:
        "logs/plot_chi2_map/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_chi2_map/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: chi-square map of the stack over {wildcards.grid} ages and metallicities"
    script:
        "../scripts/plot_chi2_map.py"


rule plot_stack_sed:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
        projected=get_field_grid("projected"),
        grid="results/ssp/{grid}/grid.h5",
    output:
        png=report(
            "results/{field}/figures/stack_sed_{grid}.png",
            caption="../report/stack_sed.rst",
            category="Stack",
            subcategory="{field}",
            labels={"figure": "SED", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/stack_sed_{grid}.pdf",
    params:
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        black_body_k=config["figures"]["black_body_k"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_stack_sed"),
    log:
        "logs/plot_stack_sed/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_stack_sed/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: SED of the stack with {wildcards.grid} models and black bodies"
    script:
        "../scripts/plot_stack_sed.py"


rule plot_colors:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        projected=get_field_grid("projected"),
    output:
        png=report(
            "results/{field}/figures/colors_{grid}.png",
            caption="../report/colors.rst",
            category="Ages, metallicities, masses",
            subcategory="{field}",
            labels={"figure": "colours", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/colors_{grid}.pdf",
    params:
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_colors"),
    log:
        "logs/plot_colors/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_colors/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: colour-colour diagram of the clusters with {wildcards.grid} tracks"
    script:
        "../scripts/plot_colors.py"


rule plot_masses:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
    output:
        png=report(
            "results/{field}/figures/masses_{grid}.png",
            caption="../report/masses.rst",
            category="Ages, metallicities, masses",
            subcategory="{field}",
            labels={"figure": "masses", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/masses_{grid}.pdf",
    params:
        mass_convention=config["sed"]["mass_convention"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_masses"),
    log:
        "logs/plot_masses/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_masses/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: histogram of the {wildcards.grid} masses"
    script:
        "../scripts/plot_masses.py"


rule plot_formation:
    input:
        formation="results/{field}/sed/{grid}/formation.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
    output:
        png=report(
            "results/{field}/figures/formation_{grid}.png",
            caption="../report/formation.rst",
            category="Ages, metallicities, masses",
            subcategory="{field}",
            labels={"figure": "formation", "models": "{grid}"},
        ),
        pdf="results/{field}/figures/formation_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_formation"),
    log:
        "logs/plot_formation/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_formation/{field}/{grid}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: when the clusters formed, with {wildcards.grid} populations"
    script:
        "../scripts/plot_formation.py"


rule plot_libraries:
    input:
        comparison="results/{field}/sed/comparison.ecsv",
        densities="results/{field}/sed/library_posteriors.ecsv",
        chi2_maps=expand("results/{{field}}/sed/{grid}/chi2_map.fits", grid=GRIDS),
    output:
        png=report(
            "results/{field}/figures/libraries.png",
            caption="../report/libraries.rst",
            category="Posteriors and libraries",
            subcategory="{field}",
            labels={"figure": "libraries"},
        ),
        pdf="results/{field}/figures/libraries.pdf",
    params:
        grids=GRIDS,
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_libraries"),
    log:
        "logs/plot_libraries/{field}.log",
    benchmark:
        "benchmarks/plot_libraries/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: chi-square maps and posteriors of the stack with every library"
    script:
        "../scripts/plot_libraries.py"


rule plot_sensitivity:
    input:
        sensitivity="results/{field}/sed/sensitivity.ecsv",
    output:
        png=report(
            "results/{field}/figures/sensitivity.png",
            caption="../report/sensitivity.rst",
            category="Posteriors and libraries",
            subcategory="{field}",
            labels={"figure": "sensitivity"},
        ),
        pdf="results/{field}/figures/sensitivity.pdf",
    params:
        fiducial_grid=config["sed"]["fiducial_grid"],
        dpi=config["figures"]["dpi"],
        code=code_digest("plot_sensitivity"),
    log:
        "logs/plot_sensitivity/{field}.log",
    benchmark:
        "benchmarks/plot_sensitivity/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: what moves the stack's age, as a figure"
    script:
        "../scripts/plot_sensitivity.py"


rule figures:
    input:
        [path for field in FIELDSET for path in field.figures(GRIDS, ENGINES)],

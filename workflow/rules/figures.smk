"""Figures for papers, each as PNG and as vector PDF.

Inputs: photometry, SED fits, grids. Outputs: results/{field}/figures/*_{grid}.png and .pdf.
Rules: plot_chi2_map, plot_stack_sed, plot_colors, plot_masses.
"""


rule plot_chi2_map:
    input:
        stack="results/{field}/sed/{grid}/stack.ecsv",
        chi2_map="results/{field}/sed/{grid}/chi2_map.fits",
    output:
        png="results/{field}/figures/chi2_map_{grid}.png",
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
        projected=get_projected_grid,
        grid="results/ssp/{grid}/grid.h5",
    output:
        png="results/{field}/figures/stack_sed_{grid}.png",
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
        projected=get_projected_grid,
    output:
        png="results/{field}/figures/colors_{grid}.png",
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
        png="results/{field}/figures/masses_{grid}.png",
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


rule figures:
    input:
        [
            f"results/{field.name}/figures/{kind}_{grid}.{suffix}"
            for field in FIELDSET
            for grid in GRIDS
            for kind in (["colors", "masses"] + ["chi2_map", "stack_sed"] * field.has_stack)
            for suffix in ("png", "pdf")
        ],

"""The Milky Way in front of a field: its dust, integrated through each filter, and its stars.

Inputs: photometry of chunks and stacks, an SSP grid, resources/literature. Outputs: A per filter, de-reddened photometry,
expected star counts.
Rules: compute_extinction, deredden_photometry, deredden_stack, count_stars.

The curve of Fitzpatrick (1999) is integrated through each filter behind the spectrum of a stellar population,
for E(B-V) of the field or of the maps (`ebv: sfd`). `extinction.ecsv` lists the magnitudes. Fluxes said to be
de-reddened already stay as they are. Counts of Milky Way stars come from a model of the Galaxy or from the user.
"""


rule compute_extinction:
    input:
        grid=f"results/ssp/{config['sed']['fiducial_grid']}/grid.h5",
    output:
        extinction="results/{field}/extinction.ecsv",
    params:
        ebv=get_field_value("ebv"),
        redshift=get_field_value("redshift"),
        filters=get_field_value("filters"),
        center_deg=get_field_value("sfd_center_deg"),
        sfd_map_dir=config["dust"]["sfd_map_dir"],
        r_v=config["dust"]["r_v"],
        age_gyr=config["dust"]["reference_age_gyr"],
        metallicity_zsun=config["dust"]["reference_metallicity_zsun"],
        code=code_digest("compute_extinction"),
    log:
        "logs/compute_extinction/{field}.log",
    benchmark:
        "benchmarks/compute_extinction/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: Milky Way extinction through its filters"
    script:
        "../scripts/compute_extinction.py"


rule deredden_photometry:
    input:
        photometry=get_photometry_chunk,
        extinction="results/{field}/extinction.ecsv",
    output:
        photometry="results/{field}/photometry_dereddened/{chunk}.ecsv",
    params:
        is_dereddened=get_field_value("is_dereddened"),
        code=code_digest("deredden_photometry"),
    log:
        "logs/deredden_photometry/{field}/{chunk}.log",
    benchmark:
        "benchmarks/deredden_photometry/{field}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.chunk}: correct fluxes for Milky Way dust"
    script:
        "../scripts/deredden_photometry.py"


rule deredden_stack:
    input:
        photometry="results/{field}/stack_fluxes.ecsv",
        extinction="results/{field}/extinction.ecsv",
    output:
        photometry="results/{field}/stack_photometry.ecsv",
    params:
        is_dereddened=get_field_value("is_dereddened"),
        code=code_digest("deredden_stack"),
    log:
        "logs/deredden_stack/{field}.log",
    benchmark:
        "benchmarks/deredden_stack/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: correct the fluxes of the stack for Milky Way dust"
    script:
        "../scripts/deredden_stack.py"


rule count_stars:
    input:
        extinction="results/{field}/extinction.ecsv",
        mosaic=get_reference_mosaic,
        sequence=get_resource("literature/dwarf_sequence.ecsv"),
        user=get_user_star_counts,
    output:
        star_counts="results/{field}/star_counts.ecsv",
    params:
        center_deg=get_field_value("center_deg"),
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        area_arcmin2=get_comparison_value("area_arcmin2"),
        mag_min=config["stars"]["mag_min"],
        mag_max=config["stars"]["mag_max"],
        bin_mag=config["stars"]["bin_mag"],
        content=content_of(get_user_star_counts),
        code=code_digest("count_stars"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_positions),
    log:
        "logs/count_stars/{field}.log",
    benchmark:
        "benchmarks/count_stars/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: Milky Way stars expected in its area"
    script:
        "../scripts/count_stars.py"

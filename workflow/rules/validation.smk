"""The reproduction page: each number of Faisst et al. (2022), ours beside it, and why they differ where they do.

Inputs: tables of all stages, resources/faisst2022. Outputs: results/{field}/reproduction.ecsv, results/reproduction.ecsv,
.md and .html. Target: `reproduction`.
Rules: compute_reproduction, write_reproduction.

The numbers of the paper stand in `resources/faisst2022/published_values.yaml`; ours are computed from the
tables of each field.
"""


rule compute_reproduction:
    input:
        unpack(get_reproduction_products),
        numbers=get_resource("faisst2022/published_values.yaml"),
        table1=get_resource("faisst2022/table1.csv"),
        table2=get_resource("faisst2022/table2.csv"),
    output:
        reproduction="results/{field}/reproduction.ecsv",
    params:
        products=lambda wildcards: list(get_reproduction_products(wildcards)),
        role=get_reproduction_role,
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        reference_filter=get_reproduction_reference,
        v_filter=config["sed"]["v_filter"],
        mass_convention=config["sed"]["mass_convention"],
        r_v=config["dust"]["r_v"],
        mag_min=get_image_setting(config["psf"]["mag_min"]),
        mag_max=get_image_setting(config["psf"]["mag_max"]),
        cutout_size_arcsec=get_image_setting(config["photometry"]["cutout_size_arcsec"]),
        max_shift_px=get_image_setting(config["photometry"]["max_shift_px"]),
        annulus_inner_px=get_image_setting(config["stack"]["annulus_px"][0]),
        annulus_outer_px=get_image_setting(config["stack"]["annulus_px"][1]),
        code=code_digest("compute_reproduction"),
    log:
        "logs/compute_reproduction/{field}.log",
    benchmark:
        "benchmarks/compute_reproduction/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: numbers of Faisst et al. (2022) and ours"
    script:
        "../scripts/compute_reproduction.py"


rule write_reproduction:
    input:
        fields=[f"results/{name}/reproduction.ecsv" for name in FIELDS],
    output:
        ecsv="results/reproduction.ecsv",
        md="results/reproduction.md",
        html="results/reproduction.html",
    params:
        fields=FIELDS,
        templates=templates_digest("validation/templates"),
        code=code_digest("write_reproduction"),
    log:
        "logs/write_reproduction.log",
    benchmark:
        "benchmarks/write_reproduction.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Reproduction page of {params.fields}"
    script:
        "../scripts/write_reproduction.py"


rule reproduction:
    input:
        rules.write_reproduction.output,

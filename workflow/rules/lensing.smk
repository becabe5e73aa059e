"""Fields with sources behind a lens: what is intrinsic to them, for fields that name a magnification.

Inputs: merged photometry, SED fits, limits of sizes, maps of magnification. Outputs: results/{field}/lensing/. Target:
`lensing`.
Rules: demagnify.

Observed values stay as they are in all other tables. `intrinsic.ecsv` is one table and not columns of others, since it
joins fluxes, masses and sizes, and a better lens model changes it alone: nothing is measured or fitted anew. Ages and
metallicities do not depend on the magnification; they are those at each source's redshift.
"""


rule demagnify:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters=f"results/{{field}}/sed/{config['sed']['fiducial_grid']}/clusters.ecsv",
        sizes=get_where("mosaics", "results/{field}/sizes/limits.ecsv"),
        listed=get_field_value("table"),
        maps=get_magnification_maps,
    output:
        intrinsic="results/{field}/lensing/intrinsic.ecsv",
    params:
        magnification=get_field_value("magnification"),
        content=content_of(get_magnification_maps),
        code=code_digest("demagnify"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.lensed),
    log:
        "logs/demagnify/{field}.log",
    benchmark:
        "benchmarks/demagnify/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: fluxes, masses and sizes without the lens"
    script:
        "../scripts/demagnify.py"


rule lensing:
    input:
        [f"results/{name}/lensing/intrinsic.ecsv" for name in FIELDSET.lensed],

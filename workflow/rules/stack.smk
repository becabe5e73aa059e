"""Stack the clean sources of a field in each filter, fit the stacks.

Inputs: cutouts, merged photometry. Outputs: results/{field}/{filter}/stack.fits, results/{field}/stack_fluxes.ecsv,
stack_methods.ecsv.
Rules: stack_sources, join_stacks.

Sources with a flag that spoils their image are left out. Each cutout loses its local background and is shifted
to a common centre; the stack is fitted as one point source. The errors are a bootstrap over the sources, with
the covariance between filters in the metadata. Medians and means are all fitted: `stack_methods.ecsv` tells how far
the colours of one are from those of another.
"""


rule stack_sources:
    input:
        cutouts=get_chunks("results/{field}/{filter}/cutouts/{chunk}.fits"),
        photometry="results/{field}/photometry.ecsv",
        psf="results/{field}/{filter}/psf.fits",
        psf_grid="results/{field}/{filter}/psf_grid.fits",
        noise="results/{field}/{filter}/noise.fits",
    output:
        stack="results/{field}/{filter}/stack.fits",
    params:
        **get_keys("stack", StackKeys),
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        engine=config["photometry"]["engine"],
        sky=config["photometry"]["sky"],
        max_shift_px=config["photometry"]["max_shift_px"],
        code=code_digest("stack_sources"),
    log:
        "logs/stack_sources/{field}/{filter}.log",
    benchmark:
        "benchmarks/stack_sources/{field}/{filter}.tsv"
    conda:
        FIT_ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field} {wildcards.filter}: stack the clean sources"
    script:
        "../scripts/stack_sources.py"


rule join_stacks:
    input:
        stacks=get_filters("results/{field}/{filter}/stack.fits"),
    output:
        photometry="results/{field}/stack_fluxes.ecsv",
        methods="results/{field}/stack_methods.ecsv",
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        zero_point_errors=get_zero_point_errors,
        code=code_digest("join_stacks"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.given_by_mosaics),
    log:
        "logs/join_stacks/{field}.log",
    benchmark:
        "benchmarks/join_stacks/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: fluxes of the stack in all filters"
    script:
        "../scripts/join_stacks.py"


rule stacks:
    input:
        [f"results/{field.name}/stack_photometry.ecsv" for field in FIELDSET if field.has_stack],

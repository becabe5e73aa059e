"""Compare what was measured with the truth, for fields whose truth is known.

Inputs: truth, photometry, SED fits. Outputs: results/{field}/recovery/.
Rules: recover_truth.

Only for fields with a truth, that is simulated ones. Pulls, biases and scatter by filter, in bins of signal to
noise and of the light under the source; colours, ages and masses; the stack. This is where a claim about errors
can be checked.
"""


rule recover_truth:
    input:
        truth=get_field_value("truth"),
        photometry="results/{field}/photometry.ecsv",
        dereddened="results/{field}/photometry_dereddened.ecsv",
        clusters=f"results/{{field}}/sed/{config['sed']['fiducial_grid']}/clusters.ecsv",
        grid=get_field_grid("projected", FIDUCIAL_GRID),
        four_color=get_four_color_files,
        stacks=get_filters("results/{field}/{filter}/stack.fits"),
    output:
        sources="results/{field}/recovery/sources.ecsv",
        summary=report(
            "results/{field}/recovery/summary.ecsv",
            caption="../report/summary.rst",
            category="Against the truth",
            subcategory="{field}",
            labels={"table": "biases and pulls"},
        ),
    params:
        content=content_of(get_field_value("truth")),
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        dominated_weight_fraction=config["sed"]["dominated_weight_fraction"],
        v_filter=config["sed"]["v_filter"],
        mass_convention=config["sed"]["mass_convention"],
        code=code_digest("recover_truth"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_truth),
    log:
        "logs/recover_truth/{field}.log",
    benchmark:
        "benchmarks/recover_truth/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: compare with the truth"
    script:
        "../scripts/recover_truth.py"


rule recovery:
    input:
        [f"results/{name}/recovery/summary.ecsv" for name in FIELDSET.with_truth],

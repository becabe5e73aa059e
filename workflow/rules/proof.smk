"""Prove the errors of a field: artificial clusters and blank places in its own mosaics; the truth, where it is known.

Inputs: mosaics, PSFs, noise, offsets, photometry; truth. Outputs: results/{field}/proof/, results/{field}/recovery/.
Rules: choose_donors, measure_injections, fit_injected_sed, summarise_proof; rescale_errors where asked for; recover_truth.

Artificial clusters have places and fluxes of the field's own measured sources. They are painted into cutouts of all
filters, each into its own, and measured by the very functions and rules that measure the list, neighbours and
populations included; blank places are fitted as if a source were there. They come in chunks, in which each has a random
stream of its own: more of them add to those that exist, and the size of a chunk changes nothing.

With `photometry.rescale_errors: proof` the errors of the list are multiplied by what came of it, before anything is made of
them; artificial clusters themselves follow the list as the fits left it.

In a field with a truth, that is a simulated one, the list itself is compared with it: pulls, biases and scatter by
filter, in bins of signal to noise and of the light under the source; colours, ages and masses; the stack.
"""


rule choose_donors:
    input:
        chunks=get_chunks("results/{field}/photometry/{chunk}.ecsv"),
    output:
        donors="results/{field}/proof/donors.ecsv",
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        code=code_digest("choose_donors"),
    wildcard_constraints:
        field=fields.alternatives(PROVEN_FIELDS),
    log:
        "logs/choose_donors/{field}.log",
    benchmark:
        "benchmarks/choose_donors/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: gather what artificial clusters are made of"
    script:
        "../scripts/choose_donors.py"


rule measure_injections:
    input:
        donors="results/{field}/proof/donors.ecsv",
        extinction="results/{field}/extinction.ecsv",
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        psf_grids=get_filters("results/{field}/{filter}/psf_grid.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        outcome="results/{field}/proof/chunks/{chunk}.ecsv",
        photometry="results/{field}/proof/photometry_dereddened/{chunk}.ecsv",
    params:
        **get_keys("photometry", FitKeys),
        **get_keys("proof", DrawKeys),
        engine=config["photometry"]["engine"],
        preset=config["photometry"]["preset"],
        cutout_size_arcsec=config["photometry"]["cutout_size_arcsec"],
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        injected=get_numbers("n_injections"),
        blank=get_numbers("n_blank"),
        code=code_digest("measure_injections"),
    wildcard_constraints:
        field=fields.alternatives(PROVEN_FIELDS),
    log:
        "logs/measure_injections/{field}/{chunk}.log",
    benchmark:
        "benchmarks/measure_injections/{field}/{chunk}.tsv"
    conda:
        FIT_ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.chunk}: measure artificial clusters and blank places"
    script:
        "../scripts/measure_injections.py"


use rule fit_sed as fit_injected_sed with:
    input:
        photometry="results/{field}/proof/photometry_dereddened/{chunk}.ecsv",
        extinction="results/{field}/extinction.ecsv",
        systematics="results/{field}/systematics.ecsv",
        grid=get_field_grid("projected"),
        native_grid=get_field_grid("native"),
        four_color=get_four_color_files,
    output:
        clusters="results/{field}/proof/sed/{grid}/{chunk}.ecsv",
    params:
        redshift=get_field_value("redshift"),
    log:
        "logs/fit_injected_sed/{field}/{grid}/{chunk}.log",
    benchmark:
        "benchmarks/fit_injected_sed/{field}/{grid}/{chunk}.tsv"
    message:
        "{wildcards.field} {wildcards.chunk}: fit {wildcards.grid} populations to artificial clusters"


rule summarise_proof:
    input:
        outcomes=get_proof_chunks("results/{field}/proof/chunks/{chunk}.ecsv"),
        photometry=get_proof_chunks("results/{field}/proof/photometry_dereddened/{chunk}.ecsv"),
        clusters=get_proof_chunks(
            f"results/{{field}}/proof/sed/{config['sed']['fiducial_grid']}/{{chunk}}.ecsv"
        ),
        grid=get_field_grid("projected", FIDUCIAL_GRID),
        four_color=get_four_color_files,
    output:
        sources="results/{field}/proof/sources.ecsv",
        summary="results/{field}/proof/summary.ecsv",
        populations="results/{field}/proof/populations.ecsv",
        scaling="results/{field}/proof/scaling.ecsv",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        dominated_weight_fraction=config["sed"]["dominated_weight_fraction"],
        v_filter=config["sed"]["v_filter"],
        mass_convention=config["sed"]["mass_convention"],
        code=code_digest("summarise_proof"),
    log:
        "logs/summarise_proof/{field}.log",
    benchmark:
        "benchmarks/summarise_proof/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: what came of artificial clusters and blank places"
    script:
        "../scripts/summarise_proof.py"


rule rescale_errors:
    input:
        photometry="results/{field}/photometry/{chunk}.ecsv",
        scaling="results/{field}/proof/scaling.ecsv",
    output:
        photometry="results/{field}/photometry_rescaled/{chunk}.ecsv",
    params:
        code=code_digest("rescale_errors"),
    log:
        "logs/rescale_errors/{field}/{chunk}.log",
    benchmark:
        "benchmarks/rescale_errors/{field}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.chunk}: errors as artificial clusters have them"
    script:
        "../scripts/rescale_errors.py"


rule proof:
    input:
        [f"results/{name}/proof/summary.ecsv" for name in PROVEN_FIELDS],


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

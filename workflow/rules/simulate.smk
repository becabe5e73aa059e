"""Simulate fields of stars, galaxies and star clusters, for demonstration and for tests of recovery.

Inputs: source list and `simulation` of a field, table of cluster fluxes. Outputs: results/{field}/simulation/.
Rules: simulate_sources, simulate_pupil; then simulate_exposures or simulate_i2d, or simulate_field.

Positions are those of the list, with small errors, as of a list made by eye; each cluster is the model
population nearest to a published one. PSFs come from the optics of the telescope (segments, struts, wave-front
errors). With `exposures` the mosaics are drizzled from dithered exposures, as real ones are; without they are drawn
as such. The files are like those of the DAWN JWST Archive or of MAST, so that everything after this stage treats them
as it treats real ones.
"""


rule simulate_sources:
    input:
        sources=get_field_value("source_list"),
        clusters=get_simulated_clusters,
        grid=f"results/ssp/{config['sed']['fiducial_grid']}/grid.h5",
    output:
        truth="results/{field}/simulation/truth.ecsv",
    params:
        simulation=get_field_value("simulation"),
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        ebv=get_field_value("ebv"),
        center_deg=get_field_value("simulation_center_deg"),
        cosmology=config["cosmology"],
        ages_gyr=[0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 9.0],
        metallicity_zsun=[0.02, 0.2, 0.4, 1.0],
        code=code_digest("simulate_sources"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.simulated),
    log:
        "logs/simulate_sources/{field}.log",
    benchmark:
        "benchmarks/simulate_sources/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: draw stars, galaxies and star clusters"
    script:
        "../scripts/simulate_sources.py"


rule simulate_pupil:
    input:
        truth="results/{field}/simulation/truth.ecsv",
    output:
        pupil="results/{field}/simulation/pupil.fits",
    params:
        code=code_digest("simulate_pupil"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.simulated),
    log:
        "logs/simulate_pupil/{field}.log",
    benchmark:
        "benchmarks/simulate_pupil/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: segments, struts and wavefront error of the telescope"
    script:
        "../scripts/simulate_pupil.py"


rule simulate_exposures:
    input:
        truth="results/{field}/simulation/truth.ecsv",
        pupil="results/{field}/simulation/pupil.fits",
    output:
        sci="results/{field}/simulation/{filter}_sci.fits",
        wht="results/{field}/simulation/{filter}_wht.fits",
        psf="results/{field}/simulation/{filter}_psf.fits",
        psf_grid="results/{field}/simulation/{filter}_psf_grid.fits",
        exposures="results/{field}/simulation/{filter}_wcs.csv",
    params:
        code=code_digest("simulate_exposures"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.simulated_as("archive")),
    log:
        "logs/simulate_exposures/{field}/{filter}.log",
    benchmark:
        "benchmarks/simulate_exposures/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
    message:
        "{wildcards.field} {wildcards.filter}: simulate exposures and drizzle them"
    script:
        "../scripts/simulate_exposures.py"


use rule simulate_exposures as simulate_i2d with:
    output:
        i2d="results/{field}/simulation/{filter}_i2d.fits",
        psf="results/{field}/simulation/{filter}_psf.fits",
        psf_grid="results/{field}/simulation/{filter}_psf_grid.fits",
        exposures="results/{field}/simulation/{filter}_wcs.csv",
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.simulated_as("i2d")),
    log:
        "logs/simulate_i2d/{field}/{filter}.log",
    benchmark:
        "benchmarks/simulate_i2d/{field}/{filter}.tsv"


rule simulate_field:
    input:
        truth="results/{field}/simulation/truth.ecsv",
        pupil="results/{field}/simulation/pupil.fits",
        correlation=get_noise_correlation,
    output:
        sci="results/{field}/simulation/{filter}_sci.fits",
        wht="results/{field}/simulation/{filter}_wht.fits",
        psf="results/{field}/simulation/{filter}_psf.fits",
    params:
        content=content_of(get_noise_correlation),
        code=code_digest("simulate_field"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.simulated_as("drawn")),
    log:
        "logs/simulate_field/{field}/{filter}.log",
    benchmark:
        "benchmarks/simulate_field/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field} {wildcards.filter}: simulate the image"
    script:
        "../scripts/simulate_field.py"

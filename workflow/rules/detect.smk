"""Find star clusters without a list of sources, and say what the search misses and mistakes.

Inputs: mosaics, PSFs, noise, offsets and stars. Outputs: results/{field}/candidates.ecsv, selected.csv,
candidates.html, results/{field}/completeness/{filter}.ecsv and mass.ecsv.
Rules: detect_sources (tile by tile), merge_candidates, inject_clusters and inject_masses (run by run),
measure_completeness, measure_mass_completeness, make_candidate_page.

On demand only. Detection proposes a list, a person freezes it: copy `selected.csv` to a place of your own and
name the copy as `sources`. Artificial clusters are put into the real images and found by the same code, run by
run, so that more of them add to those that exist: clusters of a typical spectrum for completeness against magnitude,
and clusters of known populations and radii for that against mass.
"""


rule detect_sources:
    input:
        stars="results/{field}/stars.ecsv",
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        psf_grids=get_filters("results/{field}/{filter}/psf_grid.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        candidates="results/{field}/detection/{tile}.ecsv",
        maps="results/{field}/detection/{tile}_maps.fits",
    params:
        reference_filter=get_field_value("reference_filter"),
        combined_filters=config["detection"]["combined_filters"],
        relative_flux=config["detection"]["relative_flux"],
        background=config["detection"]["background"],
        search=get_keys("detection", SearchKeys),
        max_surface_brightness=config["detection"]["max_surface_brightness"],
        tiling=get_keys("detection", TileKeys),
        code=code_digest("detect_sources"),
    log:
        "logs/detect_sources/{field}/{tile}.log",
    benchmark:
        "benchmarks/detect_sources/{field}/{tile}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field} {wildcards.tile}: search for point sources"
    script:
        "../scripts/detect_sources.py"


rule merge_candidates:
    input:
        candidates=get_tiles("results/{field}/detection/{tile}.ecsv"),
        maps=get_tiles("results/{field}/detection/{tile}_maps.fits"),
        stars="results/{field}/stars.ecsv",
        sequence=get_resource("literature/dwarf_sequence.ecsv"),
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        psf_grids=get_filters("results/{field}/{filter}/psf_grid.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        candidates="results/{field}/candidates.ecsv",
        selected="results/{field}/selected.csv",
        maps="results/{field}/detection/maps.fits",
    params:
        cuts=get_keys("detection", SelectionKeys),
        reference_filter=get_field_value("reference_filter"),
        combined_filters=config["detection"]["combined_filters"],
        relative_flux=config["detection"]["relative_flux"],
        background=config["detection"]["background"],
        control_region=config["detection"]["control_region"],
        code=code_digest("merge_candidates"),
    log:
        "logs/merge_candidates/{field}.log",
    benchmark:
        "benchmarks/merge_candidates/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: select star clusters among the candidates"
    script:
        "../scripts/merge_candidates.py"


rule inject_clusters:
    input:
        candidates="results/{field}/candidates.ecsv",
        maps="results/{field}/detection/maps.fits",
        stars="results/{field}/stars.ecsv",
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        psf_grids=get_filters("results/{field}/{filter}/psf_grid.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        injections="results/{field}/completeness/runs/{run}.ecsv",
    params:
        cuts=get_keys("detection", SelectionKeys),
        reference_filter=get_field_value("reference_filter"),
        combined_filters=config["detection"]["combined_filters"],
        relative_flux=config["detection"]["relative_flux"],
        background=config["detection"]["background"],
        search=get_keys("detection", SearchKeys),
        injections=get_keys("completeness", InjectionKeys),
        code=code_digest("inject_clusters"),
    log:
        "logs/inject_clusters/{field}/{run}.log",
    benchmark:
        "benchmarks/inject_clusters/{field}/{run}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field} {wildcards.run}: search for artificial clusters"
    script:
        "../scripts/inject_clusters.py"


rule measure_completeness:
    input:
        runs=get_injection_runs("results/{field}/completeness/runs/{run}.ecsv"),
        candidates="results/{field}/candidates.ecsv",
        maps="results/{field}/detection/maps.fits",
    output:
        completeness="results/{field}/completeness/{filter}.ecsv",
        sources="results/{field}/completeness/{filter}_sources.ecsv",
        map="results/{field}/completeness/{filter}_map.fits",
    params:
        code=code_digest("measure_completeness"),
    log:
        "logs/measure_completeness/{field}/{filter}.log",
    benchmark:
        "benchmarks/measure_completeness/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=800,
    message:
        "{wildcards.field} {wildcards.filter}: completeness against magnitude and noise"
    script:
        "../scripts/measure_completeness.py"


use rule inject_clusters as inject_masses with:
    input:
        grid=get_field_grid("native", FIDUCIAL_GRID),
        extinction="results/{field}/extinction.ecsv",
        candidates="results/{field}/candidates.ecsv",
        maps="results/{field}/detection/maps.fits",
        stars="results/{field}/stars.ecsv",
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
        psf_grids=get_filters("results/{field}/{filter}/psf_grid.fits"),
        noises=get_filters("results/{field}/{filter}/noise.fits"),
        offsets=get_other_filters("results/{field}/{filter}/offset.ecsv"),
    output:
        injections="results/{field}/completeness/mass_runs/{run}.ecsv",
    params:
        populations=get_keys("completeness", PopulationKeys),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
    log:
        "logs/inject_masses/{field}/{run}.log",
    benchmark:
        "benchmarks/inject_masses/{field}/{run}.tsv"
    message:
        "{wildcards.field} {wildcards.run}: search for artificial clusters of known mass"


rule measure_mass_completeness:
    input:
        runs=get_injection_runs("results/{field}/completeness/mass_runs/{run}.ecsv", "n_of_mass"),
    output:
        completeness="results/{field}/completeness/mass.ecsv",
    params:
        reference_filter=get_field_value("reference_filter"),
        code=code_digest("measure_mass_completeness"),
    log:
        "logs/measure_mass_completeness/{field}.log",
    benchmark:
        "benchmarks/measure_mass_completeness/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=800,
    message:
        "{wildcards.field}: completeness against mass, age and radius"
    script:
        "../scripts/measure_mass_completeness.py"


rule make_candidate_page:
    input:
        candidates="results/{field}/candidates.ecsv",
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        template=get_resource("pages/candidates.html"),
    output:
        page="results/{field}/candidates.html",
    params:
        reference_filter=get_field_value("reference_filter"),
        code=code_digest("make_candidate_page"),
    log:
        "logs/make_candidate_page/{field}.log",
    benchmark:
        "benchmarks/make_candidate_page/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=800,
    message:
        "{wildcards.field}: page to accept or reject candidates on"
    script:
        "../scripts/make_candidate_page.py"


rule candidates:
    input:
        [
            f"results/{name}/candidates.{kind}"
            for name in FIELDSET.given_by_mosaics
            for kind in ("ecsv", "html")
        ],
        [
            f"results/{name}/figures/{figure}.png"
            for name in FIELDSET.given_by_mosaics
            for figure in ("candidates", "point_likeness")
        ],


rule completeness:
    input:
        [
            path
            for field in FIELDSET
            for filt in field.mosaics
            for path in (
                f"results/{field.name}/completeness/{filt}.ecsv",
                f"results/{field.name}/figures/completeness_{filt}.png",
            )
        ],
        [f"results/{name}/completeness/mass.ecsv" for name in FIELDS_SEARCHED_BY_MASS],

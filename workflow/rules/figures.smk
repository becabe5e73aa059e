"""Figures for papers, each as PNG and as vector PDF.

Inputs: tables and images of all stages. Outputs: results/{field}/figures/*.png and .pdf.
Rules: plot_<figure> for each figure, in the order of clusterphot.figures.registry. Target: figures.

Figures never compute: what they show is in a table or an image of an earlier stage, and can be drawn anew with
a key of the section `figures` without anything else being done again. All have one driver: it calls `draw` of the
figure's module in the package with what the rule names, input, params and wildcards.
"""


rule plot_figure:  # what all figures share; makes nothing by itself
    params:
        dpi=config["figures"]["dpi"],
    log:
        "logs/plot_figure.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    script:
        "../scripts/plot_figure.py"


use rule plot_figure as plot_overview with:
    input:
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        photometry="results/{field}/photometry.ecsv",
    output:
        png=figure("results/{field}/figures/overview.png"),
        pdf="results/{field}/figures/overview.pdf",
    params:
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=figure_digest("overview"),
    log:
        "logs/plot_overview/{field}.log",
    benchmark:
        "benchmarks/plot_overview/{field}.tsv"
    message:
        message_of("overview")


use rule plot_figure as plot_stars with:
    input:
        stars="results/{field}/stars.ecsv",
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
    output:
        png=figure("results/{field}/figures/stars.png"),
        pdf="results/{field}/figures/stars.pdf",
    params:
        code=figure_digest("stars"),
    log:
        "logs/plot_stars/{field}.log",
    benchmark:
        "benchmarks/plot_stars/{field}.tsv"
    message:
        message_of("stars")


use rule plot_figure as plot_psf with:
    input:
        psf="results/{field}/{filter}/psf.fits",
        check="results/{field}/{filter}/psf_check.fits",
    output:
        png=figure("results/{field}/figures/psf_{filter}.png"),
        pdf="results/{field}/figures/psf_{filter}.pdf",
    params:
        code=figure_digest("psf"),
    log:
        "logs/plot_psf/{field}/{filter}.log",
    benchmark:
        "benchmarks/plot_psf/{field}/{filter}.tsv"
    message:
        message_of("psf")


use rule plot_figure as plot_magnitudes with:
    input:
        photometry=get_field_value("photometry_product"),
        star_counts=get_where("center_deg", "results/{field}/star_counts.ecsv"),
    output:
        png=figure("results/{field}/figures/magnitudes.png"),
        pdf="results/{field}/figures/magnitudes.pdf",
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        is_dereddened=get_field_value("is_dereddened"),
        code=figure_digest("magnitudes"),
    log:
        "logs/plot_magnitudes/{field}.log",
    benchmark:
        "benchmarks/plot_magnitudes/{field}.tsv"
    message:
        message_of("magnitudes")


use rule plot_figure as plot_calibration with:
    input:
        sources="results/{field}/calibration/sources.ecsv",
        factors="results/{field}/calibration/factors.ecsv",
    output:
        png=figure("results/{field}/figures/calibration.png"),
        pdf="results/{field}/figures/calibration.pdf",
    params:
        other=get_field_value("same_sources_as"),
        code=figure_digest("calibration"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_same_sources),
    log:
        "logs/plot_calibration/{field}.log",
    benchmark:
        "benchmarks/plot_calibration/{field}.tsv"
    message:
        message_of("calibration")


use rule plot_figure as plot_engines with:
    input:
        sources="results/{field}/engines/sources.ecsv",
        summary="results/{field}/engines/summary.ecsv",
    output:
        png=figure("results/{field}/figures/engines.png"),
        pdf="results/{field}/figures/engines.pdf",
    params:
        filters=get_field_value("filters"),
        code=figure_digest("engines"),
    wildcard_constraints:
        field=fields.alternatives(COMPARED_FIELDS),
    log:
        "logs/plot_engines/{field}.log",
    benchmark:
        "benchmarks/plot_engines/{field}.tsv"
    message:
        message_of("engines")


use rule plot_figure as plot_proof with:
    input:
        sources="results/{field}/proof/sources.ecsv",
        summary="results/{field}/proof/summary.ecsv",
        scaling="results/{field}/proof/scaling.ecsv",
    output:
        png=figure("results/{field}/figures/proof.png"),
        pdf="results/{field}/figures/proof.pdf",
    params:
        filters=get_field_value("filters"),
        code=figure_digest("proof"),
    log:
        "logs/plot_proof/{field}.log",
    benchmark:
        "benchmarks/plot_proof/{field}.tsv"
    message:
        message_of("proof")


use rule plot_figure as plot_recovery_pulls with:
    input:
        sources="results/{field}/recovery/sources.ecsv",
        summary="results/{field}/recovery/summary.ecsv",
    output:
        png=figure("results/{field}/figures/recovery_pulls.png"),
        pdf="results/{field}/figures/recovery_pulls.pdf",
    params:
        filters=get_field_value("filters"),
        code=figure_digest("recovery_pulls"),
    log:
        "logs/plot_recovery_pulls/{field}.log",
    benchmark:
        "benchmarks/plot_recovery_pulls/{field}.tsv"
    message:
        message_of("recovery_pulls")


use rule plot_figure as plot_recovery_trends with:
    input:
        summary="results/{field}/recovery/summary.ecsv",
    output:
        png=figure("results/{field}/figures/recovery_trends.png"),
        pdf="results/{field}/figures/recovery_trends.pdf",
    params:
        filters=get_field_value("filters"),
        code=figure_digest("recovery_trends"),
    log:
        "logs/plot_recovery_trends/{field}.log",
    benchmark:
        "benchmarks/plot_recovery_trends/{field}.tsv"
    message:
        message_of("recovery_trends")


use rule plot_figure as plot_recovery_populations with:
    input:
        sources="results/{field}/recovery/sources.ecsv",
    output:
        png=figure("results/{field}/figures/recovery_populations.png"),
        pdf="results/{field}/figures/recovery_populations.pdf",
    params:
        code=figure_digest("recovery_populations"),
    log:
        "logs/plot_recovery_populations/{field}.log",
    benchmark:
        "benchmarks/plot_recovery_populations/{field}.tsv"
    message:
        message_of("recovery_populations")


use rule plot_figure as plot_stacks with:
    input:
        stacks=get_filters("results/{field}/{filter}/stack.fits"),
    output:
        png=figure("results/{field}/figures/stacks.png"),
        pdf="results/{field}/figures/stacks.pdf",
    params:
        code=figure_digest("stacks"),
    log:
        "logs/plot_stacks/{field}.log",
    benchmark:
        "benchmarks/plot_stacks/{field}.tsv"
    message:
        message_of("stacks")


use rule plot_figure as plot_stack_sed with:
    input:
        photometry="results/{field}/stack_photometry.ecsv",
        projected=get_field_grid("projected"),
        spectra="results/ssp/{grid}/grid.h5",
    output:
        png=figure("results/{field}/figures/stack_sed_{grid}.png"),
        pdf="results/{field}/figures/stack_sed_{grid}.pdf",
    params:
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        black_body_k=config["figures"]["black_body_k"],
        code=figure_digest("stack_sed"),
    log:
        "logs/plot_stack_sed/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_stack_sed/{field}/{grid}.tsv"
    message:
        message_of("stack_sed")


use rule plot_figure as plot_chi2_map with:
    input:
        stack="results/{field}/sed/{grid}/stack.ecsv",
        chi2_map="results/{field}/sed/{grid}/chi2_map.fits",
    output:
        png=figure("results/{field}/figures/chi2_map_{grid}.png"),
        pdf="results/{field}/figures/chi2_map_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=figure_digest("chi2_map"),
    log:
        "logs/plot_chi2_map/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_chi2_map/{field}/{grid}.tsv"
    message:
        message_of("chi2_map")


use rule plot_figure as plot_colors with:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        projected=get_field_grid("projected"),
    output:
        png=figure("results/{field}/figures/colors_{grid}.png"),
        pdf="results/{field}/figures/colors_{grid}.pdf",
    params:
        r_v=config["dust"]["r_v"],
        code=figure_digest("colors"),
    log:
        "logs/plot_colors/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_colors/{field}/{grid}.tsv"
    message:
        message_of("colors")


use rule plot_figure as plot_masses with:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
    output:
        png=figure("results/{field}/figures/masses_{grid}.png"),
        pdf="results/{field}/figures/masses_{grid}.pdf",
    params:
        mass_convention=config["sed"]["mass_convention"],
        code=figure_digest("masses"),
    log:
        "logs/plot_masses/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_masses/{field}/{grid}.tsv"
    message:
        message_of("masses")


use rule plot_figure as plot_lensing with:
    input:
        intrinsic="results/{field}/lensing/intrinsic.ecsv",
        clusters=f"results/{{field}}/sed/{FIDUCIAL_GRID}/clusters.ecsv",
    output:
        png=figure("results/{field}/figures/lensing.png"),
        pdf="results/{field}/figures/lensing.pdf",
    params:
        code=figure_digest("lensing"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.lensed),
    log:
        "logs/plot_lensing/{field}.log",
    benchmark:
        "benchmarks/plot_lensing/{field}.tsv"
    message:
        message_of("lensing")


use rule plot_figure as plot_formation with:
    input:
        formation="results/{field}/sed/{grid}/formation.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
    output:
        png=figure("results/{field}/figures/formation_{grid}.png"),
        pdf="results/{field}/figures/formation_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=figure_digest("formation"),
    log:
        "logs/plot_formation/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_formation/{field}/{grid}.tsv"
    message:
        message_of("formation")


use rule plot_figure as plot_libraries with:
    input:
        comparison="results/{field}/sed/comparison.ecsv",
        densities="results/{field}/sed/library_posteriors.ecsv",
        chi2_maps=expand("results/{{field}}/sed/{grid}/chi2_map.fits", grid=GRIDS),
    output:
        png=figure("results/{field}/figures/libraries.png"),
        pdf="results/{field}/figures/libraries.pdf",
    params:
        grids=GRIDS,
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=figure_digest("libraries"),
    log:
        "logs/plot_libraries/{field}.log",
    benchmark:
        "benchmarks/plot_libraries/{field}.tsv"
    message:
        message_of("libraries")


use rule plot_figure as plot_population with:
    input:
        parameters="results/{field}/population/{grid}.ecsv",
        ages="results/{field}/population/{grid}_age.ecsv",
        colors="results/{field}/population/{grid}_colors.ecsv",
    output:
        png=figure("results/{field}/figures/population_{grid}.png"),
        pdf="results/{field}/figures/population_{grid}.pdf",
    params:
        code=figure_digest("population"),
    log:
        "logs/plot_population/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_population/{field}/{grid}.tsv"
    message:
        message_of("population")


use rule plot_figure as plot_population_budget with:
    input:
        budget="results/{field}/population/budget.ecsv",
    output:
        png=figure("results/{field}/figures/population_budget.png"),
        pdf="results/{field}/figures/population_budget.pdf",
    params:
        fiducial_grid=config["sed"]["fiducial_grid"],
        code=figure_digest("population_budget"),
    log:
        "logs/plot_population_budget/{field}.log",
    benchmark:
        "benchmarks/plot_population_budget/{field}.tsv"
    message:
        message_of("population_budget")


use rule plot_figure as plot_sensitivity with:
    input:
        sensitivity="results/{field}/sed/sensitivity.ecsv",
    output:
        png=figure("results/{field}/figures/sensitivity.png"),
        pdf="results/{field}/figures/sensitivity.pdf",
    params:
        fiducial_grid=config["sed"]["fiducial_grid"],
        code=figure_digest("sensitivity"),
    log:
        "logs/plot_sensitivity/{field}.log",
    benchmark:
        "benchmarks/plot_sensitivity/{field}.tsv"
    message:
        message_of("sensitivity")


use rule plot_figure as plot_robustness with:
    input:
        robustness="results/{field}/population/robustness.ecsv",
    output:
        png=figure("results/{field}/figures/robustness.png"),
        pdf="results/{field}/figures/robustness.pdf",
    params:
        fiducial_grid=config["sed"]["fiducial_grid"],
        code=figure_digest("robustness"),
    log:
        "logs/plot_robustness/{field}.log",
    benchmark:
        "benchmarks/plot_robustness/{field}.tsv"
    message:
        message_of("robustness")


use rule plot_figure as plot_profiles with:
    input:
        profiles=get_filters("results/{field}/{filter}/profile.ecsv"),
    output:
        png=figure("results/{field}/figures/profiles.png"),
        pdf="results/{field}/figures/profiles.pdf",
    params:
        code=figure_digest("profiles"),
    log:
        "logs/plot_profiles/{field}.log",
    benchmark:
        "benchmarks/plot_profiles/{field}.tsv"
    message:
        message_of("profiles")


use rule plot_figure as plot_sizes with:
    input:
        limits="results/{field}/sizes/limits.ecsv",
        detection="results/{field}/sizes/detection.ecsv",
        profile=get_size_filter("results/{field}/{filter}/profile.ecsv"),
        psf=get_size_filter("results/{field}/{filter}/psf.fits"),
    output:
        png=figure("results/{field}/figures/sizes.png"),
        pdf="results/{field}/figures/sizes.pdf",
    params:
        model=config["sizes"]["model"],
        king_concentration=config["sizes"]["king_concentration"],
        figure_radii_pc=config["sizes"]["figure_radii_pc"],
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=figure_digest("sizes"),
    log:
        "logs/plot_sizes/{field}.log",
    benchmark:
        "benchmarks/plot_sizes/{field}.tsv"
    message:
        message_of("sizes")


use rule plot_figure as plot_contamination with:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        contamination="results/{field}/contamination.ecsv",
    output:
        png=figure("results/{field}/figures/contamination.png"),
        pdf="results/{field}/figures/contamination.pdf",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        code=figure_digest("contamination"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_positions),
    log:
        "logs/plot_contamination/{field}.log",
    benchmark:
        "benchmarks/plot_contamination/{field}.tsv"
    message:
        message_of("contamination")


use rule plot_figure as plot_candidates with:
    input:
        mosaic=get_reference_filter("results/{field}/{reference}/mosaic.fits"),
        candidates="results/{field}/candidates.ecsv",
        maps="results/{field}/detection/maps.fits",
        listed=get_source_list,
    output:
        png=figure("results/{field}/figures/candidates.png"),
        pdf="results/{field}/figures/candidates.pdf",
    params:
        code=figure_digest("candidates"),
    log:
        "logs/plot_candidates/{field}.log",
    benchmark:
        "benchmarks/plot_candidates/{field}.tsv"
    message:
        message_of("candidates")


use rule plot_figure as plot_point_likeness with:
    input:
        candidates="results/{field}/candidates.ecsv",
    output:
        png=figure("results/{field}/figures/point_likeness.png"),
        pdf="results/{field}/figures/point_likeness.pdf",
    params:
        cuts=get_keys("detection", SelectionKeys),
        reference_filter=get_field_value("reference_filter"),
        code=figure_digest("point_likeness"),
    log:
        "logs/plot_point_likeness/{field}.log",
    benchmark:
        "benchmarks/plot_point_likeness/{field}.tsv"
    message:
        message_of("point_likeness")


use rule plot_figure as plot_completeness with:
    input:
        completeness="results/{field}/completeness/{filter}.ecsv",
        map="results/{field}/completeness/{filter}_map.fits",
    output:
        png=figure("results/{field}/figures/completeness_{filter}.png"),
        pdf="results/{field}/figures/completeness_{filter}.pdf",
    params:
        code=figure_digest("completeness"),
    log:
        "logs/plot_completeness/{field}/{filter}.log",
    benchmark:
        "benchmarks/plot_completeness/{field}/{filter}.tsv"
    message:
        message_of("completeness")


use rule plot_figure as plot_comparison_colors with:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        comparison=get_comparison,
        sequence=get_resource("literature/dwarf_sequence.ecsv"),
    output:
        png=figure("results/{field}/figures/comparison_colors.png"),
        pdf="results/{field}/figures/comparison_colors.pdf",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        r_v=config["dust"]["r_v"],
        black_body_k=config["figures"]["black_body_k"],
        code=figure_digest("comparison_colors"),
    log:
        "logs/plot_comparison_colors/{field}.log",
    benchmark:
        "benchmarks/plot_comparison_colors/{field}.tsv"
    message:
        message_of("comparison_colors")


use rule plot_figure as plot_published with:
    input:
        sources="results/{field}/published/{grid}.ecsv",
        summary="results/{field}/published/{grid}_summary.ecsv",
    output:
        png=figure("results/{field}/figures/published_{grid}.png"),
        pdf="results/{field}/figures/published_{grid}.pdf",
    params:
        compare_with=get_field_value("compare_with"),
        code=figure_digest("published"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.with_published_values),
    log:
        "logs/plot_published/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_published/{field}/{grid}.tsv"
    message:
        message_of("published")


use rule plot_figure as plot_mass_light with:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        comparison=get_comparison,
    output:
        png=figure("results/{field}/figures/mass_light_{grid}.png"),
        pdf="results/{field}/figures/mass_light_{grid}.pdf",
    params:
        filters=get_field_value("filters"),
        mass_convention=config["sed"]["mass_convention"],
        code=figure_digest("mass_light"),
    log:
        "logs/plot_mass_light/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_mass_light/{field}/{grid}.tsv"
    message:
        message_of("mass_light")


use rule plot_figure as plot_mass_size with:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        limits=get_where("mosaics", "results/{field}/sizes/limits.ecsv"),
        comparison=get_comparison,
        mass_size=get_resource("literature/mass_size.ecsv"),
        galaxy_sizes=get_resource("literature/galaxy_sizes.ecsv"),
    output:
        png=figure("results/{field}/figures/mass_size_{grid}.png"),
        pdf="results/{field}/figures/mass_size_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        size_limit_pc=config["comparison"]["size_limit_pc"],
        confidence=config["sizes"]["confidence"],
        code=figure_digest("mass_size"),
    log:
        "logs/plot_mass_size/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_mass_size/{field}/{grid}.tsv"
    message:
        message_of("mass_size")


use rule plot_figure as plot_luminosities with:
    input:
        photometry="results/{field}/photometry_dereddened.ecsv",
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        summary="results/{field}/sed/{grid}/luminosities.ecsv",
        mass_to_light=get_resource("literature/mass_to_light.ecsv"),
    output:
        png=figure("results/{field}/figures/luminosities_{grid}.png"),
        pdf="results/{field}/figures/luminosities_{grid}.pdf",
    params:
        filters=get_field_value("filters"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        v_filter=config["sed"]["v_filter"],
        code=figure_digest("luminosities"),
    log:
        "logs/plot_luminosities/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_luminosities/{field}/{grid}.tsv"
    message:
        message_of("luminosities")


use rule plot_figure as plot_color_magnitude with:
    input:
        rest_frame="results/{field}/sed/{grid}/rest_frame.ecsv",
        sequences=get_resource("literature/bcg_cluster_colors.ecsv"),
    output:
        png=figure("results/{field}/figures/color_magnitude_{grid}.png"),
        pdf="results/{field}/figures/color_magnitude_{grid}.pdf",
    params:
        code=figure_digest("color_magnitude"),
    log:
        "logs/plot_color_magnitude/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_color_magnitude/{field}/{grid}.tsv"
    message:
        message_of("color_magnitude")


use rule plot_figure as plot_lensed_ages with:
    input:
        clusters="results/{field}/sed/{grid}/clusters.ecsv",
        lensed=get_resource("literature/lensed_clusters.ecsv"),
    output:
        png=figure("results/{field}/figures/lensed_ages_{grid}.png"),
        pdf="results/{field}/figures/lensed_ages_{grid}.pdf",
    params:
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=figure_digest("lensed_ages"),
    log:
        "logs/plot_lensed_ages/{field}/{grid}.log",
    benchmark:
        "benchmarks/plot_lensed_ages/{field}/{grid}.tsv"
    message:
        message_of("lensed_ages")


use rule plot_figure as plot_luminosity_function with:
    input:
        function="results/{field}/luminosity/function.ecsv",
        counts="results/{field}/luminosity/counts.ecsv",
        posterior="results/{field}/luminosity/posterior.fits",
    output:
        png=figure("results/{field}/figures/luminosity_function.png"),
        pdf="results/{field}/figures/luminosity_function.pdf",
    params:
        reference_filter=get_field_value("reference_filter"),
        fall=config["luminosity"]["fall"],
        code=figure_digest("luminosity_function"),
    log:
        "logs/plot_luminosity_function/{field}.log",
    benchmark:
        "benchmarks/plot_luminosity_function/{field}.tsv"
    message:
        message_of("luminosity_function")


use rule plot_figure as plot_color_mixture with:
    input:
        candidates="results/{field}/candidates.ecsv",
        colors="results/{field}/luminosity/colors.ecsv",
    output:
        png=figure("results/{field}/figures/color_mixture.png"),
        pdf="results/{field}/figures/color_mixture.pdf",
    params:
        use_purity=config["luminosity"]["use_purity"],
        code=figure_digest("color_mixture"),
    log:
        "logs/plot_color_mixture/{field}.log",
    benchmark:
        "benchmarks/plot_color_mixture/{field}.tsv"
    message:
        message_of("color_mixture")


use rule plot_figure as plot_cluster_map with:
    input:
        candidates="results/{field}/candidates.ecsv",
        radial="results/{field}/luminosity/radial.ecsv",
        comparison="results/{field}/luminosity/comparison.ecsv",
        density="results/{field}/luminosity/density.fits",
    output:
        png=figure("results/{field}/figures/cluster_map.png"),
        pdf="results/{field}/figures/cluster_map.pdf",
    params:
        smoothing_arcsec=config["luminosity"]["smoothing_arcsec"],
        code=figure_digest("cluster_map"),
    log:
        "logs/plot_cluster_map/{field}.log",
    benchmark:
        "benchmarks/plot_cluster_map/{field}.tsv"
    message:
        message_of("cluster_map")


use rule plot_figure as plot_spatial with:
    input:
        candidates="results/{field}/candidates.ecsv",
        radial="results/{field}/luminosity/radial.ecsv",
        isophotes="results/{field}/luminosity/isophotes.ecsv",
        light="results/{field}/luminosity/light_model.fits",
        spatial="results/{field}/luminosity/spatial.ecsv",
        draws="results/{field}/luminosity/profile_draws.ecsv",
    output:
        png=figure("results/{field}/figures/spatial.png"),
        pdf="results/{field}/figures/spatial.pdf",
    params:
        code=figure_digest("spatial"),
    log:
        "logs/plot_spatial/{field}.log",
    benchmark:
        "benchmarks/plot_spatial/{field}.tsv"
    message:
        message_of("spatial")


use rule plot_figure as plot_totals with:
    input:
        totals="results/{field}/luminosity/totals.ecsv",
    output:
        png=figure("results/{field}/figures/totals.png"),
        pdf="results/{field}/figures/totals.pdf",
    params:
        halo_mass=lambda wildcards: config["luminosity"]["halo_masses"].get(wildcards.field),
        code=figure_digest("totals"),
    log:
        "logs/plot_totals/{field}.log",
    benchmark:
        "benchmarks/plot_totals/{field}.tsv"
    message:
        message_of("totals")


rule figures:
    input:
        [
            path
            for field in FIELDSET
            for png in figures_of(field, GRIDS, ENGINES)
            for path in (png, png.removesuffix("png") + "pdf")
        ],

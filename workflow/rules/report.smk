"""The report that people read: static pages that open from disk, with a card for each source.

Inputs: all results. Outputs: results/{field}/pages/, results/report/index.html and a folder for each field.
Rules: draw_sky (fields of images), collect_cards, write_field_report, write_report. Target: `report`.

The pages are static files that open by double click, without network: a first page, and for each field the
quality of PSFs and photometry, figures, a table of all sources, and a card for each of them. Each number says
where it comes from.
"""


rule draw_sky:
    input:
        mosaics=get_filters("results/{field}/{filter}/mosaic.fits"),
        photometry="results/{field}/photometry.ecsv",
    output:
        image="results/{field}/pages/sky.jpg",
        flat="results/{field}/pages/sky_flat.jpg",
        places="results/{field}/pages/sky.json",
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        cosmology=config["cosmology"],
        code=code_digest("draw_sky"),
    wildcard_constraints:
        field=fields.alternatives(FIELDSET.given_by_mosaics),
    log:
        "logs/draw_sky/{field}.log",
    benchmark:
        "benchmarks/draw_sky/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field}: colour images for the report"
    script:
        "../scripts/draw_sky.py"


rule collect_cards:
    input:
        unpack(get_card_images),
        photometry="results/{field}/photometry_dereddened/{chunk}.ecsv",
        extinction="results/{field}/extinction.ecsv",
        systematics=get_where("mosaics", "results/{field}/systematics.ecsv"),
        clusters=f"results/{{field}}/sed/{config['sed']['fiducial_grid']}/{{chunk}}.ecsv",
        grid=get_chunk_grid("projected", FIDUCIAL_GRID),
        native_grid=get_chunk_grid("native", FIDUCIAL_GRID),
        four_color=get_four_color_files,
    output:
        cards="results/{field}/pages/{chunk}.json",
    params:
        redshift=get_chunk_redshift,
        cosmology=config["cosmology"],
        flux_floor_fraction=config["sed"]["flux_floor_fraction"],
        min_relative_error=config["sed"]["min_relative_error"],
        posterior=config["sed"]["posterior"],
        r_v=config["dust"]["r_v"],
        preset=config["photometry"]["preset"],
        sky=config["photometry"]["sky"],
        code=code_digest("collect_cards"),
    log:
        "logs/collect_cards/{field}/{chunk}.log",
    benchmark:
        "benchmarks/collect_cards/{field}/{chunk}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field} {wildcards.chunk}: cutouts, models and posteriors for the cards"
    script:
        "../scripts/collect_cards.py"


rule write_field_report:
    input:
        unpack(get_report_tables),
        dereddened="results/{field}/photometry_dereddened.ecsv",
        extinction="results/{field}/extinction.ecsv",
        projected=get_field_grid("projected", FIDUCIAL_GRID),
        grid=f"results/ssp/{config['sed']['fiducial_grid']}/grid.h5",
        clusters=get_report_grids("results/{field}/sed/{grid}/clusters.ecsv"),
        cards=get_chunks("results/{field}/pages/{chunk}.json"),
        figures=get_report_figures,
    output:
        folder=directory("results/report/{field}"),
    params:
        filters=get_field_value("filters"),
        reference_filter=get_field_value("reference_filter"),
        redshift=get_field_value("redshift"),
        role=get_reproduction_role,
        grids=REPORT_GRIDS,
        joined=fields.JOINED_TABLES,
        figures_made=get_figure_jobs,
        config=REPORT_CONFIG,
        codes=get_report_codes(),
        templates=templates_digest("report/templates"),
        code=code_digest("write_field_report"),
    log:
        "logs/write_field_report/{field}.log",
    benchmark:
        "benchmarks/write_field_report/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "{wildcards.field}: pages of the report"
    script:
        "../scripts/write_field_report.py"


rule write_report:
    input:
        **get_fields_files(),
        fields=expand("results/report/{field}", field=FIELDS),
        reproduction="results/reproduction.html",
    output:
        **get_fields_page(),
        page="results/report/index.html",
        reproduction="results/report/reproduction.html",
    params:
        config=config,
        benchmarks="benchmarks",
        templates=templates_digest("report/templates"),
        code=code_digest("write_report"),
    log:
        "logs/write_report.log",
    benchmark:
        "benchmarks/write_report.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "first page of the report: open results/report/index.html"
    script:
        "../scripts/write_report.py"


rule report:
    input:
        rules.write_report.output,

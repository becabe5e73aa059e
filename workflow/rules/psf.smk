"""Stars, PSF, noise and offset of each filter.

Inputs: mosaics. Outputs: results/{field}/stars.ecsv and results/{field}/{filter}/psf.fits, psf_grid.fits, noise.fits, offset.ecsv,
psf_check.fits.
Rules: select_stars, stack_stars, build_psf, join_systematics, measure_noise, measure_offset, check_psf.

Stars are found once, in the reference filter, on the stellar locus of half-light radius against magnitude, and
serve all filters: those of `psf.mag_min` to `psf.mag_max` make the core of the PSF, brighter ones its wings.
The noise of blank sky has its correlation between pixels measured, which is what errors of fluxes rest on.
`figures/stars.png` shows whether the stars were good, `figures/psf_F200W.png` whether the PSF is theirs over the field,
from `psf_check.fits`; `psf.fits` carries the light on its stamp, the error of the
flux scale, and a table of the stars; `psf_grid.fits` the PSF over the field, which sources are fitted with.
"""


rule select_stars:
    input:
        mosaic=get_reference_filter("results/{field}/{reference}/mosaic.fits"),
    output:
        stars="results/{field}/stars.ecsv",
    params:
        **get_keys("psf", StarKeys),
        required=get_field_value("needs_stars"),
        code=code_digest("select_stars"),
    log:
        "logs/select_stars/{field}.log",
    benchmark:
        "benchmarks/select_stars/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field}: find the stars"
    script:
        "../scripts/select_stars.py"


rule stack_stars:
    input:
        mosaic="results/{field}/{filter}/mosaic.fits",
        noise="results/{field}/{filter}/noise.fits",
        stars="results/{field}/stars.ecsv",
        encircled_energy=get_resource("psf/encircled_energy.csv"),
    output:
        star_psf="results/{field}/{filter}/star_psf.fits",
    params:
        **get_keys("psf", StampKeys),
        native_pixel_arcsec=get_mosaic_value("native_pixel_arcsec"),
        pixfrac=get_mosaic_value("pixfrac"),
        code=code_digest("stack_stars"),
    log:
        "logs/stack_stars/{field}/{filter}.log",
    benchmark:
        "benchmarks/stack_stars/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field} {wildcards.filter}: mean PSF of the field's stars"
    script:
        "../scripts/stack_stars.py"


rule build_psf:
    input:
        mosaic="results/{field}/{filter}/mosaic.fits",
        stars="results/{field}/stars.ecsv",
        star_psfs=get_star_psfs,
        encircled_energy=get_resource("psf/encircled_energy.csv"),
        psf=get_user_psf,
        exposures=get_exposures,
    output:
        psf="results/{field}/{filter}/psf.fits",
        psf_grid="results/{field}/{filter}/psf_grid.fits",
    params:
        **get_mosaic_values(PHASE_KEYS),
        psf_encircled_energy=get_mosaic_value("psf_encircled_energy"),
        psf_error=get_mosaic_value("psf_error"),
        content=content_of(get_user_psf),
        exposures_content=content_of(get_exposures),
        code=code_digest("build_psf"),
    log:
        "logs/build_psf/{field}/{filter}.log",
    benchmark:
        "benchmarks/build_psf/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "{wildcards.field} {wildcards.filter}: PSF over the field from the stars of its channel, or the user's own"
    script:
        "../scripts/build_psf.py"


rule join_systematics:
    input:
        psfs=get_filters("results/{field}/{filter}/psf.fits"),
    output:
        systematics="results/{field}/systematics.ecsv",
    params:
        filters=get_field_value("filters"),
        zero_point_errors=get_named_zero_point_errors,
        code=code_digest("join_systematics"),
    log:
        "logs/join_systematics/{field}.log",
    benchmark:
        "benchmarks/join_systematics/{field}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=500,
    message:
        "{wildcards.field}: errors that all sources share"
    script:
        "../scripts/join_systematics.py"


rule measure_noise:
    input:
        mosaic="results/{field}/{filter}/mosaic.fits",
    output:
        noise="results/{field}/{filter}/noise.fits",
    params:
        code=code_digest("measure_noise"),
    log:
        "logs/measure_noise/{field}/{filter}.log",
    benchmark:
        "benchmarks/measure_noise/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.filter}: noise and its correlation on blank sky"
    script:
        "../scripts/measure_noise.py"


rule measure_offset:
    input:
        mosaic="results/{field}/{filter}/mosaic.fits",
        psf="results/{field}/{filter}/psf.fits",
        psf_grid="results/{field}/{filter}/psf_grid.fits",
        noise="results/{field}/{filter}/noise.fits",
        reference_mosaic=get_reference_filter("results/{field}/{reference}/mosaic.fits"),
        reference_noise=get_reference_filter("results/{field}/{reference}/noise.fits"),
        reference_psf=get_reference_filter("results/{field}/{reference}/psf.fits"),
        reference_psf_grid=get_reference_filter("results/{field}/{reference}/psf_grid.fits"),
        stars="results/{field}/stars.ecsv",
    output:
        offset="results/{field}/{filter}/offset.ecsv",
    params:
        code=code_digest("measure_offset"),
    log:
        "logs/measure_offset/{field}/{filter}.log",
    benchmark:
        "benchmarks/measure_offset/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.filter}: offset from the reference filter"
    script:
        "../scripts/measure_offset.py"


rule check_psf:
    input:
        mosaic="results/{field}/{filter}/mosaic.fits",
        noise="results/{field}/{filter}/noise.fits",
        psf="results/{field}/{filter}/psf.fits",
        psf_grid="results/{field}/{filter}/psf_grid.fits",
        stars="results/{field}/stars.ecsv",
    output:
        check="results/{field}/{filter}/psf_check.fits",
    params:
        code=code_digest("check_psf"),
    log:
        "logs/check_psf/{field}/{filter}.log",
    benchmark:
        "benchmarks/check_psf/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.field} {wildcards.filter}: hold the PSF against the stars"
    script:
        "../scripts/check_psf.py"


rule psfs:
    input:
        [f"results/{field.name}/{filt}/psf.fits" for field in FIELDSET for filt in field.mosaics],
        [f"results/{field.name}/systematics.ecsv" for field in FIELDSET if field.mosaics],

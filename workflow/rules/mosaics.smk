"""Take in mosaics: fetch those named by URL, convert each once to nJy per pixel and inverse variance.

Inputs: mosaics named in the configuration. Outputs: results/{field}/{filter}/mosaic.fits.
Rules: fetch_mosaic, prepare_mosaic.

Units and zero points are read from the headers (DAWN JWST Archive, MAST i2d, or any unit of flux density), then
every image is nJy per pixel. Fetched files come to lie in resources/fetched with their checksums; a broken
download is resumed. The log of `prepare_mosaic` says how many pixels are usable, and why others are not.
"""


localrules:
    fetch_mosaic,


rule fetch_mosaic:
    output:
        image=ensure("resources/fetched/{field}/{filter}_{kind}", non_empty=True),
        checksum="resources/fetched/{field}/{filter}_{kind}.sha256",
    params:
        url=get_mosaic_url,
        sha256=None,
        retries=config["mosaics"]["download_retries"],
        timeout_s=config["mosaics"]["download_timeout_s"],
        max_gb=config["mosaics"]["download_max_gb"],
        max_hours=config["mosaics"]["download_max_hours"],
        code=code_digest("fetch_mosaic"),
    wildcard_constraints:
        kind="sci|wht|err",
    log:
        "logs/fetch_mosaic/{field}/{filter}_{kind}.log",
    benchmark:
        "benchmarks/fetch_mosaic/{field}/{filter}_{kind}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=500,
    message:
        "{wildcards.field} {wildcards.filter}: fetch {wildcards.kind} from {params.url}"
    script:
        "../scripts/fetch_mosaic.py"


rule prepare_mosaic:
    input:
        unpack(get_mosaic_files),
        factors=get_calibration_factors,
    output:
        mosaic="results/{field}/{filter}/mosaic.fits",
    params:
        zero_point_factor=get_mosaic_value("zero_point_factor"),
        gain_e_per_njy=get_mosaic_value("gain_e_per_njy"),
        calibration=get_field_value("calibration"),
        content=content_of(get_mosaic_files),
        code=code_digest("prepare_mosaic"),
    log:
        "logs/prepare_mosaic/{field}/{filter}.log",
    benchmark:
        "benchmarks/prepare_mosaic/{field}/{filter}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=600,
    message:
        "{wildcards.field} {wildcards.filter}: convert the mosaic to nJy per pixel"
    script:
        "../scripts/prepare_mosaic.py"

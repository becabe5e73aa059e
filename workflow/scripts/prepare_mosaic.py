"""Convert one filter's mosaic to nJy per pixel and inverse variance (rule prepare_mosaic)."""

from clusterphot.base.jobs import run_job
from clusterphot.mosaics.calibration import field_factor
from clusterphot.mosaics.convert import convert_mosaic
from clusterphot.mosaics.headers import inspect_mosaic


def main(smk):
    # absent or [] for a file that holds its own weights
    wht, err = (getattr(smk.input, kind, None) or None for kind in ("wht", "err"))
    info = inspect_mosaic(smk.input.sci, wht, err=err)
    factor = field_factor(getattr(smk.params, "calibration", None), smk.wildcards.filter, info.sci.cards)
    convert_mosaic(
        info,
        smk.output.mosaic,
        filter_name=smk.wildcards.filter,
        field=smk.wildcards.field,
        zero_point_factor=smk.params.zero_point_factor * factor,
        gain_e_per_njy=smk.params.gain_e_per_njy,
        inputs={kind: path for kind, path in (("SCI", smk.input.sci), ("WHT", wht), ("ERR", err)) if path},
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

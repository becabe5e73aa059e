"""Draw the spectral energy distribution of the stack of a field (rule plot_stack_sed)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import error_correlation, flux_arrays, read_table, systematic_errors
from clusterphot.figures.stack_sed import plot_stack_sed
from clusterphot.figures.style import save_figure
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    projected = read_projected_grid(smk.input.projected)
    table = read_table(smk.input.photometry)
    photometry = prepare_photometry(
        *flux_arrays(table, projected.filters, prefix="flux0"),
        flux_floor_fraction=smk.params.flux_floor_fraction,
        min_relative_error=smk.params.min_relative_error,
        err_sys=systematic_errors(table, projected.filters, prefix="flux0"),
        correlation=error_correlation(table, projected.filters),
    )
    figure = plot_stack_sed(
        photometry,
        projected,
        smk.input.grid,
        black_body_k=smk.params.black_body_k,
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

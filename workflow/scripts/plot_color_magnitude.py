"""Draw rest-frame B-I against M_I of the clusters (rule plot_color_magnitude)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.figures.luminosities import plot_color_magnitude, rest_frame_colors
from clusterphot.figures.style import save_figure


def main(smk):
    b_minus_i, m_i, error = rest_frame_colors(read_table(smk.input.rest_frame))
    figure = plot_color_magnitude(
        b_minus_i,
        m_i,
        read_literature(smk.input.sequences),
        b_minus_i_err=error,
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

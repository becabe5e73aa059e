"""Draw the candidates of a field and their point-likeness (rule plot_candidates)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.base.user_tables import read_positions
from clusterphot.detect.tiles import read_maps
from clusterphot.figures.candidates import plot_candidates, plot_point_likeness
from clusterphot.figures.overview import read_small
from clusterphot.figures.style import save_figure


def main(smk):
    par, field = smk.params, smk.wildcards.field
    table = read_table(smk.input.candidates)
    small = read_small(smk.input.mosaic)
    listed = read_positions(smk.input.listed, "sources")[1:] if smk.input.listed else None
    figure = plot_candidates(small, table, listed, read_maps(smk.input.maps), field=field)
    save_figure(figure, smk.output.map_png, smk.output.map_pdf, par.dpi)
    figure = plot_point_likeness(table, par.cuts, reference_filter=small.filter_name, field=field)
    save_figure(figure, smk.output.png, smk.output.pdf, par.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

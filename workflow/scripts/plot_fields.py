"""Draw the fields of a run beside one another (rule plot_fields)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.fields import draw
from clusterphot.figures.style import save_figure
from clusterphot.side_by_side.fields import read_fields


def main(smk):
    par = smk.params
    fields, rows = read_fields(par.fields), list(read_table(smk.input.fields))
    figure = draw(fields, rows, smk.input.lensed, cosmology=par.cosmology)
    save_figure(figure, smk.output.png, smk.output.pdf, par.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

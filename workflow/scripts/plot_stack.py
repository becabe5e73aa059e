"""Draw stack, model and residual of a field in all filters (rule plot_stack)."""

from clusterphot.base.jobs import run_job
from clusterphot.figures.stack import plot_stacks
from clusterphot.figures.style import save_figure
from clusterphot.stack.build import read_stack


def main(smk):
    figure = plot_stacks([read_stack(path) for path in smk.input.stacks], field=smk.wildcards.field)
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

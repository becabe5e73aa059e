"""Draw one figure (rules plot_*): `draw` of its module gets what its rule names, input, params and wildcards."""

import importlib

from clusterphot.base.jobs import run_job
from clusterphot.figures.style import save_figure


def main(smk):
    module = importlib.import_module(f"clusterphot.figures.{smk.rule.removeprefix('plot_')}")
    params = {name: value for name, value in smk.params.items() if name not in ("dpi", "code")}
    figure = module.draw(**smk.input, **params, **smk.wildcards)
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))

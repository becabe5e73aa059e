"""How well fluxes hold their errors, and how small sizes can be told, on simulated fields (`make bench-recovery`).

Writes the tables of docs/recovery.md and docs/sizes.md. Each field is simulated in six filters and measured twice: with
PSFs built from its stars, and with the true PSFs of its middle. Finished fields are kept; an interrupted run goes on.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from astropy.table import Table

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from marked_page import markdown_table, write_between_marks  # noqa: E402
from simulated_field import draw_truth, entry, run_workflow, write_mosaics  # noqa: E402

FILTERS = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
SIZE_FILTER = "F150W"
KINDS = {
    "as_mosaics": {},
    "one_psf": {"exposures": {"fwhm_variation": 0.0}},
    "varying": {"exposures": {}},
}
"""Mosaics drawn as such, with noise of drop and pixel; drizzled from exposures with one PSF, and with one that varies
as measured (the exposures that the configuration has by default)."""

DEFAULT_FIELDS = (("as_mosaics", 1), ("one_psf", 1), ("varying", 1), ("varying", 2))
PSFS = {"built": "built", "given": "true, of the middle"}
CLEARANCE_ARCSEC = 0.6
"""Of unlisted stars and galaxies from clusters, as in a list chosen by eye."""

RADII_PC = (20.0, 50.0, 100.0, 200.0)
SETTINGS = {
    "stack": "at the flux and noise of the stack",
    "flux": "20 nJy in a single image",
    "peak": "brightest pixel of 20 nJy in a single image",
}


def run_field(folder, kind, seed, cores):
    """Simulate a field and measure it with both kinds of PSFs; sizes with built ones."""
    from clusterphot.simulate.truth import source_list

    truth = draw_truth(seed, filters=FILTERS, clearance_arcsec=CLEARANCE_ARCSEC, **KINDS[kind])
    if not (folder / "sources.csv").exists():
        write_mosaics(folder, truth)
        source_list(truth).write(folder / "sources.csv", format="ascii.csv", overwrite=True)
    more = "    truth: truth.ecsv\n"
    given = {"built": None, "given": "psf.fits"}
    text = "".join(entry(psf, truth, "sources.csv", psf=given[psf], more=more) for psf in PSFS)
    (folder / "field.yaml").write_text("fields:\n" + text, encoding="utf-8")
    targets = [f"results/{psf}/recovery/summary.ecsv" for psf in PSFS]
    run_workflow(folder, *targets, "results/built/sizes/detection.ecsv", cores=cores)


def read(folder, path):
    """A table of the results."""
    return Table.read(folder / "results" / path, format="ascii.ecsv")


def flux_tables(fields):
    """Scatter of pulls, bias and ratio of errors, by field, PSF and filter, as Markdown."""
    scatter, bias, ratio = [], [], []
    for label, folder in fields:
        for psf, words in PSFS.items():
            summary = read(folder, f"{psf}/recovery/summary.ecsv")
            whole = summary[(summary["binned_by"] == "all") & (summary["quantity"] == "flux")]
            rows = {str(row["band"]): row for row in whole}
            head = [label, words]
            scatter.append([*head, *(f"{rows[f]['pull_scatter']:.2f}" for f in FILTERS)])
            bias.append(
                [
                    *head,
                    *(f"{100 * rows[f]['bias']:+.1f} +- {100 * rows[f]['bias_err']:.1f}" for f in FILTERS),
                ]
            )
        photometry = read(folder, "built/photometry.ecsv")
        ratio.append([label, *(f"{error_ratio(photometry, filt):.2f}" for filt in FILTERS)])
    return "\n\n".join(
        [
            "Scatter of pulls:",
            markdown_table(["field (seed)", "PSF", *FILTERS], scatter),
            "Median bias of fluxes (%):",
            markdown_table(["field (seed)", "PSF", *FILTERS], bias),
            "Median of `flux_err` over `flux_err_conditional`:",
            markdown_table(["field (seed)", *FILTERS], ratio),
        ]
    )


def error_ratio(photometry, filt):
    """Median ratio of the error to use over that of the conditional kind, of sources without flags."""
    good = np.asarray(photometry["flags"]) == 0
    values = photometry[f"flux_err_{filt}"] / photometry[f"flux_err_conditional_{filt}"]
    return float(np.nanmedian(np.asarray(values, dtype=float)[good]))


def size_table(fields):
    """Limits of point sources, what is called resolved, and coverage, as Markdown."""
    rows = []
    for label, folder in fields:
        detection = read(folder, "built/sizes/detection.ecsv")
        for setting, words in SETTINGS.items():
            for psf in ("known", "varied"):
                of = detection[(detection["setting"] == setting) & (detection["psf"] == psf)]
                radius = np.asarray(of["true_radius_pc"], dtype=float)
                resolved = "/".join(f"{100 * of['p_resolved'][radius == pc][0]:.0f}" for pc in RADII_PC)
                rows.append(
                    [
                        label, words, psf, f"< {of['limit_median_pc'][radius == 0][0]:.0f}", resolved,
                        f"{100 * of['coverage'][np.isnan(radius)][0]:.0f}",
                    ]
                )  # fmt: skip
    radii = "/".join(f"{pc:g}" for pc in RADII_PC)
    head = ["field (seed)", "simulated source", "PSF", "limit of point sources (pc)"]
    return markdown_table([*head, f"resolved at {radii} pc (%)", "limits that cover random radii (%)"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder, some 400 MB a field")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[kind for kind, _ in DEFAULT_FIELDS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[seed for _, seed in DEFAULT_FIELDS])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="write the tables into the pages")
    arguments = parser.parse_args()
    if len(arguments.seeds) != len(arguments.kinds):
        parser.error(f"{len(arguments.seeds)} seeds for {len(arguments.kinds)} kinds")
    fields = []
    for kind, seed in zip(arguments.kinds, arguments.seeds, strict=True):
        folder = (arguments.folder / f"{kind}_{seed}").resolve()
        run_field(folder, kind, seed, arguments.cores)
        fields.append((f"{kind} ({seed})", folder))
    for page, text in (("recovery", flux_tables(fields)), ("sizes", size_table(fields))):
        if arguments.page:
            write_between_marks(REPO / "docs" / f"{page}.md", "tables", text)
        else:
            print(text, end="\n\n", flush=True)


if __name__ == "__main__":
    main()

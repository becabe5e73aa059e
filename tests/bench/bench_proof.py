"""Whether artificial clusters and blank places say what the truth says, on simulated exposures (`make bench-proof`).

Writes the tables of docs/proof.md. First, fields whose list is compared with the truth and with artificial clusters,
with true PSFs given over the field and with PSFs built from its stars. Second, fields whose depth has a step and whose
dithers leave edges and a gap, in which blank places are fitted region by region, with the noise as it is measured and
with one number for each filter. Finished fields are kept; an interrupted run goes on.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from clusterphot.base.tables import read_table  # noqa: E402
from clusterphot.config.photometry import PhotometrySection  # noqa: E402
from clusterphot.config.proof import ProofSection  # noqa: E402
from clusterphot.measure.fit import FitOptions  # noqa: E402
from clusterphot.measure.neighbours import search_radius  # noqa: E402
from clusterphot.proof import agreement, recovery, summary  # noqa: E402
from clusterphot.proof.bands import Manner, read_bands  # noqa: E402
from clusterphot.proof.blank import draw_blank  # noqa: E402
from clusterphot.proof.donors import Listed  # noqa: E402
from clusterphot.proof.draw import DrawOptions  # noqa: E402
from clusterphot.proof.outcome import prove_blank, stack_outcomes  # noqa: E402
from clusterphot.proof.recovery import robust_scatter  # noqa: E402
from marked_page import markdown_table, write_between_marks  # noqa: E402
from simulated_field import REFERENCE, draw_truth, entry, run_workflow, write_mosaics  # noqa: E402

FILTERS = ("F150W", "F200W", "F277W")
SEEDS = (1, 2, 3, 4)
PSFS = {"given": "true", "built": "built"}
CLEARANCE_ARCSEC = 0.6
"""Of unlisted stars and galaxies from clusters, as in a list chosen by eye."""

TRUTH = {"size_arcsec": 34.0, "n_clusters": 240, "clearance_arcsec": CLEARANCE_ARCSEC}
"""More clusters to a field than the published one has: the truth is what limits the comparison."""

EXACT = {"zero_point_scatter": 0.0}
"""Zero points are right: artificial clusters do not have their errors."""

N_INJECTIONS, N_BLANK = 1000, 250

STEPS = {
    "twice the exposures": {"n_exposures": 8, "n_partial": 4},
    "twice the depth": {"n_exposures": 12, "n_partial": 9},
}
"""Exposures of the deep half and how many of them do not reach the other: noise that differs by 1.4 and by 2."""

STEP_FIELD = {
    "size_arcsec": 52.0,
    "n_clusters": 60,
    "clearance_arcsec": CLEARANCE_ARCSEC,
    "galaxies_per_arcsec2": 0.1,
}
N_STEP_BLANK, CHUNK = 3600, 300
"""Blank places of a field with a step, more than 1,200 in each half; at a time."""

DEEP_QUANTILE = 0.9
"""Of the depths of places, taken for that of the deep half."""

EDGE_SHARE = 0.8
"""Places with less of their half's typical weight lie on edges of dithers or in the gap."""


# ---- artificial clusters against the truth -------------------------------------------------------------------


def simulate(folder, seed):
    """Write a field of the first part, unless it is there."""
    truth = draw_truth(seed, filters=FILTERS, exposures=EXACT, **TRUTH)
    write_once(folder, truth)
    more = "    truth: truth.ecsv\n"
    given = {"given": "psf_grid.fits", "built": None}
    text = "".join(entry(name, truth, "sources.csv", psf=given[name], more=more) for name in PSFS)
    numbers = f"proof: {{n_injections: {N_INJECTIONS}, n_blank: {N_BLANK}}}\n"
    (folder / "field.yaml").write_text(f"{numbers}fields:\n{text}", encoding="utf-8")


def write_once(folder, truth):
    """Mosaics and source list of a truth."""
    from clusterphot.simulate.truth import source_list

    if not (folder / "sources.csv").exists():
        write_mosaics(folder, truth)
        source_list(truth).write(folder / "sources.csv", format="ascii.csv", overwrite=True)


def measured(folder, name):
    """Outcomes of the artificial clusters of a field, and its list beside the truth."""
    results = folder / "results" / name
    outcome = stack_outcomes(
        [read_table(path) for path in sorted((results / "proof" / "chunks").glob("*.ecsv"))]
    )
    truth = recovery.read_truth(folder / "truth.ecsv")
    return outcome, recovery.match_truth(read_table(results / "photometry.ecsv"), truth, FILTERS)


def compared(folders, name, systematic):
    """Comparison of some fields together, with one kind of PSFs: one summary of all their sources each."""
    fields = [measured(folder, name) for folder in folders]
    outcome, matched = (vstack(list(some), metadata_conflicts="silent") for some in zip(*fields, strict=True))
    rows = [row for filt in FILTERS for row in recovery.flux_rows(matched, filt)]
    proof = summary.summarise(outcome, FILTERS)
    return agreement.compare_with_truth(proof, Table(rows), FILTERS, systematic=systematic)


def truth_tables(fields, n_built):
    """Smallest p values of each field and of all together, and the latter bin by bin, as Markdown."""
    chances, bins = [], []
    for name, words in PSFS.items():
        samples = {
            label: [folder] for label, folder in list(fields.items())[: None if name == "given" else n_built]
        }
        samples |= {"all": [folder for folders in samples.values() for folder in folders]}
        for label, folders in samples.items():
            for systematic, errors in ((False, "random"), (True, "and systematic")):
                table = compared(folders, name, systematic)
                least, number = agreement.smallest_chance(table)
                needed = agreement.CHANCE / number
                verdict = "yes" if least > needed else "**no**"
                chances.append([words, label, errors, number, f"{least:.2g}", f"{needed:.1g}", verdict])
        bins += [[words, *cells] for cells in bin_rows(table)]
    heads = ["PSF", "filter", "mag", "put in, truth", "bias, put in (%)", "truth (%)", "quoted (%)"]
    heads += ["scatter, put in", "truth", "p of bias", "p of scatter"]
    return "\n\n".join(
        [
            markdown_table(
                ["PSF", "seed", "errors", "p values", "smallest", "must exceed", "agree"], chances
            ),
            "All seeds together, p values with both errors:",
            markdown_table(heads, bins),
        ]
    )


def bin_rows(table):
    """Cells of the rows of a comparison that have p values."""
    for row in table[np.isfinite(table["p_scatter"])]:
        ends = "all" if np.isnan(row["mag_low"]) else f"{row['mag_low']:g} to {row['mag_high']:g}"
        biases = [
            f"{100 * row[f'{of}bias']:+.2f} +- {100 * row[f'{of}bias_err']:.2f}" for of in ("", "true_")
        ]
        scatter = [
            f"{row[f'{of}pull_scatter']:.2f} +- {row[f'{of}pull_scatter_err']:.2f}" for of in ("", "true_")
        ]
        chances = [f"{row[name]:.2f}" for name in ("p_bias", "p_scatter")]
        number = f"{row['n']}, {row['n_true']}"
        yield [row["filter"], ends, number, *biases, f"{100 * row['sys_error']:.2f}", *scatter, *chances]


# ---- blank places by depth ------------------------------------------------------------------------------------


def run_step_field(folder, kind, seed, cores):
    """Simulate a field with a step in depth and measure its list, with the true PSFs."""
    truth = draw_truth(seed, filters=FILTERS, exposures=EXACT | STEPS[kind], **STEP_FIELD)
    write_once(folder, truth)
    (folder / "field.yaml").write_text(
        "fields:\n" + entry("field", truth, "sources.csv", psf="psf_grid.fits")
    )
    run_workflow(folder, "results/field/proof/donors.ecsv", cores=cores)


def blank_pulls(folder):
    """Outcomes of blank places: with the noise as measured, and with one number for each filter on the same places."""
    results = folder / "results" / "field"
    target = folder / "blank.ecsv"
    if not target.exists():
        paths = [
            [results / filt / f"{name}.fits" for filt in FILTERS]
            for name in ("mosaic", "psf", "psf_grid", "noise")
        ]
        offsets = [results / filt / "offset.ecsv" for filt in FILTERS if filt != REFERENCE]
        bands = read_bands(*[[str(path) for path in some] for some in (*paths, offsets)], REFERENCE)
        listed = Listed(read_table(results / "proof" / "donors.ecsv"), list(FILTERS))
        manner = Manner(FitOptions(), PhotometrySection.cutout_size_arcsec, "psf")
        reach = search_radius(manner.cutout_size_arcsec, manner.options.joint_radius_arcsec)
        one = [replace(band, noise=replace(band.noise, parts=(), edges=())) for band in bands]
        tables = []
        for first in range(0, N_STEP_BLANK, CHUNK):
            numbers = range(first, first + CHUNK)
            places = draw_blank(numbers, bands, listed, manner, DrawOptions(), reach)
            for noise, some in (("parts", bands), ("one", one)):
                table = prove_blank(places, some, listed, manner)
                table["noise"] = noise
                tables.append(table)
        for band in bands:
            print(folder.name, band.name, "parts of the noise:", max(len(band.noise.parts), 1), flush=True)
        vstack(tables).write(target, format="ascii.ecsv")
    return Table.read(target, format="ascii.ecsv")


def region_of(depth, kind):
    """Name of the region of each place, from its depth (AB mag) by the weights."""
    weight = 10 ** (0.8 * (depth - np.quantile(depth, DEEP_QUANTILE)))
    exposures = STEPS[kind]
    share = 1.0 - exposures["n_partial"] / exposures["n_exposures"]
    region = np.full(len(depth), "edges and gap", dtype="U13")
    region[weight > EDGE_SHARE] = "deep"
    region[(weight > EDGE_SHARE * share) & (weight < share / EDGE_SHARE)] = "shallow"
    return region


def step_table(fields):
    """Scatter of the pulls of blank places by region, as Markdown."""
    rows = []
    for kind, folder in fields.items():
        table = blank_pulls(folder)
        for filt in FILTERS:
            region = region_of(np.asarray(table[f"depth_{filt}"]), kind)
            for name in ("deep", "shallow", "edges and gap"):
                cells = []
                for noise in ("parts", "one"):
                    chosen = (
                        (region == name) & (np.asarray(table["noise"]) == noise) & summary.clean(table, filt)
                    )
                    pull = np.asarray(table[f"pull_{filt}"])[chosen]
                    pull = pull[np.isfinite(pull)]
                    scatter = robust_scatter(pull)
                    error = summary.SCATTER_ERROR * scatter / np.sqrt(len(pull))
                    cells.append(f"{scatter:.3f} +- {error:.3f}")
                rows.append([kind, filt, name, len(pull), *cells, f"{np.median(pull):+.2f}"])
    heads = ["field", "filter", "region", "fits", "noise of its parts", "one number", "median"]
    return markdown_table(heads, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder, some 300 MB a field")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--built", type=int, default=len(SEEDS), help="so many of them with built PSFs too")
    parser.add_argument(
        "--kinds", nargs="*", choices=STEPS, default=list(STEPS), help="fields with a step in depth"
    )
    parser.add_argument("--step-seed", type=int, default=5)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="write the tables into docs/proof.md")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    fields = {str(seed): folder / f"truth_{seed}" for seed in arguments.seeds}
    steps = {kind: folder / kind.replace(" ", "_") for kind in arguments.kinds}
    for name in PSFS:
        for seed, where in list(fields.items())[: None if name == "given" else arguments.built]:
            simulate(where, int(seed))
            chunks = range(N_INJECTIONS // ProofSection.n_per_chunk)
            targets = [f"results/{name}/proof/chunks/c{number:03d}.ecsv" for number in chunks]
            run_workflow(where, f"results/{name}/photometry.ecsv", *targets, cores=arguments.cores)
    for kind, where in steps.items():
        run_step_field(where, kind, arguments.step_seed, arguments.cores)
    texts = {"truth": truth_tables(fields, arguments.built)} | ({"steps": step_table(steps)} if steps else {})
    for name, text in texts.items():
        if arguments.page:
            write_between_marks(REPO / "docs" / "proof.md", name, text)
        else:
            print(text, end="\n\n", flush=True)


if __name__ == "__main__":
    main()

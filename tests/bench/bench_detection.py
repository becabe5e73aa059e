"""What finding clusters reaches on simulated fields (`make bench-detection`); writes the tables of docs/detection.md.

Each field is simulated, taken through the targets candidates and completeness, and compared with its truth. What was
measured stays in the folder of the field (measured.json): an interrupted run goes on where it stopped.
"""

import argparse
import json
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

import detection_page  # noqa: E402
from detection_field import FILTERS, REFERENCE, draw_truth, run_workflow, write_field  # noqa: E402
from detection_measures import measure_field  # noqa: E402
from detection_peers import best_settings, compare  # noqa: E402
from marked_page import write_between_marks  # noqa: E402

KINDS = {
    "white": {"noise": "white"},
    "white_halo": {"noise": "white", "halo": 1.5},
    "drizzle": {"noise": "drizzle"},
    "drizzle_halo": {"noise": "drizzle", "halo": 1.5},
    "poisson": {"noise": "drizzle", "source_poisson": True},
    "poisson_halo": {"noise": "drizzle", "source_poisson": True, "halo": 1.5},
    "psf_varies": {"noise": "drizzle", "psf_blur_px": 0.8},
    "near_cores": {"noise": "drizzle", "core_clearance_arcsec": 0.3, "clearance_arcsec": 0.15},
    "dense": {"noise": "drizzle", "source_poisson": True, "galaxies_per_arcsec2": 0.3},
    "faint": {"noise": "drizzle", "source_poisson": True, "fainter_mag": 1.5},
}
"""Kinds of fields: what differs from a field of halo 1 and 0.15 background galaxies per arcsec2 to 30.5 mag."""

WITH_PEERS = ("drizzle", "poisson_halo", "near_cores")
"""Fields on which other finders are tried."""

TARGETS = ("candidates", f"results/drawn/completeness/{REFERENCE}.ecsv")
"""The target completeness is this file for every filter, with figures."""


def run_field(folder, kind, seed, arguments):
    """Simulate, search, measure; what was measured before is kept."""
    known = find_entry(folder)
    if known:
        return known
    if not (folder / "field.yaml").exists():
        write_field(folder, draw_truth(seed, filters=arguments.filters, **KINDS[kind]))
    run_workflow(folder, *TARGETS, cores=arguments.cores)
    entry = {"kind": kind, "seed": seed, "settings": KINDS[kind], "filters": arguments.filters}
    entry |= measure_field(folder)
    if kind in WITH_PEERS:
        entry["peers"] = compare(folder, peer_settings(arguments))
    (folder / "measured.json").write_text(json.dumps(entry, indent=1), encoding="utf-8")
    return entry


def peer_settings(arguments):
    """The best settings of the other finders, from a field that is used for nothing else."""
    folder = arguments.folder / f"tuning_{arguments.tuning_seed}"
    record = folder / "settings.json"
    if not record.exists():
        write_field(folder, draw_truth(arguments.tuning_seed, filters=arguments.filters, **KINDS["drizzle"]))
        run_workflow(folder, "candidates", cores=arguments.cores)
        record.write_text(json.dumps(best_settings(folder)), encoding="utf-8")
    return json.loads(record.read_text(encoding="utf-8"))


def find_entry(folder):
    """What was measured on a field, or None."""
    record = folder / "measured.json"
    return json.loads(record.read_text(encoding="utf-8")) if record.exists() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder, some 150 MB a field")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[901], help="one for all kinds, counted on, or one each"
    )
    parser.add_argument(
        "--tuning-seed", type=int, default=890, help="field on which the other finders are tuned"
    )
    parser.add_argument("--filters", nargs="+", default=list(FILTERS))
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="write the tables into docs/detection.md")
    arguments = parser.parse_args()
    seeds = arguments.seeds
    if len(seeds) == 1:
        seeds = [seeds[0] + number for number in range(len(arguments.kinds))]
    if len(seeds) != len(arguments.kinds):
        parser.error(f"{len(seeds)} seeds for {len(arguments.kinds)} kinds; give one for all or one for each")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for kind, seed in zip(arguments.kinds, seeds, strict=True):
        entries.append(run_field((arguments.folder / f"{kind}_{seed}").resolve(), kind, seed, arguments))
        print(detection_page.line(entries[-1]), flush=True)
    text = detection_page.tables(entries, peer_settings(arguments))
    if arguments.page:
        write_between_marks(REPO / "docs" / "detection.md", "tables", text)
    else:
        print(text)


if __name__ == "__main__":
    main()

"""What finding clusters reaches on simulated fields (`make bench-detection`); writes the tables of docs/detection.md.

Each field is simulated, taken through the targets candidates and completeness, and compared with its truth. What was
measured stays in the folder of the field (measured.json) until its results or the bench change: an interrupted run
goes on where it stopped.
"""

import argparse
import json
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

import detection_page  # noqa: E402
from detection_measures import measure_field, read  # noqa: E402
from detection_peers import compare  # noqa: E402
from detection_tuning import best_settings, edge_statement  # noqa: E402
from marked_page import write_between_marks  # noqa: E402
from simulated_field import FILTERS, REFERENCE, draw_truth, run_workflow, write_field  # noqa: E402

KINDS = {
    "one_psf": {"exposures": {"fwhm_variation": 0.0}},
    "varying": {"exposures": {}},
    "halo": {"exposures": {}, "halo": 1.5},
    "near_cores": {"exposures": {}, "core_clearance_arcsec": 0.3},
    "dense": {"exposures": {}, "galaxies_per_arcsec2": 0.3},
    "faint": {"exposures": {}, "fainter_mag": 1.5},
}
"""Kinds of fields: what differs from a field of halo 1 and 0.15 background galaxies per arcsec2 to 30.5 mag, with the
exposures that the configuration has by default."""

DEFAULT_FIELDS = (
    ("one_psf", 903), ("varying", 903), ("halo", 906), ("near_cores", 908), ("dense", 909), ("faint", 910),
)  # fmt: skip
"""Kinds and seeds."""

WITH_PEERS = ("varying", "near_cores")
"""Fields on which other finders are tried."""

TARGETS = ("candidates", f"results/drawn/completeness/{REFERENCE}.ecsv")
"""The target completeness is this file for every filter, with figures."""


def run_field(folder, kind, seed, arguments, tuned):
    """Simulate, search, measure; what was measured before on the same results is kept."""
    make_field(folder, kind, seed, arguments, TARGETS)
    entry = kept(
        folder,
        "measured.json",
        lambda: (
            {"kind": kind, "seed": seed, "settings": KINDS[kind], "filters": arguments.filters}
            | measure_field(folder)
        ),
    )
    if tuned and kind in WITH_PEERS:
        settings = {name: values["setting"] for name, values in tuned.items()}
        entry["peers"] = kept(folder, "peers.json", lambda: compare(folder, settings))
    return entry


def kept(folder, name, compute):
    """What a record of a field holds, computed and written where it is older than the results or the bench."""
    record = folder / name
    if not is_current(record, folder):
        record.write_text(json.dumps(compute(), indent=1), encoding="utf-8")
    return json.loads(record.read_text(encoding="utf-8"))


def make_field(folder, kind, seed, arguments, targets):
    """Simulate a field if it is not there, and run targets on it."""
    truth = draw_truth(seed, filters=arguments.filters, **KINDS[kind])
    if not (folder / "field.yaml").exists():
        write_field(folder, truth)
    elif read(folder / "truth.ecsv").meta["simulation"] != truth.meta["simulation"]:
        raise SystemExit(f"{folder}: holds another field than {kind}, seed {seed}. Hint: delete the folder.")
    run_workflow(folder, *targets, cores=arguments.cores)


def peer_settings(arguments):
    """The best settings of the other finders, from a field that is used for nothing else."""
    folder = (arguments.folder / f"tuning_{arguments.tuning_seed}").resolve()
    record = folder / "settings.json"
    make_field(folder, "varying", arguments.tuning_seed, arguments, ("candidates",))
    if not is_current(record, folder):
        tuned = kept(folder, record.name, lambda: best_settings(folder))
        for name, entry in tuned.items():
            print(f"{name}: {entry['setting']}, {entry['cpu_s']:.0f} s CPU", flush=True)
        print(edge_statement(tuned), flush=True)
    return json.loads(record.read_text(encoding="utf-8"))


def is_current(record, folder):
    """Whether a file is newer than the results of a field and the modules of this bench."""
    if not record.exists():
        return False
    here = Path(__file__).parent
    parts = [
        *(folder / "results/drawn").rglob("*.ecsv"),
        *here.glob("*detection_[mpt]*.py"),
        here / "simulated_field.py",
    ]
    return record.stat().st_mtime > max(path.stat().st_mtime for path in parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder, some 150 MB a field")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[kind for kind, _ in DEFAULT_FIELDS])
    parser.add_argument("--seeds", type=int, nargs="+", help="one for all kinds, counted on, or one each")
    parser.add_argument(
        "--tuning-seed", type=int, default=890, help="field on which the other finders are tuned"
    )
    parser.add_argument("--filters", nargs="+", default=list(FILTERS))
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true", help="leave the other finders out")
    parser.add_argument("--page", action="store_true", help="write the tables into docs/detection.md")
    arguments = parser.parse_args()
    seeds = arguments.seeds or [seed for _, seed in DEFAULT_FIELDS]
    if len(seeds) == 1:
        seeds = [seeds[0] + number for number in range(len(arguments.kinds))]
    if len(seeds) != len(arguments.kinds):
        parser.error(f"{len(seeds)} seeds for {len(arguments.kinds)} kinds; give one for all or one for each")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    wanted = not arguments.no_peers and set(arguments.kinds) & set(WITH_PEERS)
    tuned = peer_settings(arguments) if wanted else {}
    entries = []
    for kind, seed in zip(arguments.kinds, seeds, strict=True):
        folder = (arguments.folder / f"{kind}_{seed}").resolve()
        entries.append(run_field(folder, kind, seed, arguments, tuned))
        print(detection_page.line(entries[-1]), flush=True)
    text = detection_page.tables(entries, tuned)
    if arguments.page:
        write_between_marks(REPO / "docs" / "detection.md", "tables", text)
    else:
        print(text)


if __name__ == "__main__":
    main()

"""What scale costs: wall and CPU time, memory, jobs, overhead (`make bench-scale`); writes docs/scale.md.

A field of 24000 x 24000 pixels is simulated once per number of sources, and taken from mosaics to populations.
Needs 30 GB of disk for the largest.
"""

import argparse
import csv
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scale_field import write_field

REPO = Path(__file__).resolve().parents[2]
DOCS = REPO / "docs"
TARGETS = ("results/large/sed/bc03/clusters.ecsv", "results/large/photometry.ecsv")


def run(folder, cores, *more):
    """One run to its end; wall and CPU seconds of everything in it."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("snakemake"), "--snakefile", REPO / "Snakefile"),
            *("--workflow-profile", REPO / "profiles" / "default", "--cores", str(cores)),
            *("--configfile", "field.yaml", *more, "--", *TARGETS),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    jobs = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", done.stdout + done.stderr, re.MULTILINE)
    return {"wall_s": wall, "cpu_s": cpu, "n_jobs": len(jobs)}


def rules_of(folder):
    """Number of jobs, CPU and wall seconds and largest memory of every rule, from the benchmark files."""
    found = {}
    for path in sorted((folder / "benchmarks").rglob("*.tsv")):
        with open(path, newline="", encoding="utf-8") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        rule = path.relative_to(folder / "benchmarks").parts[0]
        entry = found.setdefault(rule, {"n_jobs": 0, "cpu_s": 0.0, "wall_s": 0.0, "memory_mb": 0.0})
        entry["n_jobs"] += 1
        entry["cpu_s"] += _number(row["cpu_time"])
        entry["wall_s"] += _number(row["s"])
        entry["memory_mb"] = max(entry["memory_mb"], _number(row["max_rss"]))
    return found


def _number(text):
    """A number of a benchmark file; jobs shorter than its first look have none."""
    return 0.0 if text in ("NA", "-") else float(text)


def start_up_s(rule):
    """CPU seconds until the driver of a rule has imported what it needs, before it reads a byte."""
    scripts = REPO / "workflow" / "scripts"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", f"import {rule}"],
        cwd=scripts,
        check=True,
        env={**os.environ, "PYTHONPATH": str(scripts)},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(folder, n_sources, n_pixels, cores, chunk):
    """One row of the table: a field, its run, and one more source."""
    if folder.exists():
        shutil.rmtree(folder)
    write_field(folder, n_clusters=n_sources, n_pixels=n_pixels)
    if chunk:
        with open(folder / "field.yaml", "a", encoding="utf-8") as stream:
            stream.write(f"batching: {{n_chunks: {max(round(n_sources / chunk), 1)}}}\n")
    entry = {"n_sources": n_sources, "n_pixels": n_pixels, "cores": cores, "chunk": chunk} | run(
        folder, cores
    )
    entry["rules"] = rules_of(folder)
    jobs_cpu_s = sum(rule["cpu_s"] for rule in entry["rules"].values())
    entry["snakemake_s"] = entry["cpu_s"] - jobs_cpu_s
    entry["start_up_s"] = sum(start_up_s(name) * rule["n_jobs"] for name, rule in entry["rules"].items())
    entry["memory_mb"] = max(rule["memory_mb"] for rule in entry["rules"].values())
    with open(folder / "sources.csv", "a", encoding="utf-8") as stream:
        stream.write("one more,110.83100000,-73.45100000\n")
    entry["one_more"] = run(folder, cores)
    return entry


# ---------------------------------------------------------------------------------------------------- page


def page(entries, load):
    """Text of docs/scale.md."""
    lines = [
        "# Scale",
        "",
        "Written by `make bench-scale`; do not edit. Fields of six filters, 24000 x 24000 pixels of 0.02 arcsec (short",
        "channel) and 12000 x 12000 of 0.04 arcsec (long channel), noise, stars and star clusters; from mosaics to SED",
        f"fits with one library of populations. Load of the machine when it began: {load}.",
        "",
        "| sources | sources per chunk | cores | jobs | wall (s) | CPU (s) | start-up and imports | Snakemake (CPU s) "
        "| largest process (MB) | one more source: jobs, wall (s) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        more = entry["one_more"]
        lines.append(
            f"| {entry['n_sources']} | {entry['chunk'] or 'auto'} | {entry['cores']} | {entry['n_jobs']} "
            f"| {entry['wall_s']:.0f} | {entry['cpu_s']:.0f} | {entry['start_up_s'] / entry['cpu_s']:.0%} "
            f"| {entry['snakemake_s']:.0f} | {entry['memory_mb']:.0f} | {more['n_jobs']}, {more['wall_s']:.0f} |"
        )
    largest = max(entries, key=lambda entry: (entry["n_sources"], entry["cores"]))
    lines += ["", f"Where the time goes with {largest['n_sources']} sources:", ""]
    lines += ["| rule | jobs | CPU (s) | of all | largest process (MB) |", "|---|---|---|---|---|"]
    for name, rule in sorted(largest["rules"].items(), key=lambda item: -item[1]["cpu_s"]):
        share = rule["cpu_s"] / largest["cpu_s"]
        lines.append(
            f"| {name} | {rule['n_jobs']} | {rule['cpu_s']:.0f} | {share:.0%} | {rule['memory_mb']:.0f} |"
        )
    lines += [
        "",
        "![CPU time and memory against the number of sources](figures/scale.png)",
        "",
        *archive(entries),
    ]
    return "\n".join(lines) + "\n"


def archive(entries):
    """The cost of all lensing clusters of the archive, from a straight line through the measurements."""
    ordered = sorted(entries, key=lambda entry: entry["n_sources"])
    first, last = ordered[0], ordered[-1]
    if first["n_sources"] == last["n_sources"]:
        return []
    slope = (last["cpu_s"] - first["cpu_s"]) / (last["n_sources"] - first["n_sources"])
    fixed = first["cpu_s"] - slope * first["n_sources"]
    field_h = (fixed + 5000 * slope) / 3600
    return [
        "## All lensing clusters of the archive, on paper",
        "",
        f"A field costs {fixed:.0f} s of CPU for its pixels and {1000 * slope:.0f} ms for each source. 100 fields of",
        f"5000 clusters are {100 * field_h:.0f} core hours. On 1000 cores the longest chain of one field sets",
        "the time: the conversion of one mosaic, star finding, PSF, one chunk, the merges.",
    ]


def figure(entries, path):
    """CPU time by kind, and memory, against the number of sources."""
    import matplotlib.pyplot as plt

    ordered = sorted((e for e in entries if not e["chunk"]), key=lambda entry: entry["n_sources"])
    n = [entry["n_sources"] for entry in ordered]
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), constrained_layout=True)
    for key, label, style in (
        ("cpu_s", "all", "o-"),
        ("start_up_s", "start-up and imports", "s--"),
        ("snakemake_s", "Snakemake itself", "^:"),
    ):
        left.loglog(n, [entry[key] for entry in ordered], style, label=label)
    left.set_xlabel("sources")
    left.set_ylabel("CPU time (s)")
    left.legend(frameon=False)
    right.semilogx(n, [entry["memory_mb"] for entry in ordered], "o-")
    right.set_xlabel("sources")
    right.set_ylabel("largest process (MB)")
    right.set_ylim(bottom=0)
    fig.savefig(path, dpi=150)
    plt.close(fig)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder, with the record measured.json")
    parser.add_argument("--sources", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--pixels", type=int, default=24000)
    parser.add_argument("--cores", type=int, nargs="+", default=[os.cpu_count()])
    parser.add_argument("--chunk", type=int, nargs="+", default=[0], help="sources per chunk; 0: auto")
    parser.add_argument("--page", action="store_true", help="only write the page, from measured.json")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    record = arguments.folder / "measured.json"
    load = f"{os.getloadavg()[0]:.1f}"
    entries = json.loads(record.read_text())["entries"] if record.exists() else []
    if not arguments.page:
        for n_sources in arguments.sources:
            for cores in arguments.cores:
                for chunk in arguments.chunk:
                    entries.append(
                        measure(arguments.folder / "field", n_sources, arguments.pixels, cores, chunk)
                    )
                    record.write_text(json.dumps({"load": load, "entries": entries}, indent=1))
    (DOCS / "figures").mkdir(exist_ok=True)
    figure(entries, DOCS / "figures" / "scale.png")
    (DOCS / "scale.md").write_text(page(entries, json.loads(record.read_text())["load"]), encoding="utf-8")


if __name__ == "__main__":
    main()

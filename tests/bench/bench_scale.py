"""What scale costs: wall and CPU time, memory, jobs, overhead (`make bench-scale`); writes docs/scale.md, its figure.

A field of 24000 x 24000 pixels in six filters is simulated once and taken from mosaics to populations with the first
100, 1000 and 10,000 of its sources; with 1000, its chunks are measured again in other sizes and with fewer cores.
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

from scale_field import LONG, SHORT, write_field
from scale_page import write_page

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests" / "workflow"))
from slurm_jobs import slurm_jobs  # noqa: E402

TARGETS = ("results/large/sed/bc03/clusters.ecsv", "results/large/photometry.ecsv")
MEASURED = """
import json, os, resource, sys
from snakemake.cli import main
try:
    main()
finally:
    own, jobs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    with open("measured.json", "w") as stream:
        json.dump({
            "snakemake_s": own.ru_utime + own.ru_stime, "jobs_s": jobs.ru_utime + jobs.ru_stime,
            "memory_mb": max(own.ru_maxrss, jobs.ru_maxrss) / 1024,
        }, stream)
"""
"""Snakemake, which writes down its own CPU time, that of its jobs, and the memory of the largest process."""


def arguments(folder, cores):
    """Options of every call."""
    files = ["field.yaml", *(["chunks.yaml"] if (folder / "chunks.yaml").exists() else [])]
    return [
        *("--snakefile", REPO / "Snakefile", "--workflow-profile", REPO / "profiles" / "default"),
        *("--cores", str(cores), "--configfile", *files),
    ]


def run(folder, cores, *more):
    """One run to its end: wall and CPU seconds, memory, jobs, and the share of start-up and imports."""
    shutil.rmtree(folder / "benchmarks", ignore_errors=True)
    start = time.perf_counter()
    command = [sys.executable, "-c", MEASURED, *arguments(folder, cores), *more, "--", *TARGETS]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    entry = {"cores": cores, "wall_s": wall} | json.loads((folder / "measured.json").read_text())
    finished = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", done.stdout + done.stderr, re.MULTILINE)
    entry["n_jobs"] = len(finished)
    entry["rules"] = rules_of(folder, set(finished))
    entry["start_up_s"] = sum(start_up_s(name) * rule["n_jobs"] for name, rule in entry["rules"].items())
    return entry


def rules_of(folder, names=None):
    """Number of jobs, CPU and wall seconds and largest memory of every rule (named), from the benchmark files."""
    found = {}
    for path in sorted((folder / "benchmarks").rglob("*.tsv")):
        with open(path, newline="", encoding="utf-8") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        rule = path.relative_to(folder / "benchmarks").parts[0]
        if names is not None and rule not in names:
            continue
        entry = found.setdefault(
            rule, {"n_jobs": 0, "cpu_s": 0.0, "wall_s": 0.0, "longest_s": 0.0, "memory_mb": 0.0}
        )
        entry["n_jobs"] += 1
        entry["cpu_s"] += _number(row["cpu_time"])
        entry["wall_s"] += _number(row["s"])
        entry["longest_s"] = max(entry["longest_s"], _number(row["s"]))
        entry["memory_mb"] = max(entry["memory_mb"], _number(row["max_rss"]))
    return found


def _number(text):
    """A number of a benchmark file; jobs shorter than its first look have none."""
    return 0.0 if text in ("NA", "-") else float(text)


def start_up_s(rule, known={}):  # noqa: B006 - each driver is measured once
    """CPU seconds until the driver of a rule has imported what it needs, before it reads a byte."""
    if rule not in known:
        scripts = REPO / "workflow" / "scripts"
        code = f"from snakemake import script; import {rule}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(scripts)}
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        known[rule] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return known[rule]


def start(field, folder, n_sources):
    """A working directory with the field's mosaics and the first sources of its list."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for filt in SHORT + LONG:
        for kind in ("sci", "wht"):
            (folder / f"{filt}_{kind}.fits").symlink_to(field / f"{filt}_{kind}.fits")
    shutil.copy(field / "field.yaml", folder)
    write_list(field, folder, n_sources)


def write_list(field, folder, n_sources):
    """The first sources of the field's list."""
    lines = (field / "sources.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "sources.csv").write_text("".join(lines[: n_sources + 1]), encoding="utf-8")


def measure_sizes(field, folder, sizes, cores):
    """Runs from mosaics to populations, by number of sources; one more source after the largest."""
    entries = []
    for n_sources in sizes:
        start(field, folder, n_sources)
        entry = {"n_sources": n_sources} | run(folder, cores)
        print(f"{n_sources} sources: {entry['wall_s']:.0f} s", flush=True)
        if n_sources == max(sizes):
            before = count_chunks(folder)
            with open(folder / "sources.csv", "a", encoding="utf-8") as stream:
                stream.write("one more,110.83100000,-73.45100000\n")
            entry["one_more"] = run(folder, cores) | {"n_chunks": [before, count_chunks(folder)]}
            entry["n_slurm_jobs"] = slurm_jobs(graph(folder))[1]
            print(f"one more: {entry['one_more']['wall_s']:.0f} s", flush=True)
        entries.append(entry)
    return entries


def count_chunks(folder):
    """Number of chunks of a run."""
    return len(list((folder / "results" / "large" / "photometry").glob("c*.ecsv")))


def graph(folder):
    """Graph of all jobs of a run, from nothing."""
    command = [Path(sys.executable).with_name("snakemake"), *arguments(folder, 1), "--forceall"]
    done = subprocess.run(
        [*command, "--dag", "dot", "--", *TARGETS], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def measure_chunks(field, folder, n_sources, chunks, cores):
    """Runs from cutouts to populations, by sources per chunk and cores, in the folder of a run that is complete."""
    write_list(field, folder, n_sources)
    entries = []
    for per_chunk in chunks:
        for n_cores in cores:
            (folder / "chunks.yaml").write_text(f"batching: {{n_chunks: {round(n_sources / per_chunk)}}}\n")
            entry = run(folder, n_cores, "--forcerun", "cut_sources")
            entries.append({"n_sources": n_sources, "per_chunk": per_chunk} | entry)
            print(f"{per_chunk} per chunk, {n_cores} cores: {entry['wall_s']:.0f} s", flush=True)
    return entries


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder, with the record measured.json")
    parser.add_argument("--sources", type=int, nargs="+", default=[10000, 1000, 100])
    parser.add_argument("--pixels", type=int, default=24000)
    parser.add_argument("--listed", type=int, default=1000, help="sources with which chunks are measured")
    parser.add_argument("--chunk", type=int, nargs="+", default=[200, 500, 1000], help="sources per chunk")
    parser.add_argument("--only", choices=["field", "sizes", "chunks", "page"], nargs="+")
    options = parser.parse_args()
    only = options.only or ["field", "sizes", "chunks", "page"]
    folder, cores = options.folder.resolve(), os.cpu_count()
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "measured.json"
    known = json.loads(record.read_text()) if record.exists() else {}
    known |= {"pixels": options.pixels}
    if "field" in only:
        write_field(folder / "field", n_clusters=max(options.sources), n_pixels=options.pixels)
    if "sizes" in only:
        known["load"] = os.getloadavg()[0]
        known["sizes"] = measure_sizes(folder / "field", folder / "run", options.sources, cores)
        record.write_text(json.dumps(known, indent=1))
    if "chunks" in only:
        counts = sorted({1, cores})
        known["chunks"] = measure_chunks(
            folder / "field", folder / "run", options.listed, options.chunk, counts
        )
    record.write_text(json.dumps(known, indent=1))
    if "page" in only:
        write_page(known, REPO / "docs")
    if options.only is None:
        for name in ("field", "run"):
            shutil.rmtree(folder / name)


if __name__ == "__main__":
    main()

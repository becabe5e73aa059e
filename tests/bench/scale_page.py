"""docs/scale.md and its figure, from what bench_scale.py measured."""

import textwrap

ARCHIVE_FIELDS, ARCHIVE_CLUSTERS, ARCHIVE_CORES = 100, 5000, 1000
CHAIN = (
    "prepare_mosaic",
    "select_stars",
    "stack_stars",
    "build_psf",
    "measure_offset",
    "join_filters",
    "deredden_photometry",
)
"""Rules that wait for each other in every field; beside them a chunk's cutouts, fits and SED fits, and the merges."""

START_S = 15.0
"""Assumed time between the submission of a SLURM job and its first work: two starts of Snakemake, and polling."""


def write_page(measured, docs):
    """Write the page and figures/scale.png.

    Parameters
    ----------
    measured : dict
        ``sizes`` and ``chunks``: entries of bench_scale.py; ``load`` of the machine when it began; ``pixels``.
    docs : Path
    """
    (docs / "figures").mkdir(exist_ok=True)
    figure(measured, docs / "figures" / "scale.png")
    (docs / "scale.md").write_text(page(measured), encoding="utf-8")


def cpu_s(entry):
    """CPU seconds of a run, Snakemake and its jobs."""
    return entry["snakemake_s"] + entry["jobs_s"]


def overhead(entry):
    """Share of a run's CPU time that is start-up, imports and Snakemake."""
    return (entry["start_up_s"] + entry["snakemake_s"]) / cpu_s(entry)


def paragraph(*parts):
    """Lines of a paragraph."""
    return textwrap.wrap(" ".join(parts), 116, break_on_hyphens=False)


def row(*cells):
    """Line of a table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def page(measured):
    """Text of docs/scale.md."""
    sizes, size = measured["sizes"], measured["pixels"]
    largest = max(sizes, key=lambda entry: entry["n_sources"])
    n = largest["n_sources"]
    return "\n".join(
        [
            "# Scale",
            "",
            *paragraph(
                "Written by `make bench-scale`; do not edit. A field of six filters, three of",
                f"{size} x {size} pixels of 0.02 arcsec and three of {size // 2} x {size // 2} of 0.04 arcsec: noise",
                f"with the correlation of drop and pixel, 250 stars and {n} star clusters, of which the first so many",
                "are listed. From mosaics to SED fits and merged tables, with one library; making the field is not",
                "counted. Two cores of a",
                f"small virtual machine, with a load of {measured['load']:.1f} when it began.",
            ),
            "",
            *by_sources(sizes),
            "",
            "![Time, overhead and memory](figures/scale.png)",
            "",
            *by_rule(largest),
            "",
            *by_chunks(measured["chunks"]),
            "",
            *archive(sizes, size),
            "",
        ]
    )


def by_sources(sizes):
    """Table of the runs from mosaics to populations."""
    lines = [
        "## Number of sources",
        "",
        "| sources | jobs | wall (s) | CPU (s) | start-up and imports | Snakemake (CPU s) | largest process (MB) |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in sizes:
        start = f"{entry['start_up_s']:.0f} s, {entry['start_up_s'] / cpu_s(entry):.0%}"
        times = (f"{value:.0f}" for value in (entry["wall_s"], cpu_s(entry)))
        rest = (f"{value:.0f}" for value in (entry["snakemake_s"], entry["memory_mb"]))
        lines.append(row(entry["n_sources"], entry["n_jobs"], *times, start, *rest))
    return lines


def by_rule(largest):
    """One more source, and the table of where the time goes."""
    more = largest["one_more"]
    rules = ", ".join(f"{rule['n_jobs']} {name}" for name, rule in more["rules"].items())
    before, after = more["n_chunks"]
    split = f"; with it the list is dealt into {after} chunks, not {before}, so that one was split" * (
        before != after
    )
    lines = [
        *paragraph(
            f"One more source among {largest['n_sources']}: {more['n_jobs']} jobs ({rules}) in",
            f"{more['wall_s']:.0f} s{split}.",
        ),
        "",
        f"Where the CPU time goes with {largest['n_sources']} sources:",
        "",
        "| rule | jobs | CPU (s) | of all | longest job (s) | largest process (MB) |",
        "|---|---|---|---|---|---|",
    ]
    for name, rule in sorted(largest["rules"].items(), key=lambda item: -item[1]["cpu_s"]):
        share = f"{rule['cpu_s'] / cpu_s(largest):.0%}"
        rest = (f"{rule[key]:.0f}" for key in ("longest_s", "memory_mb"))
        lines.append(row(name, rule["n_jobs"], f"{rule['cpu_s']:.0f}", share, *rest))
    own = largest["snakemake_s"]
    lines.append(row("Snakemake", "", f"{own:.0f}", f"{own / cpu_s(largest):.0%}", "", ""))
    seen = sum(rule["cpu_s"] for rule in largest["rules"].values())
    return [
        *lines,
        "",
        *paragraph(
            "The benchmark files behind this table look at a job from time to time: they see",
            f"{seen:.0f} of the {largest['jobs_s']:.0f} s of all jobs. Start-up and imports are part of them.",
        ),
    ]


def by_chunks(chunks):
    """Table of the runs from cutouts to populations."""
    lines = [
        "## Sources per chunk, and cores",
        "",
        f"From cutouts to merged tables, {chunks[0]['n_sources']} sources; mosaics, stars and PSFs are there.",
        "",
        "| sources per chunk | cores | jobs | wall (s) | CPU (s) | start-up, imports and Snakemake |",
        "|---|---|---|---|---|---|",
    ]
    for entry in chunks:
        times = (f"{value:.0f}" for value in (entry["wall_s"], cpu_s(entry)))
        share = f"{overhead(entry):.0%}"
        lines.append(row(entry["per_chunk"], entry["cores"], entry["n_jobs"], *times, share))
    return lines


def archive(sizes, size):
    """The cost of all lensing clusters of the archive, from a straight line through the measurements."""
    ordered = sorted(sizes, key=lambda entry: entry["n_sources"])
    few, many = ordered[0], ordered[-1]
    slope = (cpu_s(many) - cpu_s(few)) / max(many["n_sources"] - few["n_sources"], 1)
    fixed = cpu_s(few) - slope * few["n_sources"]
    hours = ARCHIVE_FIELDS * (fixed + ARCHIVE_CLUSTERS * slope) / 3600
    rules = many["rules"]
    steps = {name: rules[name]["longest_s"] for name in CHAIN}
    steps["cutouts and fits of a chunk"] = 6 * (
        rules["cut_sources"]["longest_s"] + rules["fit_sources"]["longest_s"]
    )
    steps["fit_sed"] = rules["fit_sed"]["longest_s"]
    steps["merges"] = sum(rule["longest_s"] for name, rule in rules.items() if name.startswith("merge_"))
    chain = sum(steps.values()) + 4 * START_S
    n_jobs = ARCHIVE_FIELDS * many["n_slurm_jobs"]
    terabytes = ARCHIVE_FIELDS * 8 * (3 * size**2 + 3 * (size // 2) ** 2) / 1e12
    return [
        "## All lensing clusters of the archive, on paper",
        "",
        *paragraph(
            f"A field costs {fixed:.0f} s of CPU for its pixels and {1000 * slope:.0f} ms for each source, so that",
            f"{ARCHIVE_FIELDS} fields of {ARCHIVE_CLUSTERS} clusters are **{hours:.0f} core hours**:",
            f"{60 * hours / ARCHIVE_CORES:.1f} minutes of {ARCHIVE_CORES} cores that never wait. They do wait:",
            f"a field is {many['n_slurm_jobs']} SLURM jobs, no more than one for each filter at a time, so that",
            f"the {n_jobs} jobs of all find room side by side, and the longest chain of one field sets the time.",
            "It is, by the longest jobs above and with a chunk's six filters one after another, "
            + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in steps.items())
            + f", and {START_S:.0f} s for the start of each of four SLURM jobs in a row:",
            f"**{chain / 60:.0f} minutes**, on nodes as fast as this machine.",
        ),
        "",
        *paragraph(
            f"Disks are slower than that. The mosaics with their weights are {terabytes:.1f} TB, read once and written",
            "once in our units; at 1 GB/s for all nodes together, that is",
            f"**{2 * terabytes * 1000 / 60:.0f} minutes**. Figures, sizes and the report are not counted.",
        ),
    ]


def figure(measured, path):
    """Time by kind, overhead against the size of chunks, and memory."""
    import matplotlib.pyplot as plt

    sizes = sorted(measured["sizes"], key=lambda entry: entry["n_sources"])
    n = [entry["n_sources"] for entry in sizes]
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.3), constrained_layout=True)
    for values, label, style in (
        ([cpu_s(entry) for entry in sizes], "CPU, all", "o-"),
        ([entry["wall_s"] for entry in sizes], "wall, two cores", "D-."),
        ([entry["start_up_s"] for entry in sizes], "CPU, start-up and imports", "s--"),
        ([entry["snakemake_s"] for entry in sizes], "CPU, Snakemake", "^:"),
    ):
        left.loglog(n, values, style, label=label)
    left.set(xlabel="sources", ylabel="time (s)")
    left.set_ylim(top=left.get_ylim()[1] * 6)
    left.legend(frameon=False, fontsize=8, loc="upper left")
    for cores, style in ((1, "s--"), (max(entry["cores"] for entry in measured["chunks"]), "o-")):
        chosen = [entry for entry in measured["chunks"] if entry["cores"] == cores]
        middle.semilogx(
            [entry["per_chunk"] for entry in chosen],
            [100 * overhead(entry) for entry in chosen],
            style,
            label=f"{cores} core" + "s" * (cores > 1),
        )
    middle.set(xlabel="sources per chunk", ylabel="overhead (% of CPU time)", ylim=(0, 100))
    sizes_of_chunks = sorted({entry["per_chunk"] for entry in measured["chunks"]})
    middle.set_xticks(sizes_of_chunks, [str(number) for number in sizes_of_chunks])
    middle.minorticks_off()
    middle.legend(frameon=False, fontsize=8)
    right.semilogx(n, [entry["memory_mb"] for entry in sizes], "o-")
    right.set(xlabel="sources", ylabel="largest process (MB)", ylim=(0, 2100))
    right.axhline(2000, color="0.6", lw=1)
    right.text(n[0], 1985, "aim", va="top", fontsize=8, color="0.4")
    fig.savefig(path, dpi=150)
    plt.close(fig)

"""The first page of the report: the fields, where the time went, the configuration as used, the software.

Run times from the benchmark files of the jobs; see `clusterphot.report.timing`.
"""

import json
from pathlib import Path
from urllib.parse import quote

from clusterphot.report import pages
from clusterphot.report.provenance import as_yaml
from clusterphot.report.timing import read_benchmarks, spell_seconds
from clusterphot.versions import software_versions

BAR_WIDTH = 350.0
MAX_RULES = 40


def write_first_page(path, field_folders, *, config, benchmarks, reproduction):
    """Write ``index.html``.

    Parameters
    ----------
    path : str
    field_folders : list of str
        Folders of `clusterphot.report.field_report.write_field`, beside the page.
    config : dict
        Configuration of the run, defaults included.
    benchmarks : str
        Folder of the benchmark files.
    reproduction : str
        File beside the page that compares with the published numbers.
    """
    fields = []
    for folder in field_folders:
        summary = json.loads((Path(folder) / "summary.json").read_text(encoding="utf-8"))
        fields.append(summary | {"href": quote(Path(folder).name)})
    times = read_benchmarks(benchmarks)
    pages.write_page(
        pages.make_environment(),
        "index.html",
        path,
        up="index.html",
        page="first",
        css=(pages.TEMPLATES / "report.css").read_text(encoding="utf-8"),
        fields=fields,
        reproduction=reproduction,
        bars=time_bars(times),
        jobs=sum(time.n_jobs for time in times),
        total=spell_seconds(sum(time.seconds for time in times)),
        config=as_yaml(config),
        versions=software_versions(),
    )


def time_bars(times):
    """Bars of the figure of run times, the longest first; rules beyond `MAX_RULES` are left out.

    Parameters
    ----------
    times : list of `clusterphot.report.timing.RuleTime`

    Returns
    -------
    bars : list of dict
        Widths in units of the figure and words for each number.
    """
    longest = max([time.seconds for time in times], default=0.0) or 1.0
    return [
        {
            "rule": time.rule,
            "n_jobs": time.n_jobs,
            "width": round(max(BAR_WIDTH * time.seconds / longest, 1.0), 1),
            "cpu_width": round(BAR_WIDTH * min(time.cpu_seconds, time.seconds) / longest, 1),
            "seconds": spell_seconds(time.seconds),
            "cpu": spell_seconds(time.cpu_seconds),
            "longest": spell_seconds(time.longest_seconds),
            "memory": f"{time.max_rss_mb:.0f} MB" if time.max_rss_mb else "–",
        }
        for time in times[:MAX_RULES]
    ]

"""The first page of the report: the fields, where the time went, the configuration as used, the software.

Run times from the benchmark files of the jobs; see `clusterphot.report.timing`.
"""

import html
import json
import re
from pathlib import Path
from urllib.parse import quote

from clusterphot.base.files import own_file
from clusterphot.base.versions import software_versions
from clusterphot.report import pages
from clusterphot.report.provenance import as_yaml
from clusterphot.report.timing import read_benchmarks, spell_seconds

BAR_WIDTH = 350.0
MAX_RULES = 30


def write_first_page(path, field_folders, *, config, benchmarks, reproduction, compared=None):
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
    compared : str, optional
        File beside the page that compares the fields.
    """
    fields = read_fields(field_folders)
    times = read_benchmarks(benchmarks)
    pages.write_lone_page(
        "index.html",
        path,
        page="first",
        fields=fields,
        reproduction=reproduction if has_published(fields) else None,
        compared=compared,
        bars=time_bars(times),
        rest=tell_rest(times),
        jobs=sum(time.n_jobs for time in times),
        total=spell_seconds(sum(time.seconds for time in times)),
        config=as_yaml(config),
        versions=software_versions(),
    )


def write_reproduction_page(path, source, field_folders, *, compared=None):
    """Write the page that compares with the published numbers in the look of the report, with ways back.

    Parameters
    ----------
    path : str
    source : str
        Page of `clusterphot.validation.page.html_page`, which stands alone.
    field_folders : list of str
    compared : str, optional
        File beside the page that compares the fields.
    """
    with own_file(source):
        found = re.search(r"<h1>(.*?)</h1>\n(.*)</body>", Path(source).read_text(encoding="utf-8"), re.S)
        if found is None:
            raise ValueError("it is no page with a heading and a body")
    pages.write_lone_page(
        "reproduction.html",
        path,
        page="reproduction",
        title=html.unescape(found[1]),
        fragment=found[2],
        fields=read_fields(field_folders),
        reproduction=Path(path).name,
        compared=compared,
    )


def read_fields(folders):
    """Summaries of the fields, with the way to their folders."""
    fields = []
    for folder in folders:
        path = Path(folder) / "summary.json"
        with own_file(path):
            summary = json.loads(path.read_text(encoding="utf-8"))
        fields.append(summary | {"href": quote(Path(folder).name)})
    return fields


def has_published(fields):
    """Whether any of the fields, as of `read_fields`, is compared with the published numbers."""
    return any(field["role"] != "other" for field in fields)


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


def tell_rest(times):
    """Sentence about the rules without a bar; empty where there are none."""
    rest = times[MAX_RULES:]
    if not rest:
        return ""
    jobs, seconds = sum(time.n_jobs for time in rest), sum(time.seconds for time in rest)
    memory = max(time.max_rss_mb for time in rest)
    words = "1 more rule" if len(rest) == 1 else f"{len(rest)} more rules"
    return f"{words}, with {jobs} jobs of up to {memory:.0f} MB, took {spell_seconds(seconds)}."

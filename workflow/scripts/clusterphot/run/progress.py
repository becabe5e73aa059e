"""A run in plain words: one line per finished stage with its headline number, time so far and time left.

On a terminal lines are in colour and a live one below, with a bar, says what is running; in a file or in CI
there are plain lines only. The environment variable NO_COLOR (https://no-color.org) leaves out the colours.
Times in seconds; the estimate of the time left is remaining work over the parallelism reached so far.
"""

import contextlib
import csv
import glob
import os
import re
import shutil
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

BAR_CELLS = 20
STYLES = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "33", "cyan": "36"}
"""Codes of ANSI terminals."""
PLAIN_EVERY_S = 60.0
OVERDUE_SHARE = 0.1
"""A job that takes longer than thought is taken to need a tenth of its time more, so that the time left never stands
still; what waits of its rule is taken to need as long."""
LIVE_EVERY_S = 1.0
MAX_BENCHMARKS = 20
FIRST_PAGES = {
    "write_report": "results/report/index.html",
    "make_candidate_page": "results/*/candidates.html",
}
"""What to open after a run with these rules, the first of them that ran."""
TITLES = {
    "simulate_sources": "simulated sources",
    "simulate_pupil": "simulated telescope",
    "simulate_field": "simulated image",
    "fetch_mosaic": "download",
    "prepare_mosaic": "mosaic",
    "select_stars": "stars",
    "stack_stars": "mean star",
    "build_psf": "PSF",
    "join_systematics": "common errors",
    "measure_noise": "noise",
    "measure_offset": "offset",
    "check_psf": "PSF beside the stars",
    "cut_sources": "cutouts",
    "fit_sources": "fluxes",
    "join_filters": "all filters",
    "compare_engines": "engines compared",
    "join_engines": "engines compared, all filters",
    "merge_photometry": "photometry",
    "import_photometry": "photometry",
    "import_stack_photometry": "photometry of the stack",
    "stack_sources": "stack",
    "join_stacks": "stack, all filters",
    "compute_extinction": "Milky Way dust",
    "deredden_photometry": "fluxes without dust",
    "deredden_stack": "stack without dust",
    "merge_dereddened": "all fluxes without dust",
    "detect_sources": "search",
    "merge_candidates": "candidates",
    "inject_clusters": "artificial clusters",
    "measure_completeness": "completeness",
    "inject_masses": "artificial clusters of known mass",
    "measure_mass_completeness": "completeness by mass",
    "make_candidate_page": "page of candidates",
    "fit_luminosity_function": "luminosity function",
    "fit_color_mixture": "kinds of colour",
    "map_clusters": "map of the clusters",
    "measure_light": "light of the brightest galaxy",
    "fit_spatial": "profiles of clusters and light",
    "estimate_totals": "numbers of clusters",
    "embed_ssp_grid": "shipped grid of populations",
    "fetch_fsps_data": "download of FSPS data",
    "build_ssp_grid": "grid of populations",
    "project_ssp_grid": "model fluxes",
    "project_native_grid": "model fluxes, all ages",
    "fit_sed": "SED fits",
    "merge_sed": "ages and masses",
    "fit_stack_sed": "SED fit of the stack",
    "check_posteriors": "check of the posteriors",
    "forecast_filters": "forecast",
    "compare_libraries": "libraries compared",
    "measure_sensitivity": "sensitivity of the stack's age",
    "measure_rest_frame": "rest-frame magnitudes",
    "merge_rest_frame": "rest-frame magnitudes, all sources",
    "measure_stack_rest_frame": "rest-frame magnitudes of the stack",
    "measure_profiles": "profile of the stack",
    "demagnify": "intrinsic fluxes and masses",
    "limit_sizes": "size limits",
    "limit_stack_size": "size limit of the stack",
    "merge_sizes": "size limits, all sources",
    "simulate_sizes": "simulated sizes",
    "choose_donors": "what artificial clusters are made of",
    "measure_injections": "artificial clusters, blank places",
    "fit_injected_sed": "SED fits of artificial clusters",
    "summarise_proof": "proof of the errors",
    "recover_truth": "recovery of the truth",
    "count_stars": "Milky Way stars expected",
    "fit_black_bodies": "black body for the stack",
    "classify_sources": "clusters, galaxies and stars",
    "prepare_comparison": "galaxies to compare with",
    "measure_bcg": "brightest cluster galaxy",
    "measure_luminosities": "V luminosities",
    "compare_calibrations": "calibrations compared",
    "compare_fields": "fields side by side",
    "compare_published": "beside published values",
    "write_table1": "table 1",
    "write_table2": "table 2",
    "draw_residual": "mosaic without its sources",
    "write_rescue": "table for RESCUE",
    "write_regions": "regions for DS9",
    "join_catalogue": "catalogue",
    "convert_table": "tables for other programs",
    "draw_sky": "colour image for the report",
    "collect_cards": "cards of the report",
    "write_field_report": "pages of the report",
    "write_report": "first page of the report",
    "compute_formation": "formation times",
    "compute_reproduction": "beside the paper",
    "write_reproduction": "reproduction page",
}
"""Rules in the words of the field; ``plot_x`` is the figure x, others are called by their name."""
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (\w+) (\S+): (.*)$")
OWN_LOGGERS = re.compile(r"(root|clusterphot)(\.|$)")
"""Drivers log to the root, the package by its name; what libraries say is no headline."""
COUNTS = re.compile(r"(\d+) sources, (\d+) flagged")


@dataclass(frozen=True)
class Job:
    """A job as Snakemake announces it: rule, wildcards (dict) and paths of its log files."""

    rule: str
    wildcards: dict
    logs: list

    @property
    def place(self):
        """Field and filter (or grid), as they open a line."""
        names = (self.wildcards.get(name) for name in ("field", "filter", "grid", "kind"))
        return " ".join(str(name) for name in names if name)

    @property
    def title(self):
        """What the rule makes, in a word or two."""
        words = self.rule.replace("_", " ")
        return TITLES.get(self.rule, re.sub(r"^plot (.*)", r"figure \1", words))


@dataclass(frozen=True)
class Outcome:
    """What the log of a finished job says: its last message, and the number of its warnings."""

    headline: str = ""
    n_warnings: int = 0


def read_outcome(job):
    """Headline and warnings from the log of a job; nothing where it has none."""
    levels, headline = Counter(), ""
    for path in job.logs:
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                found = LOG_LINE.match(line.rstrip("\n"))
                if found:
                    levels[found[1]] += 1
                    own = found[1] == "INFO" and OWN_LOGGERS.match(found[2])
                    headline = found[3] if own and not found[3].startswith("done in ") else headline
    own = [name for key in ("field", "filter", "grid", "chunk") if (name := str(job.wildcards.get(key, "")))]
    for name in (*own, "stack"):  # said at the beginning of the line already
        headline = re.sub(rf"^{re.escape(name)}[ :]+", "", headline)
    return Outcome(headline, levels["WARNING"])


class Estimate:
    """Time left, from the times of finished jobs and of earlier runs.

    Parameters
    ----------
    earlier : dict of str to float
        Mean time (s) of a job of each rule in earlier runs, where known.
    """

    def __init__(self, earlier):
        self._earlier, self._times = earlier, defaultdict(list)

    def add(self, rule, seconds):
        """Note the time of a finished job."""
        self._times[rule].append(seconds)

    def mean(self, rule):
        """Expected time (s) of a job; None if nothing is known of any."""
        if self._times[rule]:
            return sum(self._times[rule]) / len(self._times[rule])
        if rule in self._earlier:
            return self._earlier[rule]
        known = [seconds for times in self._times.values() for seconds in times]
        return sum(known) / len(known) if known else None

    def left(self, waiting, running, elapsed):
        """Time left (s), or None while nothing is known.

        Parameters
        ----------
        waiting : dict of str to int
            Jobs of each rule that are neither done nor running.
        running : list of (rule, seconds)
            Running jobs and for how long.
        elapsed : float
            Since the first job, s.
        """
        work, busy = 0.0, sum(sum(times) for times in self._times.values())
        longest = defaultdict(float)
        for rule, seconds in running:
            longest[rule] = max(longest[rule], seconds)
            work += max((self.mean(rule) or 0.0) - seconds, OVERDUE_SHARE * seconds)
            busy += seconds
        for rule, n in waiting.items():
            if n and self.mean(rule) is None:
                return None
            work += n * max(self.mean(rule) or 0.0, longest[rule])
        parallel = max(1.0, busy / elapsed) if elapsed > 1.0 else max(1.0, float(len(running)))
        return work / parallel


def earlier_times(rules):
    """Mean time (s) of a job of each rule by the benchmark files of earlier runs in this working directory."""
    means = {}
    for rule in rules:
        times = []
        for path in sorted(glob.glob(f"benchmarks/{glob.escape(rule)}/**/*.tsv", recursive=True))[
            :MAX_BENCHMARKS
        ]:
            with contextlib.suppress(OSError, KeyError, ValueError, StopIteration), open(path) as stream:
                times.append(float(next(csv.DictReader(stream, delimiter="\t"))["s"]))
        if times:
            means[rule] = sum(times) / len(times)
    return means


def duration(seconds):
    """A time in plain words: 42 s, 3 min 05 s, 2 h 10 min."""
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


class Display:
    """Writes the course of a run to a stream, live if that is a terminal.

    Parameters
    ----------
    stream : file
    clock : callable, optional
        Time in s.
    """

    def __init__(self, stream, clock=time.monotonic):
        self._stream, self._clock, self._lock = stream, clock, threading.RLock()
        self._live = bool(getattr(stream, "isatty", lambda: False)())
        self._colored = self._live and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._totals, self._done, self._failed = {}, Counter(), []
        self._running, self._collected = {}, defaultdict(list)
        self._began, self._said_at, self._line, self._ended = None, 0.0, "", False
        self._estimate, self._stop = Estimate({}), threading.Event()

    def begin(self, totals):
        """The run will have these numbers of jobs, by rule."""
        with self._lock:
            self._totals = dict(totals)
            self._estimate = Estimate(earlier_times(totals))
            if self._began is None:
                self._began = self._said_at = self._clock()
                threading.Thread(target=self._tick, daemon=True).start()
            n = sum(self._totals.values())
            self.say(f"{n} jobs to do; every line is a finished stage, details are in logs/")

    def start(self, jobid, job):
        """A job has been started."""
        with self._lock:
            self._running[jobid] = (job, self._clock())
            self._refresh()

    def finish(self, jobid):
        """A job has been done."""
        with self._lock:
            job, started = self._running.pop(jobid, (None, 0.0))
            if job is None:
                return
            seconds = self._clock() - started
            self._estimate.add(job.rule, seconds)
            self._done[job.rule] += 1
            outcome = read_outcome(job)
            if "chunk" in job.wildcards or not outcome.headline:
                self._collected[job.rule].append((job, outcome, seconds))
            else:
                self._news(job.place, job.title, outcome.headline, outcome.n_warnings, seconds)
            if self._done[job.rule] >= self._totals.get(job.rule, 0):
                self._report_collected(job.rule)
            self._refresh()

    def fail(self, jobid):
        """A job has failed; Snakemake's message was said before."""
        with self._lock:
            job, _ = self._running.pop(jobid, (None, 0.0))
            if job is not None:
                self._failed.append(job)
            self._refresh()

    def say(self, text):
        """Write lines above the live one."""
        with self._lock:
            self._erase()
            if text and text != "None":
                self._stream.write(f"{text}\n")
            self._said_at = self._clock()
            self._refresh()
            self._stream.flush()

    def end(self):
        """Say how the run ended; again and again does no harm."""
        with self._lock:
            if self._ended or self._began is None:
                return
            self._stop.set()
            for rule in list(self._collected):
                self._report_collected(rule)
            self._erase()
            self._ended = True
            n, total = sum(self._done.values()), sum(self._totals.values())
            took = duration(self._clock() - self._began)
            for job in self._failed:
                where = f": see {', '.join(job.logs)}" if job.logs else ""
                what = f"{job.place} {job.title} {job.wildcards.get('chunk', '')}".rstrip()
                self._stream.write(f"{self._style('FAILED', 'red')} {what}{where}\n")
            good = n == total and not self._failed
            end = "all done" if good else f"{total - n} not done, {len(self._failed)} failed"
            self._stream.write(
                f"{n} of {total} jobs in {took}: {self._style(end, 'green' if good else 'red')}\n"
            )
            pages = [page for rule, page in FIRST_PAGES.items() if rule in self._totals]
            if good and pages:
                self._stream.write(f"Open {os.path.abspath(pages[0])}\n")
            self._stream.flush()

    # ------------------------------------------------------------------------------------------- lines

    def _report_collected(self, rule):
        """Lines of the jobs of a rule that are told together: one per field and filter, or one in all."""
        groups = defaultdict(list)
        for job, outcome, seconds in self._collected.pop(rule, []):
            groups[job.place if outcome.headline else ""].append((job, outcome, seconds))
        for place, entries in groups.items():
            job = entries[0][0]
            if not job.logs:  # targets for people
                continue
            found = [COUNTS.search(outcome.headline) for _, outcome, _ in entries]
            places = sorted({entry[0].place for entry in entries} - {""})
            if place and all(found):
                n, flagged = (sum(int(match[i]) for match in found) for i in (1, 2))
                text = f"{n} sources, {flagged} flagged"
            elif len(entries) == 1:
                place, text = job.place, entries[0][1].headline or "done"
            elif len(places) == 1:
                place, text = places[0], f"{len(entries)} parts done"
            else:
                named = f" ({', '.join(places[:3])}{', ...' if len(places) > 3 else ''})" if places else ""
                text = f"{len(entries)} done{named}"
            n_warnings = sum(outcome.n_warnings for _, outcome, _ in entries)
            self._news(place, job.title, text, n_warnings, sum(entry[2] for entry in entries))

    def _news(self, place, title, text, n_warnings, seconds):
        """One line about a finished stage."""
        what = self._style(f"{place} {title}".strip(), "bold")
        warned = f"{n_warnings} warning{'s' if n_warnings > 1 else ''} in its log"
        warned = f"; {self._style(warned, 'yellow')}" if n_warnings else ""
        clockwork, took = (
            self._style(words, "dim") for words in (f"[{self._clockwork()}]", f"({duration(seconds)})")
        )
        self.say(f"{clockwork} {what}: {text}{warned} {took}")

    def _style(self, text, name):
        """Text in a style on a terminal with colours."""
        return f"\033[{STYLES[name]}m{text}\033[0m" if self._colored else text

    def _bar(self):
        """Share of the jobs that is done, as a bar."""
        full = round(BAR_CELLS * sum(self._done.values()) / max(sum(self._totals.values()), 1))
        return self._style("━" * full, "cyan") + self._style("─" * (BAR_CELLS - full), "dim")

    def _clockwork(self):
        """Jobs done, time so far and time left."""
        n, total = sum(self._done.values()), sum(self._totals.values())
        left = self._left()
        about = "" if left is None else f", about {duration(left)} left"
        return f"{n}/{total}, {duration(self._clock() - (self._began or 0.0))}{about}"

    def _left(self):
        """Time left, s, or None."""
        now = self._clock()
        running = [(job.rule, now - started) for job, started in self._running.values()]
        active = Counter(rule for rule, _ in running)
        waiting = {rule: max(n - self._done[rule] - active[rule], 0) for rule, n in self._totals.items()}
        return self._estimate.left(waiting, running, now - (self._began or now))

    def _status(self):
        """What is running, with done and total of each rule."""
        active = Counter(job.rule for job, _ in self._running.values())
        titles = {job.rule: job.title for job, _ in self._running.values()}
        parts = [f"{titles[rule]} {self._done[rule]}/{self._totals.get(rule, '?')}" for rule in active]
        return f"{self._clockwork()}; now {', '.join(parts)}" if parts else self._clockwork()

    def _refresh(self):
        """Write the live line anew."""
        if not self._live or self._began is None or self._ended:
            return
        self._erase()
        width = max(shutil.get_terminal_size().columns - 1, 20)
        with_bar = width > 3 * BAR_CELLS
        room = width - BAR_CELLS - 1 if with_bar else width
        self._line = (f"{self._bar()} " if with_bar else "") + self._status()[:room]
        self._stream.write(self._line)
        self._stream.flush()

    def _erase(self):
        """Remove the live line."""
        if self._line:
            self._stream.write("\r\033[K")
            self._line = ""

    def _tick(self):
        """Keep the time on a terminal; say now and then in a file that the run is alive."""
        while not self._stop.wait(LIVE_EVERY_S):
            with self._lock:
                if self._live:
                    self._refresh()
                elif self._clock() - self._said_at > PLAIN_EVERY_S:
                    self.say(f"[{self._status()}]")

"""The display of a run: headlines from logs, one line per stage, estimates of the time left."""

import io
import re

import pytest
from clusterphot.run.progress import (
    STYLES,
    TITLES,
    Display,
    Estimate,
    Job,
    duration,
    earlier_times,
    read_outcome,
)


class Clock:
    """Time in seconds that stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def display(tmp_path, monkeypatch):
    """Display, its stream and its clock, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    stream, clock = io.StringIO(), Clock()
    shown = Display(stream, clock)
    yield shown, stream, clock
    shown.end()


def job(rule, *messages, **wildcards):
    """A job whose log holds these messages: text for INFO, (level, text) otherwise."""
    name = "_".join([rule, *wildcards.values()]) + ".log"
    with open(name, "w", encoding="utf-8") as stream:
        for message in messages:
            level, text = ("INFO", message) if isinstance(message, str) else message
            stream.write(f"2026-01-02 03:04:05,678 {level} clusterphot.x: {text}\n")
    return Job(rule, wildcards, [name])


def lines(stream):
    """Lines written so far."""
    return stream.getvalue().splitlines()


def test_the_headline_is_the_last_message_without_what_the_line_says_anyway(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = read_outcome(
        job(
            "build_psf",
            "F150W: first",
            ("WARNING", "few stars"),
            'demo F150W: 47 stars, FWHM 0.063"',
            "done in 3.1 s",
            field="demo",
            filter="F150W",
        )
    )
    assert (outcome.headline, outcome.n_warnings) == ('47 stars, FWHM 0.063"', 1)
    assert read_outcome(Job("all", {}, [])).headline == ""
    with open("mixed.log", "w") as stream:
        for name, text in (
            ("root", "2000 x 2000 px"),
            ("matplotlib.font_manager", "generated new fontManager"),
        ):
            stream.write(f"2026-01-02 03:04:05,678 INFO {name}: {text}\n")
    assert read_outcome(Job("simulate_field", {}, ["mixed.log"])).headline == "2000 x 2000 px"
    assert read_outcome(Job("gone", {}, ["gone.log"])).headline == ""


def test_a_stage_with_a_headline_is_one_line(display):
    shown, stream, clock = display
    shown.begin({"build_psf": 2, "all": 1})
    shown.start(1, job("build_psf", 'F150W: 47 stars, FWHM 0.063"', field="demo", filter="F150W"))
    clock.now = 10.0
    shown.finish(1)
    # two jobs of 10 s are left (the mean of those known), one at a time
    assert lines(stream)[1:] == [
        '[1/3, 10 s, about 20 s left] demo F150W PSF: 47 stars, FWHM 0.063" (10 s)',
    ]


def test_chunks_are_one_line_per_filter_when_the_rule_is_done(display):
    shown, stream, clock = display
    shown.begin({"fit_sources": 3})
    for number, (filt, chunk) in enumerate([("F150W", "c000"), ("F150W", "c001"), ("F200W", "c000")]):
        text = f"{filt} {chunk}: {10 + number} sources, {number} flagged"
        warning = ("WARNING", "odd")
        shown.start(number, job("fit_sources", warning, text, field="demo", filter=filt, chunk=chunk))
        clock.now += 2.0
        assert len(lines(stream)) == 1
        shown.finish(number)
    assert lines(stream)[1:] == [
        "[3/3, 6 s, about 0 s left] demo F150W fluxes: 21 sources, 1 flagged; 2 warnings in its log (4 s)",
        "[3/3, 6 s, about 0 s left] demo F200W fluxes: 12 sources, 2 flagged; 1 warning in its log (2 s)",
    ]


def test_a_single_chunk_has_its_own_headline(display):
    shown, stream, _ = display
    shown.begin({"cut_sources": 1})
    shown.start(1, job("cut_sources", "F200W c000: 178 cutouts", field="demo", filter="F200W", chunk="c000"))
    shown.finish(1)
    assert lines(stream)[1:] == ["[1/1, 0 s, about 0 s left] demo F200W cutouts: 178 cutouts (0 s)"]


def test_jobs_without_a_headline_are_one_line(display):
    shown, stream, _ = display
    shown.begin({"plot_psf": 2, "plot_masses": 1})
    for number, filt in enumerate(("F150W", "F200W")):
        shown.start(number, job("plot_psf", "done in 1.0 s", field="demo", filter=filt))
        shown.finish(number)
    shown.start(2, job("plot_masses", "done in 1.0 s", field="demo", grid="bc03"))
    shown.finish(2)
    assert [line.split("] ")[1] for line in lines(stream)[1:]] == [
        "figure psf: 2 done (demo F150W, demo F200W) (0 s)",
        "demo bc03 figure masses: done (0 s)",
    ]


def test_the_end_names_what_failed(display):
    shown, stream, clock = display
    shown.begin({"build_psf": 2, "all": 1})
    shown.start(1, job("build_psf", "F150W: 5 stars", field="demo", filter="F150W"))
    shown.finish(1)
    shown.start(2, job("build_psf", field="demo", filter="F200W"))
    shown.say("Error in rule build_psf:\n    as Snakemake says it")
    shown.fail(2)
    clock.now = 185.0
    shown.end()
    shown.end()
    assert lines(stream)[-3:] == [
        "    as Snakemake says it",
        "FAILED demo F200W PSF: see build_psf_demo_F200W.log",
        "1 of 3 jobs in 3 min 05 s: 2 not done, 1 failed",
    ]


def test_nothing_is_said_of_a_run_that_did_not_begin(display):
    shown, stream, _ = display
    shown.end()
    assert stream.getvalue() == ""


def test_a_terminal_has_a_live_line_below(tmp_path, monkeypatch):
    """It is erased before each line that stays, and holds a bar, and done and total of what is running."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    stream, clock = Terminal(), Clock()
    shown = Display(stream, clock)
    shown.begin({"measure_noise": 2})
    shown.start(1, job("measure_noise", "F150W: quiet", field="demo", filter="F150W"))
    assert stream.getvalue().endswith("─" * 20 + " 0/2, 0 s; now noise 0/2")
    clock.now = 4.0
    shown.finish(1)
    shown.start(2, job("measure_noise", "F200W: loud", field="demo", filter="F200W"))
    shown.finish(2)
    shown.end()
    shown_lines = [line.rsplit("\r\033[K", 1)[-1] for line in stream.getvalue().rstrip("\n").split("\n")]
    assert shown_lines[1:] == [
        "[1/2, 4 s, about 4 s left] demo F150W noise: quiet (4 s)",
        "[2/2, 4 s, about 0 s left] demo F200W noise: loud (0 s)",
        "2 of 2 jobs in 4 s: all done",
    ]


def test_a_terminal_has_colours_and_lines_that_fit(tmp_path, monkeypatch):
    """Warnings stand out; without the codes the lines are the plain ones, the live line no wider than the window."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "70")
    stream = Terminal()
    shown = Display(stream, Clock())
    shown.begin({"measure_noise": 2, "build_psf": 1, "select_stars": 1})
    shown.start(1, job("measure_noise", ("WARNING", "odd"), "F150W: quiet", field="demo", filter="F150W"))
    shown.start(2, job("build_psf", field="demo", filter="F200W"))
    shown.start(3, job("select_stars", field="demo"))
    shown.finish(1)
    shown.fail(2)
    shown.end()
    text = stream.getvalue()
    for code in (STYLES["bold"], STYLES["yellow"], STYLES["red"], STYLES["cyan"]):
        assert f"\033[{code}m" in text
    plain = re.sub(r"\033\[[0-9;]*m", "", text)
    assert "[1/4, 0 s, about 0 s left] demo F150W noise: quiet; 1 warning in its log (0 s)\n" in plain
    live = [line for line in re.split(r"\r\033\[K|\n", plain) if line.startswith(("━", "─"))]
    assert live and max(map(len, live)) <= 69
    assert any(line.startswith("━" * 5 + "─" * 15 + " 1/4, 0 s") for line in live)


def test_every_stage_has_a_name_in_plain_words(repo):
    """Rules that make something: those of figures by their name, all others in the list, or their own name as words."""
    rules = {}
    for path in (repo / "workflow" / "rules").glob("*.smk"):
        parts = re.split(
            r"^(?:rule|use rule \w+ as) (\w+)(?::| with:)\n", path.read_text(encoding="utf-8"), flags=re.M
        )[1:]
        rules |= dict(zip(parts[::2], parts[1::2], strict=True))
    making = {name for name, body in rules.items() if re.search(r"^    output:", body, re.M)}
    assert set(TITLES) <= {name for name in making if not name.startswith("plot_")}
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name) for name in making - set(TITLES))


def test_the_estimate_uses_own_times_then_earlier_runs_then_the_mean():
    estimate = Estimate({"slow": 100.0})
    assert estimate.left({"quick": 1}, [], 0.0) is None
    estimate.add("quick", 2.0)
    assert (estimate.mean("quick"), estimate.mean("slow"), estimate.mean("unknown")) == (2.0, 100.0, 2.0)
    # 3 x 2 s to wait for, and 60 s of a running one; 2 + 40 s of work in 21 s are two at a time
    assert estimate.left({"quick": 3}, [("slow", 40.0)], 21.0) == pytest.approx((3 * 2 + 60) / 2)


def test_earlier_times_are_read_from_benchmarks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks" / "fit_sed" / "x").mkdir(parents=True)
    for number, seconds in enumerate((2.0, 4.0)):
        (tmp_path / "benchmarks" / "fit_sed" / "x" / f"{number}.tsv").write_text(f"s\th:m:s\n{seconds}\t-\n")
    (tmp_path / "benchmarks" / "fit_sed" / "x" / "torn.tsv").write_text("")
    assert earlier_times(["fit_sed", "other"]) == {"fit_sed": 3.0}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.4, "59 min 59 s"), (7860, "2 h 11 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_with_a_report_ends_by_naming_its_first_page(display, tmp_path, fails):
    """Only where all jobs are done."""
    shown, stream, _ = display
    shown.begin({"write_report": 1})
    shown.start(1, job("write_report"))
    shown.fail(1) if fails else shown.finish(1)
    shown.end()
    assert (f"Open {tmp_path}/results/report/index.html" in stream.getvalue()) is not fails


def test_time_left_does_not_stand_still():
    """A job that takes four minutes where 2 s were thought: what is left grows, and so do the others of its rule."""
    estimate = Estimate({"fit_sed": 2.0})
    left = [
        estimate.left({"fit_sed": 3}, [("fit_sed", seconds)], seconds) for seconds in (60.0, 120.0, 240.0)
    ]
    assert left == sorted(left) and left[-1] > 3 * 240

"""The report of a field of 10,000 sources: paged, opened at once, written in bounded time and memory."""

import json
import re
import resource
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from clusterphot.report.field_report import write_field
from clusterphot.report.pages import CARDS_PER_PAGE

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))
from browser import Browser, find_browser
from large_field import write_inputs

N_SOURCES = 10_000
MAX_MEMORY_MB = 2000
"""What rule write_field_report asks for."""
MAX_SECONDS = 120
"""A day's work of a cluster is not held up by its pages; some 25 s on one core of 2026."""
MAX_OPEN_MS = 3000

pytestmark = pytest.mark.slow  # a minute and 300 MB of files; `make test-slow`


def _write(folder, inputs, answer):
    """Write the pages and tell seconds and the largest resident set in MB; to be run in a process of its own."""
    began = time.perf_counter()
    write_field(folder, inputs)
    answer.put((time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


@pytest.fixture(scope="module")
def large(tmp_path_factory, embedded_grid, projected_grid):
    """Folder of the field's pages, seconds and MB."""
    folder = tmp_path_factory.mktemp("large")
    inputs = write_inputs(folder, N_SOURCES, embedded_grid, projected_grid)
    context = get_context("spawn")
    answer = context.Queue()
    job = context.Process(target=_write, args=(str(folder / "report" / "large"), inputs, answer))
    job.start()
    seconds, memory_mb = answer.get(timeout=900)
    job.join()
    return folder / "report" / "large", seconds, memory_mb


def test_written_in_bounded_time_and_memory(large):
    _, seconds, memory_mb = large
    print(f"{N_SOURCES} sources: {seconds:.1f} s, {memory_mb:.0f} MB")
    assert seconds < MAX_SECONDS
    assert memory_mb < MAX_MEMORY_MB


def test_cards_are_paged(large):
    folder, *_ = large
    cards = sorted((folder / "data").glob("cards-*.js"))
    assert len(cards) == N_SOURCES // CARDS_PER_PAGE
    assert max(path.stat().st_size for path in cards) < 10e6
    text = cards[-1].read_text(encoding="utf-8")
    assert (
        len(json.loads(re.fullmatch(r'CLUSTERPHOT\.give\("[^"]+",(.*)\);\n', text, re.S)[1]))
        == CARDS_PER_PAGE
    )


@pytest.mark.parametrize(
    "address", ["index.html", "clusters.html", "clusters.html#c=s09999", "origins.html"], ids=str
)
def test_pages_open_at_once(large, tmp_path, address):
    """Load event within 3 s by the clock, table or card there by then, no console message."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium); pages were not opened")
    name, _, place = address.partition("#")
    browser = Browser(path, tmp_path / "profile")
    try:
        page = browser.open((large[0] / name).as_uri() + (f"#{place}" if place else ""))
        page.wait_until("document.querySelector('#card[data-ready], #rows tr, circle, article')")
        ready_ms = page.evaluate("performance.now()")
        print(
            f"{address}: load event {page.load_ms:.0f} ms, ready {ready_ms:.0f} ms, start {browser.start_s:.1f} s"
        )
        assert page.complaints == []
        assert page.load_ms <= ready_ms < MAX_OPEN_MS
    finally:
        browser.close()

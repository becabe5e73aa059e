"""A dry run in plain words."""

from clusterphot.run.plan import Plan, in_words


def test_steps_and_reasons():
    """One line a step: title, jobs, places and why; what merely follows is said where nothing else is."""
    plan = Plan()
    changed = "Params have changed since last execution: old, new"
    for chunk in ("c000", "c001"):
        plan.add("fit_sed", {"field": "demo", "grid": "bc03", "chunk": chunk}, changed)
    follows = "Input files updated by another job: results/demo/sed/bc03/c000.ecsv"
    plan.add("merge_sed", {"field": "demo", "grid": "bc03"}, follows)
    plan.add("plot_masses", {"field": "demo", "grid": "bc03"}, f"Missing output files: a.png; {follows}")
    plan.add("seds", {}, follows)
    assert [" ".join(line.split()) for line in plan.text().splitlines()] == [
        "4 jobs in 3 steps would run:",
        "SED fits 2 jobs demo its settings have changed",
        "ages and masses 1 job demo what it reads is made anew",
        "figures 1 job demo not made yet",
        "This was a dry run: nothing has been done. `make run` does it.",
    ]


def test_nothing_to_do():
    assert Plan().text() == "Nothing to be done: all results are there and up to date."


def test_reasons_name_files():
    assert in_words("Updated input files: a.csv, b.csv, c.csv; Code has changed since last execution") == (
        "newer: a.csv, b.csv and 1 more",
        "its code has changed",
    )
    assert in_words("Something new") == ("Something new",)

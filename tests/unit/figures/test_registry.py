"""The list of figures: entries, modules and rules are in step, and each field gets the figures that it can have."""

import importlib
import importlib.util
import inspect
import sys
from types import SimpleNamespace

import pytest
from clusterphot.figures import registry

NAMES = [figure.name for figure in registry.FIGURES]
FIELDS = {
    "fluxes": {},
    "fluxes and stack": {"has_stack": True},
    "images": {"has_stack": True, "mosaics": {"F1": 1, "F2": 2}, "center_deg": (1.0, 2.0)},
    "simulated": {
        "has_stack": True,
        "mosaics": {"F1": 1, "F2": 2},
        "center_deg": (1.0, 2.0),
        "truth": "truth.csv",
    },
    "lensed": {"is_lensed": True},
    "controlled": {"comparisons": {"control_region": {}}},
    "same sources": {"same_sources_as": "other"},
    "published": {"compare_with": {"age_gyr": "age"}},
}
FIELDS["proven"] = FIELDS["simulated"] | {"is_proven": True}


def field(kind):
    """A field as the registry sees it."""
    values = {
        "name": "f",
        "filters": ["F1", "F2"],
        "mosaics": {},
        "has_stack": False,
        "center_deg": None,
        "truth": None,
        "is_proven": False,
        "is_lensed": False,
        "compare_with": None,
        "comparisons": {},
        "same_sources_as": None,
    }
    return SimpleNamespace(**values | FIELDS[kind])


def names_of(kind, engines=()):
    paths = registry.figures_of(field(kind), ["g", "h"], engines)
    assert len(set(paths)) == len(paths)
    return {path.removeprefix("results/f/figures/").removesuffix(".png") for path in paths}


@pytest.fixture(scope="module")
def rules(repo):
    """Rules of figures.smk by name, as docs/make_stages.py reads them."""
    spec = importlib.util.spec_from_file_location("make_stages", repo / "docs" / "make_stages.py")
    module = sys.modules["make_stages"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (repo / "workflow" / "rules" / "figures.smk").read_text(encoding="utf-8")
    found = {rule.name: rule for rule in module.parse(text)[1]}
    return {name: rule for name, rule in found.items() if name not in ("plot_figure", "figures")}


def test_each_entry_has_a_rule_of_its_name_in_its_order(rules):
    assert list(rules) == [figure.rule for figure in registry.FIGURES]
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_module_draws_what_the_rule_names(rules, name):
    """Arguments of `draw` are the input, the params and the wildcards of the rule, in this order, and no others."""
    rule = rules[f"plot_{name}"]
    entry = next(figure for figure in registry.FIGURES if figure.name == name)
    path = f"results/{{field}}/figures/{entry.stem}"
    output = {
        key: node.args[0].value if hasattr(node, "args") else node.value
        for key, node in rule.arguments("output")
    }
    assert output == {"png": f"{path}.png", "pdf": f"{path}.pdf"}
    given = [
        key for part in ("input", "params") for key, _ in rule.arguments(part) if key not in ("dpi", "code")
    ]
    wildcards = ["field", *([entry.each] if entry.each else [])]
    draw = importlib.import_module(f"clusterphot.figures.{name}").draw
    assert list(inspect.signature(draw).parameters) == [*given, *wildcards]


def test_texts():
    """Titles and captions are whole, name no wildcard but their own, and stand in messages of rules."""
    for figure in registry.FIGURES:
        words = {figure.each: "X"}
        assert figure.section in registry.SECTIONS and figure.needs in registry.NEEDS
        title, caption = figure.title.format(**words), figure.caption.format(**words)
        assert (
            title[0].isupper() and not title.endswith(".") and caption[0].isupper() and caption.endswith(".")
        )
        wildcards = SimpleNamespace(field="f", **({figure.each: "X"} if figure.each else {}))
        assert registry.message_of(figure.name).format(wildcards=wildcards) == f"f: figure '{title}'"


def files_of(need):
    """File names of all figures of the main job with this need, for two filters and two grids."""
    values = {"": [""], "grid": ["g", "h"], "filter": ["F1", "F2"]}
    return {
        figure.stem.format(**{figure.each: value})
        for figure in registry.FIGURES
        if figure.needs == need and not figure.on_demand
        for value in values[figure.each]
    }


def test_figures_of_each_kind_of_field():
    """Each kind of field adds the figures that need what it has, and no others; some of each are named here."""
    fluxes = {f"{kind}_{grid}" for kind in ("colors", "masses", "formation") for grid in "gh"}
    fluxes |= {f"{kind}_{grid}" for kind in ("mass_light", "mass_size", "luminosities") for grid in "gh"}
    fluxes |= {f"{kind}_{grid}" for kind in ("color_magnitude", "lensed_ages") for grid in "gh"}
    fluxes |= {"magnitudes", "comparison_colors"}
    stack = {
        "libraries",
        "sensitivity",
        *(f"{kind}_{grid}" for kind in ("chi2_map", "stack_sed") for grid in "gh"),
    }
    images = {"overview", "stacks", "psf_F1", "psf_F2", "profiles", "sizes"}
    recovery = {f"recovery_{kind}" for kind in ("pulls", "trends", "populations")}
    assert names_of("fluxes") == names_of("fluxes", ["psf", "other"]) == files_of("nothing") >= fluxes
    assert names_of("fluxes and stack") - names_of("fluxes") == files_of("stack") >= stack
    of_images = names_of("images") - names_of("fluxes and stack")
    assert of_images == files_of("images") >= images
    assert names_of("images", ["psf", "other"]) - names_of("images") == files_of("engines") >= {"engines"}
    assert names_of("simulated") - names_of("images") == files_of("truth") >= recovery
    assert names_of("proven") - names_of("simulated") == files_of("proof") == {"proof"}
    on_demand = {figure.name for figure in registry.FIGURES if figure.on_demand}
    needs = {
        "lensed": "lens",
        "published": "published",
        "same sources": "same sources",
        "controlled": "control",
    }
    for kind, need in needs.items():
        assert names_of(kind) - names_of("fluxes") == files_of(need) != set()
    every = names_of("proven", ["psf", "other"]).union(*map(names_of, needs))
    drawn = {registry.find_figure(name)[0].name for name in every}
    assert drawn == set(NAMES) - on_demand and "candidates" in on_demand


def test_one_library_is_compared_with_none():
    alone = registry.figures_of(field("fluxes and stack"), ["g"])
    assert "results/f/figures/libraries.png" not in alone and "results/f/figures/sensitivity.png" in alone


def test_files_are_found_again():
    """By the longest name that fits: mass_size_bc03 is not masses; unknown ones are refused."""
    for figure in registry.FIGURES:
        found, words = registry.find_figure(
            f"results/f/figures/{figure.stem.format(**{figure.each: 'a_b'})}.png"
        )
        assert found is figure and words == ({figure.each: "a_b"} if figure.each else {})
    with pytest.raises(ValueError, match=r"results/f/figures/ages\.png is no figure"):
        registry.find_figure("results/f/figures/ages.png")

"""What a configuration may not say: unknown keys and wrong values (its schema), and what a schema cannot tell.

A mistake becomes one `ConfigError` that names file and key, what was got, what is expected, and a hint.
Nothing here reads images or imports more than the standard library, YAML and jsonschema.
"""

import difflib
import math
import os
import re
from functools import partial
from pathlib import Path

import yaml

from clusterphot.base.errors import ConfigError, DataError
from clusterphot.config.loading import load_yaml, short_path

RESERVED_FIELD_NAMES = (
    "ssp",
    "report",
    "forecast",
    "reproduction.ecsv",
    "reproduction.html",
    "reproduction.md",
    "index.html",
    "fields.ecsv",
    "fields_differences.ecsv",
    "fields.png",
    "fields.pdf",
    "fields.html",
)
"""What lies in results/ and results/report/ beside the folders of fields."""
MAX_NAME = 100
"""Characters of the name of a field or a grid: names of files have 255 bytes at most, temporary ones some more."""
REPEATED = re.compile(r"(.+)\1{19}$")
"""What Snakemake takes for a path that grows without end: something twenty times at the end of a name."""

DEFAULTS = "config/config.yaml"
"""File of the workflow with all keys at their defaults."""

POWER_OF_TEN = re.compile(r"[+-]?\d+(\.\d*)?e[+-]?\d+", re.IGNORECASE)
"""A number for people; for YAML 1.1 a text unless it has both a point and a sign after its e."""


def typed_values(given):
    """Values of ``--config`` as a YAML file would have them; Snakemake hands nested ones over as text.

    Parameters
    ----------
    given
        Mapping, list or value.
    """
    if isinstance(given, dict):
        return {key: typed_values(value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [typed_values(value) for value in given]
    if not isinstance(given, str):
        return given
    try:
        value = yaml.safe_load(given)
    except yaml.YAMLError:
        return given
    return value if isinstance(value, bool | int | float | list | type(None)) else given


def check_schema(config, schema, origin):
    """Check a configuration against its JSON schema.

    Parameters
    ----------
    config, schema : dict
    origin : callable
        ``origin(path)`` gives the file that holds the key at ``path`` (tuple of keys), for messages.

    Raises
    ------
    ConfigError
        For the first mistake, in the order of the keys.
    """
    for _, mistake in schema_mistakes(config, schema, origin):
        raise mistake


def schema_mistakes(config, schema, origin):
    """All mistakes that `check_schema` can find.

    Parameters
    ----------
    config, schema, origin
        As in `check_schema`.

    Returns
    -------
    mistakes : list of (path, ConfigError)
        Where each is (tuple of keys), and its message; in the order of the keys.
    """
    from jsonschema import Draft202012Validator

    plain = list(_plain_mistakes(config, (), origin))
    if any(error.expected == "text" for _, error in plain):
        return plain  # the schema takes keys for text
    errors = sorted(
        Draft202012Validator(schema).iter_errors(config), key=lambda e: [str(k) for k in e.absolute_path]
    )
    found = plain + [mistake for error in errors for mistake in _as_config_errors(error, origin)]
    return list({str(error): (path, error) for path, error in found}.values())


def _plain_mistakes(value, path, origin):
    """Keys are text and no number is NaN: of these the schema says nothing."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                where = _where((*path, key), origin)
                hint = f"write it in quotes: '{key}'."
                yield (*path, key), ConfigError(where, f"the key {key!r}", "text", hint)
            else:
                yield from _plain_mistakes(item, (*path, key), origin)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _plain_mistakes(item, (*path, number), origin)
    elif isinstance(value, float) and math.isnan(value):
        yield path, ConfigError(_where(path, origin), "nan", "a number")


def _as_config_errors(error, origin):
    """(path, `ConfigError`) in the user's words for each mistake in an error of jsonschema."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        for unknown in (key for key in error.instance if key not in known):
            near = difflib.get_close_matches(str(unknown), known, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]!r}?" if near else "see config/README.md for all keys."
            where = _where((*path, unknown), origin)
            expected = f"one of {', '.join(known)}"
            yield (*path, unknown), ConfigError(where, "an unknown key", expected, hint)
    elif error.validator == "required":
        for missing in (key for key in error.validator_value if key not in error.instance):
            about = error.schema.get("properties", {}).get(missing, {}).get("description", "")
            where = _where((*path, missing), origin)
            yield (*path, missing), ConfigError(where, "nothing", "a value: it has no default", about)
    else:
        yield path, _as_config_error(error, origin)


def _as_config_error(error, origin):
    """`ConfigError` in the user's words for an error of jsonschema."""
    path = tuple(error.absolute_path)
    if "propertyNames" in error.schema_path:
        return ConfigError(_where(path, origin), repr(error.instance), "a name of letters, digits and _")
    near = difflib.get_close_matches(str(error.instance), _choices(error.schema), n=1)
    hint = f"did you mean {near[0]!r}?" if near else error.schema.get("description", "").strip()
    if error.validator in ("type", "anyOf") and POWER_OF_TEN.fullmatch(str(error.instance)):
        hint = "YAML takes a number for text unless it has a point and a sign after its e: write 1.0e-3 or 1.0e+4."
    where = f"{_where(path, origin)} = {_shown(error.instance)}"
    return ConfigError(where, _shown(error.instance), _expected(error.schema), hint)


def _choices(schema):
    """Words that a part of the schema offers."""
    words = [
        word for part in (schema, *schema.get("anyOf", [])) for word in part.get("enum", [part.get("const")])
    ]
    return [word for word in words if isinstance(word, str)]


def _shown(value):
    """Value as the user may have typed it, kept short."""
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) < 80 else text[:77] + "..."


def _where(path, origin):
    """File and dotted key."""
    return f"{origin(path)}, {'.'.join(str(key) for key in path)}"


def _expected(schema):
    """Words for what a part of the schema allows."""
    if "anyOf" in schema:
        return " or ".join(_expected(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    names = {"null": "nothing", "object": "a section of keys", "array": "a list", "string": "text"}
    types = schema.get("type", "value")
    words = " or ".join(names.get(t, t) for t in ([types] if isinstance(types, str) else types))
    limits = [
        f"{sign} {schema[key]}"
        for key, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", ">="),
            ("exclusiveMaximum", "<"),
            ("maximum", "<="),
            ("minItems", "with at least this many entries:"),
            ("minProperties", "with at least this many keys:"),
        )
        if key in schema
    ]
    if schema.get("uniqueItems"):
        limits.append("each once")
    return " ".join([words, " and ".join(limits)]).strip()


def locate_keys(files, fallback, command_line=None):
    """Function that tells which configuration file holds a key.

    Parameters
    ----------
    files : list of str
        The user's files; a later one overrides an earlier one.
    fallback : str
        Where all other keys are: the file of defaults, or whoever gave a configuration that is in no file.
    command_line : dict, optional
        What the user gave with ``--config``, which overrides the files.
    """
    contents = [(short_path(path), load_yaml(path)) for path in files]
    if command_line:
        contents.append(("--config", dict(command_line)))

    def origin(path):
        for length in range(len(path), 0, -1):
            for name, content in reversed(contents):
                if _holds(content, path[:length]):
                    return name
        return contents[-1][0] if contents and path and path[0] == "fields" else fallback

    return origin


def _holds(content, path):
    """Whether nested mappings and lists have a key."""
    for key in path:
        known = range(len(content)) if isinstance(content, list) else content
        if not isinstance(content, dict | list) or key not in known:
            return False
        content = content[key]
    return True


def check_relations(config, origin):
    """Check what a schema cannot say: relations between keys, names of fields.

    Raises
    ------
    ConfigError
        For the first mistake; `relations` has the checks one by one.
    """
    for check in relations(config, origin):
        check()


def relations(config, origin):
    """The checks of `check_relations`, as functions without arguments that raise a ConfigError each."""
    checks = [partial(check_field_name, name, origin) for name in config["fields"]]
    checks += [
        partial(_check_length, name, f"{origin(('ssp_grids', name))}, ssp_grids")
        for name in config["ssp_grids"]
    ]
    checks += [partial(_check_path, path, text, origin) for path, text in _texts(config, ())]
    checks += [
        partial(_check_grids, config, origin),
        partial(_check_age_steps, config["sed"]["age_gyr"], origin),
        partial(_check_posterior, config["sed"]["posterior"], origin),
        partial(_check_forecast, config, origin),
        partial(_check_luminosity, config, origin),
        partial(_check_order, config, ("psf", "mag_bright"), ("psf", "mag_min"), origin),
        partial(_check_order, config, ("psf", "mag_min"), ("psf", "mag_max"), origin),
        partial(_check_order, config, ("stars", "mag_min"), ("stars", "mag_max"), origin),
        partial(_check_order, config, ("detection", "mag_min"), ("detection", "mag_max"), origin),
        partial(_check_mag_range, config["completeness"]["mag_range"], origin),
        partial(_check_engines, config["photometry"]["compare_engines"], origin),
        partial(_check_rescaling, config, origin),
        partial(_check_annulus, config["stack"]["annulus_px"], origin),
        partial(_check_sizes, config["sizes"], origin),
    ]
    return checks + [partial(_check_field, name, field, origin) for name, field in config["fields"].items()]


def _check_grids(config, origin):
    """The grids to fit are defined, and the fiducial one is among them."""
    sed = config["sed"]
    for grid in sed["grids"]:
        if grid not in config["ssp_grids"]:
            raise ConfigError(
                f"{origin(('sed', 'grids'))}, sed.grids",
                grid,
                f"names of ssp_grids: {', '.join(config['ssp_grids'])}",
            )
    if sed["fiducial_grid"] not in sed["grids"]:
        raise ConfigError(
            f"{origin(('sed', 'fiducial_grid'))}, sed.fiducial_grid",
            sed["fiducial_grid"],
            f"one of sed.grids: {', '.join(sed['grids'])}",
        )


def _check_age_steps(ages, origin):
    """Ages rise, and are not too many."""
    where = f"{origin(('sed', 'age_gyr'))}, sed.age_gyr"
    if "ages" in ages and ages["ages"] != sorted(ages["ages"]):
        raise ConfigError(where, "a list that does not rise", "ages from young to old")
    if "n_log" in ages and not ages["min"] < ages["max"]:
        raise ConfigError(where, f"min {ages['min']} and max {ages['max']} with n_log", "min < max")
    if ages["max"] < ages["min"]:
        raise ConfigError(
            f"{origin(('sed', 'age_gyr', 'max'))}, sed.age_gyr",
            f"max {ages['max']} below min {ages['min']}",
            "min <= max",
        )
    if (ages["max"] - ages["min"]) / ages["step"] > 5000:
        raise ConfigError(
            f"{origin(('sed', 'age_gyr', 'step'))}, sed.age_gyr.step",
            ages["step"],
            "a grid of at most 5000 ages",
        )


def _check_mag_range(mags, origin):
    """Injections reach from bright to faint."""
    low, high = mags
    if not low < high:
        where = f"{origin(('completeness', 'mag_range'))}, completeness.mag_range"
        raise ConfigError(where, f"[{low:g}, {high:g}]", "the bright, then the faint end")


def _check_engines(engines, origin):
    """Engines are compared with each other."""
    if len(engines) == 1:
        where = f"{origin(('photometry', 'compare_engines'))}, photometry.compare_engines"
        raise ConfigError(where, f"[{engines[0]}]", "two engines, for example [psf, tractor], or []")


def _check_rescaling(config, origin):
    """Errors are rescaled by what is proven."""
    if config["photometry"]["rescale_errors"] == "proof" and not config["proof"]["n_injections"]:
        where = f"{origin(('photometry', 'rescale_errors'))}, photometry.rescale_errors"
        raise ConfigError(
            where,
            "proof, and proof.n_injections: 0",
            "artificial clusters, or none",
            "500 tell errors to 5 %.",
        )


def _check_annulus(radii, origin):
    """The inner radius is the smaller one."""
    inner, outer = radii
    if not inner < outer:
        where = f"{origin(('stack', 'annulus_px'))}, stack.annulus_px"
        raise ConfigError(where, f"[{inner:g}, {outer:g}]", "the inner radius, then a larger outer one")


def _check_luminosity(config, origin):
    """Ranges in order; fields, maps and filters that are there."""
    section = config["luminosity"]

    def where(*keys):
        return f"{origin(('luminosity', *keys))}, {'.'.join(('luminosity', *keys))}"

    for key in ("turnover_range", "width_range"):
        value = section[key]
        if value != "auto" and value[0] > value[1]:
            raise ConfigError(where(key), f"[{value[0]:g}, {value[1]:g}]", "the lower, then the higher end")
    for key in ("centres", "compare_maps", "turnovers", "halo_masses"):
        for name in section[key]:
            if name not in config["fields"]:
                near = difflib.get_close_matches(name, list(config["fields"]), n=1)
                hint = f"did you mean {near[0]!r}?" if near else ""
                known = ", ".join(config["fields"])
                raise ConfigError(where(key, name), f"the field {name!r}", f"one of fields: {known}", hint)
    for key in ("turnovers", "halo_masses"):
        for name, (value, error) in section[key].items():
            if error <= 0:
                got = f"[{value:g}, {error:g}]"
                raise ConfigError(where(key, name), got, "the value, then its error, above 0")
    for name, paths in section["compare_maps"].items():
        for path in paths:
            if not os.path.isfile(path):
                raise DataError(where("compare_maps", name), f"{path}, which is not there", "a FITS image")


def _check_posterior(options, origin):
    """Ends of priors are in order; a factor of errors is not zero."""

    def where(key):
        return f"{origin(('sed', 'posterior', key))}, sed.posterior.{key}"

    for key in ("age_gyr", "metallicity_zsun"):
        if options[key]["max"] < options[key]["min"]:
            got = f"max {options[key]['max']:g} below min {options[key]['min']:g}"
            raise ConfigError(where(key), got, "min <= max")
    if options["mass_max_msun"] <= options["mass_min_msun"]:
        raise ConfigError(
            where("mass_max_msun"),
            f"{options['mass_max_msun']:g}",
            f"more than mass_min_msun = {options['mass_min_msun']:g}",
        )
    if options["jitter"] == "multiply" and min(options["jitter_levels"]) <= 0:
        raise ConfigError(
            where("jitter_levels"), f"{min(options['jitter_levels']):g}", "factors of the errors, above 0"
        )


def _check_forecast(config, origin):
    """The grid is one of ours, each filter has a depth and is named once."""
    section = config["forecast"]

    def where(key):
        return f"{origin(('forecast', key))}, forecast.{key}"

    if section["grid"] not in config["ssp_grids"]:
        raise ConfigError(
            where("grid"), section["grid"], f"a name of ssp_grids: {', '.join(config['ssp_grids'])}"
        )
    twice = [name for name in section["extra"] if name in section["baseline"]]
    if twice:
        raise ConfigError(
            where("extra"), f"{twice[0]}, which is in the baseline too", "filters beyond the baseline"
        )
    for key in ("baseline", "extra"):
        for name in section[key]:
            if name not in section["depths_mag"]:
                raise ConfigError(
                    where("depths_mag"), f"no depth for {name}", f"one for each filter of forecast.{key}"
                )


def _check_sizes(sizes, origin):
    """Radii of simulated sources lie on the grid of the fits."""
    top = sizes["radius_max_pc"]
    for key in ("radii_pc", "figure_radii_pc", "compact_pc"):
        values = sizes[key] if isinstance(sizes[key], list) else [sizes[key]]
        if max(values) > top:
            where = f"{origin(('sizes', key))}, sizes.{key}"
            raise ConfigError(where, f"{max(values):g} pc", f"at most sizes.radius_max_pc = {top:g}")


def _check_order(config, low, high, origin):
    """The value at key ``low`` is below that at key ``high``."""
    first, second = (config[section][key] for section, key in (low, high))
    if not first < second:
        raise ConfigError(
            f"{origin(high)}, {'.'.join(high)}", f"{second:g}", f"more than {'.'.join(low)} = {first:g}"
        )


def check_field_name(name, origin):
    """Names of fields become folders: plain, and not one of ours."""
    where = f"{origin(('fields', name))}, fields.{name}"
    if name in RESERVED_FIELD_NAMES:
        raise ConfigError(where, f"the name {name!r}", "another name", "it is a folder of results/ already.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", str(name)):
        raise ConfigError(
            where, f"the name {name!r}", "letters, digits and _ . + -", "the name becomes a folder."
        )
    _check_length(name, f"{origin(('fields', name))}, fields")


def _check_length(name, where):
    """Names become folders, and wildcards of Snakemake."""
    if len(str(name)) > MAX_NAME:
        got = f"a name of {len(name)} characters ({name[:20]}...)"
        raise ConfigError(where, got, f"at most {MAX_NAME}", "the name becomes a folder.")
    if REPEATED.search(str(name)):
        got = f"the name {name[:40]}{'...' * (len(name) > 40)}"
        raise ConfigError(where, got, "one that does not end in twenty equal parts", "Snakemake refuses it.")


def _texts(value, path):
    """Texts of the configuration, with the keys that lead to them."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(item, (*path, key))


def _check_path(path, text, origin):
    """Paths go through Snakemake, for which braces are wildcards and a line holds one path."""
    if re.search(r"[{}\x00-\x1f\x7f]", text):
        got = "braces" if re.search("[{}]", text) else "a control character"
        where = f"{_where(path, origin)} = {_shown(text)}"
        raise ConfigError(
            where, got, "a path without them", "Snakemake cannot carry it: rename or link the file."
        )


def _check_field(name, field, origin):
    """Kinds of field: given by its photometry, or by its mosaics."""
    where = f"{origin(('fields', name))}, fields.{name}"
    kinds = [kind for kind in ("photometry", "sources") if kind in field]
    if len(kinds) != 1:
        raise ConfigError(
            where,
            " and ".join(kinds) or "neither photometry nor sources",
            "either photometry (a table of fluxes), or sources and mosaics",
        )
    if "ebv" not in field and not field.get("photometry_is_dereddened"):
        hint = "E(B-V) of the Milky Way in mag, or sfd; only photometry_is_dereddened: true does without."
        raise ConfigError(f"{where}.ebv", "nothing", "a value: it has no default", hint)
    of_images = ("mosaics", "reference_filter", "simulation", "truth")
    of_tables = ("photometry_is_dereddened", "photometry_unit", "stack_photometry")
    for key in of_images if kinds == ["photometry"] else of_tables:
        if key in field:
            raise ConfigError(f"{where}.{key}", "a value", f"none in a field given by its {kinds[0]}")
    if kinds == ["sources"] and not ("mosaics" in field or "simulation" in field):
        raise ConfigError(
            f"{where}.mosaics", "nothing", "the mosaics of each filter", "F200W: {sci: ..., wht: ...}"
        )


def check_sfd_maps(config, origin):
    """Check that the SFD maps are there when a field asks for them.

    Raises
    ------
    ConfigError
        With the address of the maps in the hint.
    """
    asking = [name for name, field in config["fields"].items() if field.get("ebv") == "sfd"]
    if not asking:
        return
    folder = config["dust"]["sfd_map_dir"]
    where = f"{origin(('dust', 'sfd_map_dir'))}, dust.sfd_map_dir"
    hint = (
        f"field {asking[0]} has ebv = sfd. Download SFD_dust_4096_ngp.fits and SFD_dust_4096_sgp.fits from "
        "https://github.com/kbarbary/sfddata/ and name their folder here, or give ebv as a number."
    )
    if folder is None:
        raise ConfigError(where, "nothing", "the folder with the SFD98 maps", hint)
    for pole in ("ngp", "sgp"):
        path = os.path.join(folder, f"SFD_dust_4096_{pole}.fits")
        if not os.path.isfile(path):
            raise ConfigError(
                where, f"{folder}, which lacks SFD_dust_4096_{pole}.fits", "both SFD98 maps", hint
            )


def check_four_color_dir(folder, where):
    """Check that a folder of GALAXEV `.4color` files is there.

    Raises
    ------
    DataError
    """
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise DataError(f"{where} = {folder}", "no such folder", "a folder of GALAXEV .4color files")
    if not any(Path(folder).glob("*.4color")):
        raise DataError(f"{where} = {folder}", "no .4color file", "GALAXEV .4color files of single bursts")


def age_grid(age_gyr):
    """Ages of the models in Gyr, ends included: ``ages`` themselves, ``n_log`` of them, or in steps."""
    low, high = age_gyr["min"], age_gyr["max"]
    if "ages" in age_gyr:
        return [float(age) for age in age_gyr["ages"]]
    if "n_log" in age_gyr:
        ratio = (high / low) ** (1.0 / (age_gyr["n_log"] - 1))
        return [round(low * ratio**i, 9) for i in range(age_gyr["n_log"])]
    steps = math.floor((high - low) / age_gyr["step"] + 1e-9)
    return [round(low + i * age_gyr["step"], 9) for i in range(steps + 1)]

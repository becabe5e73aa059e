"""Numbers as JSON holds them: few digits, no NaN, the same text on every machine."""

import json
import math

import numpy as np

from clusterphot.base.files import whole_file


def short(value, digits=5):
    """Number with this many significant digits; None for NaN and infinity, whole numbers stay whole."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str | bool | int):
        return value
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded


def short_list(values, digits=5):
    """`short` of each value of a sequence or array, nested as it is."""
    if isinstance(values, np.ndarray | list | tuple):
        return [short_list(value, digits) for value in values]
    return short(values, digits)


def dump(value):
    """Compact JSON text that may stand in a script of a page."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def write_text(path, text):
    """Write a text file in UTF-8, whole or not at all."""
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)

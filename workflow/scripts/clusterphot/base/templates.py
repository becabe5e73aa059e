"""Jinja templates of the pages."""

import jinja2


def template_environment(folder):
    """Environment of the templates in a folder; everything is escaped, and a missing value is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

"""The HTML report: cards of sources, pages of fields, provenance; static files that open from disk."""

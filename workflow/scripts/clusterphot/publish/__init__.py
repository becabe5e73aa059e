"""Tables for papers and archives."""

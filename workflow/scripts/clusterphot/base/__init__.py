"""What every room uses: units, flags, errors, tables, files. Imports no other room."""

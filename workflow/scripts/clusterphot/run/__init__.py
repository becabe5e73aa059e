"""A run from its configuration: fields, chunks, digests of code, checks before the first job, progress."""

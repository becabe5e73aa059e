"""Section ``mosaics``: how mosaics are fetched."""

from clusterphot.config.keys import key, section


@section
class Mosaics:
    """Ingest of mosaics."""

    download_retries: int = key(
        5, "Attempts to resume a broken download of a mosaic given by its URL.", ge=0, le=100
    )
    download_timeout_s: float = key(60, "Time without data (s) after which an attempt ends.", ge=1, le=3600)

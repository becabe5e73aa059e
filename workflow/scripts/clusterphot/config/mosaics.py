"""Section ``mosaics``: how mosaics are fetched."""

from clusterphot.config.keys import key, section


@section
class MosaicsSection:
    """Ingest of mosaics."""

    download_retries: int = key(
        5, "Attempts to resume a broken download of a mosaic given by its URL.", ge=0, le=100
    )
    download_timeout_s: float = key(60, "Time without data (s) after which an attempt ends.", ge=1, le=3600)
    download_max_gb: float = key(
        200,
        "Largest file (10^9 bytes) that is fetched, packed or unpacked, so that an endless one ends.",
        gt=0,
        le=100000,
    )
    download_max_hours: float = key(
        48, "Longest time (h) that fetching one file may take in a run.", gt=0, le=1000
    )

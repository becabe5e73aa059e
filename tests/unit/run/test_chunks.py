"""Dealing into chunks: stable, and growing by splitting one chunk at a time."""

import hashlib
import re
import urllib.parse

import pytest
from clusterphot.run import chunks

IDS = [f"SC_{number:03d}" for number in range(178)]


def chunk_of(dealt):
    """Chunk by id."""
    return {name: chunk for chunk, names in dealt.items() for name in names}


@pytest.mark.parametrize(
    ("source_id", "value"),
    # `printf %s <id> | b2sum -l 64`, read as a big-endian integer
    [("SC_000", 0x323A962EA00D0B1E), ("é/1 ☆", 0x47487D6FA24CB4C9)],
)
def test_hash_is_that_of_b2sum(source_id, value):
    assert chunks.stable_hash(source_id) == value


def test_chunk_by_hand():
    """With 2**k chunks the chunk is the last k bits of the last byte of BLAKE2b."""
    for name in IDS:
        last = hashlib.blake2b(name.encode(), digest_size=8).digest()[-1]
        assert chunks.bucket(chunks.stable_hash(name), 8) == last & 7
        assert chunks.bucket(chunks.stable_hash(name), 1) == 0


def test_known_deal():
    """Worked out on paper from b2sum: last bytes 1e 14 ab 40 7c db 12 f2, modulo 4, and 3 becomes 1."""
    assert chunks.deal(IDS[:8], 3) == {
        "c000": ["SC_001", "SC_003", "SC_004"],
        "c001": ["SC_002", "SC_005"],
        "c002": ["SC_000", "SC_006", "SC_007"],
    }


def test_row_order_does_not_matter():
    assert chunk_of(chunks.deal(IDS, 7)) == chunk_of(chunks.deal(IDS[::-1], 7))


def test_order_within_a_chunk_is_that_of_the_list():
    for names in chunks.deal(IDS, 5).values():
        assert names == sorted(names)


def test_every_source_is_in_one_chunk_and_none_is_empty():
    dealt = chunks.deal(IDS[:10], 100)
    assert sorted(name for names in dealt.values() for name in names) == IDS[:10]
    assert all(dealt.values())


@pytest.mark.parametrize("n_chunks", range(1, 20))
def test_growth_splits_a_single_chunk(n_chunks):
    """From n to n + 1 chunks, sources move only out of one chunk, and only into the new one."""
    before, after = chunk_of(chunks.deal(IDS, n_chunks)), chunk_of(chunks.deal(IDS, n_chunks + 1))
    moved = [name for name in IDS if before[name] != after[name]]
    assert {after[name] for name in moved} == {f"c{n_chunks:03d}"}
    assert len({before[name] for name in moved}) == 1


def test_a_new_source_changes_its_chunk_alone():
    before, after = chunks.deal(IDS, 9), chunks.deal([*IDS, "new"], 9)
    changed = [chunk for chunk in after if after[chunk] != before.get(chunk)]
    assert changed == [f"c{chunks.bucket(chunks.stable_hash('new'), 9):03d}"]


def test_power_of_two_deals_evenly():
    """178 ids over 4 chunks: binomial with mean 44.5 and width 5.8; 3 sigma is 27 to 62."""
    sizes = [len(names) for names in chunks.deal(IDS, 4).values()]
    assert len(sizes) == 4
    assert 27 <= min(sizes) <= max(sizes) <= 62


@pytest.mark.parametrize(("n_sources", "n_chunks"), [(1, 1), (2100, 1), (2101, 2), (5000, 3)])
def test_auto_splits_at_some_two_thousand(n_sources, n_chunks):
    assert chunks.SOURCES_PER_CHUNK == 2100
    assert len(chunks.deal([str(number) for number in range(n_sources)], "auto")) == n_chunks


@pytest.mark.parametrize("n_sources", [1000, 2000, 4000, 5000, 10_000, 20_000, 100_000])
def test_one_more_than_a_round_number_changes_one_chunk(n_sources):
    ids = [f"s{number}" for number in range(n_sources)]
    before, after = chunks.deal(ids, "auto"), chunks.deal([*ids, "one more"], "auto")
    assert before.keys() == after.keys()
    changed = [name for name in before if before[name] != after[name]]
    assert [after[name][-1] for name in changed] == ["one more"]


@pytest.mark.parametrize(
    "source_id", ["SC_000", "a b", "é/1 ☆", "../x", "100%", "{field}", "a+b?c#d", "src-1"]
)
def test_per_source_names_are_one_path_element_and_can_be_decoded(source_id):
    (chunk,) = chunks.deal([source_id], "per_source")
    assert "/" not in chunk and "{" not in chunk and " " not in chunk
    assert chunk.isascii()
    assert urllib.parse.unquote(chunk.removeprefix("src-")) == source_id


def test_per_source_names_are_unique():
    ids = ["a/b", "a%2Fb", "a b", "a+b", "a%20b"]
    assert len(chunks.deal(ids, "per_source")) == len(ids)


def test_names_of_files_stay_short():
    """A file system takes 255 bytes, and Snakemake no name that ends in twenty equal parts; each id has its own."""
    ids = ["a" * 300, "a" * 299, "0" * 30, "cluster 1 " * 30, "ü" * 100]
    names = [chunks.single_chunk(name) for name in ids]
    assert len(set(names)) == len(ids)
    assert max(map(len, names)) <= chunks.MAX_NAME
    assert not any(re.search(r"(.+)\1{19}$", name) for name in names)
    assert chunks.single_chunk("s 1/2") == "src-s%201%2F2"

"""Splits: speaker-disjoint, stratified, stable; and the ledger that keeps them so."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.errors import ConfigError, IntakeError
from collection.pseudonyms import ledger
from collection.pseudonyms.splits import assign
from collection.schema import Split

FRACTIONS = {Split.TRAIN: 0.7, Split.VALIDATION: 0.1, Split.TEST: 0.2}


def ids(count: int, start: int = 0) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest()[:16] for number in range(start, start + count)]


def speakers_of(*sizes: int) -> dict[str, str]:
    names = iter(ids(sum(sizes)))
    return {next(names): f"stratum {index}" for index, size in enumerate(sizes) for _ in range(size)}


def test_two_strata_of_ten_are_cut_seven_one_two_each() -> None:
    speakers = speakers_of(10, 10)
    splits = assign(speakers, FRACTIONS, {})
    counts = Counter((speakers[speaker], split) for speaker, split in splits.items())
    for stratum in ("stratum 0", "stratum 1"):
        assert [counts[stratum, split] for split in Split] == [7, 1, 2]


def test_fractions_hold_when_every_speaker_is_a_stratum_of_its_own() -> None:
    splits = assign(speakers_of(*[1] * 20), FRACTIONS, {})
    assert Counter(splits.values()) == {Split.TRAIN: 14, Split.VALIDATION: 2, Split.TEST: 4}


def test_few_speakers_still_fill_every_split() -> None:
    assert Counter(assign(speakers_of(2, 1), FRACTIONS, {}).values()) == dict.fromkeys(Split, 1)
    assert Counter(assign(speakers_of(2), FRACTIONS, {}).values()) == {Split.TRAIN: 2}


def test_a_split_without_a_share_stays_empty_unless_prescribed() -> None:
    speakers = speakers_of(10)
    official = dict.fromkeys(sorted(speakers)[:5], Split.TEST)
    splits = assign(speakers, {Split.TRAIN: 0.8, Split.VALIDATION: 0.2, Split.TEST: 0.0}, official)
    assert {speaker for speaker, split in splits.items() if split is Split.TEST} == official.keys()
    assert Counter(splits.values())[Split.VALIDATION] == 1


def test_growth_pays_what_is_owed() -> None:
    old = assign(speakers_of(10), FRACTIONS, {})
    wrong = dict.fromkeys(old, Split.TRAIN)
    grown = {**speakers_of(10), **dict.fromkeys(ids(10, start=10), "stratum 0")}
    # 20 speakers owe 14/2/4; ten already train, so the new ten are 4/2/4.
    assert Counter(assign(grown, FRACTIONS, wrong).values()) == {Split.TRAIN: 14, Split.VALIDATION: 2, Split.TEST: 4}


@pytest.mark.parametrize("bad", [{Split.TRAIN: 0.5}, {Split.TRAIN: 1.2, Split.TEST: -0.2}])
def test_fractions_that_are_no_shares_are_refused(bad: dict[Split, float]) -> None:
    with pytest.raises(ConfigError, match="add up to 1"):
        assign(speakers_of(3), bad, {})


SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@given(SIZES)
def test_every_speaker_has_one_split_and_the_whole_keeps_the_fractions(sizes: list[int]) -> None:
    speakers = speakers_of(*sizes)
    splits = assign(speakers, FRACTIONS, {})
    assert splits.keys() == speakers.keys()
    counts = Counter(splits.values())
    if len(speakers) >= 10:  # from there on every share is worth a speaker
        assert all(abs(counts[split] - share * len(speakers)) < 1 for split, share in FRACTIONS.items())


@given(SIZES, st.integers(1, 30), st.randoms(use_true_random=False))
def test_known_speakers_never_move_and_order_does_not_matter(sizes: list[int], more: int, shuffle: object) -> None:
    speakers = speakers_of(*sizes)
    before = assign(speakers, FRACTIONS, {})
    grown = list({**speakers, **dict.fromkeys(ids(more, start=1000), "stratum 0")}.items())
    after = assign(dict(grown), FRACTIONS, before)
    assert {speaker: after[speaker] for speaker in before} == before
    shuffle.shuffle(grown)  # type: ignore[attr-defined]
    assert assign(dict(grown), FRACTIONS, before) == after


def test_the_ledger_remembers_speakers_and_not_prescribed_ones(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key.splits.jsonl"
    speakers = speakers_of(10)
    prescribed = sorted(speakers)[0]
    first = ledger.settle(path, speakers, FRACTIONS, {prescribed: Split.TEST})
    assert first[prescribed] is Split.TEST
    assert ledger.read(path) == {speaker: split for speaker, split in first.items() if speaker != prescribed}
    content = path.read_bytes()
    assert ledger.settle(path, speakers, FRACTIONS, {prescribed: Split.TEST}) == first
    assert path.read_bytes() == content
    grown = {**speakers, **dict.fromkeys(ids(10, start=50), "other")}
    second = ledger.settle(path, grown, FRACTIONS, {prescribed: Split.TEST})
    assert {speaker: second[speaker] for speaker in first} == first


def test_the_ledger_is_obeyed_even_where_it_is_lopsided(tmp_path: Path) -> None:
    path = tmp_path / "splits.jsonl"
    speakers = speakers_of(4)
    path.write_text("".join(f'{{"speaker": "{speaker}", "split": "test"}}\n' for speaker in speakers))
    assert set(ledger.settle(path, speakers, FRACTIONS, {}).values()) == {Split.TEST}


def test_a_damaged_ledger_stops_the_build(tmp_path: Path) -> None:
    path = tmp_path / "splits.jsonl"
    path.write_text('{"speaker": "a", "split": "train"}\n{"speaker": "b", "spl\n')
    with pytest.raises(IntakeError, match="line 2 is not a ledger entry"):
        ledger.read(path)

"""Labels out of ratings: by hand, and as the corpus made its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collection.ratings import consensus, with_totals
from collection.schema import Phone, Rating, Scores, Word, WordScores

WORDS = (Word("cat"), Word("sat"))
PHONES = (Phone("K", 0), Phone("AE", 0), Phone("S", 1))


def test_phones_take_the_mean_and_all_else_the_median_cut() -> None:
    raters = [
        Rating("a", Scores(7, fluency=10), (WordScores(10, 10), WordScores(4, 5)), (2, 1, 0)),
        Rating("b", Scores(9, fluency=9), (WordScores(7, 10), WordScores(None, 10)), (2, None, 1)),
        Rating("c", Scores(8), (), ()),
    ]
    words, phones, scores = consensus(WORDS, PHONES, raters)
    assert [phone.accuracy for phone in phones] == [2.0, 1.0, 0.5]
    # 10 and 7 make 8.5, cut to 8; a word that one rater judged is theirs.
    assert [(word.accuracy, word.stress) for word in words] == [(8.0, 10.0), (4.0, 7.0)]
    assert (scores.accuracy, scores.fluency, scores.prosody) == (8.0, 9.0, None)


def test_what_nobody_scored_is_none() -> None:
    words, phones, scores = consensus(WORDS, PHONES, [])
    assert (words, phones, scores) == (WORDS, PHONES, Scores())


def test_totals_are_there_when_all_their_parts_are() -> None:
    found = with_totals(Rating("a", Scores(7, 10, 8, 10), (WordScores(8, 10), WordScores(8, None))))
    assert found.scores.total == 7.6
    assert [word.total for word in found.words] == [8.4, None]
    assert with_totals(Rating("a", Scores(7, 10))).scores.total is None


@pytest.mark.shared
def test_the_labels_of_the_corpus_follow_from_its_raters(shared: Path) -> None:
    folder = shared / "corpora" / "speechocean762" / "resource"
    labels, details = (json.loads((folder / name).read_text()) for name in ("scores.json", "scores-detail.json"))
    by_hand = 0
    for utterance, said in details.items():
        raters = []
        for rater in range(5):
            marks = tuple(WordScores(word["accuracy"][rater], word["stress"][rater]) for word in said["words"])
            scores = Scores(said["accuracy"][rater], said["fluency"][rater], prosody=said["prosodic"][rater])
            raters.append(with_totals(Rating(str(rater), scores, marks)))
            assert [one.total for one in raters[-1].words] == [word["total"][rater] for word in said["words"]]
            by_hand += raters[-1].scores.total != said["total"][rater]
        words, _, scores = consensus([Word(word["text"]) for word in said["words"]], (), raters)
        label = labels[utterance]
        assert [(one.accuracy, one.stress, one.total) for one in words] == [
            (word["accuracy"], word["stress"], word["total"]) for word in label["words"]
        ]
        assert (scores.accuracy, scores.fluency, scores.prosody) == tuple(
            label[name] for name in ("accuracy", "fluency", "prosodic")
        )
    assert by_hand == 289

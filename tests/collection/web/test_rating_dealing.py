"""Who rates what, in which order, the words that are scored, and marks on their way to a rating."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.phones import PhoneError
from collection.schema import Scores, WordScores
from collection.web.rating.canon import canon, ipa
from collection.web.rating.dealing import deal, order
from collection.web.rating.models import Level
from collection.web.rating.scales import UNJUDGED, as_rating, cells, read_marks

ALL = list(Level.values)
NAMES = st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, max_size=25)


@given(NAMES, st.lists(st.sampled_from("pqrstuv"), unique=True, min_size=1), st.integers(1, 5), st.text(max_size=3))
def test_every_item_has_its_raters_and_nobody_much_more_than_others(items, raters, each, seed):
    dealt = deal(items, raters, each, seed)
    assert set(dealt) == set(items)
    for given_to in dealt.values():
        assert len(set(given_to)) == len(given_to) == min(each, len(raters))
    load = Counter(rater for given_to in dealt.values() for rater in given_to)
    counts = [load[rater] for rater in raters]
    assert max(counts) - min(counts) <= 1
    assert dealt == deal(sorted(items), sorted(raters), each, seed)


def test_what_stands_is_not_dealt_again():
    items = [f"i{number}" for number in range(10)]
    given_before = {item: {"gone"} for item in items[:5]}
    dealt = deal(items, ["a", "b", "c"], 2, "seed", given_before)
    assert [len(dealt[item]) for item in items] == [1] * 5 + [2] * 5
    assert deal(items, ["a", "b"], 2, "seed", {item: {"a", "b"} for item in items}) == {item: [] for item in items}


def test_pairs_of_raters_meet_in_many_ways():
    dealt = deal([f"i{number}" for number in range(60)], list("abcd"), 2, "seed")
    pairs = Counter(tuple(sorted(given_to)) for given_to in dealt.values())
    assert len(pairs) == 6
    assert min(pairs.values()) >= 3


@given(NAMES, st.integers(0, 50))
def test_an_order_holds_everything_and_repeats_come_half_a_list_later(items, percent):
    found = order(items, "rater", percent, "seed")
    first = [item for item, again in found if not again]
    assert sorted(first) == sorted(items)
    again = [item for item, repeat in found if repeat]
    assert len(again) == len(items) * percent // 100
    for item in again:
        assert found.index((item, True)) - found.index((item, False)) > len(items) / 2


def test_raters_have_orders_of_their_own():
    items = [f"i{number}" for number in range(20)]
    assert order(items, "a", 0, "seed") != order(items, "b", 0, "seed")
    assert order(items, "a", 0, "seed") == order(reversed_copy(items), "a", 0, "seed")


def reversed_copy(items):
    return items[::-1]


def test_words_are_those_the_pipeline_reads():
    (good, morning, three, dogs) = canon("Good morning, 3 dogs!", "en")
    assert good == {"text": "good", "phones": ["G", "UH", "D"], "syllables": 1, "stressed": 1}
    assert (morning["phones"], morning["syllables"], morning["stressed"]) == (["M", "AO", "R", "N", "IH", "NG"], 2, 1)
    assert (three["text"], dogs["text"]) == ("3", "dogs")
    assert [ipa(phone, "en-GB") for phone in three["phones"]] == ["θ", "ɹ", "i"]
    assert [ipa("AH", "en"), ipa("AH", "en", True), ipa("AO", "en", True)] == ["ə, ʌ", "ˈʌ", "ˈɔ"]
    with pytest.raises(PhoneError):
        canon("你好", "en")


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "It’s twenty-one — or 21%.", ["it's", "twenty", "one", "or", "21%"]),
        ("fr", "J’ai « 12 ans » aujourd’hui !", ["j'ai", "12", "ans", "aujourd'hui"]),
    ],
)
def test_what_is_read_otherwise_than_written_stays_as_written(language, text, words):
    assert [word["text"] for word in canon(text, language)] == words


def test_a_number_in_pieces_is_not_rated():
    with pytest.raises(PhoneError, match="as words"):
        canon("1\u00a0000 cats", "en")


@pytest.mark.parametrize(
    ("language", "text", "syllables"), [("fr", "maison", 2), ("de", "schöne", 2), ("es", "gato", 2), ("fr", "vin", 1)]
)
def test_syllables_are_vowels_in_every_language(language, text, syllables):
    (word,) = canon(text, language)
    assert word["syllables"] == syllables
    assert [ipa(phone, language) for phone in word["phones"]] == word["phones"]


def test_each_level_asks_for_its_own_scores():
    words = canon("Good morning.", "en")
    names = [cell.name for cell in cells(words, ALL)]
    assert names[:4] == ["s-accuracy", "s-completeness", "s-fluency", "s-prosody"]
    assert names[4:8] == ["p-0-0", "p-0-1", "p-0-2", "w-0-accuracy"]
    assert names[-2:] == ["w-1-accuracy", "w-1-stress"]
    assert "w-0-stress" not in names
    assert [cell.name for cell in cells(words, ["stress"])] == ["w-1-stress"]
    assert {cell.name[0] for cell in cells(words, ["phone"])} == {"p"}


def test_only_values_of_a_scale_are_marks():
    words = canon("Good morning.", "en")
    sent = {"s-accuracy": "10", "s-fluency": "11", "s-prosody": "-1", "p-0-0": "2", "p-0-1": "3", "p-0-2": UNJUDGED}
    sent |= {"w-1-stress": "7", "w-0-accuracy": "٧", "w-9-accuracy": "3", "s-completeness": ""}
    assert read_marks(sent, cells(words, ALL)) == {"s-accuracy": 10, "p-0-0": 2, "p-0-2": UNJUDGED}


def test_marks_become_a_rating_of_the_release():
    words = canon("Good morning.", "en")
    marks = {"s-accuracy": 8, "s-fluency": UNJUDGED, "w-0-accuracy": 9, "w-1-stress": 5, "p-0-0": 2, "p-1-5": 0}
    found = as_rating("rater", words, ALL, marks)
    assert found is not None
    assert found.scores == Scores(accuracy=8.0)
    # The word of one syllable has its stress right by the rule of the corpus.
    assert found.words == (WordScores(9.0, 10.0), WordScores(None, 5.0))
    assert found.phones == (2.0, None, None, None, None, None, None, None, 0.0)


def test_levels_nobody_asked_for_stay_empty():
    words = canon("Good morning.", "en")
    found = as_rating("rater", words, ["sentence"], {"s-accuracy": 8})
    assert found is not None
    assert (found.words, found.phones) == ((), ())
    only_words = as_rating("rater", words, ["word"], {"w-0-accuracy": 3, "w-1-accuracy": 4})
    assert only_words is not None
    assert [word.stress for word in only_words.words] == [None, None]
    assert as_rating("rater", words, ["sentence"], {"s-accuracy": UNJUDGED}) is None

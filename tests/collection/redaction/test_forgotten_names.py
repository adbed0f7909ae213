"""Names known by digests only: still found in a text, and readable by nobody."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collection.redact import RedactionConfig, Redactor
from collection.redaction.forgotten_names import ForgottenNames, marks
from collection.redaction.known_names import KnownNames
from collection.redaction.personal_data import Kind
from collection.synthetic.sentences import SENTENCES
from tests.collection.redaction_figures import ROSTER, count, forgotten, sentences

SECRET = b"s" * 32


def found(text: str, *names: str, language: str = "en") -> list[str]:
    redactor = Redactor(language, config=RedactionConfig(entities=False), forgotten=forgotten(names, language))
    return [text[span.start : span.end] for span in redactor.find(text) if span.kind is Kind.NAME]


def test_a_name_is_found_in_any_case_without_accents_and_in_parts() -> None:
    name = "Maëlle Quérouil"
    assert found("give it to Maëlle", name) == ["Maëlle"]
    assert found("GIVE IT TO MAELLE QUEROUIL", name) == ["MAELLE QUEROUIL"]
    assert found("give it to querouil now", name) == ["querouil"]
    assert found("give it to the teacher", name) == []


def test_a_name_is_found_as_it_sounds_and_one_letter_away() -> None:
    assert found("is katherine here", "Catherine Sauvestre") == ["katherine"]
    assert found("is Sauvestr here", "Catherine Sauvestre") == ["Sauvestr"]
    assert found("is Sauvezzstre here", "Catherine Sauvestre") == []
    # A word of the lexicon that only looks like a name is the word.
    assert found("the houses are old", "Housez Martin") == []


def test_a_name_that_is_also_a_word_needs_evidence_still() -> None:
    assert found("the rose is red", "Rose Castagnède") == []
    assert found("I saw Rose there", "Rose Castagnède") == ["Rose"]
    assert found("and rose castagnede too", "Rose Castagnède") == ["rose castagnede"]


def test_digests_say_nothing_without_the_key() -> None:
    kept = KnownNames("en", ("Zoé Brissaud",), (), 1.0).marks(SECRET)
    assert not any("zo" in mark or "briss" in mark for mark in kept)
    assert all(len(mark) == 16 for mark in kept)
    assert kept.isdisjoint(KnownNames("en", ("Zoé Brissaud",), (), 1.0).marks(b"t" * 32))
    assert "73" not in repr(ForgottenNames(b"s", kept)).replace("ForgottenNames", "")


@given(st.text("abcdefghij", min_size=5, max_size=9), st.integers(0, 8), st.sampled_from("abcxyz"))
def test_one_letter_more_less_or_other_is_near_and_three_others_are_not(word: str, at: int, letter: str) -> None:
    at %= len(word)
    near = ForgottenNames(SECRET, marks(SECRET, [word], [], []))
    assert near.is_part(word)
    assert near.is_near(word[:at] + letter + word[at:])
    assert near.is_near(word[:at] + letter + word[at + 1 :])
    assert near.is_near(word[:at] + word[at + 1 :]) == (len(word) > 5)
    assert not near.is_near("xyz" + word)
    assert not near.is_part("xyz" + word)


def test_measured_recall_of_names_that_are_known_by_digests() -> None:
    """Floors a little under what ``tests.collection.redaction_figures`` measured on the half that nobody tuned on."""
    counts = count(sentences("report"), False, digests=True)
    assert counts.whole["roster_name"] >= 0.9 * counts.marked["roster_name"]
    assert counts.whole["misspelt_name"] >= 0.75 * counts.marked["misspelt_name"]


def test_the_synthetic_class_loses_no_sentence_to_forgotten_names() -> None:
    redactor = Redactor("en", config=RedactionConfig(entities=False), forgotten=forgotten(ROSTER, "en"))
    assert [text for text in SENTENCES if redactor.find(text)] == []

"""Hints, against what a teacher would say; what holds for every pair of phones of every language."""

from __future__ import annotations

from itertools import permutations

import pytest

from collection.phones import inventory
from training.advice.hints import Hint, hint, text
from training.errors import AssessmentError

LANGUAGES = ("en-US", "fr-FR", "de-DE", "es-ES")
PAIRS = [
    (language, canonical, heard)
    for language in LANGUAGES
    for canonical, heard in permutations(inventory(language).symbols, 2)
]

OPPOSITE = {
    one: other
    for pair in (
        (Hint.VOICED, Hint.VOICELESS),
        (Hint.CONSONANT, Hint.VOWEL),
        (Hint.WITH_R, Hint.WITHOUT_R),
        (Hint.THROUGH_NOSE, Hint.THROUGH_MOUTH),
        (Hint.MOVING, Hint.STEADY),
        (Hint.TOWARDS_I, Hint.TOWARDS_U),
        (Hint.ROUNDED, Hint.SPREAD),
        (Hint.TENSE, Hint.LAX),
        (Hint.CLOSER, Hint.OPENER),
        (Hint.FRONT, Hint.BACK),
        (Hint.LONG, Hint.SHORT),
    )
    for one, other in (pair, pair[::-1])
}

TRUE_OF = {
    Hint.CONSONANT: "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH",
    Hint.VOWEL: "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW",
    Hint.VOICED: "B D DH G JH L M N NG R V W Y Z ZH",
    Hint.VOICELESS: "CH F HH K P S SH T TH",
    Hint.BILABIAL: "B M P",
    Hint.LABIODENTAL: "F V",
    Hint.DENTAL: "DH TH",
    Hint.ALVEOLAR: "D L N R S T Z",
    Hint.POST_ALVEOLAR: "CH JH SH ZH",
    Hint.PALATAL: "Y",
    Hint.VELAR: "G K NG",
    Hint.GLOTTAL: "HH",
    Hint.LABIOVELAR: "W",
    Hint.PLOSIVE: "B D G K P T",
    Hint.FRICATIVE: "DH F HH S SH TH V Z ZH",
    Hint.AFFRICATE: "CH JH",
    Hint.NASAL: "M N NG",
    Hint.LATERAL: "L",
    Hint.APPROXIMANT: "W Y",
    Hint.RHOTIC: "R",
    Hint.WITH_R: "ER",
    Hint.MOVING: "AW AY EY OW OY",
    Hint.TOWARDS_I: "AY EY OY",
    Hint.TOWARDS_U: "AW OW",
    Hint.ROUNDED: "AO OW OY UH UW",
    Hint.LAX: "IH UH",
}
"""The English phones of which each value is true, from a phonetics table."""


@pytest.mark.parametrize(
    ("pairs", "language", "expected"),
    [
        ("TH-S TH-T TH-F DH-D DH-Z DH-V", "en-US", "place:dental"),
        ("S-TH S-SH Z-DH N-NG", "en-US", "place:alveolar"),
        ("SH-S ZH-Z", "en-US", "place:post-alveolar"),
        ("V-W V-B F-P F-TH", "en-US", "place:labio-dental"),
        ("W-V W-L", "en-US", "place:labiovelar"),
        ("B-V P-F M-N", "en-US", "place:bilabial"),
        ("NG-N K-T", "en-US", "place:velar"),
        ("HH-F HH-K", "en-US", "place:glottal"),
        ("V-F Z-S D-T B-P G-K JH-CH", "en-US", "voicing:voiced"),
        ("F-V S-Z T-D P-B", "en-US", "voicing:voiceless"),
        ("D-DH T-TH T-CH G-NG", "en-US", "manner:plosive"),
        ("SH-CH ZH-JH S-T", "en-US", "manner:fricative"),
        ("CH-SH JH-ZH", "en-US", "manner:affricate"),
        ("N-L N-D", "en-US", "manner:nasal"),
        ("L-R L-N L-W", "en-US", "manner:lateral-approximant"),
        ("R-L R-W R-D", "en-US", "manner:rhotic"),
        ("Y-JH", "en-US", "manner:approximant"),
        ("IH-IY UH-UW", "en-US", "tenseness:lax"),
        ("IY-IH UW-UH", "en-US", "tenseness:tense"),
        ("AE-EH EH-IH AA-AH AY-EY", "en-US", "height:opener"),
        ("EH-AE IH-EH AH-AA", "en-US", "height:closer"),
        ("AE-AH AE-AA", "en-US", "backness:front"),
        ("AH-AE", "en-US", "backness:back"),
        ("OW-AO EY-EH", "en-US", "glide:moving"),
        ("AO-OW EH-EY", "en-US", "glide:steady"),
        ("AY-AW OY-OW", "en-US", "glide:i"),
        ("AW-AY", "en-US", "glide:u"),
        ("AO-AA UW-IY", "en-US", "rounding:rounded"),
        ("AA-AO", "en-US", "rounding:spread"),
        ("ER-AH", "en-US", "rhoticity:with-r"),
        ("AH-ER", "en-US", "rhoticity:without-r"),
        ("R-ER W-UW", "en-US", "class:consonant"),
        ("ER-R IY-Y", "en-US", "class:vowel"),
        ("y-u ø-o ɛ̃-ɑ̃", "fr-FR", "backness:front"),
        ("y-i ø-e ɔ̃-ɑ̃", "fr-FR", "rounding:rounded"),
        ("ɔ̃-ɔ ɛ̃-ɛ", "fr-FR", "nasality:nasal"),
        ("ɔ-ɔ̃", "fr-FR", "nasality:oral"),
        ("ʁ-l ʁ-k", "fr-FR", "place:uvular"),
        ("ɥ-w", "fr-FR", "place:labiopalatal"),
        ("aː-a", "de-DE", "length:long"),
        ("a-aː", "de-DE", "length:short"),
        ("ç-ʃ", "de-DE", "place:palatal"),
        ("uː-yː ʊ-ʏ", "de-DE", "backness:back"),
        ("eː-ɪ oː-ʊ", "de-DE", "tenseness:tense"),
        ("r-ɾ", "es-ES", "manner:trill"),
        ("ɾ-r", "es-ES", "manner:flap"),
    ],
)
def test_what_a_teacher_would_say(pairs: str, language: str, expected: str) -> None:
    assert {pair: hint(*pair.split("-"), language) for pair in pairs.split()} == dict.fromkeys(pairs.split(), expected)


def test_a_missing_phone_is_asked_for() -> None:
    assert {hint(symbol, "", "en-US") for symbol in inventory().symbols} == {"say:it"}


def test_any_two_phones_have_a_hint_and_every_hint_is_of_use() -> None:
    found = {hint(canonical, heard, language) for language, canonical, heard in PAIRS}
    assert found == set(Hint) - {Hint.SAY_IT}


def test_a_hint_is_true_of_the_phone_meant_and_not_of_the_one_heard() -> None:
    wrong = {}
    for language, canonical, heard in PAIRS:
        found = hint(canonical, heard, language)
        if language == "en-US" and found in TRUE_OF:
            phones = TRUE_OF[found].split()
            if canonical not in phones or heard in phones:
                wrong[canonical, heard] = found
    assert wrong == {}


def test_the_other_way_round_the_hint_is_the_opposite() -> None:
    wrong = {
        (language, canonical, heard): found
        for language, canonical, heard in PAIRS
        if (found := hint(canonical, heard, language)) in OPPOSITE
        and hint(heard, canonical, language) is not OPPOSITE[found]
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("canonical", "heard", "language"),
    [
        ("TH", None, "en-US"),
        ("TH", "TH", "en-US"),
        ("TH", "θ", "en-US"),
        ("θ", "S", "en-US"),
        ("", "S", "en-US"),
        ("XX", "", "en-US"),
        ("t", "d", "pl-PL"),
    ],
)
def test_nothing_is_said_where_nothing_is_known_or_wrong(canonical: str, heard: str | None, language: str) -> None:
    assert hint(canonical, heard, language) is None


def test_regions_of_a_language_share_its_hints() -> None:
    assert hint("TH", "S", "en-GB") == hint("TH", "S", "en_US") == "place:dental"


@pytest.mark.parametrize("identifier", list(Hint))
def test_every_hint_has_a_short_sentence_in_both_languages(identifier: Hint) -> None:
    french, english = text(identifier), text(str(identifier), "en-GB")
    assert french != english
    assert all(sentence.endswith(".") and 20 <= len(sentence) <= 110 for sentence in (french, english))


def test_sentences_are_told_apart() -> None:
    for language in ("fr", "en"):
        assert len({text(identifier, language) for identifier in Hint}) == len(Hint)


def test_an_id_or_a_language_that_is_none_says_what_there_is() -> None:
    with pytest.raises(AssessmentError, match="place:dental"):
        text("place:moon")
    with pytest.raises(AssessmentError, match="fr, en"):
        text("place:dental", "pl")

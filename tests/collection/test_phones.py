"""Inventories, pronunciations and text normalisation."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.phones import (
    ARPABET,
    IPA_TO_ARPABET,
    Inventory,
    Lexicon,
    PhoneError,
    inventory,
    normalise,
    transcribe,
)
from collection.pronunciation import english, gruut_words

LANGUAGES = ("en-US", "fr-FR", "de-DE", "es-ES")


def said(text: str, language: str = "en-US") -> list[set[str]]:
    return [{" ".join(variant) for variant in word.variants} for word in transcribe(text, language)]


def canonical(text: str, language: str = "en-US") -> list[str]:
    return [" ".join(word.canonical) for word in transcribe(text, language)]


class TestInventory:
    def test_arpabet_has_the_39_phones_without_stress(self) -> None:
        assert len(ARPABET) == 39
        assert not any(character.isdigit() for symbol in ARPABET.symbols for character in symbol)
        assert ARPABET.encode(["AA", "ZH", "TH"]) == [0, 38, 31]
        assert ARPABET.index("AE") == 1
        assert ARPABET.decode([0, 38]) == ("AA", "ZH")

    @pytest.mark.parametrize(
        ("tag", "name"),
        [("en-GB", "en-US"), ("EN", "en-US"), ("fr_CA", "fr-FR"), ("de-AT", "de-DE"), ("es-419", "es-ES")],
    )
    def test_regions_share_the_inventory_of_their_language(self, tag: str, name: str) -> None:
        assert inventory(tag).language == name

    def test_an_unknown_language_lists_those_there_are(self) -> None:
        with pytest.raises(PhoneError, match=r"'it-IT'.*en-US, fr-FR, de-DE, es-ES"):
            inventory("it-IT")

    def test_an_unknown_phone_is_named_with_the_choices(self) -> None:
        with pytest.raises(PhoneError, match=r"'XX' is no phone of en-US; its phones are: AA AE"):
            ARPABET.encode(["AA", "XX"])

    def test_a_repeated_phone_is_refused(self) -> None:
        with pytest.raises(PhoneError, match="twice"):
            Inventory("xx", ("a", "b", "a"))

    def test_fingerprint_follows_order_and_language(self) -> None:
        one = Inventory("xx", ("a", "b"))
        assert one.fingerprint == Inventory("xx", ("a", "b")).fingerprint
        assert (
            len({one.fingerprint, Inventory("xx", ("b", "a")).fingerprint, Inventory("yy", ("a", "b")).fingerprint})
            == 3
        )

    @pytest.mark.parametrize("language", ["fr", "de", "es"])
    def test_frozen_inventories_are_what_the_language_packages_can_say(self, language: str) -> None:
        assert inventory(language).symbols == gruut_words.alphabet(language)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_symbols_are_nfc_without_stress(self, language: str) -> None:
        for symbol in inventory(language).symbols:
            assert symbol == unicodedata.normalize("NFC", symbol)
            assert not set(symbol) & set("ˈˌ ")

    def test_every_english_phone_of_gruut_has_an_arpabet_phone_and_every_arpabet_phone_is_reached(self) -> None:
        assert set(IPA_TO_ARPABET) == set(gruut_words.alphabet("en"))
        assert set(IPA_TO_ARPABET.values()) == set(ARPABET.symbols)


class TestEnglish:
    def test_all_dictionary_variants_are_accepted_and_the_first_is_canonical(self) -> None:
        variants = Lexicon().pronunciations("either")
        assert variants[0] == ("IY", "DH", "ER")
        assert ("AY", "DH", "ER") in variants

    def test_a_homograph_has_both_readings(self) -> None:
        assert {"R EH D", "R IY D"} <= said("read")[0]

    @pytest.mark.parametrize(
        ("word", "accepted"),
        [
            ("car", "K AA"),  # R lost at the end
            ("here", "HH IH AH"),  # centring diphthong
            ("over", "OW V AH"),
            ("ask", "AA S K"),  # BATH
            ("people", "P IY P L"),  # syllabic L
            ("seven", "S EH V N"),
            ("for", "F AH"),  # weak form
            ("rabbit", "R AE B IH T"),
            ("very", "V EH R IY"),  # R kept before a vowel
        ],
    )
    def test_british_and_weak_forms_are_right_too(self, word: str, accepted: str) -> None:
        assert accepted in said(word)[0]

    @pytest.mark.parametrize(
        ("word", "wrong"),
        [("very", "V EH AH IY"), ("ant", "AA N T"), ("fall", "F L"), ("red", "EH D"), ("not", "N AH T")],
    )
    def test_mistakes_stay_mistakes(self, word: str, wrong: str) -> None:
        assert wrong not in said(word)[0]

    def test_words_outside_the_dictionary_come_from_gruut_as_arpabet(self) -> None:
        assert canonical("blorvel") == ["B L AO R V AH L"]

    @pytest.mark.parametrize(("base", "ending"), [("K AE T", "S"), ("D AO G", "Z"), ("F AA K S", "IH Z")])
    def test_possessives_take_the_ending_of_their_last_phone(self, base: str, ending: str) -> None:
        assert " ".join(english.possessive(base.split())) == f"{base} {ending}"

    def test_stress_is_kept_for_synthesis(self) -> None:
        assert Lexicon().stressed("garden") == ("G", "AA1", "R", "D", "AH0", "N")
        assert Lexicon().stressed("blorvel") is None
        assert Lexicon("fr").stressed("jardin") is None

    @pytest.mark.parametrize("word", ["你好", "Жук", "ʔ"])
    def test_another_script_is_an_error_that_names_the_word(self, word: str) -> None:
        with pytest.raises(PhoneError, match=f"en-US pronunciation for '{word}'"):
            Lexicon().pronunciations(word)

    @settings(max_examples=60)
    @given(st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=10).filter(lambda word: word.strip("'")))
    def test_whatever_is_written_in_latin_letters_gets_phones_of_the_inventory(self, word: str) -> None:
        for each in transcribe(word):
            assert each.variants
            assert len(set(each.variants)) == len(each.variants)
            for variant in each.variants:
                assert variant
                ARPABET.encode(variant)


class TestOtherLanguages:
    def test_french_elision_and_hyphens_bind(self) -> None:
        assert canonical("L’homme a-t-il l'amiral ?", "fr") == ["l ɔ m", "a t i l", "l a m i ʁ a l"]

    def test_french_liaison_forms_and_the_merged_nasal_are_right(self) -> None:
        assert {"l e", "l ɛ z"} <= said("les", "fr")[0]
        assert {"b ʁ œ̃", "b ʁ ɛ̃"} <= said("brun", "fr")[0]

    def test_german_diphthongs_and_r(self) -> None:
        assert canonical("Zeit heute rot Abakus", "de") == ["t s a ɪ t", "h ɔ ʏ t ə", "ʁ oː t", "aː b a k ʊ s"]

    def test_spanish_seseo_and_diphthongs(self) -> None:
        assert canonical("zapato agua", "es") == ["θ a p a t o", "a ɡ w a"]
        assert "s a p a t o" in said("zapato", "es-MX")[0]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_texts_stay_inside_the_inventory(self, language: str) -> None:
        text = "Le garage, der Job, la niña y the week-end: 3 taxis, Zoë, São, Curaçao."
        for word in transcribe(text, language):
            for variant in word.variants:
                inventory(language).encode(variant)


class TestNormalise:
    @pytest.mark.parametrize(
        ("text", "language", "words"),
        [
            ("Don’t STOP—it's “Tom's” hat!", "en", "don't stop it's tom's hat"),
            ("a well-known X-ray", "en", "a well known x ray"),
            (
                "21 cats, 1,000 dogs & 3.5% milk",
                "en",
                "twenty one cats one thousand dogs and three point five percent milk",
            ),
            ("room 007 on the 3rd", "en", "room zero zero seven on the third"),
            ("J’ai 21 ans", "fr", "j'ai vingt et un ans"),
            ("la 1ère fois, 3,5 kg", "fr", "la première fois trois virgule cinq kg"),
            ("1\u202f000 fois", "fr", "mille fois"),
            ("1\u00a0234 mots", "fr", "mille deux cent trente quatre mots"),
            ("12 Bücher", "de", "zwölf bücher"),
            ("42 niños", "es", "cuarenta y dos niños"),
            ("cafe\u0301", "fr", "café"),
            ("'quoted' dogs'", "en", "quoted dogs"),
            ("… ?! £", "en", ""),
            ("", "en", ""),
        ],
    )
    def test_words_as_read_aloud(self, text: str, language: str, words: str) -> None:
        assert normalise(text, language) == words.split()

    @settings(max_examples=200)
    @given(st.text(max_size=40), st.sampled_from(LANGUAGES))
    def test_normalising_twice_changes_nothing(self, text: str, language: str) -> None:
        once = normalise(text, language)
        assert normalise(" ".join(once), language) == once


@pytest.mark.shared
def test_real_canonical_phones_are_accepted(shared: Path) -> None:
    """94.3 % of the corpus's words; what is left is its own notation ("not" as N AH T) and its slips."""
    scores = json.loads((shared / "corpora/speechocean762/resource/scores.json").read_text("utf-8"))
    lexicon, hits, words = Lexicon(), 0, 0
    for utterance in scores.values():
        texts = normalise(utterance["text"])
        assert len(texts) == len(utterance["words"]), utterance["text"]
        for text, word in zip(texts, utterance["words"], strict=True):
            phones = tuple(re.sub(r"\d", "", word["phones"]).split())
            ARPABET.encode(phones)
            hits += phones in lexicon.pronunciations(text)
            words += 1
    assert words == 15849
    assert hits / words > 0.94

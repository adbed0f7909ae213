from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.errors import ConfigError
from collection.intake import Learner
from collection.keys import Key, key_id
from collection.pseudonymise import (
    QUASI_IDENTIFIERS,
    Kind,
    age_band,
    device_kind,
    generalise,
    generalise_expiries,
    pseudonym,
    release_key,
    suppress,
)
from collection.schema import Speaker

ZERO = Key(key_id(bytes(32)), bytes(32))
BLANK = (None, None, None, None)


def test_known_pseudonyms_stay_the_same():
    # openssl dgst -sha256 -mac HMAC -macopt hexkey:..., once with the key for the sub-key, once with the sub-key
    subkey = release_key(ZERO, "class-2025")
    assert subkey.hex().startswith("8ae878a99dd2a526")
    assert pseudonym(subkey, Kind.SPEAKER, "élève 1") == "spk_652ca55130ce8ce7"


@settings(max_examples=50)
@given(st.text(max_size=8), st.text(max_size=8))
def test_a_pseudonym_depends_on_release_kind_and_id_only(first, second):
    one, two = release_key(ZERO, "one"), release_key(ZERO, "two")
    assert pseudonym(one, "spk", first) == pseudonym(one, "spk", first)
    assert (pseudonym(one, "spk", first) == pseudonym(one, "spk", second)) == (first == second)
    assert pseudonym(one, "spk", first) != pseudonym(two, "spk", first)
    assert pseudonym(one, "spk", first)[4:] != pseudonym(one, "ses", first)[4:]


def test_another_key_gives_other_pseudonyms():
    other = Key("other", bytes([1]) * 32)
    assert release_key(ZERO, "one") != release_key(other, "one")


def test_a_kind_is_a_plain_word_and_a_release_has_a_name():
    with pytest.raises(ValueError, match="lower-case word such as spk"):
        pseudonym(b"", "spk\0", "learner")
    with pytest.raises(ConfigError, match="needs a name"):
        release_key(ZERO, "")


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (None, None), (-1, None), (0, "0-5"), (5, "0-5"), (6, "6-8"), (8, "6-8"), (9, "9-11"), (11, "9-11"),
        (12, "12-14"), (14, "12-14"), (15, "15-17"), (17, "15-17"), (18, "18+"), (90, "18+"),
    ],
)  # fmt: skip
def test_age_bands(age, band):
    assert age_band(age) == band


def test_a_learner_is_generalised():
    learner = Learner(
        learner_id="learner-1",
        name="Somebody",
        birth_date=date(2014, 3, 1),
        age=40,
        gender="Fille",
        first_language="fr-CD",
        level="B1+",
        region="FR101",
        school="A school",
    )
    assert generalise(learner, date(2026, 2, 28)) == Speaker("9-11", "female", "fr", "B", "FR1")
    assert generalise(learner, date(2026, 3, 1)).age_band == "12-14"


@pytest.mark.parametrize(
    ("field", "raw", "said"),
    [
        ("gender", "M", "male"), ("gender", " homme ", "male"), ("gender", "X", "other"), ("gender", "Léa", None),
        ("gender", "garc\u0327on", "male"),
        ("first_language", "zh", "zh"), ("first_language", "CMN-Hans", "cmn"), ("first_language", "pt_BR", "pt"),
        ("first_language", "Mandarin", None), ("first_language", "the same as his mother", None),
        ("level", "a1", "A"), ("level", "C2", "C"), ("level", "B1.2", "B"), ("level", "A", "A"),
        ("level", "Bien", None), ("level", "beginner", None), ("level", "A3", None),
        ("region", "Ile de France", "FR1"), ("region", "PROVENCE-ALPES-CÔTE D’AZUR", "FRL"), ("region", "FRK2", "FRK"),
        ("region", "fr1", "FR1"), ("region", "Réunion", "FRY"), ("region", "La Réunion", "FRY"),
        ("region", "FRY4", "FRY"),
        ("region", "FRZ", None), ("region", "Paris", None), ("region", "75011", None), ("region", "France", None),
        ("region", "DE3", None), ("age", 13, "12-14"),
    ],
)  # fmt: skip
def test_free_text_becomes_a_known_value_or_nothing(field, raw, said):
    speaker = generalise(Learner("learner-1", **{field: raw}), date(2026, 1, 1))
    name = "age_band" if field == "age" else field
    assert speaker == replace(Speaker(), **{name: said})


@given(st.text(max_size=12))
def test_no_free_text_passes(text):
    speaker = generalise(Learner("l", text, None, None, text, text, text, text, text), date(2026, 1, 1))
    assert speaker.gender in {"female", "male", "other", None}
    assert speaker.level in {"A", "B", "C", None}
    assert speaker.region is None or (len(speaker.region) == 3 and speaker.region.startswith("FR"))
    assert speaker.first_language is None or (len(speaker.first_language) <= 3 and speaker.first_language.isascii())


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        (None, None), ("iPhone de Léa", "phone"), ("smartphone", "phone"), ("microphone", None), ("iPad 9", "tablet"),
        ("PC salle 12", "computer"), ("USB headset", "headset"), ("Zoom H4n", "recorder"), ("Léa", None),
    ],
)  # fmt: skip
def test_a_device_is_named_by_its_kind(device, kind):
    assert device_kind(device) == kind


def group(speaker: Speaker) -> tuple[str | None, ...]:
    return speaker.region, speaker.first_language, speaker.gender, speaker.age_band


def crowd(count: int, prefix: str, **values: str) -> dict[str, Speaker]:
    return {f"{prefix}{number}": Speaker(**values) for number in range(count)}


GIRLS = {"gender": "female", "age_band": "9-11"}


def test_a_class_that_hides_everyone_keeps_everything():
    speakers = crowd(5, "a", first_language="fr", region="FR1", level="A", **GIRLS)
    assert suppress(speakers, 5) == speakers


def test_region_is_given_up_before_first_language():
    speakers = crowd(4, "a", first_language="fr", region="FR1", **GIRLS)
    speakers |= crowd(2, "b", first_language="fr", region="FRK", **GIRLS)
    shown = suppress(speakers, 5)
    assert set(shown.values()) == {Speaker("9-11", "female", "fr", None, None)}


def test_a_rare_first_language_is_hidden_and_the_common_region_stays():
    speakers = crowd(5, "a", first_language="fr", region="FR1", **GIRLS)
    speakers |= {"b": Speaker("9-11", "female", "is", "A", "FR1")} | crowd(4, "c", region="FR1", **GIRLS)
    shown = suppress(speakers, 5)
    assert shown["b"] == Speaker("9-11", "female", None, "A", "FR1")
    assert shown["a0"] == speakers["a0"]


def test_a_lone_blank_is_joined_by_those_a_large_group_can_spare():
    speakers = crowd(9, "a", **GIRLS) | {"z": Speaker("18+", "male", "is", "C", "FRM")}
    shown = suppress(speakers, 5)
    assert shown["z"] == Speaker(level="C")
    assert [name for name in speakers if group(shown[name]) == BLANK] == ["a0", "a1", "a2", "a3", "z"]


def test_where_no_group_can_spare_anyone_the_smallest_joins_whole():
    speakers = crowd(6, "a", **GIRLS) | crowd(5, "b", gender="male", age_band="12-14")
    shown = suppress(speakers | {"z": Speaker("18+", "other")}, 5)
    assert Counter(map(group, shown.values())) == {group(Speaker(**GIRLS)): 6, BLANK: 6}


def test_fewer_speakers_than_k_are_all_blank():
    shown = suppress(crowd(4, "a", level="B", **GIRLS), 5)
    assert set(shown.values()) == {Speaker(level="B")}
    assert suppress({}, 5) == {}


def test_k_of_one_changes_nothing_and_less_is_refused():
    speakers = {"a": Speaker("18+", "other", "is", "C", "FRM")}
    assert suppress(speakers, 1) == speakers
    with pytest.raises(ConfigError, match="k of 1 or more, not 0"):
        suppress(speakers, 0)
    with pytest.raises(ConfigError, match="k of 1 or more, not 0"):
        generalise_expiries({}, date(2026, 1, 1), 0)


demographics = st.builds(
    Speaker,
    st.sampled_from(["6-8", "9-11", "12-14", None]),
    st.sampled_from(["female", "male", None]),
    st.sampled_from(["fr", "ar", "pt", "tr", None]),
    st.sampled_from(["A", "B", None]),
    st.sampled_from(["FR1", "FRK", "FRM", None]),
)
classes = st.lists(demographics, max_size=60).map(lambda all_: {f"spk_{n:02}": one for n, one in enumerate(all_)})


@settings(max_examples=200)
@given(classes, st.integers(1, 8))
def test_nobody_stands_in_a_group_smaller_than_k(speakers, k):
    shown = suppress(speakers, k)
    sizes = Counter(map(group, shown.values()))
    if len(speakers) >= k:
        assert all(size >= k for size in sizes.values())
    else:
        assert set(sizes) <= {BLANK}


@settings(max_examples=100)
@given(classes, st.integers(1, 8), st.randoms())
def test_values_are_hidden_never_changed_and_the_order_does_not_matter(speakers, k, random):
    shown = suppress(speakers, k)
    assert list(shown) == list(speakers)
    for name, before in speakers.items():
        assert shown[name].level == before.level
        for attribute in QUASI_IDENTIFIERS:
            assert getattr(shown[name], attribute) in {None, getattr(before, attribute)}
    shuffled = list(speakers.items())
    random.shuffle(shuffled)
    assert suppress(dict(shuffled), k) == shown


@settings(max_examples=100)
@given(classes, st.integers(1, 8))
def test_who_already_hides_in_a_group_keeps_all_unless_called_to_the_blanks(speakers, k):
    before, shown = Counter(map(group, speakers.values())), suppress(speakers, k)
    for name, speaker in speakers.items():
        if before[group(speaker)] >= k:
            assert group(shown[name]) in {group(speaker), BLANK}
    blank = sum(group(s) == BLANK for s in shown.values())
    called = sum(before[group(s)] >= k and group(s) != BLANK == group(shown[n]) for n, s in speakers.items())
    assert called == 0 or blank - called < k


def test_ends_of_consent_are_shared_and_start_a_month():
    on = date(2025, 10, 10)
    ends = {"a": date(2026, 9, 1), "b": date(2026, 3, 14), "c": date(2026, 9, 3), "d": date(2026, 9, 2)}
    march, september = date(2026, 3, 1), date(2026, 9, 1)
    # In order of their end: b, a | d, c. Of five the last group has three.
    assert generalise_expiries(ends, on, 2) == {"a": march, "b": march, "c": september, "d": september}
    assert set(generalise_expiries({**ends, "e": date(2027, 1, 1)}, on, 2).values()) == {march, september}
    assert set(generalise_expiries(ends, on, 5).values()) == {march}
    assert generalise_expiries({"a": date(2025, 10, 20)}, on, 5) == {"a": date(2025, 10, 20)}
    # On the first of the month a consent that ends within it would be over at once.
    assert generalise_expiries({"a": date(2025, 10, 20)}, date(2025, 10, 1), 5) == {"a": date(2025, 10, 20)}


@settings(max_examples=100)
@given(st.dictionaries(st.text(max_size=3), st.integers(1, 500), max_size=30), st.integers(1, 6))
def test_a_shared_end_is_never_later_than_the_consent_and_k_share_it(days, k):
    on = date(2025, 10, 10)
    ends = {name: on + timedelta(days=number) for name, number in days.items()}
    shared = generalise_expiries(ends, on, k)
    assert list(shared) == list(ends)
    assert all(on < shared[name] <= ends[name] for name in ends)
    assert all(size >= min(k, len(ends)) for size in Counter(shared.values()).values())

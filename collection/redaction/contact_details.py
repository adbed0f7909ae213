"""Rules for what a person can be reached or traced by: phone, mail, address, date of birth, handle, page; fr and en.

Each rule also knows how the thing is said aloud ("arobase", "dot", numbers in words), because prompts are read. Both
languages' rules look at every text: an English address in a French sentence is an address. No rule needs capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collection.redaction.personal_data import Evidence, Kind, Span
from collection.redaction.spoken_numbers import dictated, number_pattern

_REGIONS = {"fr": ("FR",), "en": ("US", "GB"), "de": ("DE",), "es": ("ES",)}
"""Where a number without a country code may be at home, by the text's language."""
_LEAST_DIGITS, _MOST_DIGITS = 8, 15
"""Digits of a phone number; ITU-T E.164 allows 15."""

_FR_NUMBER, _EN_NUMBER = number_pattern("fr"), number_pattern("en")


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE)


_TOP_LEVEL = "com|fr|org|net|eu|be|ch|ca|io|uk|us|de|es|info|app|me|tv|edu|gouv"
_EMAIL = (
    _rule(r"[\w.+\-]+ @ [\w\-]+ (?:\.[\w\-]+)+"),
    _rule(
        r"\b[\w\-]+ (?:\s(?:point|dot|tiret|dash|hyphen|underscore)\s[\w\-]+)*"
        rf"\s (?:arobase|arobas|at|chez|@) \s [\w\-]+ (?:\s(?:tiret|dash)\s[\w\-]+)? (?:\s(?:point|dot)\s[\w\-]+)*"
        rf"\s(?:point|dot)\s (?:co\s(?:dot|point)\s)? (?:{_TOP_LEVEL})\b"
    ),
)
_URL = (
    _rule(r"https?://[^\s,;]*[\w/]"),
    _rule(r"\bwww\.[^\s,;]*[\w/]"),
    _rule(rf"\b[a-z0-9][\w\-]*(?:\.[\w\-]+)*\.(?:{_TOP_LEVEL})\b(?:/[^\s,;]*[\w/])?"),
    _rule(rf"\b(?:www|3w|[\w\-]+)(?:\s(?:point|dot)\s[\w\-]+)*\s(?:point|dot)\s(?:{_TOP_LEVEL})\b"),
)
_HANDLE = (
    _rule(r"(?<![\w.@])@\w[\w.]*\w"),
    # A platform, a few words at most, then what no plain word looks like.
    _rule(
        r"(?<=\b)(?:insta|instagram|snap|snapchat|tik\s?tok|discord|twitter|twitch|youtube|pseudo|username)\b"
        r"(?:\s*:\s*|\s+(?:is|est|c['’]est)\s+|\s+)(?=[\w.]*[\d_])(?P<data>[\w.]*\w)"
    ),
)

_FR_STREET = (
    r"rue|avenue|av\.|boulevard|bd|place|all[ée]e|chemin|impasse|quai|square|route|passage|ruelle|sentier|lotissement|"
    r"r[ée]sidence|faubourg|voie|hameau"
)
_EN_STREET = (
    r"street|st|road|rd|avenue|ave|lane|ln|drive|close|court|crescent|terrace|square|gardens|boulevard|blvd|grove|mews"
)
_FR_END = (
    r"[àa]|au|aux|pr[èe]s|dans|est|sont|et|depuis|avec|en|chez|pour|sur|qui|que|o[ùu]|il|elle|j|je|on|c|mais|derri[èe]re|"
    r"devant|face|entre"
)
_EN_PLAIN = r"in|on|at|of|the|our|my|your|his|her|their|this|that|a|an|way|and|or|to|from|down|up|across|along|into"
_WORD = r"[^\W\d_]+"
_ADDRESS = (
    _rule(
        rf"(?:\b\d{{1,4}}|(?!\bune?\s){_FR_NUMBER})(?:\s?(?:bis|ter|quater|[a-d]\b))?\s*,?\s+(?:{_FR_STREET})\s+"
        rf"(?:(?!(?:{_FR_END})\b)(?:[dl]['’])?{_WORD}(?:[\s\-]+(?=\w)|)){{1,6}}(?<=\w)"
        rf"(?:,?\s+\d{{5}}\s+{_WORD}(?:-{_WORD})*)?"
    ),
    _rule(
        rf"(?:\b\d{{1,5}}[a-z]?|(?!\bone\s){_EN_NUMBER})\s+(?:(?!(?:{_EN_PLAIN})\b){_WORD}\s+){{1,3}}(?:{_EN_STREET})\b"
        rf"(?:,?\s+{_WORD}(?=,?\s+(?:[a-z]{{1,2}}\d|\d{{5}}\b)))?"
        r"(?:,?\s+(?:[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2}|\d{5})\b)?"
    ),
    _rule(r"\b\d{5}\s+(?-i:[A-ZÉÈ])[^\W\d_]+(?:-[^\W\d_]+)*"),
    _rule(r"\b(?-i:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2})\b"),
)

_MONTH = (
    r"(?:janvier|f[ée]vrier|mars|avril|mai|juin|juillet|ao[ûu]t|septembre|octobre|novembre|d[ée]cembre|january|february|"
    r"march|april|may|june|july|august|september|october|november|december)"
)
_ORDINAL = (
    r"(?:(?:twenty|thirty)[\s\-])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|"
    r"thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth)|twentieth|thirtieth"
)
_DAY = rf"(?:\d{{1,2}}(?:er|st|nd|rd|th)?|premier|{_ORDINAL}|{_FR_NUMBER}|{_EN_NUMBER})"
_YEAR = rf"(?:\d{{4}}|{_FR_NUMBER}|{_EN_NUMBER})"
_DAY_MONTH = rf"(?:(?:the\s)?{_DAY}\s(?:of\s)?{_MONTH}|{_MONTH}\s(?:the\s)?{_DAY})"
_FULL_DATE = (
    rf"(?:{_DAY_MONTH},?\s(?:(?:de|en|in)\s)?{_YEAR}\b|\d{{1,2}}[/.\-]\d{{1,2}}[/.\-]\d{{2,4}}|\d{{4}}-\d\d-\d\d)"
)
_BORN = r"(?:n[ée]e?s?|naissance|anniversaire|born|birth|birthday|birthdate)\b"
_MINE = r"(?:je\ssuis\sn[ée]e?|mon\sanniversaire|i\swas\sborn|i\x27m\sborn|my\sbirthday)\b"
_BIRTH_DATE = (
    _rule(rf"\b{_BORN}[^.!?;]{{0,25}}?(?P<data>{_FULL_DATE})"),
    # A day without a year says who somebody is only when it is their own.
    _rule(rf"\b{_MINE}[^.!?;]{{0,25}}?(?P<data>{_DAY_MONTH})"),
)
_RULES = {
    Kind.EMAIL: _EMAIL,
    Kind.URL: _URL,
    Kind.HANDLE: _HANDLE,
    Kind.ADDRESS: _ADDRESS,
    Kind.BIRTH_DATE: _BIRTH_DATE,
}


def find(text: str, primary: str) -> Iterator[Span]:
    """Yield the contact details in a text, in no order; spans may overlap. ``primary`` is its language subtag."""
    for kind, rules in _RULES.items():
        for rule in rules:
            for match in rule.finditer(text):
                group = "data" if "data" in rule.groupindex else 0
                yield Span(match.start(group), match.end(group), kind, Evidence.PATTERN)
    yield from _phones(text, primary)


def _phones(text: str, primary: str) -> Iterator[Span]:
    from phonenumbers import Leniency, PhoneNumberMatcher

    for region in _REGIONS.get(primary, (None,)):
        for match in PhoneNumberMatcher(text, region, Leniency.POSSIBLE):
            digits = sum(character.isdigit() for character in match.raw_string)
            if digits >= _LEAST_DIGITS and (match.raw_string[0] in "0+(" or digits >= 10):
                yield Span(match.start, match.end, Kind.PHONE, Evidence.PATTERN)
    for language in ("fr", "en"):
        for said in dictated(text, language):
            if _LEAST_DIGITS <= len(said.digits) <= _MOST_DIGITS and not said.counting:
                yield Span(said.start, said.end, Kind.PHONE, Evidence.PATTERN)

"""Persons named in a French text, found by spaCy's ``fr_core_news_sm``: names that stand on no roster.

The model finds part of the names only, and takes plain words for persons where a sentence begins with one. Of an entity
labelled PER the words are kept that its tagger calls proper nouns; a first word alone must be an entity without its
capital too, which "bonjour" is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from collection.redaction.known_names import has_case
from collection.redaction.name_words import PARTICLES
from collection.redaction.personal_data import Evidence, Kind, Span

MODELS = {"fr": "fr_core_news_sm"}
"""spaCy's model by primary language subtag; the others have none on the package index from spaCy's own makers."""
_NOT_NEEDED = ("parser", "attribute_ruler", "lemmatizer")


def find(text: str, primary: str) -> Iterator[Span]:
    """Yield the persons named in a text, word by word; none in a language without a model."""
    if primary not in MODELS:
        return
    model, cased = load(primary), has_case(text)
    for entity in model(text).ents:
        # "Appelle ma mère" is no person: names hold no plain words.
        plain_words = any(token.text.islower() and token.lower_ not in PARTICLES for token in entity)
        if entity.label_ != "PER" or (cased and plain_words):
            continue
        if cased and entity.start == 0 and len(entity) == 1:
            named = [token for token in entity if any(one.start == 0 for one in model(_lower_first(text)).ents)]
        else:
            named = [token for token in entity if token.pos_ == "PROPN"]
        for token in named:
            yield Span(token.idx, token.idx + len(token), Kind.NAME, Evidence.ENTITY)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


@cache
def load(primary: str) -> Any:
    """Return the model of a language, loaded once a process (seconds)."""
    import spacy

    return spacy.load(MODELS[primary], exclude=_NOT_NEEDED)

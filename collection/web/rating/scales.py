"""The scales of speechocean762, what each score means, and the single scores that a reading asks for.

Zhang et al., "speechocean762: An Open-Source Non-native English Speech Corpus for Pronunciation Assessment",
Interspeech 2021, gives the scales; the words here are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from collection.schema import Rating, Scores, WordScores
from collection.web.rating.canon import CanonicalWord
from collection.web.rating.models import Level

UNJUDGED = "u"
"""What somebody gives who cannot judge."""
TEN = tuple(range(11))
RIGHT_STRESS, WRONG_STRESS = 10, 5
Marks = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Scale:
    """A kind of score: its name in the release, in words, which values it has, and what they mean."""

    level: Level
    score: str
    label: Promise | str
    values: tuple[int, ...]
    anchors: tuple[tuple[str, Promise | str], ...]


SCALES = (
    Scale(
        Level.SENTENCE,
        "accuracy",
        _("Exactitude"),
        TEN,
        (
            ("9–10", _("Prononciation excellente, aucune faute audible")),
            ("7–8", _("Bonne prononciation, quelques fautes")),
            ("5–6", _("Beaucoup de fautes ou un accent fort, mais tout se comprend")),
            ("3–4", _("Fautes graves, raide : difficile à comprendre")),
            ("0–2", _("Un ou deux mots reconnaissables au plus")),
        ),
    ),
    Scale(
        Level.SENTENCE,
        "completeness",
        _("Complétude"),
        TEN,
        (("0–10", _("Part des mots du texte réellement lus : 10 tous, 5 la moitié, 0 aucun")),),
    ),
    Scale(
        Level.SENTENCE,
        "fluency",
        _("Fluidité"),
        TEN,
        (
            ("8–10", _("Lecture continue, sans pause gênante, ni répétition, ni hésitation")),
            ("6–7", _("Continue dans l’ensemble, avec quelques pauses ou répétitions")),
            ("4–5", _("Hachée : beaucoup de pauses ou de répétitions")),
            ("0–3", _("Très hachée : la phrase ne tient pas ensemble, ou n’est pas finie")),
        ),
    ),
    Scale(
        Level.SENTENCE,
        "prosody",
        _("Prosodie"),
        TEN,
        (
            ("9–10", _("Intonation juste, débit régulier, rythme naturel")),
            ("7–8", _("Intonation presque juste, débit régulier")),
            ("5–6", _("Débit irrégulier, rythme peu marqué")),
            ("3–4", _("Trop vite ou trop lent, sans rythme")),
            ("0–2", _("Intonation fausse, hésitations : la phrase n’est pas lue jusqu’au bout")),
        ),
    ),
    Scale(
        Level.WORD,
        "accuracy",
        _("Exactitude du mot"),
        TEN,
        (
            ("10", _("Le mot est parfait")),
            ("7–9", _("Presque tous les sons sont justes, avec un accent")),
            ("4–6", _("Moins d’un tiers des sons sont faux")),
            ("2–3", _("Plus d’un tiers des sons sont faux, ou un autre mot est dit")),
            ("1", _("On devine à peine un mot")),
            ("0", _("Le mot n’est pas dit")),
        ),
    ),
    Scale(
        Level.STRESS,
        "stress",
        _("Accent tonique"),
        (WRONG_STRESS, RIGHT_STRESS),
        (("10", _("La bonne syllabe est accentuée")), ("5", _("Une autre syllabe est accentuée"))),
    ),
    Scale(
        Level.PHONE,
        "accuracy",
        _("Sons"),
        (0, 1, 2),
        (
            ("2", _("Le son est juste")),
            ("1", _("On le reconnaît, avec un fort accent")),
            ("0", _("Un autre son, ou rien")),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One score that is asked for; ``name`` is its field in a form, ``word`` and ``phone`` count from 0."""

    name: str
    scale: Scale
    word: int | None = None
    phone: int | None = None


def scales_of(levels: Iterable[str]) -> list[Scale]:
    """Return the scales of some levels, in the order in which they are asked."""
    wanted = set(levels)
    return [scale for scale in SCALES if scale.level in wanted]


def cells(words: Sequence[CanonicalWord], levels: Iterable[str]) -> Iterator[Cell]:
    """Yield every score a reading asks for: the sentence, then each word with its sounds.

    A word of one syllable has its stress right by the rule of the corpus: nobody is asked.
    """
    wanted = scales_of(levels)
    for scale in wanted:
        if scale.level == Level.SENTENCE:
            yield Cell(f"s-{scale.score}", scale)
    for number, word in enumerate(words):
        for scale in wanted:
            if scale.level == Level.PHONE:
                for place in range(len(word["phones"])):
                    yield Cell(f"p-{number}-{place}", scale, number, place)
        for scale in wanted:
            if scale.level == Level.WORD or (scale.level == Level.STRESS and word["syllables"] > 1):
                yield Cell(f"w-{number}-{scale.score}", scale, number)


def read_marks(sent: Mapping[str, str], asked: Iterable[Cell]) -> dict[str, int | str]:
    """Return the marks among what a form sent, by name; what is no value of its scale is left out."""
    marks: dict[str, int | str] = {}
    for cell in asked:
        value = sent.get(cell.name, "")
        if value == UNJUDGED:
            marks[cell.name] = UNJUDGED
        elif value in {str(one) for one in cell.scale.values}:
            marks[cell.name] = int(value)
    return marks


def as_rating(rater: str, words: Sequence[CanonicalWord], levels: Iterable[str], marks: Marks) -> Rating | None:
    """Return marks as a rating of the release, without totals; ``None`` when nothing in it could be judged."""

    def given(name: str) -> float | None:
        value = marks.get(name)
        return float(value) if isinstance(value, int) else None

    wanted = set(levels)
    scores = Scores(**{scale.score: given(f"s-{scale.score}") for scale in scales_of({Level.SENTENCE} & wanted)})
    of_words: tuple[WordScores, ...] = ()
    if wanted & {Level.WORD, Level.STRESS}:
        of_words = tuple(
            WordScores(
                given(f"w-{number}-accuracy"),
                given(f"w-{number}-stress")
                if word["syllables"] > 1 or Level.STRESS not in wanted
                else float(RIGHT_STRESS),
            )
            for number, word in enumerate(words)
        )
    phones = tuple(
        given(f"p-{number}-{place}") for number, word in enumerate(words) for place in range(len(word["phones"]))
    )
    if all(value == UNJUDGED for value in marks.values()):
        return None
    return Rating(rater, scores, of_words, phones if any(value is not None for value in phones) else ())

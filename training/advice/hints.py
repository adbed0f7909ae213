"""What to change in the mouth to turn the phone that was heard into the phone that was meant.

A hint is a stable id of a closed set, ``Hint``: applications store and translate ids, ``text`` gives ours in French and
English. A hint names one thing only, something true of the phone that was meant and not of the one that was heard.
"""

from __future__ import annotations

from enum import StrEnum

from collection.phones import PhoneError, primary_subtag
from training.advice.articulation import Consonant, Vowel, sounds
from training.errors import AssessmentError


class Hint(StrEnum):
    """What to change: ``feature:value``, the value being that of the phone that was meant."""

    SAY_IT = "say:it"
    CONSONANT = "class:consonant"
    VOWEL = "class:vowel"

    VOICED = "voicing:voiced"
    VOICELESS = "voicing:voiceless"

    BILABIAL = "place:bilabial"
    LABIODENTAL = "place:labio-dental"
    DENTAL = "place:dental"
    ALVEOLAR = "place:alveolar"
    POST_ALVEOLAR = "place:post-alveolar"
    PALATAL = "place:palatal"
    VELAR = "place:velar"
    UVULAR = "place:uvular"
    GLOTTAL = "place:glottal"
    LABIOVELAR = "place:labiovelar"
    LABIOPALATAL = "place:labiopalatal"

    PLOSIVE = "manner:plosive"
    FRICATIVE = "manner:fricative"
    AFFRICATE = "manner:affricate"
    NASAL = "manner:nasal"
    LATERAL = "manner:lateral-approximant"
    APPROXIMANT = "manner:approximant"
    RHOTIC = "manner:rhotic"
    TRILL = "manner:trill"
    FLAP = "manner:flap"

    WITH_R = "rhoticity:with-r"
    WITHOUT_R = "rhoticity:without-r"
    THROUGH_NOSE = "nasality:nasal"
    THROUGH_MOUTH = "nasality:oral"
    MOVING = "glide:moving"
    STEADY = "glide:steady"
    TOWARDS_I = "glide:i"
    TOWARDS_U = "glide:u"
    ROUNDED = "rounding:rounded"
    SPREAD = "rounding:spread"
    TENSE = "tenseness:tense"
    LAX = "tenseness:lax"
    CLOSER = "height:closer"
    OPENER = "height:opener"
    FRONT = "backness:front"
    BACK = "backness:back"
    LONG = "length:long"
    SHORT = "length:short"


_PLACE_FIRST = frozenset({"bilabial", "labio-dental", "dental", "labiovelar", "labiopalatal", "uvular", "glottal"})
"""Places a learner can see or feel at once, named before the manner: lips, teeth, throat."""


def hint(canonical: str, heard: str | None, language: str) -> Hint | None:
    """Return what to change to say ``canonical`` where ``heard`` was said ("" for nothing, ``None`` when unsure).

    Symbols are those of the language's inventory (``collection.phones``), ``language`` is a BCP 47 tag. Named first is
    what is most useful: between consonants a place that one can see or feel, then the manner, then other places, then
    the voice; between vowels the r, the nose, the glide, the lips, tenseness, then tongue height or backness, whichever
    is further off, and length. A vowel said for a consonant, or the other way round, gets only its class. ``None`` when
    there is nothing to change or nothing known: equal phones, an unsure one, a symbol or language without features.
    """
    try:
        primary = primary_subtag(language)
    except PhoneError:
        return None
    known = sounds(primary)
    if canonical not in known or heard is None or heard == canonical:
        return None
    if not heard:
        return Hint.SAY_IT
    meant, said = known[canonical], known.get(heard)
    if said is None:
        return None
    if isinstance(meant, Consonant):
        return _consonants(meant, said) if isinstance(said, Consonant) else Hint.CONSONANT
    return _vowels(meant, said) if isinstance(said, Vowel) else Hint.VOWEL


def _consonants(meant: Consonant, said: Consonant) -> Hint | None:
    features = ["manner", "place"] if meant.place not in _PLACE_FIRST else ["place", "manner"]
    for feature in features:
        if getattr(meant, feature) != getattr(said, feature):
            return Hint(f"{feature}:{getattr(meant, feature)}")
    if meant.voiced != said.voiced:
        return Hint.VOICED if meant.voiced else Hint.VOICELESS
    return None


def _vowels(meant: Vowel, said: Vowel) -> Hint | None:
    opener, further_back = meant.openness - said.openness, meant.backness - said.backness
    neighbours = abs(opener) < 1.5 / 6 and abs(further_back) < 1.5 / 4  # the IPA has 7 heights and 5 places
    if meant.rhotic != said.rhotic:
        return Hint.WITH_R if meant.rhotic else Hint.WITHOUT_R
    if meant.nasal != said.nasal:
        return Hint.THROUGH_NOSE if meant.nasal else Hint.THROUGH_MOUTH
    if (meant.glide is None) != (said.glide is None):
        return Hint.MOVING if meant.glide else Hint.STEADY
    if meant.glide != said.glide:
        return Hint.TOWARDS_I if meant.glide == "i" else Hint.TOWARDS_U
    if meant.rounded != said.rounded:
        return Hint.ROUNDED if meant.rounded else Hint.SPREAD
    if meant.lax != said.lax and neighbours:
        return Hint.LAX if meant.lax else Hint.TENSE
    if opener and abs(opener) >= abs(further_back):
        return Hint.OPENER if opener > 0 else Hint.CLOSER
    if further_back:
        return Hint.BACK if further_back > 0 else Hint.FRONT
    if meant.long != said.long:
        return Hint.LONG if meant.long else Hint.SHORT
    return None


def text(hint_id: str, language: str = "fr") -> str:
    """Return the sentence for a learner, in French (``fr``) or English (``en``), regions of both included.

    ``AssessmentError`` for another language and for an id that is none.
    """
    sentences = _TEXTS.get(language.split("-")[0].lower())
    if sentences is None:
        raise AssessmentError(
            f"Hints are written in {', '.join(_TEXTS)}, not in {language!r}: translate the ids yourself."
        )
    if hint_id not in list(Hint):
        raise AssessmentError(f"{hint_id!r} is no hint; hints are: {', '.join(Hint)}.")
    return sentences[Hint(hint_id)]


_TEXTS: dict[str, dict[Hint, str]] = {
    "fr": {
        Hint.SAY_IT: "Il manque un son ici. Prends ton temps et dis-le aussi.",
        Hint.CONSONANT: "C'est une consonne. Rapproche la langue ou les lèvres pour retenir l'air un instant.",
        Hint.VOWEL: "C'est une voyelle. Ouvre la bouche et laisse passer la voix librement.",
        Hint.VOICED: "Fais sonner ta voix. Pose la main sur ta gorge, elle doit vibrer.",
        Hint.VOICELESS: "N'utilise que le souffle, sans la voix. Pose la main sur ta gorge, elle ne doit pas vibrer.",
        Hint.BILABIAL: "Ferme bien les deux lèvres pour ce son.",
        Hint.LABIODENTAL: "Pose les dents du haut sur la lèvre du bas.",
        Hint.DENTAL: "Glisse le bout de la langue entre les dents, sans serrer.",
        Hint.ALVEOLAR: "Place le bout de la langue juste derrière les dents du haut.",
        Hint.POST_ALVEOLAR: "Recule un peu la langue et avance les lèvres, comme dans « chut ».",
        Hint.PALATAL: "Monte le milieu de la langue vers le palais, comme pour un « i ».",
        Hint.VELAR: "Monte l'arrière de la langue, là où l'on fait le « k ».",
        Hint.UVULAR: "Fais ce son tout au fond de la bouche, près de la gorge.",
        Hint.GLOTTAL: "Souffle simplement, comme pour faire de la buée sur une vitre.",
        Hint.LABIOVELAR: "Avance les lèvres en rond, comme pour un « ou », sans toucher les dents.",
        Hint.LABIOPALATAL: "Avance les lèvres en rond et garde la langue devant, comme pour le « u » de « lune ».",
        Hint.PLOSIVE: "Bloque l'air un court instant, puis lâche-le d'un coup.",
        Hint.FRICATIVE: "Ne bloque pas l'air. Laisse-le frotter doucement par un petit passage.",
        Hint.AFFRICATE: "Commence par bloquer l'air avec la langue, puis laisse-le frotter, comme dans « match ».",
        Hint.NASAL: "Bloque l'air dans la bouche et laisse la voix sortir par le nez.",
        Hint.LATERAL: "Garde la langue collée en haut et laisse passer l'air par les côtés.",
        Hint.APPROXIMANT: "Approche la langue sans rien toucher, et glisse vers le son suivant.",
        Hint.RHOTIC: "Recule la langue en relevant le bout, sans toucher le palais.",
        Hint.TRILL: "Laisse vibrer le bout de la langue plusieurs fois derrière les dents.",
        Hint.FLAP: "Touche une seule fois, très vite, derrière les dents avec le bout de la langue.",
        Hint.WITH_R: "Recourbe un peu la langue en tenant la voyelle, pour qu'on entende le r anglais.",
        Hint.WITHOUT_R: "Garde la langue à plat, sans faire entendre de r.",
        Hint.THROUGH_NOSE: "Laisse passer la voix par le nez aussi.",
        Hint.THROUGH_MOUTH: "Laisse passer la voix par la bouche seulement, pas par le nez.",
        Hint.MOVING: "Cette voyelle est double. Commence par le premier son et glisse vers le second.",
        Hint.STEADY: "Tiens cette voyelle sans bouger la bouche.",
        Hint.TOWARDS_I: "Finis la voyelle en souriant, en glissant vers un « i ».",
        Hint.TOWARDS_U: "Finis la voyelle les lèvres en rond, en glissant vers un « ou ».",
        Hint.ROUNDED: "Arrondis les lèvres vers l'avant.",
        Hint.SPREAD: "N'arrondis pas les lèvres, laisse-les détendues.",
        Hint.TENSE: "Tends un peu la bouche et tiens le son plus longtemps.",
        Hint.LAX: "Détends la bouche et fais ce son plus court.",
        Hint.CLOSER: "Ferme un peu plus la bouche, la langue plus haute.",
        Hint.OPENER: "Ouvre un peu plus la bouche, la langue plus basse.",
        Hint.FRONT: "Avance un peu la langue, vers les dents.",
        Hint.BACK: "Recule un peu la langue, vers la gorge.",
        Hint.LONG: "Tiens cette voyelle plus longtemps.",
        Hint.SHORT: "Fais cette voyelle plus courte.",
    },
    "en": {
        Hint.SAY_IT: "One sound is missing here. Take your time and say it too.",
        Hint.CONSONANT: "This is a consonant. Bring your tongue or lips closer, to hold the air back for a moment.",
        Hint.VOWEL: "This is a vowel. Open your mouth and let your voice flow freely.",
        Hint.VOICED: "Use your voice. Put a hand on your throat, it should hum.",
        Hint.VOICELESS: "Use only your breath, not your voice. Put a hand on your throat, it should stay still.",
        Hint.BILABIAL: "Close both lips for this sound.",
        Hint.LABIODENTAL: "Rest your top teeth on your bottom lip.",
        Hint.DENTAL: "Slip the tip of your tongue between your teeth, without biting.",
        Hint.ALVEOLAR: "Bring the tip of your tongue just behind your top teeth.",
        Hint.POST_ALVEOLAR: 'Pull your tongue back a little and push your lips forward, as in "shh".',
        Hint.PALATAL: 'Lift the middle of your tongue towards the roof of your mouth, as for "ee".',
        Hint.VELAR: 'Lift the back of your tongue, where you make a "k".',
        Hint.UVULAR: "Make this sound at the very back of your mouth, near your throat.",
        Hint.GLOTTAL: "Just breathe out, as if to fog up a window.",
        Hint.LABIOVELAR: 'Push your lips into a small circle, as for "oo", away from your teeth.',
        Hint.LABIOPALATAL: 'Push your lips into a small circle and keep your tongue forward, as for the French "u".',
        Hint.PLOSIVE: "Stop the air for a moment, then let it go all at once.",
        Hint.FRICATIVE: "Do not stop the air. Let it rub gently through a narrow gap.",
        Hint.AFFRICATE: 'Begin by stopping the air with your tongue, then let it rub, as in "match".',
        Hint.NASAL: "Block the air in your mouth and let your voice come out through your nose.",
        Hint.LATERAL: "Keep your tongue touching the top and let the air pass along its sides.",
        Hint.APPROXIMANT: "Bring your tongue close without touching anything, and glide to the next sound.",
        Hint.RHOTIC: "Pull your tongue back and curl its tip up, without touching the roof of your mouth.",
        Hint.TRILL: "Let the tip of your tongue flutter several times behind your teeth.",
        Hint.FLAP: "Tap just once, very quickly, behind your teeth with the tip of your tongue.",
        Hint.WITH_R: "Curl your tongue a little while you hold the vowel, so that the r is heard.",
        Hint.WITHOUT_R: "Keep your tongue flat, with no r to be heard.",
        Hint.THROUGH_NOSE: "Let your voice come through your nose too.",
        Hint.THROUGH_MOUTH: "Let your voice come through your mouth only, not through your nose.",
        Hint.MOVING: "This vowel has two parts. Start on the first and slide to the second.",
        Hint.STEADY: "Hold this vowel without moving your mouth.",
        Hint.TOWARDS_I: 'End the vowel with a smile, sliding towards "ee".',
        Hint.TOWARDS_U: 'End the vowel with round lips, sliding towards "oo".',
        Hint.ROUNDED: "Round your lips and push them forward.",
        Hint.SPREAD: "Do not round your lips, let them relax.",
        Hint.TENSE: "Tighten your mouth a little and hold the sound longer.",
        Hint.LAX: "Relax your mouth and make this sound shorter.",
        Hint.CLOSER: "Close your mouth a little more, with your tongue higher.",
        Hint.OPENER: "Open your mouth a little more, with your tongue lower.",
        Hint.FRONT: "Move your tongue a little forward, towards your teeth.",
        Hint.BACK: "Move your tongue a little back, towards your throat.",
        Hint.LONG: "Hold this vowel longer.",
        Hint.SHORT: "Make this vowel shorter.",
    },
}

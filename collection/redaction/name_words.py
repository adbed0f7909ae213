"""Words around names, French and English: what announces a name, what rules one out, and names that are also words."""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


ORDINARY = _set(
    # French given and family names that are words, of these languages or of others.
    "rose pierre jean marguerite violette olive clémence victoire prudence constance aimée désirée aurore océane "
    "églantine capucine anémone iris jasmin narcisse fleur cerise prune mélodie harmonie jade ambre perle opale marine "
    "lune soleil ange noël avril juin juillet août mars mai printemps été hiver automne aube parfait constant juste "
    "modeste innocent bienvenu franc clair claire blanche reine roi prince petit grand blanc noir brun roux gris long "
    "court gros bon beau loup renard poisson mouton lapin merle pinson corbeau coq boucher boulanger marchand meunier "
    "charpentier berger chevalier comte duc baron abbé clerc maire fontaine rivière forêt montagne vallée prairie "
    "roche maison château bois pont port mer ville son sa ta ma mon bel mal sol fa la le li si do an a al de ai "
    # English ones.
    "june april august rose lily daisy ivy poppy olive violet iris heather hazel holly fern amber ruby pearl jade "
    "crystal joy grace faith hope charity patience prudence harmony melody summer autumn winter dawn eve star sky "
    "sunny angel art bill mark drew grant guy lance miles pat peg penny ray reed rich rob robin rod sandy skip sue "
    "trip wade ward will frank dean chase hunter archer baker brewer butler carpenter cook fisher gardener miller "
    "potter shepherd singer smith walker weaver king prince duke bishop pope black white brown green gray grey gold "
    "silver young long short strong wise noble sharp moody small little rice wood woods stone hill hall field fields "
    "forest brook lake rivers bush moss marsh banks bridges church day week love bean berry bird wolf fox lamb bull "
    "crow swan finch fish rush wells bond page read cross ford park lane major cash chance jewel cliff scout blue bear "
    "may you he so my no in to by me at on an"
)
"""Roster names that need evidence before they are believed to be a name: capitals, a title, the other half of it."""

DETERMINERS = {
    "fr": _set(
        "le la les l un une des du au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur "
        "leurs quel quelle quelques plusieurs chaque aucun aucune deux trois quatre cinq"
    ),
    "en": _set(
        "the a an this that these those my your his her its our their some any each every no two three four five"
    ),
}
"""Words after which a name that is also a word is the word."""
MONTH_AFTER = _set("in of last next this early late mid since until by during before after en de mois")
"""Words before May, June, April or August that make it a month."""
MONTHS = _set("may june april august jan mars mai avril juin juillet août")

NAME_AFTER = {
    "fr": _set("avec chez pour à et ou que contre sans de d par demande dis donne invite"),
    "en": _set("tell told ask asked give let by to from"),
}
"""Words after which, without capitals to tell, a name that is also a word is taken for the name."""
NO_NAME_BEFORE = {
    "fr": _set("qui de du des"),
    "en": _set(
        "i you he she we they it the a an this that these those there be not my your his her our their its of in is "
        "are to and or"
    ),
}
"""Words before which the first word of a sentence is taken for the word."""

STOP_WORDS = _set(  # What may follow "monsieur", "my name is" and the like without being a name.
    "a à ai as au aux avait avec ce cela cet cette ces c d dans de des dit du elle elles en est et était êtes eu fait "
    "il ils j je l la le les leur leurs lui m ma mais me mes mon n ne nous on ou où par pas peut pour pourquoi qu que "
    "quel qui s sa sans se ses si son sont sur t ta te tes ton tu un une va vient votre vous veut y arrive très bien "
    "directeur directrice maire président professeur long longue court difficile facile écrit joli jolie trop aussi "
    "an am and are at be but by can did do does for from had has have he her here his how i in is it its many may me "
    "my no not of on or our out she so some than that the their them then there these they this to too very was we "
    "were what when where which who why will with would you your up back now again later tomorrow long short easy "
    "hard written spelled spelt difficult nice funny also only really after before if because called just"
)

_TITLE = r"monsieur|madame|mademoiselle|mister|docteur|(?-i:Miss|Doctor|Sir)|(?:mme|mlle|mr|mrs|ms|dr)\.?|(?-i:M)\."
_RELATIVE = (
    r"cousin|cousine|fr[èe]re|s(?:œ|oe)ur|ami|amie|copain|copine|voisin|voisine|oncle|tante|camarade|ma[îi]tre|"
    r"ma[îi]tresse|brother|sister|friend|cousin|uncle|aunt|neighbou?r|teacher|classmate|mate"
)
_WHOSE = r"mon|ma|ton|ta|son|sa|notre|votre|leur|my|your|his|her|our|their"
_SPELLED = r"[^\W\d_][\w\u0300-\u036f]*(?:['’\-][^\W\d_][\w\u0300-\u036f]*)*"
_CAPITAL = r"(?-i:(?!\s)[A-ZÀ-ÖØ-ÞŁŚŻ])[\w\u0300-\u036f]*(?:['’\-][^\W\d_][\w\u0300-\u036f]*)*"

CUES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:{_TITLE})\s+(?:(?:de|du|van|von|ben|el)\s+)?(?P<name>{_SPELLED})",
        rf"\b(?:je\s+m['’]appelle|je\s+me\s+nomme|mon\s+(?:pr[ée]nom|nom)\s+(?:est|c['’]est))\s+(?P<name>{_SPELLED})",
        rf"\b(?:my\s+(?:first\s+|last\s+)?name(?:\s+is|['’]s)|i(?:['’]m|\s+am)\s+called)\s+(?P<name>{_SPELLED})",
    )
)
"""What announces a name in any case; ``name`` is its first word."""
CUES_BEFORE_A_CAPITAL = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:{_WHOSE})\s+(?:{_RELATIVE})\s+(?P<name>{_CAPITAL})",
        rf"\b(?:is|was|are|were)\s+(?:called|named)\s+(?P<name>{_CAPITAL})",
        rf"\bcall\s+me\s+(?P<name>{_CAPITAL})",
    )
)
"""What announces a name when a capital follows."""
MORE_OF_IT = re.compile(rf"(?:[\s\-]+(?:(?:de|du|van|von|ben|el|al)\s+)?{_CAPITAL})*")
"""The words that go on a name, in a text with capitals."""

PARTICLES = _set("de du des d la le les l van von der den ben bin al el da dos das di del o mac mc ibn")
"""Parts of names that are no name by themselves."""

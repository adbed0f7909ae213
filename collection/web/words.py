"""The pipeline's reasons in words a teacher understands; each says what to do where something can be done."""

from __future__ import annotations

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

register = template.Library()

WORDS: dict[str, Promise | str] = {
    # collection.consent.Reason
    "granted": _("Accord en cours de validité"),
    "no_record": _("La famille n’a pas encore été sollicitée"),
    "purpose_not_granted": _("Cet usage n’a pas été demandé ou accepté"),
    "guardian_missing": _("Il manque la réponse d’un responsable légal"),
    "learner_assent_missing": _("Il manque la réponse de l’élève"),
    "guardian_refused": _("Un responsable légal a refusé"),
    "learner_refused": _("L’élève a refusé"),
    "withdrawn": _("L’accord a été repris"),
    "expired": _("L’accord est arrivé à son terme : il faut le redemander"),
    "renewal_due_15": _("L’élève a eu 15 ans : l’accord est à redemander"),
    "renewal_due_18": _("L’élève est majeur : lui seul décide, il faut lui demander"),
    "not_yet_valid": _("L’accord n’est pas encore en vigueur"),
    # collection.building and class recordings
    "birth_dates_disagree": _("Deux dates de naissance différentes sont connues : corrigez la liste de classe"),
    "consent_no_longer_held": _("L’accord n’est plus valable"),
    "recorded_before_consent": _("L’enregistrement date d’avant l’accord"),
    "no_voiceprint": _("La voix de l’élève n’est pas encore connue : enregistrez-la seule, dix secondes"),
    "no_enrolled_voice": _("Aucune voix connue dans cet enregistrement"),
    "reading_not_heard": _("Ce texte n’a pas été entendu"),
    "prompt_unsure": _("On ne sait pas avec certitude quel texte est lu"),
    "voice_unsure": _("On ne sait pas avec certitude qui lit"),
    "voice_of_another_learner": _("C’est la voix de quelqu’un d’autre"),
    "talked_over": _("Quelqu’un parle en même temps"),
    "no_pronunciation": _("Ce texte ne se prononce pas (chiffres, sigles, autre langue ?)"),
    "personal_data_in_text": _("Le texte contient un nom ou une donnée personnelle"),
    "personal_data_silenced": _("Un nom a été rendu muet"),
    # collection.prompts.Doubt
    "no_prompts": _("Aucun texte n’est prévu"),
    "no_speech": _("Personne ne parle dans cet enregistrement"),
    "fewer_readings_than_prompts": _("Moins de lectures que de textes : à vérifier à l’oreille"),
    "more_readings_than_prompts": _("Plus de lectures que de textes : à vérifier à l’oreille"),
    "order_doubtful": _("L’ordre des textes paraît différent : à vérifier à l’oreille"),
    "too_fast_for_prompt": _("Lu trop vite pour ce texte : peut-être incomplet"),
    "too_slow_for_prompt": _("Trop long pour ce texte : peut-être autre chose"),
    # collection.quality.Issue
    "too_quiet": _("Trop faible : rapprochez le micro"),
    "noisy": _("Trop de bruit autour : choisissez un endroit plus calme"),
    "clipped": _("Son saturé : éloignez le micro ou baissez son niveau"),
    "little_speech": _("Presque pas de parole"),
    "narrow_band": _("Son étouffé, comme au téléphone : essayez un autre micro"),
    # collection.sound.refusals
    "audio_missing_file": _("Le fichier manque : envoyez-le de nouveau"),
    "audio_unreadable_file": _("Le fichier ne s’ouvre pas : envoyez-le de nouveau"),
    "audio_not_a_file": _("Ce n’est pas un fichier de son"),
    "audio_is_a_link": _("C’est un lien, pas un fichier : envoyez le fichier lui-même"),
    "audio_empty_file": _("Le fichier est vide : enregistrez de nouveau"),
    "audio_too_large": _("Le fichier est trop gros : coupez l’enregistrement"),
    "audio_not_a_sound_file": _("Ce n’est pas un enregistrement sonore"),
    "audio_container_not_allowed": _("Format non accepté : utilisez WAV, FLAC, MP3, M4A, Ogg ou WebM"),
    "audio_codec_not_allowed": _("Codage non accepté : utilisez WAV, FLAC, MP3, M4A, Ogg ou WebM"),
    "audio_has_video": _("Le fichier contient une image : envoyez le son seul"),
    "audio_several_streams": _("Le fichier contient plusieurs pistes : envoyez la bonne"),
    "audio_truncated": _("Le fichier est coupé : envoyez-le en entier"),
    "audio_header_lies": _("Le fichier se contredit : exportez-le de nouveau"),
    "audio_corrupt": _("Le fichier est abîmé : envoyez-le de nouveau"),
    "audio_no_samples": _("Rien n’a été enregistré : vérifiez le micro"),
    "audio_not_finite": _("Le fichier est abîmé : exportez-le de nouveau"),
    "audio_out_of_scale": _("Le niveau du fichier est faux : exportez-le de nouveau"),
    "audio_rate_out_of_range": _("Qualité trop basse : enregistrez à 16 kHz ou plus"),
    "audio_too_many_channels": _("Trop de canaux : exportez en mono ou en stéréo"),
    "audio_too_long": _("L’enregistrement est trop long : coupez-le"),
    "audio_decoder_crashed": _("Le fichier est abîmé ou dangereux : il a été mis de côté"),
    "audio_decoder_timeout": _("Le fichier demande trop de temps : exportez-le de nouveau"),
    "audio_decoder_memory": _("Le fichier demande trop de mémoire : exportez-le de nouveau"),
    # collection.web.recordings
    "nobody_agreed": _("Aucun élève de cette séance ne peut être enregistré : demandez d’abord l’accord des familles"),
    "of_nobody": _("Dites de quel élève est ce fichier"),
    "quota_exceeded": _("Votre établissement n’a plus de place : supprimez d’anciens enregistrements"),
    "too_many_uploads": _("Trop d’envois en une heure : réessayez dans dix minutes"),
    "upload_version": _("Cet envoi vient d’un programme trop ancien ou trop récent : rechargez la page"),
    "upload_malformed": _("Cet envoi est incompréhensible : rechargez la page et recommencez"),
    "upload_elsewhere": _("L’envoi continue déjà ailleurs"),
    "upload_complete": _("Ce fichier est déjà arrivé en entier"),
    "upload_checksum": _("Une partie est arrivée abîmée : elle est renvoyée"),
    "upload_ended": _("Cet envoi a été abandonné ou a trop duré : recommencez-le"),
    "learner_without_consent": _("Cet élève ne peut pas être enregistré"),
    "enrolment_too_short": _("Pas assez de parole pour reconnaître la voix : enregistrez dix secondes"),
    "enrolment_of_another": _("Cette voix est déjà connue sous un autre nom : enregistrez chaque élève seul"),
    "class_language_unknown": _(
        "On ne sait pas encore suivre une classe entière dans cette langue : un fichier par élève"
    ),
    "listening_failed": _("L’écoute a échoué de notre côté : rien n’est perdu, elle sera refaite"),
    # collection.web.rating
    "rater_not_prompt": _("Un évaluateur signale que ce n’est pas ce texte qui est lu"),
    "rater_bad_sound": _("Un évaluateur signale que le son est trop mauvais pour juger"),
    "rater_personal_data": _(
        "Un évaluateur entend un nom ou une donnée personnelle : écoutez, et écartez si c’est vrai"
    ),
    "rating_without_consent": _("Sans accord valable pour ces usages"),
    "rating_elsewhere": _("Déjà dans un autre tour"),
    "rating_over": _("Au-delà du nombre demandé"),
    "sound_missing": _("Le son a disparu du serveur : envoyez-le de nouveau"),
    # collection.web.releases
    "segment_of_nobody": _("Gardé, mais d’aucun élève connu ou sans texte"),
    "waits_for_teacher": _("À vérifier par l’enseignant"),
    "dropped_by_teacher": _("Écarté par l’enseignant"),
    "same_sound_under_two_learners": _("Le même son est donné à deux élèves"),
    "consent_came_during_build": _("L’accord est arrivé pendant la fabrication"),
    "nothing_kept": _("Aucune lecture ne peut entrer dans ce jeu : voyez les raisons"),
    "build_failed": _("La fabrication a échoué de notre côté"),
    "disk_full": _("Il n’y a plus de place sur le disque du serveur"),
    "consent_ended": _("Des accords ne tiennent plus depuis la fabrication"),
    "waits_for_withdrawal": _("Un accord vient d’être repris : la fabrication continue après la destruction"),
    "draft_missing": _("Le brouillon n’est plus là, ou n’est plus celui qui a été vu : fabriquez-le de nouveau"),
    "release_not_ready": _("Ce jeu n’est pas à décider : son état a changé"),
    "release_changed": _("Le brouillon a changé depuis que vous l’avez vu : relisez l’aperçu"),
    "release_needs_another": _("Vous avez proposé ce jeu : un autre responsable des données doit l’approuver"),
    "release_busy": _("Une destruction ou un export est en cours : réessayez dans une minute"),
    "release_cannot_tell": _("On ne peut pas savoir qui est parti (clé ou registre manquant) : rien n’est remis"),
    "release_superseded": _("Ce jeu est périmé : un élève au moins est parti. Proposez-en un nouveau"),
    "release_not_approved": _("Ce jeu n’est pas approuvé"),
    "release_missing": _("Les fichiers de ce jeu manquent, ou ont changé"),
    "release_link_ended": _("Ce lien n’est valable qu’un jour, pour qui a noté la remise : notez-la de nouveau"),
    "release_no_targets": _("Aucune destination n’est permise : elles se règlent à l’installation (RELEASE_TARGETS)"),
    "release_not_for_sharing": _(
        "Ce jeu est fait sans l’usage « confier à un partenaire » : il ne peut pas être publié"
    ),
    "release_nobody_left": _("Personne n’a quitté ce jeu : il n’y a pas d’avis"),
}


@register.filter
def in_words(reason: str) -> str:
    """Return a reason in words; one that nobody has put into words yet is shown as it is."""
    return str(WORDS.get(str(reason), gettext("Raison technique : %(code)s") % {"code": reason}))

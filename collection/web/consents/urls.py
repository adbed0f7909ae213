"""Addresses of notices and consents."""

from django.urls import path

from collection.web.consents import family, steward, views

urlpatterns = [
    path("famille/", family.page, name="family"),
    path("famille/entree/<str:token>/", family.by_link, name="family-link"),
    path("famille/code/", family.by_code, name="family-code"),
    path("famille/repondre/", family.answer, name="family-answer"),
    path("famille/reprendre/", family.withdraw, name="family-withdraw"),
    path("famille/recu.json", family.receipt_json, name="family-receipt-json"),
    path("famille/recu.pdf", family.receipt_pdf, name="family-receipt-pdf"),
    path("famille/quitter/", family.leave, name="family-leave"),
    path("classes/<uuid:class_id>/accords/", views.class_progress, name="consent-progress"),
    path("classes/<uuid:class_id>/accords/feuilles.pdf", views.class_sheets, name="consent-sheets"),
    path("classes/<uuid:class_id>/accords/inviter/", views.class_invite, name="consent-invite"),
    path("classes/<uuid:class_id>/accords/renouveler/", views.class_renew, name="consent-renew"),
    path("eleves/<uuid:learner_id>/accord/", views.learner_consent, name="consent-learner"),
    path("accords/<uuid:party_id>/papier/", views.paper_answer, name="consent-paper"),
    path("accords/<uuid:party_id>/adresse/", views.party_contact, name="party-contact"),
    path("accords/<uuid:party_id>/liens/", views.party_links, name="party-links"),
    path("accords/feuille/<int:signature_id>/", views.scan, name="consent-scan"),
    path("notices/", steward.notice_list, name="notice-list"),
    path("notices/nouvelle/", steward.notice_create, name="notice-create"),
    path("notices/<uuid:notice_id>/", steward.notice_edit, name="notice-edit"),
    path("notices/<uuid:notice_id>/copier/", steward.notice_copy, name="notice-copy"),
    path("notices/<uuid:notice_id>/publier/", steward.notice_publish, name="notice-publish"),
    path("notices/<uuid:notice_id>/lecture.mp3", steward.notice_audio, name="notice-audio"),
    path("accords-repris/", steward.withdrawal_list, name="withdrawal-list"),
]

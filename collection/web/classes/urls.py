"""Addresses of classes, rosters, reading lists and sessions."""

from django.urls import path

from collection.web.classes import list_views as lists
from collection.web.classes import roster_views as roster
from collection.web.classes import session_views as sessions
from collection.web.classes import views

urlpatterns = [
    path("classes/", views.class_list, name="class-list"),
    path("classes/nouvelle/", views.class_create, name="class-create"),
    path("classes/<uuid:class_id>/", views.class_detail, name="class-detail"),
    path("classes/<uuid:class_id>/modifier/", views.class_edit, name="class-edit"),
    path("classes/<uuid:class_id>/collegues/", views.class_teachers, name="class-teachers"),
    path("classes/<uuid:class_id>/eleves/importer/", roster.roster_import, name="roster-import"),
    path("classes/<uuid:class_id>/eleves/apercu/", roster.roster_preview, name="roster-preview"),
    path("classes/<uuid:class_id>/eleves/export/", roster.roster_export, name="roster-export"),
    path("classes/<uuid:class_id>/eleves/nouveau/", roster.learner_create, name="learner-create"),
    path("eleves/<uuid:learner_id>/modifier/", roster.learner_edit, name="learner-edit"),
    path("eleves/<uuid:learner_id>/retirer/", roster.learner_remove, name="learner-remove"),
    path("classes/<uuid:class_id>/seances/nouvelle/", sessions.session_create, name="session-create"),
    path("seances/<uuid:session_id>/", sessions.session_detail, name="session-detail"),
    path("seances/<uuid:session_id>/modifier/", sessions.session_edit, name="session-edit"),
    path("seances/<uuid:session_id>/ordre/", sessions.session_order, name="session-order"),
    path("seances/<uuid:session_id>/supprimer/", sessions.session_delete, name="session-delete"),
    path("listes/", lists.list_list, name="list-list"),
    path("listes/nouvelle/", lists.list_create, name="list-create"),
    path("listes/<uuid:list_id>/", lists.list_detail, name="list-detail"),
    path("listes/<uuid:list_id>/modifier/", lists.list_edit, name="list-edit"),
    path("listes/<uuid:list_id>/supprimer/", lists.list_delete, name="list-delete"),
    path("etablissements/", views.school_list, name="school-list"),
]

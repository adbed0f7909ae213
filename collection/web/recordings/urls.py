"""Addresses of recordings."""

from django.urls import path

from collection.web.recordings import tus, views

urlpatterns = [
    path("materiel/", views.equipment, name="equipment"),
    path("seances/<uuid:session_id>/envoyer/", views.send, name="recording-send"),
    path("seances/<uuid:session_id>/envois/", tus.create, name="upload-create"),
    path("seances/<uuid:session_id>/envois/<uuid:upload_id>/", tus.upload, name="upload"),
    path("seances/<uuid:session_id>/enregistrements/", views.session_recordings, name="session-recordings"),
    path("seances/<uuid:session_id>/avancement/", views.session_progress, name="session-progress"),
    path("enregistrements/<uuid:recording_id>/", views.recording_detail, name="recording-detail"),
    path("enregistrements/<uuid:recording_id>/supprimer/", views.recording_delete, name="recording-delete"),
    path("enregistrements/<uuid:recording_id>/garder/", views.recording_keep, name="recording-keep"),
    path("seances/<uuid:session_id>/micro/", views.recorder, name="recorder"),
    path("extraits/<uuid:segment_id>/", views.segment_review, name="segment-review"),
    path("extraits/<uuid:segment_id>/decision/", views.segment_decide, name="segment-decide"),
    path("extraits/<uuid:segment_id>/son/", views.segment_audio, name="segment-audio"),
]

"""Addresses of releases."""

from django.urls import path

from collection.web.releases import handing_views, views

urlpatterns = [
    path("jeux/", views.release_list, name="release-list"),
    path("jeux/proposer/", views.propose, name="release-propose"),
    path("jeux/detenteurs/", handing_views.holders, name="holder-list"),
    path("jeux/detenteurs/<uuid:holder_id>/archive/", handing_views.download, name="holder-archive"),
    path("jeux/detenteurs/<uuid:holder_id>/reprendre/", handing_views.again, name="holder-again"),
    path("jeux/detenteurs/<uuid:holder_id>/prevenu/", handing_views.told, name="holder-told"),
    path("jeux/detenteurs/<uuid:holder_id>/avis/", handing_views.notice, name="holder-notice"),
    path("jeux/detenteurs/<uuid:holder_id>/avis.json", handing_views.notice_json, name="holder-notice-json"),
    path("jeux/<uuid:release_id>/", views.detail, name="release-detail"),
    path("jeux/<uuid:release_id>/avancement/", views.progress, name="release-progress"),
    path("jeux/<uuid:release_id>/approuver/", views.approve, name="release-approve"),
    path("jeux/<uuid:release_id>/refuser/", views.reject, name="release-reject"),
    path("jeux/<uuid:release_id>/refaire/", views.rebuild, name="release-rebuild"),
    path("jeux/<uuid:release_id>/telecharger/", handing_views.handover, name="release-download"),
    path("jeux/<uuid:release_id>/publier/", handing_views.publish, name="release-publish"),
]

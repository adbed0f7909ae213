"""Every address of the portal; parameters are named after what they identify (``class_id``, ``learner_id``, …)."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.i18n import set_language

from collection.web.accounts import views as accounts

urlpatterns = [
    path("", accounts.home, name="home"),
    path("connexion/", accounts.SignIn.as_view(), name="login"),
    path("deconnexion/", LogoutView.as_view(), name="logout"),
    path("langue/", set_language, name="set-language"),
    path("a-propos/", accounts.about, name="about"),
    path("", include("collection.web.classes.urls")),
    path("", include("collection.web.consents.urls")),
    path("", include("collection.web.recordings.urls")),
    path("", include("collection.web.audit.urls")),
]

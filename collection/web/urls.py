"""Every address of the portal; parameters are named after what they identify (``class_id``, ``learner_id``, …)."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.i18n import set_language

from collection.web.accounts import oidc
from collection.web.accounts import views as accounts

urlpatterns = [
    path("", accounts.home, name="home"),
    path("connexion/", accounts.SignIn.as_view(), name="login"),
    path("connexion/<slug:provider_id>/", oidc.start, name="openid_connect_login"),
    path("connexion/<slug:provider_id>/retour/", oidc.back, name="openid_connect_callback"),
    path("mot-de-passe/", accounts.ChangePassword.as_view(), name="password-change"),
    path("deconnexion/", LogoutView.as_view(), name="logout"),
    path("langue/", login_not_required(set_language), name="set-language"),
    path("a-propos/", accounts.about, name="about"),
    path("", include("collection.web.classes.urls")),
    path("", include("collection.web.consents.urls")),
    path("", include("collection.web.recordings.urls")),
    path("", include("collection.web.releases.urls")),
    path("", include("collection.web.audit.urls")),
    path("", include("collection.web.rating.urls")),
]

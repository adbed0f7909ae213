"""What a WSGI server runs: ``gunicorn collection.web.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "collection.web.settings")
application = get_wsgi_application()

"""How gunicorn serves the portal: ``gunicorn --config collection/web/deploy/gunicorn.conf.py collection.web.wsgi``."""

import os

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
timeout = 60
# Longer than a proxy keeps an idle connection (nginx: 60 s): who closes first must not be the one who is being asked.
keepalive = 75
graceful_timeout = 30
max_requests, max_requests_jitter = 5_000, 500
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a heartbeat, no data
# A request line, a header and their number; longer ones are answered 400 before Django sees them.
limit_request_line = 4_094
limit_request_field_size = 8_190
limit_request_fields = 60
# Addresses may hold the codes of families, so requests are not logged.
accesslog = None
errorlog = "-"

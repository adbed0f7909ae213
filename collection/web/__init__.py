"""The teacher portal: the only Django code of Parlure, and a guest of the pipeline.

One Django app a room: ``accounts`` (who may come in), ``classes`` (rosters, reading lists), ``consents`` (notices,
signatures, withdrawal), ``recordings`` (uploads, what came of them), ``audit`` (what was done). Decisions on consent,
sound and releases are taken by ``collection``; views ask it and show the answer. Interface strings are French in the
source, English in ``locale/en``.
"""

"""Honest figures: counts, rates, baselines and one page to show them.

Where a line belongs. **Verbs** (``score``, ``report``, ``compare``, ``gate``, ``outside``, ``privacy``,
``attribution``, ``bench``) read files and print. ``predict`` asks a model and ``outside`` reads other systems; both
fill the tables of ``predictions``. ``summarise`` turns tables into every figure of ``metrics.json``, with one module a
kind of figure: ``figures`` and ``conventions`` (phones), ``levels`` (words, utterances), ``probability``,
``diagnosis``, ``boundaries``, ``per_phone``, ``groups``, ``bias`` (age), ``agreement`` (experts). They count with
``metrics`` and draw intervals with ``bootstrap``; ``paired`` compares two runs. ``run_folder`` and ``readings`` keep
what a run leaves. **Rooms**: ``page`` shows figures and computes none, ``voices`` compares voices, ``speed`` measures
costs.
"""

import collection  # noqa: F401  telemetry of dependencies is off before torch and transformers load

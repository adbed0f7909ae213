"""The same sound under two learners: one of them did not speak it, and may not have allowed it."""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence

from collection.audio import AudioLimits
from collection.building import work
from collection.intake import Recording

SHARED_SOUND = "same_sound_under_two_learners"
"""Reason of readings whose file is, byte for byte, that of another learner's."""


def shared(
    chosen: Sequence[Recording], digests: Mapping[str, str], others: Sequence[Recording], limits: AudioLimits
) -> set[str]:
    """Return those digests of the chosen recordings that stand under more than one learner; empty files hold no sound.

    ``others`` are recordings that nobody works on, those of learners who refused above all. Their files are not read,
    but for those of exactly the size of a chosen one: their bytes are compared in memory and nothing else is done with
    them, so that a refusing learner's voice does not come in under a classmate's consent.
    """
    sizes = {_size(recording) for recording in chosen} - {None}
    known = dict(digests)
    known |= {one.recording_id: work.input_digest(one.path, limits) for one in others if _size(one) in sizes}
    learners: dict[str, set[str]] = defaultdict(set)
    for recording in (*chosen, *others):
        if recording.recording_id in known:
            learners[known[recording.recording_id]].add(recording.learner_id)
    return {digest for digest, of in learners.items() if len(of) > 1 and work.is_content(digest)}


def _size(recording: Recording) -> int | None:
    try:
        status = recording.path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None

"""Was anything decoded? Systems that only score the phones of a text have no error rate: none, not a rate of 100 %."""

from __future__ import annotations

import pyarrow as pa

NOT_DECODED = "this system does not tell what it hears without knowing the text, so it has no error rate"
HEARS_NOTHING_TOLD = "this system does not tell what it heard in place of a phone"


def was_decoded(utterances: pa.Table) -> bool:
    """Return whether every utterance has a free decoding; an empty one counts, a missing one does not."""
    return bool(utterances.column("decoded").null_count == 0)

"""How well words are silenced in real learners' speech: a figure for ``docs/benchmarks.md``, not a test.

    python -m tests.training.silencing_figures RELEASE MODEL JUDGE [utterances]

In each reading of the test split the longest word plays the part of a name. MODEL places it; JUDGE, another model,
says whether that word can be heard near its place, and each of the others anywhere, before and after it was silenced.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from collection.audio import decode_flac
from collection.hearing.list_search import FLOOR, GAIN, best_scores, relative
from collection.hearing.listening import Listener, spell
from collection.redact import silence_words
from collection.redaction import word_times
from collection.release import read_release
from collection.schema import SAMPLE_RATE, Split
from collection.segment import Interval
from training.listener import listener


def audible(
    judge: Listener, samples: np.ndarray, phones: list[tuple[str, ...]], language: str, name: int, near: Interval
) -> list[bool]:
    """Return which words are heard rather than not: the name within a stretch of the reading, the others anywhere."""
    heard = judge(samples, [Interval(0.0, len(samples) / SAMPLE_RATE)], language)
    table = relative(heard.log_probs, FLOOR)
    texts = [heard.columns(word) for word in phones]
    inside = (heard.starts >= near.start) & (heard.starts < near.end)
    scores = best_scores(table, texts, GAIN)
    scores[name] = best_scores(table[inside], [texts[name]], GAIN)[0]
    return [bool(score > 0) for score in scores]


def main(release: str, model: str, judge: str, utterances: str = "200") -> None:
    """Print the figures."""
    place, judge_ = listener(model), listener(judge)
    counts: Counter[str] = Counter()
    rows = read_release(Path(release)).rows(Split.TEST, ["text", "language", "words", "audio"])
    for row in track(list(islice(rows, int(utterances)))):
        words = [word["text"] for word in row["words"]]
        name = max(range(len(words)), key=lambda at: len(words[at]))
        samples = decode_flac(row["audio"]["bytes"])
        times = word_times.align(place, samples, words, row["language"])[name]
        counts["readings"] += 1
        if times is None:
            continue
        phones = spell(words, row["language"])
        near = Interval(times[0] - 0.3, times[1] + 0.3)
        silenced = silence_words(samples, [times])
        before, after = (audible(judge_, sound, phones, row["language"], name, near) for sound in (samples, silenced))
        counts["placed"] += 1
        counts["heard before"] += before[name]
        counts["heard after"] += after[name]
        counts["others before"] += sum(before) - before[name]
        counts["others after"] += sum(after) - after[name]
    Console().print(dict(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])

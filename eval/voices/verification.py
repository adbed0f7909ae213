"""Speaker verification: trials, equal error rates with intervals over speakers, and scoring learned on other speakers.

A trial asks whether a tested utterance is of an enrolled speaker; it is accepted at or above a threshold on its score.
Counts come first, rates follow. Embeddings are written (n, D), speakers as integer codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import make_pipeline

from eval import bootstrap
from eval.bootstrap import BootstrapConfig, Codes, Interval
from eval.metrics import Flags, Floats, Value

FEWEST_LEARNED_FROM = 10
"""Development speakers below which a back end learns nothing worth reporting."""


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Every tested utterance against every enrolled speaker: codes of both speakers and the score, each (N,)."""

    enrolled: Codes
    tested: Codes
    scores: Floats

    @property
    def targets(self) -> Flags:
        """Trials (N,) whose two speakers are one."""
        return np.asarray(self.enrolled == self.tested, dtype=np.bool_)

    def among(self, speakers: Codes) -> Trials:
        """Return the trials whose two speakers are both among these."""
        inside = np.isin(self.enrolled, speakers) & np.isin(self.tested, speakers)
        return Trials(self.enrolled[inside], self.tested[inside], self.scores[inside])


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCounts:
    """Errors at each threshold (T,), in rising order: the scores that occur, and one above them all."""

    thresholds: Floats
    false_rejects: Floats
    false_accepts: Floats
    targets: float
    nontargets: float

    def crossing(self) -> int:
        """Return the lowest threshold at which the share of false rejects reaches that of false accepts."""
        return int(np.argmax(self.false_rejects * self.nontargets >= self.false_accepts * self.targets))

    def equal_error_rate(self) -> Value:
        """Return the rate at which both shares of errors are the same, interpolated between neighbouring thresholds."""
        for count, what in ((self.targets, "no trial of a speaker against themself"), (self.nontargets, "one speaker")):
            if count <= 0:
                return Value(None, f"nothing to verify: {what}")
        after = self.crossing()
        before = after - 1  # at the lowest threshold everything is accepted, so there is one before
        rejects = self.false_rejects[[before, after]] / self.targets
        gaps = rejects - self.false_accepts[[before, after]] / self.nontargets
        return Value(float(rejects[0] - gaps[0] * (rejects[1] - rejects[0]) / (gaps[1] - gaps[0])))


def make_trials(enrolled: Floats, tested: Floats, speakers: Codes) -> Trials:
    """Return cosines of tested utterances (M, D), of ``speakers`` (M,), with enrolled speakers (S, D): N = M x S."""
    scores = _unit(tested) @ _unit(enrolled).T  # (M, S)
    return Trials(np.tile(np.arange(len(enrolled)), len(tested)), np.repeat(speakers, len(enrolled)), scores.ravel())


def enrol(embeddings: Floats, speakers: Codes) -> Floats:
    """Return the mean direction of each speaker's utterances: (n, D) and codes (n,) to (S, D)."""
    return _unit(bootstrap.speaker_sums(speakers, _unit(embeddings), int(speakers.max()) + 1))


def error_counts(scores: Floats, targets: Flags) -> ErrorCounts:
    """Count the errors of trials (N,) at every threshold."""
    thresholds, codes = np.unique(scores, return_inverse=True)
    return _count(thresholds, codes, targets, np.ones(len(scores)))


def _count(thresholds: Floats, codes: Codes, targets: Flags, weights: Floats) -> ErrorCounts:
    """Count trials whose scores are ``thresholds[codes]``, each ``weights`` times."""
    own = np.bincount(codes, weights * targets, len(thresholds))
    other = np.bincount(codes, weights * ~targets, len(thresholds))
    return ErrorCounts(
        np.append(thresholds, np.inf),
        np.concatenate([[0.0], np.cumsum(own)]),
        np.concatenate([np.cumsum(other[::-1])[::-1], [0.0]]),
        float(own.sum()),
        float(other.sum()),
    )


def drawn_weights(enrolled: Codes, tested: Codes, times: Floats) -> Floats:
    """Return how often trials (N,) count when speaker s is drawn ``times[s]`` times, both as enrolled and as tested.

    A speaker drawn twice is no impostor of theirs: they bring their own trials twice, and no trials with themself.
    """
    return np.asarray(times[enrolled] * np.where(enrolled == tested, 1.0, times[tested]), dtype=np.float64)


def equal_error_interval(trials: Trials, config: BootstrapConfig) -> Interval:
    """Return the interval of the equal error rate when speakers are drawn."""
    speakers, codes = np.unique(np.concatenate([trials.enrolled, trials.tested]), return_inverse=True)
    enrolled, tested = np.split(codes, 2)
    thresholds, scores = np.unique(trials.scores, return_inverse=True)
    targets = trials.targets

    def figure(drawn: Floats) -> Floats:
        rates = []
        for times in drawn:  # (S,)
            counts = _count(thresholds, scores, targets, drawn_weights(enrolled, tested, times))
            value = counts.equal_error_rate().value
            rates.append(np.nan if value is None else value)
        return np.array(rates)

    return bootstrap.interval(np.eye(len(speakers)), figure, config)


class BackEnd:
    """Scoring learned on development speakers: directions that tell them apart, whatever else varies.

    Linear discriminant analysis with shrunk covariances (Ledoit & Wolf, 2004), the common back end of embeddings
    (Dehak et al., 2011); trials are cosines in its space.
    """

    def __init__(self, embeddings: Floats, speakers: Codes) -> None:
        """Learn from embeddings (n, D) of speakers (n,); raises ``LinAlgError`` when utterances do not vary."""
        self._mean = _unit(embeddings).mean(0)
        # An encoder that ends in a ReLU has directions that are always 0, and so no covariance to divide by.
        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
        self._analysis = make_pipeline(VarianceThreshold(), analysis).fit(_unit(embeddings) - self._mean, speakers)

    def __call__(self, embeddings: Floats) -> Floats:
        """Return embeddings (n, D) in the space of the back end (n, K)."""
        return np.asarray(self._analysis.transform(_unit(embeddings) - self._mean), dtype=np.float64)


def _unit(vectors: Floats) -> Floats:
    """Return vectors (n, D) of length 1; a zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float64)

"""What a class recording lets through and loses: simulated classes of real voices, against their exact truth.

    python -m eval.attribution corpus=../shared/corpora/speechocean762 out=runs/attribution
    python -m eval.attribution corpus=CORPUS out=OUT classes.listener=training.listener:listener classes.model=MODEL \\
        key=$HOME/parlure.key

Half of each class is enrolled and consents, half does not, nor does the teacher. A threshold is chosen on development
speakers; figures are of other, held-out speakers, children and adults apart. With a model, development speakers are
those it learned from: held-out voices are new to it too. Writes one file a session (a stopped run goes on), then
``metrics.json`` with the trade-off curve.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING
from rich.table import Table

from collection import audio, manifest
from collection.classes import class_recording, voice_encoder
from collection.classes.class_recording import ClassConfig, Heard
from collection.cli import console, existing, progress, run_verb
from collection.errors import ConfigError
from collection.hearing import listening
from collection.importers import speechocean762
from collection.keys import Key, read_key
from collection.pseudonyms.naming import naming
from collection.segment import Interval, SegmentConfig, Segmenter, cut
from collection.synthetic.class_session import Session, SessionConfig, Voice, make_session
from eval.voices.attribution_figures import Result, Trial, choose, interval, judge, rates
from training import lineage

DEVELOPMENT, HELD_OUT = "development", "held-out"
GROUPS = ("children", "adults")
_FREE = ("out", "corpus", "sessions", "snr_db", "leak", "key")
"""Settings that change no session that is done."""
ADULT = class_recording.GROWN
"""Years; the corpus has nobody of 16 to 18."""


@dataclass
class AttributionEvalConfig:
    """What is measured."""

    corpus: str = MISSING
    """Folder of speechocean762: real learners' speech."""
    out: str = MISSING
    """Folder for sessions and figures; a stopped run goes on there."""
    sessions: int = 4
    """Sessions for each half of the speakers, age group and noise level."""
    pupils: int = 24
    """Pupils of a class, half of them enrolled; a teacher comes on top."""
    snr_db: list[float] = field(default_factory=lambda: [20.0])
    """Speech over noise in dB."""
    leak: float = 0.002
    """Share of unconsented speech that the threshold may let through on development speakers; held-out ones leak about
    twice as much."""
    session: SessionConfig = field(default_factory=SessionConfig)
    """What a class is like."""
    classes: ClassConfig = field(default_factory=ClassConfig)
    """How it is read; its threshold is the default operating point."""
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    """How speech is found."""
    key: str | None = None
    """Key file of the release that ``classes.model`` learned from: it tells which speakers those were."""
    seed: int = 0
    """Chooses the classes and, without a model, the speakers' halves."""


def halves(ages: Mapping[str, int], known: Container[str], seed: int) -> dict[tuple[str, str], list[str]]:
    """Return speakers by (half, age group): those ``known`` to the model are for development, the others held out.

    With nobody known, every second one of each group, in a drawn order, is held out.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for group in GROUPS:
        theirs = sorted(name for name, age in ages.items() if (age >= ADULT) == (group == "adults"))
        order = [theirs[at] for at in rng.permutation(len(theirs))]
        learned = [name for name in order if name in known]
        found[DEVELOPMENT, group] = learned or order[::2]
        found[HELD_OUT, group] = [name for name in order if name not in found[DEVELOPMENT, group]]
    return found


def learned_from(model: Path, key: Key, source: str, speakers: Iterable[str]) -> frozenset[str]:
    """Return the speakers of a corpus that a checkpoint learned from; raises ``ConfigError`` when it is none."""
    names = {
        naming(key, release.name, source).speaker(speaker): (speaker, release)
        for release in lineage.read(model).releases
        for speaker in speakers
    }
    known = frozenset(speaker for name, (speaker, release) in names.items() if name in release.speakers)
    if not known:
        raise ConfigError(f"{model} learned from nobody in this corpus under key {key.id}: give its release's key.")
    return known


def measure(config: AttributionEvalConfig, on_progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Play and read every session; return the figures."""
    intake = speechocean762.read(existing(config.corpus, "Corpus"))
    ages = {name: learner.age or 0 for name, learner in intake.learners.items()}
    known: frozenset[str] = frozenset()
    if config.classes.model is not None:
        if config.key is None:
            raise ConfigError("key=… is needed: the key file of the release that classes.model learned from.")
        key = read_key(existing(config.key, "Key file"))
        known = learned_from(existing(config.classes.model, "Model"), key, intake.source, ages)
    speakers = halves(ages, known, config.seed)
    paths: dict[str, list[tuple[str, Path]]] = {}
    for recording in intake.recordings:
        paths.setdefault(recording.learner_id, []).append((recording.prompts[0].lower(), recording.path))
    plan = [
        (half, group, snr, number)
        for number in range(config.sessions)
        for half, group in speakers
        for snr in config.snr_db
    ]
    same = {name: value for name, value in asdict(config).items() if name not in _FREE}
    settings = manifest.fingerprint([same, manifest.code_version()])[:12]
    segmenter, closely = Segmenter(config.segment), Segmenter(replace(config.segment, padding=0.0))
    results: dict[tuple[str, str, float], list[Result]] = {}
    for done, (half, group, snr, number) in enumerate(plan, start=1):
        path = Path(config.out) / "sessions" / f"{half}-{group}-{snr:g}dB-{number}-{settings}.json"
        if not path.exists():
            session = _session(config, speakers, half, group, snr, number, paths, closely)
            heard = _listen(session, segmenter, config, session.enrolments if group == "children" else ())
            manifest.atomic_write(path, json.dumps(asdict(judge(session, heard))))
        saved = json.loads(path.read_text("utf-8"))
        trials = tuple(Trial(**trial) for trial in saved.pop("trials"))
        results.setdefault((half, group, snr), []).append(Result(trials, **saved))
        on_progress(done, len(plan))
    return figures(config, results)


def _session(
    config: AttributionEvalConfig,
    speakers: dict[tuple[str, str], list[str]],
    half: str,
    group: str,
    snr: float,
    number: int,
    paths: dict[str, list[tuple[str, Path]]],
    segmenter: Segmenter,
) -> Session:
    rng = np.random.default_rng([config.seed, number, GROUPS.index(group), half == HELD_OUT])
    pupils = [str(name) for name in rng.choice(speakers[half, group], config.pupils, replace=False)]
    adults = [name for name in speakers[half, "adults"] if name not in pupils]
    teacher = adults[int(rng.integers(len(adults)))]
    said = {name: _voice(name, paths[name], segmenter) for name in (*pupils, teacher)}
    enrolled = config.pupils // 2
    return make_session(
        [said[name] for name in pupils[:enrolled]],
        [said[name] for name in pupils[enrolled:]],
        said[teacher],
        replace(config.session, snr_db=snr),
        number,
    )


def _voice(name: str, paths: Sequence[tuple[str, Path]], segmenter: Segmenter) -> Voice:
    """Return a speaker's utterances from the first speech in each to the last; one without speech is left out."""
    said = []
    for text, path in paths:
        samples = audio.decode(path).samples
        if speech := segmenter.intervals(samples):
            said.append((text, cut(samples, Interval(speech[0].start, speech[-1].end))))
    return Voice(name, tuple(said))


def _listen(
    session: Session, segmenter: Segmenter, config: AttributionEvalConfig, children: Collection[str]
) -> list[Heard]:
    """Read a session without a threshold, so that the curve can be drawn."""
    open_door = replace(config.classes, attribution=replace(config.classes.attribution, threshold=-3.0))
    prints = voice_encoder.embed_many(list(session.enrolments.values()))
    return class_recording.listen(
        session.samples,
        segmenter.intervals(session.samples),
        session.prompts,
        session.readers,
        speechocean762.LANGUAGE,
        dict(zip(session.enrolments, prints, strict=True)),
        voice_encoder.embed_many,
        listening.load(config.classes.listener, config.classes.model),
        open_door,
        children,
    )


def figures(config: AttributionEvalConfig, results: dict[tuple[str, str, float], list[Result]]) -> dict[str, Any]:
    """Return figures at the default and at the chosen threshold for each group and noise level, and the curve."""
    default = config.classes.attribution.threshold
    quietest = max(config.snr_db)
    chosen = choose([each for group in GROUPS for each in results[DEVELOPMENT, group, quietest]], config.leak)
    found: dict[str, Any] = {"default_threshold": default, "chosen_threshold": chosen, "figures": [], "curve": []}
    for name, of in _pools(config, results):
        for threshold in dict.fromkeys((default, chosen)):
            row: dict[str, Any] = {"speakers": name, "threshold": threshold, **rates(of, threshold)}
            for figure in ("unconsented_kept", "consented_kept"):
                row[f"{figure}_95"] = interval(of, threshold, figure)
            found["figures"].append(row)
        curve = [{"threshold": float(mark), **rates(of, mark)} for mark in np.round(np.arange(-0.2, 0.81, 0.05), 2)]
        found["curve"].append({"speakers": name, "points": curve})
    return found


def _pools(
    config: AttributionEvalConfig, results: dict[tuple[str, str, float], list[Result]]
) -> Iterator[tuple[str, list[Result]]]:
    for half in (DEVELOPMENT, HELD_OUT):
        for snr in config.snr_db:
            for group in GROUPS:
                yield f"{half} {group} {snr:g} dB", results[half, group, snr]
            yield f"{half} all {snr:g} dB", [each for group in GROUPS for each in results[half, group, snr]]


def _verb(config: AttributionEvalConfig) -> None:
    with progress() as bar:
        task = bar.add_task("Sessions", total=None)
        found = measure(config, lambda done, total: bar.update(task, completed=done, total=total))
    out = Path(config.out)
    manifest.atomic_write(out / "metrics.json", json.dumps(found, indent=2) + "\n")
    table = Table("speakers", "from", "leaked (to)", "s/h", "kept (95 %)", "wrong voice", "wrong prompt")
    table.columns[0].no_wrap = True
    for row in found["figures"]:
        low, high = row["consented_kept_95"]
        worst = row["unconsented_kept_95"][1]
        table.add_row(
            row["speakers"],
            f"{row['threshold']:.2f}",
            f"{row['unconsented_kept']:.2%} (to {worst:.2%})",
            f"{row['unconsented_kept_seconds_an_hour']:.1f}",
            f"{row['consented_kept']:.1%} ({low:.0%}-{high:.0%})",
            f"{row['speaker_errors']:.1%}",
            f"{row['prompt_errors']:.1%}",
        )
    console.print(table)


def main() -> None:
    """Run the verb."""
    run_verb("attribution", AttributionEvalConfig, _verb)


if __name__ == "__main__":
    main()

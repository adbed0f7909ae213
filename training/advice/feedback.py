"""An assessment as a person reads it in a terminal."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.advice.assessment import Assessment, Fault, PhoneScore, Verdict
from training.advice.hints import Hint, text
from training.prosodic.pauses import PauseKind
from training.prosodic.prosody import Prosody
from training.prosodic.stress import StressVerdict

DOUBTFUL = -0.7
"""gop_sf below which a phone that still wins is shown as doubtful: less than half of the probability is its own."""

ADVICE = {
    Verdict.TOO_SHORT: "The recording is too short for this text. Read the whole text, then stop the recording.",
    Verdict.TOO_LONG: "The recording is too long to assess in one piece. Read one sentence at a time.",
    Verdict.SILENT: "The recording is silent. Check the microphone, then record again.",
    Verdict.CLIPPED: "The recording is overloaded. Move away from the microphone, then record again.",
    Verdict.DAMAGED: "The recording is damaged. Record again.",
    Verdict.NO_TEXT: "The text holds no word. Give the text that was read.",
    Verdict.UNREADABLE: "A word of the text has no known pronunciation. Check its spelling and the model's language.",
    Verdict.UNRELATED: "What was read is not this text. Choose the text that was read, or read this one again.",
    Verdict.NOTHING_HEARD: "No speech was recognised. Come closer to the microphone, then record again.",
}

GRADES = {Fault.SUBSTITUTION: "changed", Fault.OMISSION: "missing"}
STYLES = {"good": "green", "doubtful": "yellow", "changed": "bold red", "missing": "bold red strike"}


def grade(phone: PhoneScore) -> str:
    """Return how a phone is shown: good, doubtful, changed (another was heard) or missing (none was).

    A scorer's flag decides where there is one, the GOP alone elsewhere.
    """
    if phone.flagged is not None:
        return "good" if phone.diagnosis is None else GRADES.get(phone.diagnosis.fault, "doubtful")
    if phone.heard == phone.symbol:
        return "good" if phone.gop_sf >= DOUBTFUL else "doubtful"
    return "changed" if phone.heard else "missing"


def remark(phone: PhoneScore) -> str:
    """Return what to tell about one phone, "" when nothing."""
    heard = phone.heard if phone.diagnosis is None else phone.diagnosis.heard
    told = {
        "good": "",
        "doubtful": f"{phone.symbol} was not clear",
        "changed": f"{phone.symbol} sounded like {heard}",
        "missing": f"{phone.symbol} was not heard",
    }[grade(phone)]
    hint = phone.diagnosis.hint if phone.diagnosis is not None else None
    # The verb speaks English, as all verbs do.
    return told if hint is None or hint == Hint.SAY_IT else f"{told} ({text(hint, 'en')})"


def render(assessment: Assessment) -> RenderableType:
    """Return one line a word with its phones coloured and what to work on; a plain advice without scores otherwise."""
    if assessment.verdict is not Verdict.OK:
        return Text(ADVICE[assessment.verdict], style="yellow")
    table = Table(box=None, pad_edge=False)
    for header in ("word", "from", "to", "phones", "to work on"):
        table.add_column(header, justify="right" if header in {"from", "to"} else "left")
    for index, word in enumerate(assessment.words):
        phones = [phone for phone in assessment.phones if phone.word_index == index]
        symbols = Text(" ").join(Text(phone.symbol, style=STYLES[grade(phone)]) for phone in phones)
        remarks = "; ".join(filter(None, map(remark, phones)))
        times = ["" if time is None else f"{time:.2f}" for time in (word.start, word.end)]
        table.add_row(Text(word.text), *times, symbols, Text(remarks))
    fine = sum(grade(phone) == "good" for phone in assessment.phones)
    total = Text(f"{fine} of {len(assessment.phones)} phones clear. An advice by a model, not a grade.", style="dim")
    lines: list[RenderableType] = [table, Text()]
    if assessment.scores is not None:
        told = (f"{name} {value:.1f}" for name, value in asdict(assessment.scores).items() if value is not None)
        lines.append(Text(f"Of 10: {', '.join(told)}."))
    return Group(*lines, total)


def render_prosody(prosody: Prosody) -> RenderableType:
    """Return what was measured of pace, pauses, pitch and word stress, a line each; what is unknown is left out."""
    lines = []
    if prosody.pace is not None:
        lines.append(f"Pace: {prosody.pace.speech_rate:.1f} syllables a second, pauses included.")
    for pause in prosody.pauses or ():
        if pause.kind is PauseKind.UNEXPECTED:
            lines.append(f"Pause of {pause.silence:.1f} s at {pause.start:.1f} s, where the text has none.")
        elif pause.kind is PauseKind.MISSING:
            lines.append(f"No pause at {pause.start:.1f} s, where the text has one.")
    if prosody.pitch is not None and prosody.pitch.monotone is not None:
        flat = ": monotone" if prosody.pitch.monotone else ""
        lines.append(f"Pitch: {prosody.pitch.median_hz:.0f} Hz, over {prosody.pitch.range:.0f} semitones{flat}.")
    for word in prosody.stress or ():
        if word.verdict is StressVerdict.ELSEWHERE:
            lines.append(f"Stress: {word.text} was stressed on syllable {word.realised + 1}.")
    return Text("\n".join(lines))

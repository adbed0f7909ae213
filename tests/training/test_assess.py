"""Assessments of a made-up tongue whose every phone is a loudness, then the same path with a real (random) network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from collection.phones import ARPABET, transcribe
from training.advice.assessment import Assessment, PhoneScore, Verdict
from training.advice.feedback import grade, render
from training.advice.sound_check import AssessSettings
from training.assess import AssessConfig, Assessor, work
from training.errors import AssessmentError, ModelError
from training.network.posteriors import Heard, PosteriorModel
from training.network.scorer import ScorerBatch, ScorerOutput

FRAME = 320
STEP = 1 / 64
"""Difference in loudness between two phones."""


@dataclass(frozen=True)
class LoudnessModel:
    """Hears symbol k in a 20 ms frame of loudness k / 64, fairly surely; quiet frames are blank."""

    config: SimpleNamespace
    frame_seconds: float = 0.02
    sureness: float = 8.0

    threshold: float | None = None

    def hear(self, waveforms: Sequence[np.ndarray], layers: Sequence[int] = ()) -> list[Heard]:
        size = len(self.config.inventory) + 1
        found = []
        for waveform in waveforms:
            frames = waveform[: len(waveform) // FRAME * FRAME].reshape(-1, FRAME)
            symbols = torch.from_numpy(np.rint(np.abs(frames).mean(1) / STEP)).long().clamp(max=size - 1)
            table = (self.sureness * torch.nn.functional.one_hot(symbols, size).float()).log_softmax(-1)
            found.append(Heard(table))
        return found

    def score(self, batch: ScorerBatch) -> ScorerOutput:
        raise NotImplementedError


def english(**changes: float) -> LoudnessModel:
    return LoudnessModel(SimpleNamespace(inventory=list(ARPABET.symbols), language="en-US", scorer=None), **changes)


def speak(phones: str, pause: int = 2) -> np.ndarray:
    """A waveform that says the phones for two frames each, with ``pause`` quiet frames around each."""
    levels = [0] * pause
    for phone in phones.split():
        levels += [ARPABET.symbols.index(phone) + 1] * 2 + [0] * pause
    sign = np.where(np.arange(FRAME) % 2, 1.0, -1.0)
    return np.concatenate([level * STEP * sign for level in levels]).astype(np.float32)


@pytest.fixture(scope="module")
def assessor() -> Assessor:
    return Assessor(english())


def test_the_stand_in_is_a_posterior_model() -> None:
    model: PosteriorModel = english()
    assert model.hear([speak("K")])[0].log_probs.shape == (6, 40)


def test_a_good_reading(assessor: Assessor) -> None:
    found = assessor.assess(speak("DH AH K AE T"), "The cat!")
    assert found.verdict is Verdict.OK
    assert found.decoded == ("DH", "AH", "K", "AE", "T")
    assert [phone.symbol for phone in found.phones] == ["DH", "AH", "K", "AE", "T"]
    assert [phone.word_index for phone in found.phones] == [0, 0, 1, 1, 1]
    assert all(phone.heard == phone.symbol and phone.gop_sf > -0.1 and phone.gop_lpr > 7 for phone in found.phones)
    assert [word.text for word in found.words] == ["the", "cat"]
    assert (found.frames, found.duration) == (22, pytest.approx(0.44))
    # Phones of 2 frames with 2 blank ones between them: each takes one of the two on either side.
    assert [(p.start, p.end) for p in found.phones[:2]] == [pytest.approx((0.0, 0.1)), pytest.approx((0.1, 0.18))]
    assert (found.words[1].start, found.words[1].end) == pytest.approx((0.18, 0.44))
    means = [np.mean([p.gop_sf for p in found.phones if p.word_index == i]) for i in (0, 1)]
    assert [word.gop_sf for word in found.words] == pytest.approx(means)


def test_a_changed_and_a_missing_phone_are_named(assessor: Assessor) -> None:
    found = assessor.assess(speak("S IH NG K"), "think")
    assert [phone.heard for phone in found.phones] == ["S", "IH", "NG", "K"]
    assert found.phones[0].symbol == "TH"
    assert found.phones[0].rival == "S"
    assert found.phones[0].gop_sf < -5 < -0.1 < found.phones[1].gop_sf
    missing = assessor.assess(speak("TH IH NG", pause=3), "think")
    assert [phone.heard for phone in missing.phones] == ["TH", "IH", "NG", ""]


@pytest.mark.parametrize("said", ["DH AH", "DH IY"])
def test_every_accepted_pronunciation_is_right(assessor: Assessor, said: str) -> None:
    assert tuple(said.split()) in transcribe("the", "en-US")[0].variants
    found = assessor.assess(speak(f"{said} K AE T"), "the cat")
    assert [phone.symbol for phone in found.phones[:2]] == said.split()
    assert all(phone.heard == phone.symbol for phone in found.phones)


def test_long_texts_choose_among_all_their_readings(assessor: Assessor) -> None:
    said = "DH IY AE P AH L " * 12
    found = assessor.assess(speak(said, pause=1), "the apple " * 12)
    assert [phone.symbol for phone in found.phones] == said.split()


def test_canonical_phones_of_a_release_are_scored_as_they_are(assessor: Assessor) -> None:
    canonical = [("DH", 0), ("IY", 0), ("K", 2), ("AE", 2), ("T", 2)]
    found = assessor.assess_batch([speak("DH AH K AE T")] * 2, ["the um cat", "x"], [canonical, canonical])
    assert [(phone.symbol, phone.word_index) for phone in found[0].phones] == canonical
    assert found[0].phones[1].heard == "AH"
    assert [word.text for word in found[0].words] == ["the", "um", "cat"]
    assert [word.text for word in found[1].words] == ["", "", ""]
    assert (found[0].words[1].start, found[0].words[1].gop_sf) == (None, None)


NOISE = np.random.default_rng(0).normal(0, 0.001, 16_000).astype(np.float32)


@pytest.mark.parametrize(
    ("waveform", "text", "verdict"),
    [
        (np.zeros(0), "cat", Verdict.TOO_SHORT),
        (speak("K AE T")[:1000], "cat", Verdict.TOO_SHORT),
        (speak("K AE T"), "one two three four five six seven", Verdict.TOO_SHORT),
        (np.zeros(31 * 16_000), "cat", Verdict.TOO_LONG),
        (np.zeros(16_000), "cat", Verdict.SILENT),
        (np.full(16_000, 0.5), "cat", Verdict.SILENT),
        (np.full(16_000, np.nan), "cat", Verdict.DAMAGED),
        (np.clip(4 * speak("K AE T"), -1, 1), "cat", Verdict.CLIPPED),
        (np.append(speak("K AE T"), np.inf), "cat", Verdict.DAMAGED),
        (speak("K AE T"), "", Verdict.NO_TEXT),
        (speak("K AE T"), " … !", Verdict.NO_TEXT),
        (speak("K AE T"), "кот", Verdict.UNREADABLE),
        (NOISE, "cat", Verdict.NOTHING_HEARD),
        (speak("S IH NG K B AO L F UH T"), "the yellow apple", Verdict.UNRELATED),
    ],
)
def test_nothing_to_score_gets_a_verdict(assessor: Assessor, waveform: np.ndarray, text: str, verdict: Verdict) -> None:
    found = assessor.assess(waveform, text)
    assert found.verdict is verdict
    assert bool(found.phones) == (verdict in {Verdict.NOTHING_HEARD, Verdict.UNRELATED})
    json.loads(found.to_json(), parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    assert shown(found)


def test_nothing_heard_is_never_a_good_score(assessor: Assessor) -> None:
    found = assessor.assess(NOISE, "cat")
    assert found.decoded == ()
    assert all(phone.gop_sf < -3 and phone.heard == "" for phone in found.phones)


def test_a_bad_recording_does_not_touch_its_neighbours(assessor: Assessor) -> None:
    waveforms = [speak("K AE T"), np.zeros(16_000), speak("DH AH"), np.full(9000, np.nan)]
    texts = ["cat", "cat", "the", "the"]
    together = assessor.assess_batch(waveforms, texts)
    assert together == [assessor.assess(waveform, text) for waveform, text in zip(waveforms, texts, strict=True)]
    assert [found.verdict.value for found in together] == ["ok", "silent", "ok", "damaged"]
    assert assessor.assess_batch([], []) == []


def test_wrong_calls_are_refused(assessor: Assessor) -> None:
    with pytest.raises(AssessmentError, match="2 waveforms but 1 texts"):
        assessor.assess_batch([NOISE, NOISE], ["cat"])
    with pytest.raises(AssessmentError, match="texts or canonicals"):
        assessor.assess_batch([NOISE])
    with pytest.raises(AssessmentError, match=r"'œ̃' is not in this model's inventory \(en-US: AA AE"):
        assessor.assess_batch([NOISE], canonicals=[[("œ̃", 0)]])
    with pytest.raises(AssessmentError, match="mono"):
        assessor.assess(np.zeros((2, 16_000)), "cat")


def test_a_model_that_gives_nan_raises() -> None:
    with pytest.raises(AssessmentError, match="NaN"):
        Assessor(english(sureness=math.nan)).assess(speak("K AE T"), "cat")


def test_a_model_that_is_too_sure_still_gives_finite_scores() -> None:
    found = Assessor(english(sureness=1e30)).assess(speak("S IH NG K"), "think")
    values = [
        value for phone in found.phones for value in (phone.gop_sf, phone.rival_ratio, phone.gop_lp, phone.gop_lpr)
    ]
    assert all(math.isfinite(value) for value in values)
    assert found.phones[0].heard == "S"
    assert found.phones[0].gop_lp == pytest.approx(-100)  # the floor, not -1e30


def test_json_round_trip_names_every_score(assessor: Assessor) -> None:
    record = json.loads(assessor.assess(speak("S IH NG K"), "think").to_json())
    assert set(record) == {
        "format", "verdict", "duration", "frames", "decoded", "words", "phones", "insertions", "scores", "prosody",
    }  # fmt: skip
    assert record["phones"][0]["symbol"] == "TH"
    assert record["phones"][0]["heard"] == record["phones"][0]["rival"] == "S"
    assert set(record["words"][0]) == {"text", "start", "end", "gop_sf", "accuracy", "stress", "total"}


def test_prosody_comes_with_its_evidence_where_it_is_asked_for() -> None:
    spoken = speak("S IY", pause=25), "see"
    assert Assessor(english()).assess(*spoken).prosody is None
    asked = Assessor(english(), AssessSettings(prosody=True))
    found = asked.assess(np.concatenate([spoken[0], spoken[0]]), "see, see")
    told = json.loads(found.to_json())["prosody"]
    assert told["pace"]["syllables"] == 2
    assert [(pause["kind"], pause["after_word"]) for pause in told["pauses"] if not pause["inside_word"]] == [
        ("expected", 0)
    ]
    assert told["pauses"][0]["silence"] == pytest.approx(0.5, abs=0.05)
    assert told["stress"] == []
    canonical = [("S", 0), ("IY", 0)]
    assert asked.assess_batch([spoken[0]], canonicals=[canonical])[0].prosody is None
    assert asked.assess_batch([0 * spoken[0]], ["see"])[0].prosody is None


def shown(assessment: Assessment) -> str:
    console = Console(file=StringIO(), width=120, force_terminal=False)
    console.print(render(assessment))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_feedback_says_what_to_work_on(assessor: Assessor) -> None:
    text = shown(assessor.assess(speak("S IH NG", pause=3), "think"))
    assert "TH sounded like S; K was not heard" in text
    assert "2 of 4 phones clear" in text
    assert "[b]" not in shown(Assessment(Verdict.OK))
    phone = PhoneScore("T", 0, 0, 1, gop_sf=-0.9, rival_ratio=0.1, gop_lp=-1, gop_lpr=0.1, rival="D")
    assert grade(phone) == "doubtful"
    assert grade(replace(phone, gop_sf=-0.1)) == "good"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random wav2vec2 with a phone head, saved as training saves it."""
    from training.network.encoder import SpeechEncoder
    from training.network.model import PhoneModel, PhoneModelConfig

    torch.manual_seed(0)
    encoder = {
        "model_type": "wav2vec2", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
        "feat_extract_norm": "layer", "do_stable_layer_norm": True,
    }  # fmt: skip
    extractor = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "sampling_rate": 16_000,
        "do_normalize": True, "return_attention_mask": True, "padding_value": 0.0,
    }  # fmt: skip
    config = PhoneModelConfig(
        encoder=SpeechEncoder.from_config(encoder).model.config.to_dict(), feature_extractor=extractor,
        inventory=ARPABET.symbols, language="en-US",
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("checkpoint")
    PhoneModel(config).save_pretrained(folder)
    return folder


def test_a_real_network_takes_the_same_path(checkpoint: Path) -> None:
    assessor = Assessor.from_pretrained(checkpoint, device="cpu")
    assert assessor.frame_seconds == pytest.approx(0.02)
    generator = np.random.default_rng(1)
    waveforms = [generator.normal(0, 0.1, size).astype(np.float32) for size in (16_000, 24_000)]
    together = assessor.assess_batch(waveforms, ["the cat", "a thing"])
    for found, waveform, text in zip(together, waveforms, ["the cat", "a thing"], strict=True):
        alone = assessor.assess(waveform, text)
        assert found.verdict in {Verdict.OK, Verdict.NOTHING_HEARD, Verdict.UNRELATED}
        assert [phone.symbol for phone in found.phones] == [phone.symbol for phone in alone.phones]
        assert [p.gop_sf for p in found.phones] == pytest.approx([p.gop_sf for p in alone.phones], abs=1e-3)
        assert all(0 <= p.start < p.end <= found.duration and p.gop_sf <= 0 for p in found.phones)


def test_the_verb_writes_scores_and_explains_what_it_cannot_score(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, 16_000)
    soundfile.write(tmp_path / "silence.wav", 0 * noise, 16_000)
    (tmp_path / "text.txt").write_text("The cat, it's here.", "utf-8")
    out = tmp_path / "out.json"
    config = AssessConfig(model=str(checkpoint), audio=str(tmp_path / "silence.wav"), text="cat", json=str(out))
    with pytest.raises(AssessmentError, match=r"silence\.wav: The recording is silent"):
        work(config)
    assert json.loads(out.read_text())["verdict"] == "silent"
    config = replace(config, audio=str(tmp_path / "noise.wav"))
    for texts in ({"text": None}, {"text_file": str(tmp_path / "text.txt")}):
        with pytest.raises(AssessmentError, match="either text=… or text_file=…"):
            work(replace(config, **texts))
    try:
        work(replace(config, text=None, text_file=str(tmp_path / "text.txt")))
        assert "phones clear" in capsys.readouterr().out
    except AssessmentError as error:  # a random network may as well hear nothing
        assert re.search("No speech was recognised|not this text", str(error))
    record = json.loads(out.read_text())
    assert [word["text"] for word in record["words"]] == ["the", "cat", "it's", "here"]
    assert record["prosody"]["pace"]["phones"] == len(record["phones"])


def test_a_missing_checkpoint_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="folder that training"):
        Assessor.from_pretrained(tmp_path / "nothing")


@settings(max_examples=25)
@given(phones=st.lists(st.sampled_from(["K", "AE", "T", "S"]), max_size=8), seed=st.integers(0, 99))
def test_whatever_is_said_scores_are_finite_and_times_ordered(phones: list[str], seed: int) -> None:
    waveform = speak(" ".join(phones), pause=1)
    waveform = np.append(waveform, np.random.default_rng(seed).normal(0, 0.2, 4000).astype(np.float32))
    found = Assessor(english()).assess(waveform, "cats sat")
    assert found.verdict in set(Verdict)
    assert all(p.gop_sf <= 1e-9 and math.isfinite(p.gop_lpr) and p.start <= p.end for p in found.phones)
    json.loads(found.to_json())

"""Two encoders that hear the same sound at other times are brought together; what a student learns, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from collection.schema import SAMPLE_RATE, Split
from tests.releases import tone_rows, write_release
from tests.test_configs import CONFIGS
from tests.training.models import extractor, tiny_wave, whisper_folder
from training.config import AugmentConfig, SelectConfig
from training.errors import EncoderError
from training.learning.dataset import Examples, read_split
from training.learning.distil import Distillation, PairCollator, Paired, Teacher, Timing, at_frames, distance
from training.learning.pretrain_config import DistilConfig, Match
from training.learning.states import store_states
from training.network.encoder import Frontend, SpeechEncoder

WAVE = tiny_wave("wav2vec2", feat_extract_norm="layer", do_stable_layer_norm=True, apply_spec_augment=False)
REAL = Frontend(WAVE, extractor(WAVE))
SMALL_CONFIG = yaml.safe_load((CONFIGS / "train" / "model" / "wav2vec2_small.yaml").read_text("utf-8"))
SMALL = Frontend(SMALL_CONFIG["encoder"], SMALL_CONFIG["extractor"])


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    torch.manual_seed(0)
    return Teacher(str(whisper_folder(tmp_path_factory.mktemp("teacher") / "whisper")), [0, -1])


def test_a_whisper_state_lies_at_its_start_and_a_wav2vec2_state_in_the_middle_of_its_400_samples(
    teacher: Teacher,
) -> None:
    assert Timing.of(teacher.frontend) == Timing(first=0.0, step=320)
    assert Timing.of(REAL) == Timing(first=199.5, step=320)


@given(samples=st.integers(400, 40_000))
def test_the_small_student_has_the_frames_of_the_real_one(samples: int) -> None:
    """Three convolutions of 80, 5 and 2 by 40, 4 and 2: 80 + 4 x 40 + 160 = 400 samples, 320 apart."""
    assert Timing.of(SMALL) == Timing(first=199.5, step=320)
    assert SMALL.frames(samples) == REAL.frames(samples) == (samples - 400) // 320 + 1


def test_states_are_interpolated_and_held_at_the_ends() -> None:
    """States at 0, 10, 20 with values 0, 1, 4, asked for at -2, 4, 10, 16 and 22."""
    states = np.array([[0.0], [1.0], [4.0]], dtype=np.float16)
    found = at_frames(states, Timing(0, 10), Timing(-2, 6), 5)
    assert found.dtype == np.float32
    assert found[:, 0].tolist() == pytest.approx([0.0, 0.4, 1.0, 2.8, 4.0])


@given(frames=st.integers(1, 40), slope=st.floats(-3, 3), first=st.floats(0, 300))
def test_a_quantity_that_is_a_line_in_time_stays_one(frames: int, slope: float, first: float) -> None:
    theirs, ours = Timing(0.0, 320), Timing(first, 320)
    states = slope * 320 * np.arange(frames + 2, dtype=np.float64)[:, None]
    found = at_frames(states, theirs, ours, frames)[:, 0]
    assert np.allclose(found, slope * (first + 320 * np.arange(frames)), atol=0.5)


def _centre_of_a_click(encoder: SpeechEncoder, frontend: Frontend, sample: int) -> float:
    """Return the frame, as a real number, around which state 0 changes when one sample changes."""
    noise = 0.01 * np.random.default_rng(sample).standard_normal(SAMPLE_RATE).astype(np.float32)
    clicked = noise.copy()
    clicked[sample] += 0.2
    # Normalising would move every frame a little: both are brought to the same scale by the same figures.
    with torch.inference_mode():
        quiet, loud = (encoder(*frontend([sound]))[0][0] for sound in (noise, clicked))
    change = (loud - quiet).square().sum(-1)
    change = change - change.median()
    near = change.clamp(min=0.05 * float(change.max())) - 0.05 * change.max()
    return float((near * torch.arange(len(near))).sum() / near.sum())


def test_a_click_appears_at_the_times_that_timing_says(teacher: Teacher) -> None:
    """Averaged over clicks at many places: within 3 ms of the middle that geometry gives, whichever encoder hears."""
    torch.manual_seed(1)
    plain = {**WAVE, "num_conv_pos_embeddings": 2, "num_conv_pos_embedding_groups": 1}
    wave, hears = SpeechEncoder.from_config(plain).eval(), extractor(WAVE) | {"do_normalize": False}
    for encoder, frontend in ((teacher.encoder.eval(), teacher.frontend), (wave, Frontend(plain, hears))):
        timing = Timing.of(frontend)
        places = range(6000, 6000 + 5 * 320, 107)
        late = [timing.first + timing.step * _centre_of_a_click(encoder, frontend, place) - place for place in places]
        assert abs(np.mean(late)) < 0.003 * SAMPLE_RATE, type(encoder)


def test_distances_by_hand() -> None:
    """(3, 4) against (3, 0): differences 0 and 4, cosine 0.6."""
    predicted, wanted = torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]])
    assert float(distance(predicted, wanted, DistilConfig(match=Match.mse))) == 8.0
    expected = 2.0 + 0.5 * np.log1p(np.exp(-0.6))
    assert float(distance(predicted, wanted, DistilConfig(cosine_weight=0.5))) == pytest.approx(expected)


def test_a_student_hears_the_copy_that_its_teacher_heard(teacher: Teacher, tmp_path: Path) -> None:
    release = write_release(tmp_path / "release", {Split.TRAIN: tone_rows(0, 6, "spk_0")})
    student = Frontend(WAVE, extractor(WAVE))
    data = read_split(release, "train", SelectConfig(), None, student, 1 / 1.2, tmp_path / "cache")
    assert data.targets == [[]] * 6
    examples = Examples(data, AugmentConfig(speed=[0.8, 1.0, 1.2]), seed=3)
    stored = store_states(teacher, examples, tmp_path / "train.f16", torch.device("cpu"), copies=2)
    pairs = Paired(examples, stored, teacher.frontend, student)
    for draw in (1, 7, 13, 19):
        heard = examples[draw % 12]["waveform"]
        assert np.array_equal(pairs[draw]["waveform"], heard)
        states = teacher.states(*teacher.frontend([heard]))[0].numpy()
        frames = student.frames(len(heard))
        wanted = at_frames(states, Timing(0, 320), Timing(199.5, 320), frames)
        assert pairs[draw]["targets"].shape == (frames, 64)
        assert np.allclose(pairs[draw]["targets"].numpy(), wanted, atol=0.02)
    assert len(pairs[1]["waveform"]) != len(pairs[7]["waveform"])


def test_the_loss_of_a_batch_is_that_of_its_frames_without_padding() -> None:
    torch.manual_seed(0)
    encoder = SpeechEncoder.from_config(WAVE)
    model = Distillation(encoder, 5, DistilConfig(teacher_layers=[0, 2], student_layers=[1, 2])).eval()  # type: ignore[arg-type]
    frontend, random = Frontend(WAVE, extractor(WAVE)), np.random.default_rng(0)
    pairs = []
    for samples in (4000, 9000):
        sound = random.standard_normal(samples).astype(np.float32)
        states = torch.from_numpy(random.standard_normal((frontend.frames(samples), 10)).astype(np.float32))
        pairs.append({"waveform": sound, "targets": states})
    collate = PairCollator(frontend)
    with torch.inference_mode():
        alone = [float(model(**collate([pair]))["loss"]) for pair in pairs]
        together = float(model(**collate(pairs))["loss"])
    frames = [len(pair["targets"]) for pair in pairs]
    assert together == pytest.approx(np.average(alone, weights=frames), abs=1e-5)


def test_layers_must_exist_and_be_as_many(teacher: Teacher) -> None:
    encoder = SpeechEncoder.from_config(WAVE)
    with pytest.raises(EncoderError, match="one state for each"):
        Distillation(encoder, 5, DistilConfig(teacher_layers=[0, 1], student_layers=[1]))  # type: ignore[arg-type]
    with pytest.raises(EncoderError, match=r"student_layers=\[3\].*0 to 2"):
        Distillation(encoder, 5, DistilConfig(student_layers=[3]))  # type: ignore[arg-type]

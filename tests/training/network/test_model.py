"""The phone model: losses by hand, padding, masks, and a checkpoint that stands alone."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.training.models import phone_model, wave_folder, whisper_folder
from training.config import Head, ModelConfig
from training.errors import EncoderError, ModelError
from training.learning.build import build_model
from training.learning.collate import Collator
from training.network.head import KERNEL, BiLSTM, FactoredNetwork, spec_augment
from training.network.model import PhoneModel, ctc_loss, measure_states

SOUND = np.random.default_rng(1).standard_normal(12_000).astype(np.float32) * 0.1
SYMBOLS = ("AA", "IY", "S", "M")


def brute_force(posteriors: Tensor, target: list[int]) -> float:
    """Return -log of the sum over every path that collapses to the target."""
    frames, classes = posteriors.shape
    total = 0.0
    for path in product(range(classes), repeat=frames):
        merged = [symbol for n, symbol in enumerate(path) if n == 0 or symbol != path[n - 1]]
        if [symbol for symbol in merged if symbol] == target:
            total += float(np.exp(sum(posteriors[n, symbol].item() for n, symbol in enumerate(path))))
    return -float(np.log(total))


def test_the_ctc_loss_is_the_sum_over_all_paths_a_phone() -> None:
    logits = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1, 1], [2, -100]])
    frames = torch.tensor([5, 3])
    posteriors = logits.log_softmax(-1)
    by_hand = (brute_force(posteriors[0], [1, 1]) / 2 + brute_force(posteriors[1, :3], [2]) / 1) / 2
    assert ctc_loss(logits, frames, labels).item() == pytest.approx(by_hand, rel=1e-5)


def test_the_loss_is_float32_under_bf16() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = ctc_loss(torch.randn(1, 9, 3).bfloat16(), torch.tensor([9]), torch.tensor([[1, 2]]))
    assert loss.dtype == torch.float32


def test_a_factored_network_by_hand() -> None:
    torch.manual_seed(0)
    head, states = FactoredNetwork(6, 4, 2, 0.3).eval(), torch.randn(2, 9, 6)
    found = head(states, torch.tensor([9, 7]))
    for row, count in enumerate((9, 7)):
        expected = torch.nn.functional.gelu(head.project(states[row, :count]))
        for norm, narrow, widen in zip(head.norms, head.narrow, head.widen, strict=True):
            weight = narrow.weight.unflatten(1, (KERNEL, -1)).mT  # as torch's convolution has it: (out, in, frames)
            heard = torch.nn.functional.conv1d(norm(expected).T, weight, padding=KERNEL // 2).T
            values, gates = widen(heard).chunk(2, -1)
            expected = expected + values * gates.sigmoid()
        torch.testing.assert_close(found[row, :count], expected)


@pytest.mark.parametrize("head", list(Head))
def test_posteriors_are_the_same_alone_and_in_a_batch(head: Head) -> None:
    model = phone_model(SYMBOLS, head)
    together = [heard.log_probs for heard in model.hear([SOUND, SOUND[:5000]])]
    alone = model.hear([SOUND[:5000]])[0].log_probs
    assert together[1].shape == (15, 5)
    torch.testing.assert_close(together[1], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together[0].exp().sum(-1), torch.ones(len(together[0])))


@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "wavlm", "data2vec-audio", "whisper"])
def test_a_checkpoint_needs_nothing_but_itself(tmp_path: Path, family: str) -> None:
    """The encoder's folder is gone before the checkpoint is opened: no Hub and no other folder is asked."""
    source = tmp_path / "encoder"
    written = whisper_folder(source) if family == "whisper" else wave_folder(source, family)
    model = build_model(ModelConfig(name=str(written)), SYMBOLS, "en-US").eval()
    model.save_pretrained(tmp_path / "model")
    written.rename(tmp_path / "gone")
    opened = PhoneModel.from_pretrained(tmp_path / "model").eval()
    assert opened.config.inventory == list(SYMBOLS)
    assert opened.config.language == "en-US"
    assert opened.frame_seconds == pytest.approx(0.02)
    assert torch.equal(opened.hear([SOUND])[0].log_probs, model.hear([SOUND])[0].log_probs)


def test_a_checkpoint_without_all_its_weights_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    phone_model(SYMBOLS).save_pretrained(tmp_path)
    whole = load_file(tmp_path / "model.safetensors")
    capfd.readouterr()
    PhoneModel.from_pretrained(tmp_path)
    assert capfd.readouterr() == ("", "")  # no bar either
    save_file({name: w for name, w in whole.items() if name != "head.classify.weight"}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"lacks 1 .*\(head\.classify\.weight"):
        PhoneModel.from_pretrained(tmp_path)


def test_pretrained_weights_are_loaded_and_random_ones_on_request(tmp_path: Path) -> None:
    folder = wave_folder(tmp_path)
    first, second = (build_model(ModelConfig(name=str(folder)), SYMBOLS, "en-US") for _ in range(2))
    fresh = build_model(ModelConfig(name=str(folder), pretrained=False), SYMBOLS, "en-US")
    name = "encoder.model.encoder.layers.0.attention.q_proj.weight"
    weights = [dict(model.named_parameters())[name] for model in (first, second, fresh)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_layer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="states 0 to 2"):
        build_model(ModelConfig(name=str(wave_folder(tmp_path)), layers=[3]), SYMBOLS, "en-US")


def test_a_frozen_encoder_gets_no_gradient_and_no_dropout(tmp_path: Path) -> None:
    folder = wave_folder(tmp_path, hidden_dropout=0.5)
    model = build_model(ModelConfig(name=str(folder), dropout=0.0), SYMBOLS, "en-US")
    model.freeze_encoder()
    model.train()
    batch = Collator(model.frontend)([{"waveform": SOUND, "labels": [1, 2]}])
    assert torch.equal(model.states(batch["inputs"], batch["lengths"]), model.states(batch["inputs"], batch["lengths"]))
    model(**batch).loss.backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert all(parameter.grad is not None for parameter in model.head.parameters())


def test_standardisation_is_measured_on_real_frames_and_travels_with_the_checkpoint(tmp_path: Path) -> None:
    model = phone_model(SYMBOLS)
    short, long = torch.full((3, 32), 2.0), torch.zeros((6, 32))
    long[:, 1] = torch.tensor([1.0, 2, 3, 4, 5, 6])
    padded = torch.nn.utils.rnn.pad_sequence([short, long], batch_first=True)
    padded[0, 3:] = 1e6  # padding must not count
    measure_states(model, [{"states": padded, "frames": torch.tensor([3, 6])}])
    assert model.head.mean[1].item() == pytest.approx((3 * 2 + 21) / 9)
    assert model.head.deviation[0].item() == pytest.approx(np.std([2.0] * 3 + [0.0] * 6), rel=1e-5)
    model.save_pretrained(tmp_path)
    assert torch.equal(PhoneModel.from_pretrained(tmp_path).head.mean, model.head.mean)


def test_the_two_directions_equal_a_packed_bidirectional_lstm() -> None:
    torch.manual_seed(0)
    ours = BiLSTM(6, 5, 1, 0.0).eval()
    library = torch.nn.LSTM(5, 5, bidirectional=True, batch_first=True)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        getattr(library, name).data = getattr(ours.ahead[0], name).data
        getattr(library, f"{name}_reverse").data = getattr(ours.back[0], name).data
    states, frames = torch.randn(3, 9, 6), torch.tensor([4, 9, 1])
    projected = torch.nn.functional.gelu(ours.project(states))
    packed = torch.nn.utils.rnn.pack_padded_sequence(projected, frames, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(library(packed)[0], batch_first=True)
    found = ours(states, frames)
    for row, count in enumerate(frames):
        torch.testing.assert_close(found[row, :count], expected[row, :count])


def test_spec_augment_hides_about_the_share_asked_for_and_one_band() -> None:
    torch.manual_seed(0)
    ones = torch.ones(64, 400, 100)
    hidden = spec_augment(ones, 0.1, 0.0)
    share = 1 - hidden[:, :, 0].mean().item()
    assert 0.07 < share < 0.13
    assert set(hidden.unique().tolist()) == {0.0, 1.0}
    band = spec_augment(ones, 0.0, 0.2)
    columns = band[:, 0] == 0
    assert columns.sum(1).max() <= 20
    edges = (columns[:, 1:] != columns[:, :-1]).sum(1)
    assert edges.max() <= 2
    assert torch.equal(spec_augment(ones, 0.0, 0.0), ones)

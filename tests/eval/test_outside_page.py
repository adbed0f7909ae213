"""Every command of docs/outside.md, run in its order: a vendor's answers, Praat, made-up trees of other corpora."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import soundfile
import torch

from collection import keys, textgrid
from collection.phones import ARPABET
from collection.schema import SAMPLE_RATE, Split
from tests.collection.test_annotated_corpora import arctic, epa
from tests.eval.test_tutorial import commands, run
from tests.releases import say, utterance, write_release
from tests.training.models import phone_model
from training import lineage
from training.lineage import Lineage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "outside.md"
PHONES = ("AA", "S", "IY", "M")
TONES_ARE_NO_SPEECH = (
    *("quality.drop_bandwidth_hz=0", "quality.drop_speech_share=0", "quality.drop_snr_db=-200"),
    "quality.drop_clipping=1",
)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with all that the page names: a release, its scored model, a vendor's answers, two corpora."""
    rows = {
        split: [
            utterance(100 * place + n, f"spk_{split}_{n % 6}", PHONES[: 2 + n % 3], accuracies=[2.0] * (2 + n % 3))
            for n in range(12)
        ]
        for place, split in enumerate(Split)
    }
    release = write_release(tmp_path / "releases" / "class", rows)
    torch.manual_seed(0)
    model = tmp_path / "runs" / "my-model"
    phone_model(ARPABET.symbols).save_pretrained(model)  # the text to assess needs more phones than the release has
    heard = frozenset(row["speaker_id"] for row in release.rows("train", ["speaker_id"]))
    lineage.write(model, Lineage("random", "0.0.0", (lineage.ancestor(release, ("train",), heard),)))
    lines = ["utterance_id,word_index,phone,score"]
    for split in ("validation", "test"):
        for row in release.rows(split, ["utterance_id", "phones"]):
            lines += [f"{row['utterance_id']},0,{phone['canonical']},50" for phone in row["phones"]]
    (tmp_path / "vendor.csv").write_text("\n".join(lines) + "\n")
    soundfile.write(tmp_path / "reading.wav", say(PHONES * 3), SAMPLE_RATE)
    arctic(tmp_path / "corpora" / "l2arctic")
    epa(tmp_path / "corpora" / "EpaDB")
    keys.create_key(tmp_path / "parlure.key")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    run("eval.score", "model=runs/my-model", "data=releases/class", "out=runs/my-model-scores", "device=cpu")
    return tmp_path


def test_every_command_of_the_page_runs(workplace: Path) -> None:
    told = commands(PAGE)
    assert {command[0] for command in told} == {
        "eval.outside", "eval.report", "eval.compare", "eval.gate", "training.assess", "collection.build",
    }  # fmt: skip
    for module, *overrides in told:
        overrides = [re.sub(r"\$HOME", str(workplace), one) for one in overrides]
        if module == "eval.gate":
            with pytest.raises(SystemExit):  # nobody knows whom the vendor learned from
                run(module, *overrides)
        elif module == "training.assess":
            # No m4a is made here, and a random model hears another text in everything.
            run(module, *(one.replace("reading.m4a", "reading.wav") for one in overrides), "settings.related=0")
        elif module == "collection.build":
            run(module, *overrides, *TONES_ARE_NO_SPEECH)
        else:
            run(module, *overrides)
    assert "vendor is another system" in (workplace / "report.html").read_text("utf-8")
    verdict = json.loads((workplace / "runs" / "vendor-scores" / "gate.json").read_text("utf-8"))
    assert not verdict["passed"]
    assert set(textgrid.read(workplace / "reading.TextGrid")) >= {"words", "phones"}
    for name in ("l2arctic", "epadb"):
        assert (workplace / "releases" / name / "manifest.json").is_file()

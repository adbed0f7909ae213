"""The main job end to end, verb by verb as `make demo` runs it, on a small synthetic class."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from collection import manifest
from collection.audio import decode, decode_flac, encode_flac
from collection.synthetic.truth import Truth, read_truth

ROOT = Path(__file__).resolve().parents[1]
REFUSED = ("guardian_refused", "learner_refused")
SNIPPET = 64
"""Samples (4 ms) that recognise a sound: noise makes any two different ones differ."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "key").mkdir()
    for command in (
        f"collection.keys path={folder}/key/demo.key",
        f"collection.simulate out={folder}/class learners=12 prompts=4",
        f"collection.build source=folder intake={folder}/class/intake out={folder}/out/release "
        f"key={folder}/key/demo.key name=demo",
        f"training.train experiment=demo data={folder}/out/release out={folder}/out/run optim.max_steps=3",
        f"eval.score model={folder}/out/run/model data={folder}/out/release out={folder}/out/scores",
        f"eval.report runs=[{folder}/out/scores] out={folder}/out/report.html",
    ):
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        verb = [sys.executable, "-m", *command.split()]
        done = subprocess.run(verb, cwd=ROOT, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return folder


def of_fate(demo: Path, *fates: str) -> list[Truth]:
    return [truth for truth in read_truth(demo / "class") if truth.fate in fates]


def loud_snippets(demo: Path, truth: Truth) -> list[bytes]:
    """Return 16-bit samples from the middle of each reading, as a FLAC of the release would hold them."""
    samples = decode(demo / "class" / "intake" / truth.path).samples
    whole = np.round(decode_flac(encode_flac(samples)) * 32768).astype("<i2")
    middles = [int((reading.start + reading.end) / 2 * 16_000) for reading in truth.readings]
    return [whole[middle : middle + SNIPPET].tobytes() for middle in middles]


def everything(folder: Path) -> bytes:
    """Return the bytes of every file under the folder and of every sound in its tables, decoded."""
    parts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            parts.append(path.read_bytes())
        if path.suffix == ".parquet" and "audio" in pq.read_schema(path).names:
            for row in pq.read_table(path, columns=["audio"]).to_pylist():
                parts.append(np.round(decode_flac(row["audio"]["bytes"]) * 32768).astype("<i2").tobytes())
    return b"\n".join(parts)


def test_the_report_stands_alone(demo: Path) -> None:
    page = (demo / "out" / "report.html").read_text("utf-8")
    assert "Phone error rate" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_nothing_of_a_refusing_learner_is_under_the_output_folder(demo: Path) -> None:
    """The same search finds the sound of learners who consented, so it would find that of the others."""
    output = everything(demo / "out")
    refusing = of_fate(demo, *REFUSED)
    assert {truth.fate for truth in refusing} == set(REFUSED)
    for truth in refusing:
        assert truth.learner_id.encode() not in output
        assert truth.name.encode() not in output
        assert Path(truth.path).name.encode() not in output
        assert not any(snippet in output for snippet in loud_snippets(demo, truth))
    consenting = [truth for truth in of_fate(demo, "granted") if truth.fault is None and not truth.skipped]
    found = [any(snippet in output for snippet in loud_snippets(demo, truth)) for truth in consenting]
    assert consenting
    assert all(found)


def test_every_step_was_finished_in_its_order(demo: Path) -> None:
    folders = [demo / "class", demo / "out" / "release", demo / "out" / "run", demo / "out" / "scores"]
    assert all(manifest.read(folder) is not None for folder in folders)
    times = [(folder / manifest.NAME).stat().st_mtime_ns for folder in folders]
    assert all(before < after for before, after in pairwise(times))

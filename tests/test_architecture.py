"""The house holds: arrows run one way, nothing leaks into git, and no module grows into two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_imports_run_one_way() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports")]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_importing_the_packages_loads_no_telemetry_and_opens_nothing() -> None:
    """The switches are set before any dependency can read them."""
    code = (
        "import training, eval, os, sys; assert os.environ['HF_HUB_DISABLE_TELEMETRY'] == '1';"
        "assert not {'torch', 'datasets', 'transformers'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_modules_stay_under_300_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for package in ("collection", "training", "eval")
        for path in (ROOT / package).rglob("*.py")
        if (count := len(path.read_text("utf-8").splitlines())) > 300
    }
    assert long == {}


def test_no_voice_no_weights_and_no_registry_host_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert listed
    forbidden = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm", ".safetensors", ".bin", ".pt", ".parquet")
    assert [name for name in listed if name.endswith(forbidden) or Path(name).name == "uv.lock"] == []
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in lock
    assert "--hash=sha256:" in lock

"""The runner on Ray keeps the promises of the local one, and makes the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from collection import runner
from collection.config import BuildConfig
from collection.errors import ConfigError
from collection.runner import Runner
from tests.collection.test_runner import crash_once, double, no_room, second_time_lucky
from tests.intakes import ON, add_recording, files, make_class

ROOT = Path(__file__).resolve().parents[2]


def test_ray_is_not_loaded_unless_it_is_chosen() -> None:
    code = "import collection.runner, sys; assert 'ray' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_who_lacks_ray_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "collection.ray_runner", raising=False)
    monkeypatch.delattr("collection.ray_runner", raising=False)
    with pytest.raises(ConfigError, match=r"parlure\[ray\].*runner=local"):
        list(runner.run(double, [1], 1, runner=Runner.ray))


def test_ray_keeps_the_promises_of_a_runner_and_makes_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'parlure[ray]'")
    from collection import build as verb
    from collection import ray_runner

    over = partial(runner.run, runner=Runner.ray)
    assert list(over(double, [], 2)) == []
    assert not ray_runner.ray.is_initialized()
    with pytest.raises(ConfigError, match="give workers=1 or more"):
        list(over(double, [1], 0))
    with ray_runner.started(2):
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"

        outcomes = {outcome.item: outcome for outcome in over(double, [*range(20), 66], 2)}
        assert outcomes.keys() == {*range(20), 66}
        set_aside = {item: (outcome.reason, outcome.error) for item, outcome in outcomes.items() if outcome.reason}
        assert set_aside == {13: (runner.FAILED, "ValueError"), 66: (runner.CRASHED, None)}
        assert all(outcomes[item].result == 2 * item for item in range(20) if item != 13)

        for function in (second_time_lucky, crash_once):
            (folder := tmp_path / function.__name__).mkdir()
            lucky = over(partial(function, folder), range(8), 2)
            assert sorted(outcome.result for outcome in lucky) == list(range(8))

        with pytest.raises(OSError, match="No space left") as caught:
            list(over(no_room, range(6), 2))
        assert caught.value.filename == "rec_1.arrow"

        taken: list[int] = []
        endless = over(double, (taken.append(number) or number for number in range(100, 1100)), 2)
        next(endless)
        endless.close()
        assert len(taken) <= 2 * runner.AHEAD + 1

        made = make_class(tmp_path, learners=5, each=2, refusing=(3,))
        add_recording(made, "pupil-0", "bad-text", b"this is no sound at all, only a note " * 20)
        for how in Runner:
            config = BuildConfig(
                importer="folder",
                intake=str(made.folder),
                out=str(tmp_path / how),
                key=str(made.key),
                name="autumn",
                on=ON,
                workers=2 if how is Runner.ray else 0,
                runner=how,
            )
            report = verb.build(config)
            assert report.made
            assert report.dropped == {"learner_refused": 2, "audio_not_a_sound_file": 1}
        assert files(tmp_path / "local") == files(tmp_path / "ray")
    assert not ray_runner.ray.is_initialized()

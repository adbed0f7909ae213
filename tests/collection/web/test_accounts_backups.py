"""Backup and restore: everything comes back, except who left."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from collection.intake import RECORDINGS, REGISTER, ROSTER
from collection.keys import create_key
from collection.register import EventState, write_register
from collection.web.accounts import backups
from collection.web.accounts.backups import BackupError
from collection.web.classes.models import Learner
from collection.web.consents.answers import may_be_heard, record_of, with_answers
from collection.web.consents.models import ConsentEvent
from collection.web.recordings.models import Recording
from collection.withdraw import WithdrawConfig, withdraw
from tests.collection.web.world import world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ours(folders):
    # Made here, so that the database is written outside of any transaction.
    return world().ours


def saved(tmp_path: Path) -> Path:
    out = tmp_path / "backup.tar"
    call_command("backup", out, verbosity=0)
    return out


def with_key() -> None:
    settings.KEY_FILE.parent.mkdir(mode=0o700)
    create_key(settings.KEY_FILE)


def brought_back(source: Path) -> None:
    call_command("restore", source, confirm=settings.PORTAL.name, verbosity=0)


def heard(learner: Learner) -> bool:
    return may_be_heard(with_answers(Learner.objects.filter(pk=learner.pk)).get())


def test_what_was_lost_comes_back_and_what_is_newer_goes(ours, tmp_path):
    sound = Path(ours.recording.sound.path)
    settings.VAULT.mkdir(parents=True)
    (settings.VAULT / "note").write_text("x")
    source = saved(tmp_path)
    sound.unlink()
    Learner.objects.filter(pk=ours.silent.pk).delete()
    (settings.VAULT / "note").write_text("y")
    (settings.MEDIA_ROOT / "newer").write_text("z")
    brought_back(source)
    assert Learner.objects.filter(pk=ours.silent.pk).exists()
    assert sound.read_bytes() == b"fLaC"
    assert (settings.VAULT / "note").read_text() == "x"
    assert not (settings.MEDIA_ROOT / "newer").exists()
    assert heard(ours.agreeing)


def test_a_backup_is_ours_alone_and_holds_no_key(ours, tmp_path):
    with_key()
    source = saved(tmp_path)
    assert source.stat().st_mode & 0o077 == 0
    with tarfile.open(source) as archive:
        assert not [name for name in archive.getnames() if "key" in name]
    with pytest.raises(CommandError, match="there already"):
        call_command("backup", source)


def test_who_withdrew_after_the_backup_stays_gone(ours, tmp_path):
    source = saved(tmp_path)
    ConsentEvent.objects.create(
        consent=ours.agreeing.consent,
        state=EventState.WITHDRAWN,
        at=timezone.now(),
        role="guardian",
        entity=str(ours.agreeing.consent.parties.first().pk),
    )
    sound = Path(ours.recording.sound.path)
    Recording.objects.all().filter(learner=ours.agreeing).delete()
    sound.unlink()
    brought_back(source)
    assert not heard(ours.agreeing)
    assert not Recording.objects.filter(learner=ours.agreeing).exists()
    assert not sound.exists()


def vault(*learners: Learner) -> None:
    """Write the vault of a class in which nobody has read yet."""
    settings.VAULT.mkdir(parents=True)
    (settings.VAULT / "intake.json").write_text('{"source": "portal"}')
    records = [record_of(one) for one in with_answers(Learner.objects.filter(pk__in=[one.pk for one in learners]))]
    lines = [f'{{"learner_id": "{one.learner_id}"}}\n' for one in records if one]
    (settings.VAULT / ROSTER).write_text("".join(lines))
    (settings.VAULT / RECORDINGS).write_text("")
    write_register(settings.VAULT / REGISTER, [one for one in records if one])


def test_the_ledger_beside_the_key_remembers_when_the_database_is_lost(ours, tmp_path):
    with_key()
    vault(ours.agreeing, ours.refusing)
    source = saved(tmp_path)
    learner_id = record_of(ours.agreeing).learner_id
    withdraw(
        WithdrawConfig(
            intake=str(settings.VAULT), key=str(settings.KEY_FILE), learner=learner_id, by="learner", confirm="portal"
        )
    )
    assert learner_id not in (settings.VAULT / ROSTER).read_text()
    # The database never heard of it, as after a crash; only the ledger did.
    brought_back(source)
    assert not heard(ours.agreeing)
    assert not Recording.objects.filter(learner=ours.agreeing).exists()
    assert learner_id not in (settings.VAULT / ROSTER).read_text()
    assert record_of(ours.refusing).learner_id in (settings.VAULT / ROSTER).read_text()


def test_without_its_word_nothing_is_restored(ours, tmp_path):
    source = saved(tmp_path)
    Learner.objects.filter(pk=ours.silent.pk).delete()
    with pytest.raises(CommandError, match="--confirm"):
        call_command("restore", source)
    assert not Learner.objects.filter(pk=ours.silent.pk).exists()


def test_a_damaged_backup_changes_nothing(ours, tmp_path):
    source = saved(tmp_path)
    whole = source.read_bytes()
    place = whole.index(b"fLaC")
    for damaged in (
        whole[: len(whole) // 2],
        whole.replace(b"fLaC", b"fLaX"),
        b"",
        whole[:place] + whole[place + 512 :],
    ):
        source.write_bytes(damaged)
        with pytest.raises(BackupError):
            backups.restore(source)
    assert heard(ours.agreeing)


def test_a_backup_with_a_path_out_of_it_is_refused(ours, tmp_path):
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as archive:
        info = tarfile.TarInfo("../../escaped")
        archive.addfile(info)
    with pytest.raises(BackupError):
        backups.restore(bad)
    assert not list(tmp_path.rglob("escaped"))

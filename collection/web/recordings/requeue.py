"""Bringing back what a killed process left: complete uploads that nobody finished, recordings that nobody hears."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks.base import Task
from django_tasks_db.models import DBTaskResult
from filelock import Timeout

from collection.web.recordings import uploads
from collection.web.recordings.models import Recording, State, Upload, UploadState
from collection.web.recordings.tasks import listen, lock_of


def requeue() -> dict[str, int]:
    """Finish, give up and queue again what was left; return how many of each. A second run does nothing."""
    expired = uploads.purge()
    finished = 0
    for upload in Upload.objects.filter(state=UploadState.OPEN):
        if uploads.offset(upload) == upload.length:
            finished += uploads.finish(upload) is not None
    queued = 0
    for recording in Recording.objects.filter(state__in=(State.WAITING, State.WORKING)):
        queued += queue_again(listen, str(recording.pk), str(recording.pk))
    return {"expired": expired, "finished": finished, "queued": queued}


def queue_again(task: Task[Any, Any], argument: str, lock: str) -> bool:
    """Queue a task of one argument again unless it waits or somebody is at it; tell whether it was.

    Whether somebody is at it is told by its lock, which falls with the process that holds it: tasks of killed workers
    say for ever that they are running.
    """
    tasks = DBTaskResult.objects.filter(task_path=task.module_path, args_kwargs__args=[argument])
    if tasks.filter(status=TaskResultStatus.READY).exists():
        return False
    try:
        with lock_of(lock).acquire(blocking=False):
            # Whoever ran these is dead: nobody holds the lock.
            tasks.filter(status=TaskResultStatus.RUNNING).update(
                status=TaskResultStatus.FAILED,
                finished_at=timezone.now(),
                exception_class_path="",
                traceback="its worker was killed; it is done again",
            )
            task.enqueue(argument)
            return True
    except Timeout:
        return False

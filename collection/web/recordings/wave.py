"""A recording drawn as lines and boxes of an SVG picture, in numbers that a template only prints."""

from __future__ import annotations

from dataclasses import dataclass

from collection.web.recordings.models import Recording, Segment

WIDTH, HEIGHT = 1000, 100


@dataclass(frozen=True, slots=True)
class Box:
    """A segment in the picture; ``x`` and ``width`` of 1000."""

    number: int
    fate: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Wave:
    """``path`` is the outline of the sound in a box of 1000 x 100."""

    path: str
    boxes: tuple[Box, ...]


def draw(recording: Recording, segments: list[Segment]) -> Wave | None:
    """Return the picture of a recording; ``None`` when nothing is known of its sound."""
    seconds, peaks = recording.seconds, recording.peaks
    if not seconds or not peaks:
        return None
    loudest = max(*peaks, 1)
    heights = [max(1, round(peak / loudest * (HEIGHT / 2 - 2))) for peak in peaks]
    step = WIDTH / len(heights)
    path = "".join(
        f"M{(index + 0.5) * step:.1f} {HEIGHT // 2 - height}V{HEIGHT // 2 + height}"
        for index, height in enumerate(heights)
    )
    boxes = tuple(
        Box(
            number,
            segment.fate,
            f"{segment.start / seconds * WIDTH:.1f}",
            f"{max(2.0, (segment.end - segment.start) / seconds * WIDTH):.1f}",
        )
        for number, segment in enumerate(segments, start=1)
    )
    return Wave(path, boxes)

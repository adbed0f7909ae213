"""Why a sound file is refused: one error a cause, with a stable reason for reports and advice for people."""

from __future__ import annotations

from typing import ClassVar

from collection.errors import AudioError


class SoundError(AudioError):
    """A sound file cannot be used: ``reason`` is stable and counted, ``advice`` says what to do."""

    reason: ClassVar[str] = "audio_unusable"
    advice: ClassVar[str] = "Record or export it again as WAV, FLAC, MP3, M4A, Ogg or WebM."


class MissingFileError(SoundError):
    """No file is there."""

    reason = "audio_missing_file"
    advice = "Check the path in recordings.jsonl and that the upload is complete."


class UnreadableFileError(SoundError):
    """The system does not let us read the file."""

    reason = "audio_unreadable_file"
    advice = "Give the account that runs Parlure the right to read it, or copy it again."


class NotAFileError(SoundError):
    """A folder, pipe, device or socket lies where a file should."""

    reason = "audio_not_a_file"
    advice = "Put the sound file itself there."


class LinkError(SoundError):
    """A symbolic link lies where a file should."""

    reason = "audio_is_a_link"
    advice = "Copy the file itself there, or set follow_links=true if the folder is yours."


class EmptyFileError(SoundError):
    """The file has no bytes."""

    reason = "audio_empty_file"
    advice = "The upload or the recording failed: send or record it again."


class TooLargeError(SoundError):
    """The file has more bytes than are accepted."""

    reason = "audio_too_large"
    advice = "Cut the recording, export it as FLAC, or raise max_bytes."


class NotASoundFileError(SoundError):
    """The content is no sound, whatever the name says."""

    reason = "audio_not_a_sound_file"
    advice = "The name does not make it a sound: look for the real recording."


class ContainerNotAllowedError(SoundError):
    """A kind of file that is not on the allow-list."""

    reason = "audio_container_not_allowed"
    advice = "Export it as WAV, FLAC, MP3, M4A (AAC), Ogg or WebM (Opus)."


class CodecNotAllowedError(SoundError):
    """A known container around a codec that is not on the allow-list."""

    reason = "audio_codec_not_allowed"
    advice = "Export it as plain WAV, FLAC, MP3, M4A (AAC), Ogg or WebM (Opus)."


class HasVideoError(SoundError):
    """A film, not a sound."""

    reason = "audio_has_video"
    advice = "Export the sound alone: pictures of learners are not collected."


class SeveralStreamsError(SoundError):
    """More than one sound in one file: which one is meant is not guessed."""

    reason = "audio_several_streams"
    advice = "Export the one track that is meant."


class TruncatedError(SoundError):
    """The file ends before its sound does."""

    reason = "audio_truncated"
    advice = "The upload or the recording was cut: send the whole file again."


class HeaderLiesError(SoundError):
    """The header contradicts itself or the content."""

    reason = "audio_header_lies"
    advice = "Open it in a sound editor, listen, and export it again."


class CorruptError(SoundError):
    """The codec library gives up on the content."""

    reason = "audio_corrupt"
    advice = "The file was damaged: send it again, or export it again from the original."


class NoSamplesError(SoundError):
    """A valid file in which no sound follows."""

    reason = "audio_no_samples"
    advice = "Nothing was recorded: check the microphone and record again."


class NotFiniteError(SoundError):
    """Samples that are no numbers."""

    reason = "audio_not_finite"
    advice = "Export it again as 16-bit WAV or FLAC; if it stays, the original is damaged."


class OutOfScaleError(SoundError):
    """Samples far beyond full scale."""

    reason = "audio_out_of_scale"
    advice = "Float files run from -1 to 1: export it again, or as 16-bit."


class RateOutOfRangeError(SoundError):
    """A sampling rate of zero, or outside the limits."""

    reason = "audio_rate_out_of_range"
    advice = "Record at 16 kHz or above; 44.1 and 48 kHz are fine."


class TooManyChannelsError(SoundError):
    """More channels than are accepted."""

    reason = "audio_too_many_channels"
    advice = "Export it in mono or stereo."


class TooLongError(SoundError):
    """More sound than is accepted."""

    reason = "audio_too_long"
    advice = "Cut the recording into parts, or raise max_seconds."


class DecoderCrashedError(SoundError):
    """The decoder died of this file; the next file gets a fresh one."""

    reason = "audio_decoder_crashed"
    advice = "The file is damaged or hostile: keep it aside, and export it again from the original."


class DecoderTimeoutError(SoundError):
    """Decoding took longer than is accepted."""

    reason = "audio_decoder_timeout"
    advice = "Export it again, or raise wall_seconds and cpu_seconds."


class DecoderMemoryError(SoundError):
    """Decoding took more memory than is accepted."""

    reason = "audio_decoder_memory"
    advice = "Export it again, or raise memory_mib."


REASONS: dict[str, type[SoundError]] = {kind.reason: kind for kind in SoundError.__subclasses__()}
"""Every way in which a sound file is refused."""

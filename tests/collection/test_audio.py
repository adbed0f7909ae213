"""Decoding untrusted sound files: what is accepted, what is refused and why, and that nothing gets through."""

from __future__ import annotations

import dataclasses
import io
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collection import audio
from collection.audio import AudioLimits, Sound, decode, decode_flac, decode_flac_part, encode_flac
from collection.errors import AudioError, ParlureError
from collection.sound import sandbox
from collection.sound.refusals import REASONS, CorruptError, SoundError
from tests.factories import ACCENTED_NAME, RATE, clipped, encoded, muxed, noise, pcm16, silence, tone, wav

TONE = tone()
HIGH = tone(rate=48_000)


def save(folder: Path, data: bytes, name: str = "sound.wav") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refusal(path: Path, limits: AudioLimits | None = None) -> str:
    """The reason of a refusal; checks that the message names the file and is a sentence that says what to do."""
    with pytest.raises(AudioError) as caught:
        decode(path, limits)
    error = caught.value
    assert isinstance(error, SoundError) and isinstance(error, ParlureError)
    assert repr(path.name) in str(error) and str(error).endswith(".") and error.advice in str(error)
    return error.reason


GOOD = {
    "wav pcm16": (encoded(TONE), "wav", "pcm_16", RATE),
    "wav pcm8": (encoded(TONE, codec="PCM_U8"), "wav", "pcm_u8", RATE),
    "wav pcm24 48k": (encoded(HIGH, codec="PCM_24", rate=48_000), "wav", "pcm_24", 48_000),
    "wav float": (encoded(TONE, codec="FLOAT"), "wav", "float", RATE),
    "wav telephone": (encoded(tone(rate=8000), codec="ULAW", rate=8000), "wav", "ulaw", 8000),
    "flac 44.1k": (encoded(tone(rate=44_100), "FLAC", rate=44_100), "flac", "pcm_16", 44_100),
    "ogg opus": (encoded(TONE, "OGG", "OPUS"), "ogg", "opus", RATE),
    "ogg vorbis": (encoded(tone(rate=44_100), "OGG", "VORBIS", 44_100), "ogg", "vorbis", 44_100),
    "mp3": (encoded(tone(rate=44_100), "MP3", "MPEG_LAYER_III", 44_100), "mp3", "mpeg_layer_iii", 44_100),
    "m4a": (muxed(HIGH), "m4a", "aac", 48_000),
    "m4a 44.1k": (muxed(tone(rate=44_100), rate=44_100), "m4a", "aac", 44_100),
    "webm": (muxed(HIGH, "webm", "libopus"), "webm", "opus", 48_000),
}


@pytest.mark.parametrize("kind", GOOD)
def test_each_allowed_kind_gives_the_tone_back(tmp_path: Path, kind: str) -> None:
    data, container, codec, rate = GOOD[kind]
    # The name lies on purpose: content decides.
    sound = decode(save(tmp_path, data, "sound.txt"))
    assert (sound.container, sound.codec, sound.original_rate, sound.channels) == (container, codec, rate, 1)
    assert sound.samples.dtype == np.float32 and sound.samples.ndim == 1
    assert sound.duration == pytest.approx(1.0, abs=0.06)
    middle = sound.samples[4000:12_000]
    # A sine of amplitude 0.5 has RMS 0.5 / sqrt(2), and in half a second of 440 Hz all energy lies in bin 220.
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3536, rel=0.02)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 220


def test_channels_are_averaged_and_counted(tmp_path: Path) -> None:
    stereo = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    sound = decode(save(tmp_path, encoded(stereo)))
    assert sound.channels == 2
    np.testing.assert_allclose(sound.samples, TONE / 2, atol=1e-4)


@pytest.mark.parametrize("name", [ACCENTED_NAME, os.fsdecode(b"\xe9l\xe8ve.wav"), "a b\nc.wav"])
def test_any_file_name_is_fine(tmp_path: Path, name: str) -> None:
    assert isinstance(decode(save(tmp_path, encoded(TONE), name)), Sound)
    assert refusal(save(tmp_path, b"", name)) == "audio_empty_file"


def test_long_sound_in_many_blocks_is_the_short_way_in_one(tmp_path: Path) -> None:
    """Blocks leave no seam: 20 s at 44.1 kHz through MP3 and through resampling."""
    import soundfile
    import soxr

    path = save(tmp_path, encoded(noise(20, 0.1, 44_100), "MP3", "MPEG_LAYER_III", 44_100))
    whole = soxr.resample(soundfile.read(path, dtype="float32")[0], 44_100, RATE)
    got = decode(path).samples
    assert abs(len(got) - len(whole)) <= 1
    least = min(len(got), len(whole))
    np.testing.assert_allclose(got[:least], whole[:least], atol=1e-5)


PCM = pcm16(TONE)
WAV = encoded(TONE)
OGG = encoded(tone(3), "OGG", "OPUS")
FLAC = encoded(tone(3), "FLAC")
M4A = muxed(HIGH)
WEBM = muxed(HIGH, "webm", "libopus")
NAN = np.where(np.arange(RATE) == 9000, np.nan, TONE).astype(np.float32)


def flac_without_rate() -> bytes:
    return FLAC[:18] + bytes([0, 0, FLAC[20] & 0x0F]) + FLAC[21:]


def flac_without_samples() -> bytes:
    """A FLAC file that ends after its stream information (marked as the last block)."""
    return b"fLaC\x80" + FLAC[5:21] + bytes([FLAC[21] & 0xF0, 0, 0, 0, 0]) + FLAC[26:42]


BAD = {
    "empty": (b"", "audio_empty_file"),
    "text": (b"Bonjour, ceci est du texte.\n" * 50, "audio_not_a_sound_file"),
    "accented text": ("élève, où ça ?\n".encode() * 50, "audio_not_a_sound_file"),
    "random": (np.random.default_rng(1).bytes(4096).replace(b"\xff", b"\x00"), "audio_not_a_sound_file"),
    "one byte": (b"R", "audio_not_a_sound_file"),
    "zip": (b"PK\x03\x04" + bytes(100), "audio_container_not_allowed"),
    "aiff": (encoded(TONE, "AIFF"), "audio_container_not_allowed"),
    "rf64": (encoded(TONE, "RF64"), "audio_container_not_allowed"),
    "adts": (muxed(HIGH, "adts"), "audio_container_not_allowed"),
    "matroska": (muxed(HIGH, "matroska", "libopus"), "audio_container_not_allowed"),
    "avi": (b"RIFF" + bytes(4) + b"AVI " + bytes(100), "audio_container_not_allowed"),
    "heic": (b"\x00\x00\x00\x18ftypheic" + bytes(100), "audio_container_not_allowed"),
    "wav around adpcm": (encoded(TONE, codec="IMA_ADPCM"), "audio_codec_not_allowed"),
    "wav around gsm": (encoded(tone(rate=8000), codec="GSM610", rate=8000), "audio_codec_not_allowed"),
    "m4a around alac": (muxed(HIGH, "mp4", "alac"), "audio_codec_not_allowed"),
    "m4a around mp3": (muxed(HIGH, "mp4", "libmp3lame"), "audio_codec_not_allowed"),
    "ogg around flac": (muxed(HIGH, "ogg", "flac"), "audio_codec_not_allowed"),
    "video": (muxed(HIGH, video=True), "audio_has_video"),
    "two tracks": (muxed(HIGH, tracks=2), "audio_several_streams"),
    "chained ogg": (OGG + encoded(tone(), "OGG", "VORBIS"), "audio_several_streams"),
    "wav cut": (WAV[: len(WAV) // 2], "audio_truncated"),
    "wav cut in its header": (WAV[:30], "audio_truncated"),
    "ogg cut": (OGG[: len(OGG) // 2], "audio_truncated"),
    "ogg without its last page": (OGG[: OGG.rfind(b"OggS")], "audio_truncated"),
    "flac cut": (FLAC[: len(FLAC) // 2], "audio_truncated"),
    "flac cut in its header": (FLAC[:20], "audio_truncated"),
    "mp3 cut": (encoded(tone(5), "MP3", "MPEG_LAYER_III")[:6000], "audio_truncated"),
    "m4a cut": (M4A[: len(M4A) // 2], "audio_truncated"),
    "m4a never finished": (M4A[: M4A.rfind(b"moov") - 4], "audio_truncated"),
    "webm cut": (WEBM[: len(WEBM) // 2], "audio_truncated"),
    "header without end": (wav(PCM, announced=0xFFFFFFFF), "audio_header_lies"),
    "header never completed": (wav(PCM, announced=0), "audio_header_lies"),
    "header too short": (wav(PCM, announced=16_000), "audio_header_lies"),
    "header of another rate": (wav(PCM, byte_rate=16_000), "audio_header_lies"),
    "header of another width": (wav(PCM, block=4), "audio_header_lies"),
    "no channel": (wav(PCM, channels=0, block=2), "audio_header_lies"),
    "wav and zip in one": (WAV + b"PK\x03\x04" + bytes(200), "audio_header_lies"),
    "ogg and zip in one": (OGG + b"PK\x03\x04" + bytes(200), "audio_header_lies"),
    "m4a and zip in one": (M4A + b"PK\x03\x04" + bytes(200), "audio_header_lies"),
    "zero rate": (wav(PCM, rate=0, byte_rate=32_000), "audio_rate_out_of_range"),
    "zero rate flac": (flac_without_rate(), "audio_rate_out_of_range"),
    "low rate": (encoded(tone(rate=4000), rate=4000), "audio_rate_out_of_range"),
    "high rate": (wav(PCM, rate=400_000), "audio_rate_out_of_range"),
    "no sample": (wav(b""), "audio_no_samples"),
    "no sample flac": (flac_without_samples(), "audio_no_samples"),
    "nan": (encoded(NAN, codec="FLOAT"), "audio_not_finite"),
    "infinite": (encoded(np.where(np.isnan(NAN), -np.inf, NAN).astype("f4"), codec="FLOAT"), "audio_not_finite"),
    "another scale": (encoded(TONE * 32_768, codec="FLOAT"), "audio_out_of_scale"),
    "channels": (encoded(np.zeros((160, 9), np.float32)), "audio_too_many_channels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_bad_kind_has_its_own_reason_whatever_its_name(tmp_path: Path, kind: str) -> None:
    data, reason = BAD[kind]
    assert refusal(save(tmp_path, data)) == reason
    # The next file is none the worse for it.
    assert len(decode(save(tmp_path, WAV, "next.wav")).samples) == RATE


@pytest.mark.parametrize("chunk", [b"LIST\x04\x00\x00\x00INFO", b"id3 \x02\x00\x00\x00ab", b"\x00\x00"])
def test_chunks_after_the_sound_are_no_lie(tmp_path: Path, chunk: bytes) -> None:
    assert len(decode(save(tmp_path, wav(PCM, after=chunk))).samples) == RATE


def test_what_is_no_file_is_said_at_once(tmp_path: Path) -> None:
    good = save(tmp_path, WAV)
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(good)
    (tmp_path / "lost.wav").symlink_to(tmp_path / "nowhere.wav")
    assert refusal(tmp_path / "pipe.wav") == "audio_not_a_file"
    assert refusal(Path("/dev/zero")) == "audio_not_a_file"
    assert refusal(tmp_path) == "audio_not_a_file"
    assert refusal(tmp_path / "link.wav") == refusal(tmp_path / "lost.wav") == "audio_is_a_link"
    assert refusal(tmp_path / "nowhere.wav") == refusal(good / "below.wav") == "audio_missing_file"
    assert refusal(Path("a\0b.wav")) == "audio_unreadable_file"
    follow = AudioLimits(follow_links=True)
    assert len(decode(tmp_path / "link.wav", follow).samples) == RATE
    assert refusal(tmp_path / "lost.wav", follow) == "audio_missing_file"


def test_limits_hold_on_what_is_decoded(tmp_path: Path) -> None:
    # 100 s of silence in few kB: the size says nothing of the length.
    path = save(tmp_path, encoded(silence(100), "FLAC"))
    assert path.stat().st_size < 20_000
    assert refusal(path, AudioLimits(max_seconds=99.9)) == "audio_too_long"
    assert len(decode(path, AudioLimits(max_seconds=100)).samples) == 100 * RATE
    assert refusal(path, AudioLimits(max_bytes=1000)) == "audio_too_large"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes of silence at 48 kHz in little room: 115 MB of float32 as they are decoded."""
    return save(tmp_path_factory.mktemp("long"), encoded(silence(600, 48_000), "FLAC", rate=48_000), "long.flac")


def test_memory_time_and_processor_are_limited(tmp_path: Path, long: Path) -> None:
    # Blocks of 8 channels need over 8 MiB, more than a process may have lying free when its memory is limited.
    wide = save(tmp_path, encoded(np.zeros((200_000, 8), np.float32), "FLAC"), "wide.flac")
    assert refusal(wide, AudioLimits(memory_mib=1)) == "audio_decoder_memory"
    assert refusal(long, AudioLimits(wall_seconds=0.05)) == "audio_decoder_timeout"
    # Memory does not grow with the length: the samples are 115 MB.
    assert decode(long, AudioLimits(memory_mib=64)).duration == pytest.approx(600)


def decoding_child() -> int:
    """The process id of the child that decodes now."""
    while True:
        running = sandbox._decoder
        if running is not None:
            pid = running.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if children:
                return int(children[0])
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSEGV, "audio_decoder_crashed"),
        (signal.SIGXCPU, "audio_decoder_timeout"),
        (signal.SIGKILL, "audio_decoder_memory"),
    ],
)
def test_a_child_that_dies_takes_only_its_file(tmp_path: Path, long: Path, number: int, reason: str) -> None:
    decode(save(tmp_path, WAV))
    before = sandbox._decoder
    killer = threading.Thread(target=lambda: os.kill(decoding_child(), number))
    killer.start()
    assert refusal(long) == reason
    killer.join()
    assert len(decode(tmp_path / "sound.wav").samples) == RATE
    assert sandbox._decoder is before


def test_a_decoder_killed_while_idle_or_at_work_is_replaced(tmp_path: Path, long: Path) -> None:
    good = save(tmp_path, WAV)
    decode(good)
    assert sandbox._decoder is not None
    os.kill(sandbox._decoder.process.pid, signal.SIGKILL)
    assert len(decode(good).samples) == RATE
    killer = threading.Thread(target=lambda: (decoding_child(), os.kill(sandbox._decoder.process.pid, signal.SIGKILL)))  # type: ignore[union-attr]
    killer.start()
    with pytest.raises(SoundError) as caught:
        decode(long)
    killer.join()
    assert caught.value.reason == "audio_decoder_crashed"
    assert len(decode(good).samples) == RATE


def decoder_of_this_process(path: Path) -> tuple[int, int, int]:
    samples = decode(path).samples
    assert sandbox._decoder is not None
    return os.getpid(), sandbox._decoder.process.pid, len(samples)


def test_pool_workers_have_decoders_of_their_own(tmp_path: Path) -> None:
    path, bad = save(tmp_path, WAV), save(tmp_path, b"", "bad.wav")
    ours = decoder_of_this_process(path)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        answers = set(pool.map(decoder_of_this_process, [path] * 6))
        assert all(length == RATE and decoder != ours[1] for _, decoder, length in answers)
        assert len({worker for worker, *_ in answers}) == len({decoder for _, decoder, _ in answers})
        np.testing.assert_array_equal(pool.submit(decode, path).result().samples, decode(path).samples)
        with pytest.raises(SoundError) as caught:
            pool.submit(decode, bad).result()
        assert caught.value.reason == "audio_empty_file" and "bad.wav" in str(caught.value)
    # The workers are gone, and so are their decoders; ours stays.
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{decoder}").exists() for _, decoder, _ in answers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(Path(f"/proc/{decoder}").exists() for _, decoder, _ in answers)
    assert decoder_of_this_process(path) == ours


def test_threads_take_turns(tmp_path: Path) -> None:
    paths = [save(tmp_path, encoded(tone(0.1 * (n + 1))), f"{n}.wav") for n in range(8)]
    lengths: dict[int, int] = {}

    def work(n: int) -> None:
        lengths[n] = len(decode(paths[n]).samples)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == {n: round(0.1 * (n + 1) * RATE) for n in range(8)}


def test_the_decoder_imports_little_and_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = "import sys, collection.sound.decoder; print(*sys.modules)"
    command = [sys.executable, "-c", listing]
    modules = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert not modules & {"torch", "datasets", "hydra", "pandas", "pyarrow", "collection.schema", "collection.audio"}
    monkeypatch.setenv("HF_TOKEN", "secret")
    sandbox.close()
    decode(save(tmp_path, WAV))
    assert sandbox._decoder is not None
    assert b"secret" not in Path(f"/proc/{sandbox._decoder.process.pid}/environ").read_bytes()


def test_nothing_new_can_be_opened_while_decoding() -> None:
    script = (
        "import socket, collection.sound.decoder as d\n"
        "d._confine({'memory_mib': 64, 'cpu_seconds': 5})\n"
        "for attempt in (lambda: open('/etc/passwd'), socket.socket, lambda: open('/dev/null', 'w')):\n"
        "    try: attempt()\n"
        "    except OSError as error: print(error.errno)\n"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout.split() == ["24"] * 3


def test_every_reason_is_its_own_and_survives_pickling() -> None:
    kinds = SoundError.__subclasses__()
    assert len({kind.reason for kind in kinds}) == len(kinds) == len(REASONS)
    for kind in kinds:
        copy = pickle.loads(pickle.dumps(kind("'a.wav': it is empty.")))
        assert type(copy) is kind and str(copy) == "'a.wav': it is empty." and copy.reason.startswith("audio_")


def test_limits_are_a_config_that_hydra_can_merge() -> None:
    from omegaconf import OmegaConf

    merged = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(AudioLimits), {"max_seconds": 5}))
    assert merged == dataclasses.replace(AudioLimits(), max_seconds=5.0)


SECRETS = {"title": "Zoé Martin", "artist": "École Jules-Ferry", "comment": "48.8566N 2.3522E"}


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "m4a"])
def test_no_metadata_of_the_input_reaches_the_flac(tmp_path: Path, kind: str) -> None:
    data = {
        "wav": lambda: encoded(TONE, **SECRETS),
        "flac": lambda: encoded(TONE, "FLAC", **SECRETS),
        "ogg": lambda: encoded(TONE, "OGG", "VORBIS", **SECRETS),
        "mp3": lambda: encoded(TONE, "MP3", "MPEG_LAYER_III", **SECRETS),
        "m4a": lambda: muxed(HIGH, **SECRETS),
    }[kind]()
    assert b"Martin" in data and b"Jules-Ferry" in data
    out = encode_flac(decode(save(tmp_path, data)).samples)
    for secret in ("Zo", "Martin", "Jules", "Ferry", "48.8566", "Lavf", "title", "TITLE"):
        assert secret.encode() not in out
    # After the stream information only an empty comment block (the library's name) may come before the first frame.
    assert out[:4] == b"fLaC" and len(out) - len(encode_flac(TONE)) < 4000


def test_flac_is_deterministic_and_exact_to_16_bits() -> None:
    sound = np.concatenate([TONE, noise(), clipped(), [1.0, -1.0, 1.5, -1.5]]).astype(np.float32)
    first = encode_flac(sound)
    assert first == encode_flac(sound.copy())
    back = decode_flac(first)
    assert back.dtype == np.float32 and back.shape == sound.shape
    assert np.abs(back - np.clip(sound, -1, 32767 / 32768)).max() <= 0.5 / 32768 + 1e-7
    np.testing.assert_array_equal(decode_flac(encode_flac(back)), back)
    assert encode_flac(back) == first


def test_flac_of_ours_is_a_file_that_decode_accepts(tmp_path: Path) -> None:
    sound = decode(save(tmp_path, encode_flac(TONE)))
    np.testing.assert_array_equal(sound.samples, decode_flac(encode_flac(TONE)))
    assert (sound.container, sound.codec) == ("flac", "pcm_16")


@pytest.mark.parametrize(
    "data", [b"", b"text", WAV, encoded(HIGH, "FLAC", rate=48_000), encode_flac(noise())[:9000]], ids=range(5)
)
def test_a_row_that_is_not_ours_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptError, match="build the release again"):
        decode_flac(data)


@pytest.mark.parametrize(
    "samples", [np.zeros((10, 2), np.float32), np.array([np.nan], np.float32), np.zeros(0, np.float32)]
)
def test_only_finite_mono_is_encoded(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite mono"):
        encode_flac(samples)


SEEDS = [
    WAV[:4000],
    OGG,
    FLAC[:6000],
    M4A,
    WEBM,
    encoded(TONE, "MP3", "MPEG_LAYER_III"),
    encoded(TONE, "OGG", "VORBIS"),
]


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A real file with some bytes changed, perhaps cut, perhaps with a part of another file spliced in."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 8))):
        # Headers are where parsers fail: half of the changes go there.
        limit = draw(st.sampled_from([64, 512, len(data)]))
        data[draw(st.integers(0, min(limit, len(data)) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data[at:at] = draw(st.sampled_from(SEEDS))[: draw(st.integers(0, 600))]
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=300), mutations()))
def test_any_bytes_give_a_sound_or_a_typed_error(tmp_path: Path, data: bytes) -> None:
    path = save(tmp_path, data)
    try:
        sound = decode(path, AudioLimits(max_seconds=60, wall_seconds=20))
    except SoundError as error:
        assert error.reason in REASONS
    else:
        assert len(sound.samples) and np.isfinite(sound.samples).all()


@pytest.mark.shared
def test_real_recordings_decode(shared: Path) -> None:
    paths = sorted((shared / "corpora/speechocean762/WAVE").rglob("*.opus"))[:5]
    for path in paths:
        sound = decode(path)
        assert (sound.container, sound.codec, sound.original_rate) == ("ogg", "opus", RATE)
        assert 0.5 < sound.duration < 30


@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 1.0), (0.25, 0.5), (0.9, 7.0), (-1.0, 0.1), (0.5, 0.5), (3.0, 4.0), (0.6, 0.2)]
)
def test_a_part_of_a_flac_is_that_part_of_its_samples(start: float, end: float) -> None:
    data = encode_flac(noise(1.0, rms=0.1))
    whole = decode_flac(data)
    first, last = max(0, round(start * 16_000)), max(0, round(end * 16_000))
    assert np.array_equal(decode_flac_part(io.BytesIO(data), start, end), whole[first:last])


def test_a_part_of_anything_else_is_refused() -> None:
    for data in (b"", b"fLaC and no more", encoded(tone(1.0)), encoded(tone(1.0), "FLAC", rate=8_000)):
        with pytest.raises(CorruptError):
            decode_flac_part(io.BytesIO(data), 0.0, 0.5)


def test_a_long_sound_is_encoded_in_parts_to_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = noise(1.0, rms=0.4)
    whole = encode_flac(sound)
    monkeypatch.setattr(audio, "_PART", 1000)
    assert encode_flac(sound) == whole

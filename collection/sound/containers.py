"""Sound containers told apart by their bytes, and checked for being whole, before any codec library sees them.

Pure reading of headers, standard library only: it runs inside the decoding sandbox. Published layouts: RIFF/WAVE
(Microsoft and IBM, 1991), Ogg (RFC 3533), Opus in Ogg (RFC 7845), FLAC (RFC 9639), ISO base media (ISO/IEC 14496-12),
Matroska (RFC 9559), MPEG audio (ISO/IEC 11172-3).
"""

from __future__ import annotations

import struct
from typing import BinaryIO

MAX_CHUNKS = 4096
"""Chunks or boxes walked before a file is taken for a trap."""

OGG_PAGE_MAX = 65_307
"""Bytes of the largest Ogg page (RFC 3533)."""

MP4_BRANDS = frozenset(
    b"M4A |M4B |mp41|mp42|isom|iso2|iso3|iso4|iso5|iso6|dash|3gp4|3gp5|3gp6".split(b"|"),
)

KNOWN_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"FORM", "an AIFF file"),
    (b"caff", "a Core Audio file"),
    (b"RF64", "an RF64 file"),
    (b"0&\xb2u", "a Windows Media file"),
    (b"#!AMR", "an AMR file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)


class RefusedError(Exception):
    """The file cannot be used: a stable ``reason`` (see ``collection.audio``) and the ``detail`` of this file."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def identify(head: bytes) -> str:
    """Return ``wav``, ``flac``, ``ogg``, ``mp3``, ``m4a`` or ``webm`` from the first 64 bytes, or refuse by name."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[4:8] == b"ftyp":
        if head[8:12] in MP4_BRANDS:
            return "m4a"
        raise RefusedError("audio_container_not_allowed", f"it is an ISO media file of brand {head[8:12]!r}")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        if b"webm" in head:
            return "webm"
        raise RefusedError("audio_container_not_allowed", "it is a Matroska file that is not WebM")
    if head[:3] == b"ID3" or _is_layer_three(head[:4]):
        return "mp3"
    if head[:2] == b"\xff\xf1" or head[:2] == b"\xff\xf9":
        raise RefusedError("audio_container_not_allowed", "it is bare AAC (ADTS) without a container")
    if head[:4] == b"RIFF":
        raise RefusedError("audio_container_not_allowed", "it is a RIFF file that is not WAVE (a video, perhaps)")
    for magic, name in KNOWN_STRANGERS:
        if head.startswith(magic):
            raise RefusedError("audio_container_not_allowed", f"it is {name}")
    looks_like_text = bool(head) and all(byte in b"\t\r\n" or 32 <= byte < 127 or byte >= 0xC2 for byte in head)
    raise RefusedError(
        "audio_not_a_sound_file", "it holds text" if looks_like_text else "its first bytes are no sound's"
    )


def inspect(file: BinaryIO, size: int) -> str:
    """Return the container of a file of ``size`` bytes, or refuse one that is cut short or contradicts itself.

    MP3 without a length header, and WebM recorded live, do not say how long they are: there a cut cannot be seen.
    """
    file.seek(0)
    container = identify(file.read(64))
    {"wav": _wav, "flac": _flac, "ogg": _ogg, "mp3": _mp3, "m4a": _m4a, "webm": _webm}[container](file, size)
    file.seek(0)
    return container


def _cut(detail: str) -> RefusedError:
    return RefusedError("audio_truncated", detail)


def _lie(detail: str) -> RefusedError:
    return RefusedError("audio_header_lies", detail)


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _wav(file: BinaryIO, size: int) -> None:
    offset, format_seen = 12, False
    for _ in range(MAX_CHUNKS):
        header = _at(file, offset, 8)
        if len(header) < 8:
            raise _cut("it ends before its sound begins")
        name, length = struct.unpack("<4sI", header)
        if name == b"fmt ":
            _wav_format(_at(file, offset + 8, 16))
            format_seen = True
        elif name == b"data":
            if not format_seen:
                raise _lie("its sound comes before its format")
            return _wav_data(file, size, offset + 8, length)
        offset += 8 + length + length % 2
    raise _lie(f"it has more than {MAX_CHUNKS} chunks")


def _wav_format(body: bytes) -> None:
    if len(body) < 16:
        raise _cut("it ends inside its header")
    tag, channels, rate, byte_rate, block, bits = struct.unpack("<HHIIHH", body)
    if rate == 0:
        raise RefusedError("audio_rate_out_of_range", "its header gives a rate of 0 Hz")
    if channels == 0:
        raise _lie("its header gives 0 channels")
    if tag in (1, 3, 0xFFFE):
        if block != channels * ((bits + 7) // 8):
            raise _lie(f"its header gives {block} bytes a frame for {channels} channels of {bits} bits")
        if byte_rate not in (0, rate * block):
            raise _lie(f"its header gives {rate} Hz, but {byte_rate} bytes a second of {block} bytes a frame")


def _wav_data(file: BinaryIO, size: int, start: int, length: int) -> None:
    there = size - start
    if length > there:
        if length >= 0x7FFF0000:
            raise _lie("its header was never completed: it announces a sound without end")
        raise _cut(f"its header announces {length} bytes of sound, {there} are there")
    end = start + length + length % 2
    if size - end < 8:
        return
    name, after = struct.unpack("<4sI", _at(file, end, 8))
    is_chunk = all(32 <= byte < 127 for byte in name) and after <= size - end - 8
    if not is_chunk:
        raise _lie(f"its header announces {length} bytes of sound, and {size - end} unexplained bytes follow them")


def _flac(file: BinaryIO, size: int) -> None:
    info = _at(file, 4, 38)
    if len(info) < 38:
        raise _cut("it ends inside its header")
    if info[0] & 0x7F or int.from_bytes(info[1:4], "big") != 34:
        raise _lie("it does not begin with its stream information")
    if int.from_bytes(info[14:17], "big") >> 4 == 0:
        raise RefusedError("audio_rate_out_of_range", "its header gives a rate of 0 Hz")


def _ogg_page(page: bytes) -> tuple[int, int, int, int]:
    """Return (flags, serial, header bytes, body bytes) of a page."""
    if len(page) < 27 or len(page) < 27 + page[26]:
        raise _cut("it ends inside a page")
    return page[5], int.from_bytes(page[14:18], "little"), 27 + page[26], sum(page[27 : 27 + page[26]])


def _ogg(file: BinaryIO, size: int) -> None:
    first = _at(file, 0, OGG_PAGE_MAX)
    _, serial, header, body = _ogg_page(first)
    packet = first[header : header + 8]
    if packet != b"OpusHead" and packet[:7] != b"\x01vorbis":
        known = {b"Spee": "Speex", b"\x7fFLA": "FLAC in Ogg", b"\x80the": "Theora video", b"fish": "several streams"}
        raise RefusedError("audio_codec_not_allowed", f"its codec is {known.get(packet[:4], 'unknown')}")
    second = _at(file, header + body, 27)
    if second[:4] == b"OggS" and second[5] & 2:
        raise RefusedError("audio_several_streams", "it holds several streams side by side")
    tail_start = max(0, size - OGG_PAGE_MAX)
    tail = _at(file, tail_start, OGG_PAGE_MAX)
    last = tail.rfind(b"OggS")
    flags, last_serial, header, body = _ogg_page(tail[last:]) if last >= 0 else (0, serial, 0, -1)
    missing = last + header + body - len(tail)
    if last < 0 or missing < 0:
        raise _lie("bytes that are no Ogg page follow its end")
    if missing > 0 or not flags & 4:
        raise _cut("its last page is not there")
    if last_serial != serial:
        raise RefusedError("audio_several_streams", "it holds several streams one after the other")


def _is_layer_three(frame: bytes) -> bool:
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return False
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    return version != 1 and layer == 1 and 0 < frame[2] >> 4 < 15 and frame[2] >> 2 & 3 != 3


def _mp3(file: BinaryIO, size: int) -> None:
    start, head = 0, _at(file, 0, 10)
    if head[:3] == b"ID3":
        if len(head) < 10:
            raise _cut("it ends inside its header")
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    if start >= size:
        raise _cut("it ends before its sound begins")
    frame = _at(file, start, 64)
    for mark in (b"Xing", b"Info"):
        at = frame.find(mark)
        if at >= 0 and len(frame) >= at + 16 and frame[at + 7] & 2:
            field = at + 8 + (4 if frame[at + 7] & 1 else 0)
            announced = int.from_bytes(frame[field : field + 4], "big")
            if announced > size - start:
                raise _cut(f"its header announces {announced} bytes of sound, {size - start} are there")


def _m4a(file: BinaryIO, size: int) -> None:
    offset, seen = 0, set()
    for _ in range(MAX_CHUNKS):
        header = _at(file, offset, 16)
        if len(header) < 8:
            break
        length, name = struct.unpack(">I4s", header[:8])
        if not all(32 <= byte < 127 for byte in name):
            raise _lie(f"bytes that are no box follow at byte {offset}")
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:], "big")
        length = length or size - offset
        if length < 8:
            raise _lie(f"its box {name.decode()!r} is shorter than its own header")
        if offset + length > size:
            raise _cut(f"its box {name.decode()!r} ends {offset + length - size} bytes after the file")
        seen.add(name)
        offset += length
    else:
        raise _lie(f"it has more than {MAX_CHUNKS} boxes")
    if b"moov" not in seen or not seen & {b"mdat", b"moof"}:
        raise _cut("the recording was never finished: its table of contents or its sound is not there")


def _vint(data: bytes, offset: int) -> tuple[int | None, int]:
    """Return a Matroska size (``None``: unknown) and the offset after it."""
    first = data[offset] if offset < len(data) else 0
    width = 9 - first.bit_length()
    if width > 8 or offset + width > len(data):
        raise _cut("it ends inside its header")
    value = int.from_bytes(data[offset : offset + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), offset + width


def _webm(file: BinaryIO, size: int) -> None:
    length, after = _vint(_at(file, 0, 64), 4)
    start = after + (length or 0)
    head = _at(file, start, 16)
    if head[:4] != b"\x18\x53\x80\x67":
        raise _cut("its segment is not there") if start + 4 >= size else _lie("its header is not followed by a segment")
    length, after = _vint(head, 4)
    if length is None:
        return
    end = start + after + length
    if end > size:
        raise _cut(f"its header announces {end} bytes, {size} are there")
    if end < size:
        raise _lie(f"{size - end} bytes follow the end that its header gives")

"""Scans of signed forms: what they are is read from their bytes, and images are written anew."""

from __future__ import annotations

import io
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.files import File
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

MAX_BYTES = 10 * 2**20
MAX_PIXELS = 40_000_000
"""An A4 page at 600 dpi has 35 million."""
PDF = "application/pdf"
SUFFIXES = {PDF: "pdf", "image/jpeg": "jpg", "image/png": "png"}
_PDF_START, _PDF_END = b"%PDF-", b"%%EOF"
_TAIL = 2048


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan that may be kept: its media type, as found, and its bytes."""

    kind: str
    data: bytes


def accepted(file: File[bytes]) -> Scan:
    """Return a scan of a PDF, JPEG or PNG file, whatever it calls itself; raises ``ValidationError`` for all others.

    Images are decoded and encoded again, which leaves out where a telephone took them and whatever was hidden in them.
    A PDF is kept as it is and never shown inside a page.
    """
    if (file.size or 0) > MAX_BYTES:
        raise ValidationError(_("Ce fichier est trop gros : 10 Mo au plus."))
    data = file.read(MAX_BYTES + 1)
    if data.startswith(_PDF_START) and _PDF_END in data[-_TAIL:]:
        return Scan(PDF, data)
    return _image(data)


def _image(data: bytes) -> Scan:
    """Return a picture as pixels and nothing else."""
    refused = ValidationError(_("Envoyez une photo (JPEG, PNG) ou un PDF de la feuille signée."))
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as found:
            if found.width * found.height > MAX_PIXELS:
                raise refused
            kind = f"image/{(found.format or '').lower()}"
            upright = ImageOps.exif_transpose(found).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise refused from error
    # Pixels only: nothing else of the file goes along.
    clean = Image.frombytes("RGB", upright.size, upright.tobytes())
    written = io.BytesIO()
    clean.save(written, "JPEG" if kind == "image/jpeg" else "PNG", optimize=True)
    return Scan(kind, written.getvalue())

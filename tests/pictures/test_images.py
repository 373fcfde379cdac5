"""Pictures are read within bounds, in the formats of photographs, and from where the settings say."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from recsys.data.sample.drawings import draw
from recsys.errors import BadInput
from recsys.pictures.images import difference_hash, open_image, reader


def saved(image: Image.Image, kind: str, **options) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def promising(width: int, height: int) -> bytes:
    """A PNG whose header promises many pixels and whose body is a few bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_each_format_gives_a_small_rgb_picture(kind):
    found = open_image(saved(Image.new("RGB", (3_000, 1_500), "red"), kind))
    assert (found.mode, found.size) == ("RGB", (1_024, 512))
    assert np.abs(np.asarray(found).mean((0, 1)) - (255, 0, 0)).max() < 5


def test_what_is_transparent_is_white_and_what_lies_on_its_side_stands_up():
    assert open_image(saved(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG")).getpixel((4, 4)) == (255, 255, 255)
    lying = Image.new("RGB", (40, 20), "blue")
    turned = lying.getexif()
    turned[0x0112] = 6  # a camera held upright
    assert open_image(saved(lying, "JPEG", exif=turned)).size == (20, 40)


def test_deep_grey_palettes_and_printers_colours_are_seen_as_they_are():
    grey = Image.fromarray(np.full((16, 16), 32_896, np.uint16))  # half of what sixteen bits hold
    assert open_image(saved(grey, "PNG")).getpixel((8, 8)) == (128, 128, 128)
    assert open_image(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")).getpixel((8, 8)) == (255, 0, 0)
    stripes = Image.fromarray((np.indices((2_048, 2_048)).sum(0) % 2).astype(np.uint8)).convert("P")
    stripes.putpalette([0, 0, 0, 255, 255, 255])
    small = np.asarray(open_image(saved(stripes, "PNG")))
    assert np.abs(small.astype(int) - 127).max() <= 4  # the mean of a chessboard, and not one of its colours
    half = Image.new("P", (8, 8), 0)
    half.putpalette([255, 0, 0])
    assert open_image(saved(half, "PNG", transparency=0)).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_of_what_moves_the_first_frame_is_seen(kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    found = open_image(saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True))
    assert found.getpixel((8, 8)) == (255, 0, 0)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no image in one of the formats JPEG, PNG"),
        (SVG, "no image in one of the formats"),
        (saved(Image.new("RGB", (8, 8)), "TIFF"), "no image in one of the formats"),
        (saved(Image.new("RGB", (80, 80), "red"), "PNG")[:80], "damaged|no image"),
        (promising(30_000, 30_000), "at most 40,000,000 pixels"),
        (promising(2**31 - 1, 2**31 - 1), "at most 40,000,000 pixels"),
        (bytes(10 * 2**20 + 1), "at most 10,485,760 bytes"),
    ],
    ids=["empty", "svg", "tiff", "cut short", "a bomb", "a larger bomb", "large"],
)
def test_what_is_no_picture_is_refused_with_the_reason(content, said):
    with pytest.raises(BadInput, match=said):
        open_image(content)


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]), st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_damage_anywhere_is_a_picture_or_a_refusal(kind, at, noise):
    whole = saved(Image.new("RGB", (24, 16), "green"), kind)
    for content in (whole[:at], whole[:at] + noise + whole[at + len(noise) :], noise + whole[8:]):
        try:
            found = open_image(content)
        except BadInput:
            continue
        assert found.mode == "RGB"


def test_paths_stay_within_the_folder_and_addresses_are_fetched(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "red.png").write_bytes(draw("A1", "red spade", "garden"))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "large.png").write_bytes(bytes(10 * 2**20 + 1))
    read = reader(folder)
    assert read("red.png") == draw("A1", "red spade", "garden")
    for source, said in [
        ("../secret.png", "leads out of"),
        (str(tmp_path / "secret.png"), "leads out of"),
        ("missing.png", "No such file"),
        ("large.png", "more than 10,485,760 bytes"),
        ("file:///etc/passwd", "cannot be read|leads out"),
    ]:
        with pytest.raises(BadInput, match=said):
            read(source)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert read(f"{address}/red.png") == read("red.png")
        with pytest.raises(BadInput, match="not found"):
            read(f"{address}/missing.png")
        with pytest.raises(BadInput, match="more than"):
            read(f"{address}/large.png")
        server.shutdown()
    with pytest.raises(BadInput, match="cannot be fetched"):
        read("http://127.0.0.1:1/red.png")
    with pytest.raises(BadInput, match="offline"):
        reader(folder, offline=True)("https://shop.example/red.png")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_prints_of_one_picture_have_nearly_one_hash_and_other_pictures_another():
    one = open_image(draw("A1", "red spade", "garden"))
    print_of_it = open_image(saved(one.resize((120, 120)), "JPEG", quality=60))
    other = open_image(draw("B7", "blue pan", "kitchen"))
    bits = lambda a, b: bin(difference_hash(a) ^ difference_hash(b)).count("1")  # noqa: E731
    assert bits(one, print_of_it) <= 5
    assert bits(one, other) > 8

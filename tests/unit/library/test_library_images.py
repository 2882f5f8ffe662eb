"""Resizing, filters and thumbnails, on images made here."""

from pathlib import Path

import pytest
from PIL import Image

from pool.library import images
from pool.library.errors import LibraryError
from pool.library.images import filter_image, make_thumbnails, resize_image


@pytest.fixture
def picture(folder):
    path = folder / "picture.png"
    Image.effect_mandelbrot((400, 200), (-2, -1, 1, 1), 20).convert("RGB").save(path)
    return str(path)


@pytest.mark.parametrize(("fit", "expected"), [("inside", (100, 50)), ("cover", (100, 100)), ("exact", (100, 100))])
def test_an_image_is_resized(picture, grant, fit, expected):
    result = resize_image.func(picture, 100, 100, fit=fit, grant=grant)
    assert expected == (result["to"]["width"], result["to"]["height"])
    with Image.open(result["output"]) as image:
        assert expected == image.size


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_a_transparent_image_can_be_saved_in_every_format(folder, grant, output_format):
    Image.new("RGBA", (20, 20), (255, 0, 0, 100)).save(folder / "clear.png")
    result = resize_image.func(str(folder / "clear.png"), 10, 10, output_format=output_format, grant=grant)
    with Image.open(result["output"]) as image:
        assert output_format.upper() == image.format


@pytest.mark.parametrize("suffix", ["gif", "bmp", "ico", "tiff"])
def test_images_with_a_palette_and_of_other_formats_are_read(folder, grant, suffix):
    Image.new("P", (32, 32), 3).save(folder / f"a.{suffix}")
    assert resize_image.func(str(folder / f"a.{suffix}"), 16, 16, grant=grant)["to"]["width"] == 16


@pytest.mark.parametrize("name", images.FILTERS)
def test_every_filter_makes_an_image(picture, grant, name):
    result = filter_image.func(picture, name, grant=grant)
    assert result["from"]["width"] == result["to"]["width"]


def test_thumbnails_keep_the_shape_and_do_not_grow(picture, grant):
    result = make_thumbnails.func(picture, sides=[50, 1000], grant=grant)
    assert [(made["width"], made["height"]) for made in result["thumbnails"]] == [(50, 25), (400, 200)]


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n broken", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_image_is_refused_with_a_sentence(folder, grant, data):
    (folder / "a.png").write_bytes(data)
    with pytest.raises(LibraryError, match=r"is not an image that can be read: .*\.$"):
        resize_image.func(str(folder / "a.png"), 10, 10, grant=grant)


def test_a_cut_image_is_refused(picture, grant):
    whole = Path(picture).read_bytes()
    Path(picture).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LibraryError, match="is not an image that can be read"):
        make_thumbnails.func(picture, grant=grant)


def test_an_image_with_too_many_pixels_is_refused(folder, grant, monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 100)
    Image.new("1", (20, 6)).save(folder / "large.png")
    with pytest.raises(LibraryError, match="too many"):
        resize_image.func(str(folder / "large.png"), 10, 10, grant=grant)


@pytest.mark.parametrize("size", [(0, 10), (10, 10**6), ("10", 10), (10, 1.5)])
def test_an_absurd_size_is_refused(picture, grant, size):
    with pytest.raises(LibraryError, match="whole numbers"):
        resize_image.func(picture, *size, grant=grant)


@pytest.mark.parametrize("options", [{"fit": "around"}, {"output_format": "exe"}])
def test_an_unknown_option_is_refused_with_the_known_ones(picture, grant, options):
    with pytest.raises(LibraryError, match="must be one of"):
        resize_image.func(picture, 10, 10, grant=grant, **options)

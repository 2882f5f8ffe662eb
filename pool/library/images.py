"""Tasks over images: resize, filter, thumbnails, with Pillow. They run in a worker.

Only common formats are opened, and only up to a number of pixels: a small file can claim to be a huge image. Of an
animation the first frame counts. Results go below the output folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.extra import load
from pool.library.paths import output_for, readable_file, replacing, shown

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM")
OUTPUTS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
MAX_PIXELS = 100_000_000
MAX_SIDE = 10_000
FILTERS = ("blur", "contour", "edges", "emboss", "grayscale", "invert", "sharpen")
FITS = ("inside", "cover", "exact")


@task(kind="IMAGE_MANIPULATION", timeout=120, max_attempts=2)
def resize_image(
    path: str,
    width: int,
    height: int,
    *,
    fit: str = "inside",
    output_format: str = "png",
    folder: str = "images",
    grant: str = "",
) -> dict[str, Any]:
    """Resize an image: keeping its shape inside the box, covering the box, or to exactly this size."""
    if fit not in FITS:
        raise LibraryError(f"fit must be one of {', '.join(FITS)}, not {fit!r}.")
    size = _box(width, height)

    def resized(image: Any) -> Any:
        operations = load("PIL.ImageOps")
        if fit == "exact":
            return image.resize(size)
        return operations.contain(image, size) if fit == "inside" else operations.fit(image, size)

    return _made(path, resized, output_format, f"{folder}/{width}x{height}", grant)


@task(kind="IMAGE_MANIPULATION", timeout=120, max_attempts=2)
def filter_image(
    path: str, name: str, *, output_format: str = "png", folder: str = "images", grant: str = ""
) -> dict[str, Any]:
    """Apply a filter: blur, contour, edges, emboss, grayscale, invert or sharpen."""
    if name not in FILTERS:
        raise LibraryError(f"The filter must be one of {', '.join(FILTERS)}, not {name!r}.")

    def filtered(image: Any) -> Any:
        operations = load("PIL.ImageOps")
        if name == "grayscale":
            return operations.grayscale(image)
        if name == "invert":
            return operations.invert(image.convert("RGB"))
        return image.filter(getattr(load("PIL.ImageFilter"), {"edges": "FIND_EDGES"}.get(name, name.upper())))

    return _made(path, filtered, output_format, f"{folder}/{name}", grant)


@task(kind="IMAGE_MANIPULATION", timeout=120, max_attempts=2)
def make_thumbnails(
    path: str, *, sides: list[int] | tuple[int, ...] = (64, 128, 256), folder: str = "thumbnails", grant: str = ""
) -> dict[str, Any]:
    """Make small square-bounded PNG versions of an image, one for each side length."""
    boxes = [_box(side, side) for side in sides[:20]]
    source = readable_file(path, grant)
    thumbnails = []
    with _opened(source) as image:
        for box in boxes:
            small = image.copy()
            small.thumbnail(box)
            target = output_for(source, f"{folder}/{box[0]}", ".png")
            _save(small, target, "png")
            thumbnails.append({"path": shown(target), "width": small.width, "height": small.height})
        return {"path": shown(source), "width": image.width, "height": image.height, "thumbnails": thumbnails}


def _made(path: str, change: Callable[[Any], Any], output_format: str, folder: str, grant: str) -> dict[str, Any]:
    """Open, change and save one image, and describe both."""
    if output_format not in OUTPUTS:
        raise LibraryError(f"output_format must be one of {', '.join(OUTPUTS)}, not {output_format!r}.")
    source = readable_file(path, grant)
    target = output_for(source, folder, f".{output_format}")
    with _opened(source) as image:
        result = change(image)
        _save(result, target, output_format)
        return {
            "path": shown(source),
            "output": shown(target),
            "from": {"width": image.width, "height": image.height, "bytes": source.stat().st_size},
            "to": {"width": result.width, "height": result.height, "bytes": target.stat().st_size},
        }


@contextmanager
def _opened(source: Path) -> Iterator[Any]:
    """Open an image of a common format as RGB or RGBA."""
    pillow = load("PIL.Image")
    try:
        with pillow.open(source, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise LibraryError(f"{shown(source)} has {image.width} × {image.height} pixels, which is too many.")
            clear = image.convert("RGBA" if "transparency" in image.info or "A" in image.getbands() else "RGB")
    # Pillow reports broken files with several kinds of error, a SyntaxError among them.
    except (OSError, SyntaxError, ValueError, EOFError, pillow.DecompressionBombError) as error:
        raise LibraryError(f"{shown(source)} is not an image that can be read: {_reason(error, source)}.") from error
    yield clear


def _reason(error: BaseException, source: Path) -> str:
    unknown = type(error).__name__ == "UnidentifiedImageError"
    return f"it is none of {', '.join(FORMATS)}" if unknown else str(error).replace(str(source), "the file").rstrip(".")


def _save(image: Any, target: Path, output_format: str) -> None:
    flat = image.convert("RGB") if output_format == "jpeg" and image.mode == "RGBA" else image
    with replacing(target) as writing:
        flat.save(writing, format=OUTPUTS[output_format])


def _box(width: int, height: int) -> tuple[int, int]:
    if not all(isinstance(side, int) and 0 < side <= MAX_SIDE for side in (width, height)):
        raise LibraryError(f"Width and height must be whole numbers from 1 to {MAX_SIDE}, not {width!r} × {height!r}.")
    return width, height

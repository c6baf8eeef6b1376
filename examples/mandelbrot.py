"""The Mandelbrot set as a PNG picture, its rows in tiles on all cores.

csp run examples/mandelbrot.py [--arg file=mandelbrot.png] [--arg width=600] [--arg workers=4]

What it teaches: a pool whose results come in the order of the requests, whoever finishes first: the tiles go
into the file one after the other.  Tiles of the middle take longer; small tiles share the work out evenly.

Source: B. B. Mandelbrot, Fractal Aspects of the Iteration of z -> lambda z (1 - z) (1980).
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import csp
import netchannels
from netchannels import Cores

ROWS = 8  # of a tile
DEPTH = 200  # iterations after which a point counts as inside


@dataclass(frozen=True)
class Tile:
    """Some rows of the picture, from `top` on; it is `width` by `height` pixels."""

    top: int
    rows: int
    width: int
    height: int


def escape(c: complex) -> int:
    """After how many iterations the point leaves, DEPTH if it stays."""
    z = 0j
    for i in range(DEPTH):
        z = z * z + c
        if abs(z) > 2:
            return i
    return DEPTH


def render(tile: Tile) -> bytes:
    """Runs in the workers: one byte a pixel, row by row."""
    scale = 3.0 / tile.width
    return bytes(
        255 - escape(complex(-2.2 + x * scale, (y - tile.height / 2) * scale)) * 255 // DEPTH
        for y in range(tile.top, tile.top + tile.rows)
        for x in range(tile.width)
    )


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A grey picture (PNG, W3C recommendation, third edition)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


async def picture(width: int, workers: Cores) -> bytes:
    height = width * 2 // 3
    tiles = [Tile(y, min(ROWS, height - y), width, height) for y in range(0, height, ROWS)]
    async with netchannels.pool(render, workers=workers) as pool:
        pixels = b"".join([rows async for rows in pool.map(tiles, progress=True)])
    return png(width, height, pixels)


async def main(file: Path = Path("mandelbrot.png"), width: int = 600, workers: int = 0) -> None:
    cores = Cores(workers) if workers else Cores()
    file.write_bytes(await picture(width, cores))
    print(f"{file}: {width} x {width * 2 // 3} pixels")


if __name__ == "__main__":
    csp.run(main)

"""Makes animations GIFs by Pillow: Sage's own way wants ImageMagick or ffmpeg, which its environment has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from sage.misc.temporary_file import tmp_filename

MS_PER_DELAY = 10  # Sage counts the pause between two frames in hundredths of a second


def save_gif(
    animation: Any, delay: int = 20, savefile: str | None = None, iterations: int = 0, show_path: bool = False, **_: Any
) -> None:
    """Write the frames into one file, ``delay`` hundredths of a second each; 0 ``iterations`` never end."""
    path = Path(savefile or tmp_filename(ext=".gif"))
    path = path if path.suffix == ".gif" else path.with_name(f"{path.name}.gif")
    frames = [Image.open(frame).convert("RGB") for frame in sorted(Path(animation.png()).glob("*.png"))]
    if not frames:
        raise ValueError("an animation needs a frame")
    # Frames may differ by a pixel, in which case the first has the say.
    frames = [frame if frame.size == frames[0].size else frame.resize(frames[0].size) for frame in frames]
    # A GIF without a count of its loops is shown once.
    loops = {} if iterations == 1 else {"loop": int(iterations)}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=int(delay) * MS_PER_DELAY, **loops)
    if show_path:
        print(f"Animation saved to {path.absolute()}.")

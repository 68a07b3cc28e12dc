"""Render the people of the embedded data set, resumably.

    render.py clips|donors|stills|all ... --people 0:32 --out DIR [--frames 16] [--of 34] [--stills 12]

DIR/clips/p00/frame_000.png, frames.npz     the target, 256x256
DIR/donors/p00/frame_000.png, frames.npz    the donor's face alone in the target's pose, light, camera, 160x160
DIR/stills/p00_00.png                       photographs, 178x218
Several words may be given; each person is finished before the next begins. DIR/done/p00 says that clip and donor are
whole. What exists is kept, and files appear whole or not at all.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import heads
import people
import scene

CLIP, DONOR, STILL = 256, 160, (178, 218)


def clips(i: int, out: Path, frames: int) -> None:
    person = people.person(i)
    scene.render(person, people.performance(person, 0, frames), CLIP, out / f"clips/p{i:02d}")


def donors(i: int, out: Path, frames: int, of: int) -> None:
    target = people.person(i)
    donor = people.wearing(people.person(people.donor_of(i, of)), scene_of=target)
    scene.render(donor, people.performance(target, 0, frames), DONOR, out / f"donors/p{i:02d}", only="face")


def stills(i: int, out: Path, number: int) -> None:
    scene.render_stills(people.person(i), number, STILL, out / "stills", f"p{i:02d}")


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("what", nargs="+", choices=["clips", "donors", "stills", "all"])
    parser.add_argument("--people", default="0:34", help="first:end[:step]")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--of", type=int, default=34, help="how many people there are (for the donors)")
    parser.add_argument("--stills", type=int, default=12)
    args = parser.parse_args()
    for i in range(args.of)[slice(*map(int, args.people.split(":")))]:
        start = time.time()
        if {"clips", "all"} & set(args.what):
            clips(i, args.out, args.frames)
        if {"donors", "all"} & set(args.what):
            donors(i, args.out, args.frames, args.of)
        if {"stills", "all"} & set(args.what):
            stills(i, args.out, args.stills)
        if {"donors", "all"} & set(args.what):
            (args.out / "done").mkdir(exist_ok=True)
            (args.out / f"done/p{i:02d}").touch()
        heads.basis.cache_clear()
        print(f"person {i}: {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()

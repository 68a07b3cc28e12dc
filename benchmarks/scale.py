"""The cost of preparing many clips: time and memory as their number and length grow, processes, resuming, indexing.

DFD_CLIPS names a folder of real clips, from which COUNT short clips are encoded, each different.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths, repro
from dfdlib.core.studies import FaceParams, Study
from dfdlib.data import sources, splits
from dfdlib.faces import prepare

COUNT, STEPS = 2000, (250, 500, 1000, 2000)
FRAMES = (40, 80)  # of a short clip, at least and at most
MINUTES = (1, 10, 30)  # of the long clips, of which every frame is searched
INDEXED = 100_000
CORES = (1, 16, 256)
CHILD = "import sys; from benchmarks import scale; scale.child(*sys.argv[1:])"


def encode(source: list[Path], folder: Path, count: int) -> None:
    """Encode `count` clips of FRAMES frames, each from a random start in a real clip, with random size and quality."""
    pools = [
        [frame for _, frame in zip(range(100), av.open(str(path)).decode(video=0), strict=False)] for path in source
    ]
    for number in range(count):
        rng = repro.rng(0, number)
        pool, frames = pools[number % len(pools)], int(rng.integers(*FRAMES))
        start, height = int(rng.integers(0, len(pool) - frames)), int(rng.choice([240, 288, 360]))
        width = height * pool[0].width // pool[0].height // 2 * 2
        write(folder / f"{number % 100:02d}" / f"{number:05d}.mp4", pool[start : start + frames], (width, height), rng)


def write(path: Path, frames: list[av.VideoFrame], size: tuple[int, int], rng: np.random.Generator) -> None:
    """Encode frames as H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"preset": "veryfast", "crf": str(rng.integers(18, 33))}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number, frame in enumerate(frames):
            small = frame.reformat(*size, "yuv420p")
            small.pts, small.time_base, small.pict_type = number, Fraction(1, 25), 0
            container.mux(stream.encode(small))
        container.mux(stream.encode())


def lengthen(source: Path, target: Path, minutes: int) -> None:
    """Repeat a clip until it has some minutes, without encoding it again."""
    times = round(minutes * 60 * 25 / FRAMES[1]) + 1
    listed = target.with_suffix(".txt")
    with av.open(str(target), "w") as out:
        stream, shift = None, 0
        for _ in range(times):
            with av.open(str(source)) as container:
                stream = stream or out.add_stream_from_template(container.streams.video[0])
                end = 0
                for packet in container.demux(video=0):
                    if packet.dts is not None:
                        end = max(end, packet.pts + (packet.duration or 0))
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        out.mux(packet)
                shift += end
    listed.unlink(missing_ok=True)


def child(source: str, out: str, jobs: str, max_frames: str) -> None:
    """Prepare a folder and print the seconds and the peak memory of this process and of its largest worker.

    The peak is VmHWM in /proc, since `ru_maxrss` starts with that of the process that forked this one.
    """
    start = time.perf_counter()
    params = FaceParams(max_frames=int(max_frames))
    rows = prepare.prepare_folder(Path(source), Path(out), params, int(jobs), follow=True)
    seconds = time.perf_counter() - start
    workers = [process.pid for process in psutil.Process().children(recursive=True)]  # they wait for more work
    peak = [_peak(os.getpid()), max(map(_peak, workers), default=0.0)]
    done = [row for row in rows if row.status == prepare.DONE]
    print("measured", seconds, *peak, len(done), sum(row.seconds for row in done), sum(row.looked_at for row in done))


def _peak(pid: int) -> float:
    """The peak memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def prepared(source: Path, out: Path, jobs: int, max_frames: int, cores: int = 2) -> dict[str, float]:
    """Run `child` in a new process on `cores` cores."""
    command = [sys.executable, "-c", CHILD, str(source), str(out), str(jobs), str(max_frames)]
    every = sorted(os.sched_getaffinity(0))[-cores:]
    done = subprocess.run(
        command,
        cwd=paths.root(),
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, every),
    )
    values = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("measured"))
    names = ("seconds", "peak MB", "worker's peak MB", "clips", "busy seconds", "frames")
    return dict(zip(names, map(float, values), strict=True))


def by_number(clips: Path, work: Path) -> list[dict]:
    """Cost per clip as their number grows, with two processes; and the cost of a second run, with all clips done."""
    rows = []
    for count in STEPS:
        part = work / f"part{count}"
        for path in sorted(clips.rglob("*.mp4"))[:count]:
            (part / path.parent.name).mkdir(parents=True, exist_ok=True)
            os.link(path, part / path.parent.name / path.name)
        found = prepared(part, work / f"out{count}", 2, 32)
        again = prepared(part, work / f"out{count}", 2, 32)
        rows.append(
            {"clips": count, "done": int(found["clips"]), "ms a clip": 1e3 * found["seconds"] / count}
            | {"busy ms a clip, one core": 1e3 * found["busy seconds"] / count}
            | {"parent's peak, MB": found["peak MB"], "worker's peak, MB": found["worker's peak MB"]}
            | {"again, all done, s": again["seconds"]}
        )
    return rows


def by_jobs(clips: Path, work: Path) -> list[dict]:
    """One process on one core, one process with a second core for decoding ahead, and two processes, in turns."""
    rows, part = [], work / f"part{STEPS[0]}"
    ways = {"1 process, 1 core": (1, 1), "1 process, 2 cores": (1, 2), "2 processes, 2 cores": (2, 2)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(2):
        for name, (jobs, cores) in ways.items():
            taken[name].append(prepared(part, work / f"jobs{turn}{jobs}{cores}", jobs, 32, cores)["seconds"])
    first = np.array(taken["1 process, 1 core"])
    for name, seconds in taken.items():
        rows.append(
            {"how": name, "ms a clip": 1e3 * np.median(seconds) / STEPS[0], "times faster": np.median(first / seconds)}
        )
    return rows


def by_length(clips: Path, work: Path) -> list[dict]:
    """Memory and cost per frame of one clip as it gets longer; all frames are searched."""
    rows = []
    for minutes in MINUTES:
        folder = work / f"long{minutes}"
        folder.mkdir()
        lengthen(sorted(clips.rglob("*.mp4"))[1], folder / "long.mp4", minutes)
        found = prepared(folder, work / f"out_long{minutes}", 1, 0)
        rows.append(
            {"minutes": minutes, "frames": int(found["frames"]), "ms a frame": 1e3 * found["seconds"] / found["frames"]}
            | {"peak, MB": found["peak MB"]}
        )
    return rows


def indexing(work: Path) -> list[dict]:
    """Seconds to read a folder of INDEXED clips, their clips.csv and their ledger, and to split them."""
    folder, out = work / "many", work / "many_out"
    names = [f"{i % 1000:03d}/{i:06d}.mp4" for i in range(INDEXED)]
    for place in {name[:3] for name in names}:
        (folder / place).mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    rows = [{"what": f"find {INDEXED:,} videos in a folder", "seconds": _seconds(lambda: prepare.find_videos(folder))}]
    with (folder / "clips.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label", "pair", "person"])
        table.writerows((name, i % 2, i // 2, i // 20) for i, name in enumerate(names))
    os.environ["DFD_VIDEOS"] = str(folder)
    yours = Study("yours", "folder")
    seconds = _seconds(lambda: sources.clips(yours))
    rows.append({"what": "read and check a clips.csv of as many rows", "seconds": seconds})
    clips = sources.clips(yours)
    rows.append({"what": "split them by person, checked", "seconds": _seconds(lambda: splits.split(clips, 0))})
    rows.append(
        {
            "what": "stamp each (size, time of change)",
            "seconds": _seconds(lambda: [prepare.stamp(folder / n, "") for n in names]),
        }
    )
    out.mkdir()
    lines = [prepare.Row(name, "x" * 40, prepare.DONE, "", prepare.target_of(name), 9, 32, 32, 0.5) for name in names]
    prepare.add_to_ledger(out, lines)
    rows.append({"what": "read a ledger of as many rows", "seconds": _seconds(lambda: prepare.ledger(out))})
    return rows


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def markdown(rows: list[dict]) -> str:
    """Rows as a Markdown table."""
    table = pd.DataFrame(rows)
    cells = [[f"{v:,.2f}" if isinstance(v, float) else str(v) for v in row] for row in table.itertuples(index=False)]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def projection(rows: list[dict], bytes_a_clip: float) -> str:
    """The hours for 100,000 such clips, if other cores are as fast as these two and storage keeps up."""
    per_core = 2 * rows[-1]["ms a clip"] / 1e3
    lines = [{"cores": cores, "hours": INDEXED * per_core / cores / 3600} for cores in CORES]
    return markdown(lines) + f"\n\nTheir tracks would fill {INDEXED * bytes_a_clip / 1e9:.0f} GB."


def put(page: Path, name: str, text: str) -> None:
    """Replace the text between a page's markers `<!-- name -->` and `<!-- end -->`."""
    before, _, rest = page.read_text().partition(f"<!-- {name} -->\n")
    page.write_text(f"{before}<!-- {name} -->\n{text}<!-- end -->{rest.partition('<!-- end -->')[2]}")


def main() -> None:
    """Measure and write the tables."""
    if not os.environ.get("DFD_CLIPS"):
        return print("scale: passed over, DFD_CLIPS names no folder of real clips")
    work = Path(tempfile.mkdtemp(prefix="dfd-scale-"))
    try:
        encode(sorted(Path(os.environ["DFD_CLIPS"]).glob("*.mp4")), work / "clips", COUNT)
        number = by_number(work / "clips", work)
        size = np.mean([path.stat().st_size for path in (work / f"out{COUNT}").rglob("*.npz")])
        parts = {
            f"By the number of clips\n\n{FRAMES[0]} to {FRAMES[1]} frames each, 32 looked at, two processes. The first "
            "ms are by the clock, with the start of the processes.": number,
            "By processes": by_jobs(work / "clips", work),
            "By the length of a clip\n\nEvery frame looked at, one process.": by_length(work / "clips", work),
            "Indexing": indexing(work),
        }
        far = f"## {INDEXED:,} clips like these\n\nReckoned from the last line of the first table, with `--follow`.\n\n"
        text = f"# Preparing many clips\n\n{COUNT} clips, encoded anew from real ones, prepared with `--follow`. "
        text += f"{repro.machine()}.\n\n"
        text += "".join(f"## {head}\n\n{markdown(rows)}\n\n" for head, rows in parts.items())
        far += projection(number, size) + "\n"
        page = Path(__file__).with_suffix(".md")
        page.write_text(text + far)
        put(page.with_name("README.md"), "scale", markdown(number) + "\n\n" + far.partition("\n\n")[2])
        print(text + far)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()

from typing import TypedDict

class Reading(TypedDict):
    interval: int
    """Mean bytes between samples; longer than it was started with if it had to be doubled."""
    frames: list[tuple[str, int, str]]
    """File, line and function; qualified from Python 3.11 on."""
    stacks: list[tuple[tuple[int, ...], bool]]
    """Positions in `frames`, innermost first, and whether these are all: at most 128 are kept."""
    samples: list[tuple[int, int, float, int, int, int, int, int]]
    """Address, size, chance, position in `stacks`, tag, round, thread and serial number of each sampled live block.

    A block stands for size / chance bytes and 1 / chance blocks.
    """

class Standing(TypedDict):
    """Of each domain's hook: removed, on top, covered by another tool's, displaced by one."""

    obj: str
    mem: str

class Stats(TypedDict):
    sampling: bool
    """False in a child of a fork that was not to be followed."""
    pid: int
    """The process that started it."""
    interval: int
    wanted_interval: int
    """As it was started with."""
    taken: int
    """Samples."""
    freed: int
    thinned: int
    """Samples dropped when the interval was doubled."""
    doubled: int
    """How often it was."""
    stackless: int
    """Samples whose frames found no room."""
    unseen: int
    """Samples whose end was not seen: their addresses came again."""
    skipped: int
    """Samples that were due where none can be taken."""
    live: int
    most_live: int
    calls: int
    """Kept of all stacks together."""
    most_calls: int
    codes: int
    """Code objects that are held until it is stopped or reset."""
    memory: int
    """Bytes that the sampler itself takes."""
    memory_limit: int
    hooks: Standing

def start(
    interval: int = 524288,
    *,
    samples: int = 32768,
    calls: int = 65536,
    seed: int | None = None,
    follow_forks: bool = False,
) -> None:
    """Begin to sample what Python allocates: a block every so many bytes, in the mean.

    At most so many `samples` live at a time, and so many different `calls` are kept of their stacks. Without
    `follow_forks` nothing is sampled in children. Raises ValueError for settings that are out of range, RuntimeError
    with a sentence if it is started already or cannot be here.
    """

def stop() -> Standing:
    """End, forget everything, and say where the hooks were; those that could not be removed pass everything on.

    Raises RuntimeError if it has not been started.
    """

def reset() -> None:
    """Forget all samples and begin anew with the first interval. Raises RuntimeError if it has not been started."""

def read() -> Reading:
    """The samples of all blocks that are alive. Raises RuntimeError if it has not been started.

    Other threads wait two microseconds for each sample; in a busy process it is better read in a copy of it.
    """

def stats() -> Stats:
    """How it is doing. Raises RuntimeError if it has not been started."""

def set_tag(tag: int) -> None:
    """Mark what is allocated in this context, and in those copied from it, from now on; 0 is no mark."""

def set_round(number: int) -> None:
    """Mark what is allocated in the whole process from now on."""

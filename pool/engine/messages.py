"""Every message between the node and its children, and the frames they travel in.

Orders are imperative (node to child), facts are past tense (child to node). A worker has two sockets: jobs and their
endings on the one, which only its main thread touches; everything that must get through while a job runs on the other,
which its side thread serves. Times are nanoseconds of the monotonic clock, which all processes of a host share.
"""

from typing import Any

import msgspec


class Task(msgspec.Struct, array_like=True, gc=False):
    """One job as its worker gets it. `seq` numbers the jobs of one worker."""

    seq: int
    id: str
    name: str
    args: str
    kwargs: str
    queue: str
    attempt: int
    max_attempts: int
    created_at: float
    epoch: int


class RunJobs(msgspec.Struct, array_like=True, tag=1):
    jobs: list[Task]


class Leave(msgspec.Struct, array_like=True, tag=2):
    """Exit when the jobs in hand are done."""


Order = RunJobs | Leave


class WorkerReady(msgspec.Struct, array_like=True, tag=1):
    pid: int


class JobDone(msgspec.Struct, array_like=True, tag=2, gc=False):
    seq: int
    started: int
    ended: int
    cpu: int
    result: str


class JobFailed(msgspec.Struct, array_like=True, tag=3):
    """An attempt that did not succeed; `outcome` is a word of `pool.domain.states.Outcome`."""

    seq: int
    started: int
    ended: int
    cpu: int
    outcome: str
    kind: str
    message: str
    traceback: str
    retryable: bool
    tainted: bool
    """The worker cannot vouch for itself any more and must be replaced."""


class JobTold(msgspec.Struct, array_like=True, tag=4):
    """What belongs to a job beside its ending: output as (time, stream, text), usage as JSON. Precedes the ending."""

    seq: int
    said: list[tuple[float, str, str]]
    usage: str | None = None


class WorkerTainted(msgspec.Struct, array_like=True, tag=5):
    """The last job left something behind that could not be restored."""

    reason: str


class Recalled(msgspec.Struct, array_like=True, tag=6):
    """Jobs that were in hand and are not begun any more: asked for, or refused because the worker must be replaced."""

    seqs: list[int]


Fact = WorkerReady | JobDone | JobFailed | JobTold | WorkerTainted | Recalled


class Poke(msgspec.Struct, array_like=True, tag=1):
    """Show that you live: beat."""


class Recall(msgspec.Struct, array_like=True, tag=2):
    """Hand back every job not yet begun."""


class DumpStack(msgspec.Struct, array_like=True, tag=3):
    seq: int


class FreeMemory(msgspec.Struct, array_like=True, tag=4):
    """Give back what can be given back: there is little left of what the worker may have."""


SideOrder = Poke | Recall | DumpStack | FreeMemory


class StackDumped(msgspec.Struct, array_like=True, tag=2):
    seq: int
    text: str


class JobSaid(msgspec.Struct, array_like=True, tag=3):
    """Output of a job that runs, or ended a moment ago: the ending travels on the other socket."""

    job: str
    epoch: int
    said: list[tuple[float, str, str]]


SideFact = Recalled | StackDumped | JobSaid


class SpawnWorker(msgspec.Struct, array_like=True, tag=1):
    """Comes with two descriptors: the worker's ends of its sockets."""

    worker: str
    slot: int
    output: str
    kind: str = "general"
    rank: int = 0
    """Its number among the workers of its kind, from 0 on."""
    offers: tuple[str, ...] = ()


NurseryOrder = SpawnWorker


class TaskFacts(msgspec.Struct, array_like=True, frozen=True):
    """What the node must know of a task to choose a worker for its jobs. It imports no code of the project itself."""

    name: str
    is_async: bool = False
    isolated: bool = False
    """Each of its jobs has a process for itself."""
    kind: str = "CUSTOM"
    """The kind of work that it does."""


class NurseryReady(msgspec.Struct, array_like=True, tag=1):
    tasks: list[TaskFacts]


class NurseryFailed(msgspec.Struct, array_like=True, tag=2):
    """The tasks could not be loaded; the text says why."""

    problem: str


class WorkerSpawned(msgspec.Struct, array_like=True, tag=3):
    worker: str
    pid: int


class SpawnFailed(msgspec.Struct, array_like=True, tag=4):
    worker: str
    problem: str


NurseryFact = NurseryReady | NurseryFailed | WorkerSpawned | SpawnFailed


class ClerkSaw(msgspec.Struct, array_like=True, tag=1):
    """Figures too slow for the node: proportional set size per pid, in bytes, and what is wrong with SQLite's log."""

    pss: dict[int, int]
    log_problem: str = ""


class ClerkListens(msgspec.Struct, array_like=True, tag=2):
    """Somebody in the clerk listens to these events."""

    names: list[str]


ClerkFact = ClerkSaw | ClerkListens


class Told(msgspec.Struct, array_like=True):
    """Something that happened in the node, for those who listen in the clerk. Time is seconds since 1970."""

    name: str
    at: float
    level: str
    worker: str
    job: str | None
    data: dict[str, Any]


ClerkOrder = list[Told]

NODE_IS_KNOWN = msgspec.msgpack.encode(list[Told]())
"""The first word to a clerk: the database knows its node, and chores may begin. It tells of nothing."""

"""Brings the agent into a process that runs already, and to its controller.

The text of this file is what is injected; it works on every Python from 3.8 on. It reads no file, and no error of ours
ever leaves it. In the thread of the app that runs it nothing is done but to start a thread of our own.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable, Iterable

PACKAGE = "leakhunt.agent"
PATIENCE = 5.0
"""Seconds the agent waits for its controller before it leaves again."""
AT_ONCE = 50
"""Modules to look at before the app may go on."""
NEVER_FREED = ("_socket",)
"""Extension modules that some versions cannot free (3.12: what it offers to others refers to its own types, which the
collector does not see). The copy that an earlier visit has loaded is used again."""


class Luggage:
    """Finds and loads the agent's modules, and remembers what else was loaded for their sake."""

    __module__ = PACKAGE

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        """Private name -> text, once the controller has sent them."""
        self.threads: set[int] = set()
        """Idents of the agent's threads."""
        self.before = frozenset(sys.modules)
        """What was there before."""
        self.loaded: list[str] = []
        """Modules of the standard library that were first imported by one of them."""

    def find_spec(
        self,
        name: str,
        path: Any = None,  # noqa: ARG002  # importlib's signature
        target: Any = None,  # noqa: ARG002  # as above
    ) -> ModuleSpec | None:
        """The spec of a module of the agent; None for every other name."""
        if name not in self.sources:
            if _original("_thread", "get_ident")() in self.threads:
                self.loaded.append(name)
                if name in NEVER_FREED:
                    return self._again(name)
            return None
        loader: Any = self  # by duck typing: importlib.abc need not be loaded
        return type(sys.__spec__)(name, loader, origin=f"<{name}>", is_package=not self.sources[name])

    def _again(self, name: str) -> ModuleSpec | None:
        """How to have the copy of an earlier visit again; None if there is none."""
        module = _left_over(name)
        loader: Any = self
        return None if module is None else type(sys.__spec__)(name, loader, loader_state=(module, module.__spec__))

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """An ordinary module will do, if there is no earlier copy."""
        return spec.loader_state[0] if spec.loader_state else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the source. An earlier copy is complete, and need only forget us."""
        if module.__name__ not in self.sources:
            module.__spec__ = vars(module)["__spec__"].loader_state[1]
            return
        text = self.sources[module.__name__]
        exec(compile(text, f"<{module.__name__}>", "exec", dont_inherit=True), vars(module))  # noqa: S102  # our own text


def arrive(offers: Any, token: str, holder: str) -> None:
    """Start a thread that lets the agent in; `holder` says who the controller is."""
    try:
        _original("_thread", "start_new_thread")(_enter, (offers, token, holder))
    except Exception:
        return


def meet(offers: Any, token: str) -> Any:
    """A connection to the controller by the first way that works; raises what went wrong with the last."""
    ways: dict[str, Callable[[Any, str], Any]] = {"pair": _by_pair, "unix": _by_path, "tcp": _by_port}
    problem: Exception = OSError("there is no way to the controller")
    for way, place in offers:
        try:
            return ways[way](place, token)
        except Exception as error:
            problem = error
    raise problem


def _by_pair(_: Any, token: str) -> Any:
    """The controller takes one end of a pair of sockets out of this process, and sends a connection through it.

    It finds the end by a file in memory that bears the token. Neither end of that connection but ours was ever in
    this process, so we see for certain when the controller is gone.
    """
    import _socket
    import os

    ours, theirs = _socket.socketpair()
    sign = os.memfd_create("leakhunt-" + token)
    try:
        os.write(sign, b"%d" % theirs.fileno())
        ours.settimeout(PATIENCE)
        _, ancillary, _, _ = ours.recvmsg(1, 64, _socket.MSG_CMSG_CLOEXEC)
        descriptor = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
    finally:
        os.close(sign)
        ours.close()
        theirs.close()
    return _socket.socket(fileno=descriptor)


def _by_path(place: str, _: str) -> Any:
    import _socket

    return _connected(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM), place)


def _by_port(place: int, _: str) -> Any:
    import _socket

    return _connected(_socket.socket(_socket.AF_INET, _socket.SOCK_STREAM), ("127.0.0.1", place))


def _connected(connection: Any, place: Any) -> Any:
    try:
        connection.settimeout(PATIENCE)
        connection.connect(place)
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


def _enter(offers: Any, token: str, holder: str) -> None:
    """Meet the controller and let the agent in; if one is there already, tell whose it is."""
    luggage = Luggage()
    luggage.threads.add(_original("_thread", "get_ident")())
    connection = None
    settled = False
    try:
        before = _resident()
        sys.meta_path.insert(0, luggage)
        _take_no_signals()
        # First of all: a controller that has died meanwhile must not keep others out.
        connection = meet(offers, token)
        message = _receive(connection)
        luggage.sources = message["sources"]
        other = _claim(holder)
        if other is None:
            from leakhunt.agent.control import attach

            attach(connection, offers, token, luggage, before, message["silence"])
            settled = True
        else:
            luggage.sources = {}
            _tell(connection, {"hello": "busy", "token": token, "holder": other})
    except BaseException as error:
        _tell(connection, {"hello": "failure", "token": token, "error": f"{type(error).__name__}: {error}"})
    if not settled:
        _leave(luggage)


def _claim(holder: str) -> str | None:
    """Make this process ours; who has it, if that is somebody else."""
    package: Any = type(sys)(PACKAGE)
    package.__path__ = []
    package.holder = holder
    # One step under the GIL: of two that arrive at once, one finds the other.
    there = sys.modules.setdefault(PACKAGE, package)
    return None if there is package else str(getattr(there, "holder", "another leakhunt"))


def _leave(luggage: Any) -> None:
    """Be gone without a trace."""
    try:
        if luggage in sys.meta_path:  # an agent that could not start has taken it out already
            sys.meta_path.remove(luggage)
        if luggage.sources:
            forget()
        unload(luggage.loaded, luggage.before)
    except Exception:
        return


def forget() -> None:
    """Take the agent's modules out of the table; those that still run keep each other."""
    for name in [each for each in sys.modules if each.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def unload(names: Iterable[str], before: frozenset[str]) -> list[str]:
    """Forget these modules as if they had not been imported; those that had to stay, as the app uses one by now.

    `before` are the modules that the app had when the agent came. Whoever imports one of ours again gets a new copy,
    which is why none may be in use.
    """
    ours = {name: sys.modules[name] for name in names if name in sys.modules and name not in before}
    if _used(ours, before):
        return sorted(ours)
    if "ctypes" in ours:
        _untie(ours["ctypes"])
    for name, module in ours.items():
        sys.modules.pop(name, None)
        parent, _, last = name.rpartition(".")
        if parent in sys.modules and vars(sys.modules[parent]).get(last) is module:
            delattr(sys.modules[parent], last)
    return []


def _left_over(name: str) -> Any:
    """An extension module that was forgotten and could not be freed; its types lead to it."""
    import gc

    for kind in object.__subclasses__():
        if type.__getattribute__(kind, "__dict__").get("__module__") == name:
            for each in gc.get_referents(kind):
                if type(each) is type(sys) and contents(each).get("__name__") == name:
                    return each
    return None


def _untie(module: Any) -> None:
    """Let the collector free our copy of `ctypes`, classes and all.

    Before Python 3.13 it does not see what the function types of `ctypes` hold, `py_object` for one, the methods of
    which hold the names of the module, and these the function types. So such methods get names of their own, no more
    than they use: whoever has one of these classes after all sees no difference.
    """
    simple = module.c_int.__mro__[1]
    function: Any = type(_untie)
    for kind in [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, simple)]:
        for name, each in list(vars(kind).items()):
            if type(each) is function and each.__globals__ is vars(module):
                used = {word: vars(module)[word] for word in each.__code__.co_names if word in vars(module)}
                used["__builtins__"] = vars(module)["__builtins__"]
                copy = function(each.__code__, used, each.__name__, each.__defaults__, each.__closure__)
                copy.__qualname__, copy.__module__ = each.__qualname__, each.__module__
                setattr(kind, name, copy)


def _used(ours: dict[str, ModuleType], before: frozenset[str]) -> bool:
    """Whether a module of the app holds one of these, or a function or class of one."""
    # One that the app had under another name (`collections.abc` is `_collections_abc`) may be in use.
    modules = {id(module) for module in ours.values()} - {id(sys.modules.get(name)) for name in before}
    for number, (name, each) in enumerate(list(sys.modules.items())):
        if name in ours or name.split(".")[0] == PACKAGE:
            continue
        if number % AT_ONCE == 0:
            _original("time", "sleep")(0)
        for attribute, value in list(contents(each).items()):
            # A package has its modules as attributes. What was there before may have classes that call themselves
            # after one of ours, but has them of its own.
            if id(value) in modules and f"{name}.{attribute}" not in ours:
                return True
            if name not in before and _home(value) in ours:
                return True
    return False


def contents(module: Any) -> dict[str, Any]:
    """What a module has by which name. One that its loader fills when it is first looked at is not looked at."""
    try:
        found: dict[str, Any] = object.__getattribute__(module, "__dict__")
    except AttributeError:  # whatever the app has put there is no module
        return {}
    return found


def _home(value: Any) -> Any:
    """The module of a function or class, without running code of the app, as `isinstance` may."""
    kind = type(value)
    if kind is type(_home) or kind is type(len):
        return value.__module__
    return type.__getattribute__(value, "__dict__").get("__module__") if issubclass(kind, type) else None


def _receive(connection: Any) -> dict[str, Any]:
    """The first frame of the controller, see `wire`; the agent itself is in it."""
    import json

    connection.settimeout(PATIENCE)
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        part = connection.recv(1 << 18)
        if not part:
            raise OSError("the controller has left")
        data += part
    connection.settimeout(None)
    message: dict[str, Any] = json.loads(data[4:].decode())
    return message


def _tell(connection: Any, message: dict[str, Any]) -> None:
    """Send one last frame, if there is a connection and somebody listens."""
    if connection is None:
        return
    try:
        import json

        body = json.dumps(message).encode()
        connection.settimeout(PATIENCE)
        connection.sendall(len(body).to_bytes(4, "big") + body)
    except Exception:
        return
    finally:
        connection.close()


def _take_no_signals() -> None:
    """A signal that the app waits for, or has blocked, must not find our thread."""
    import signal

    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())


def _resident() -> int:
    """Bytes of this process that are in memory."""
    import os

    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _original(module: str, name: str) -> Any:
    """`module.name` as it was before gevent's monkey patching; `originals` is not there yet."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(__import__(module), name)

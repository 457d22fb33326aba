"""What all commands have in common: how they are declared, and how they end.

Whatever ends a command reaches the user as one sentence on stderr; ``--debug`` (or OCCLABEL_DEBUG=1) shows the
traceback. Exit codes: 1 refused, aborted or a bug; 2 wrong usage; 130 Ctrl-C; 128 + number of another signal.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand

from occlabel.schemas.errors import Ended, OcclabelError

DEBUG = "OCCLABEL_DEBUG"
_INTERRUPTED = 128 + signal.SIGINT
_PACKAGE = Path(__file__).parents[2]
_AGAIN = 0.1
"""Seconds after which a signal that was swallowed is repeated."""
_asked: list[int] = []
"""The signals that asked for an end: Ray makes another exit of the one that a handler raises."""


class Command(TyperCommand):
    """A command that takes ``--debug`` anywhere and ``~/`` for the user's home in every path. It refuses an empty
    text, and an option that is given twice and takes one value: the last would win silently."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            os.environ[DEBUG] = "1"
        typed = [*(_at_home(arg) for arg in args[:end] if arg != "--debug"), *args[end:]]
        try:
            return super().parse_args(ctx, typed)
        except typer.BadParameter as error:  # in the words of whoever checks the types
            error.message = error.message.removeprefix("Value error, ").replace("Input should be", "must be")
            raise

    def make_parser(self, ctx: Any) -> Any:
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_once(args: list[str]) -> Any:
            values, rest, order = parse(args=args)
            for param, times in Counter(order).items():
                _refuse_empty(param, values.get(param.name))
                if times > 1 and param.param_type_name == "option" and not (param.multiple or _is_plain_flag(param)):
                    ctx.fail(f"Option {param.opts[0]!r} is given {times} times and takes one value.")
            return values, rest, order

        vars(parser)["parse_args"] = parse_once
        return parser


def _refuse_empty(param: Any, value: Any) -> None:
    """Raises OcclabelError for an empty text, which as a path would be the current folder. No address is one: a Ray of
    our own."""
    if param.name != "ray_address" and "" in (value if isinstance(value, list | tuple) else [value]):
        name = param.opts[0] if param.param_type_name == "option" else param.metavar or param.name
        raise OcclabelError(f"{name} is empty: is a variable of your shell not set?")


def _is_plain_flag(option: Any) -> bool:
    """Whether to say it twice says nothing else: ``--json``, but not ``--mirror`` and ``--no-mirror``."""
    return bool(option.is_flag) and not option.secondary_opts


def _at_home(arg: str) -> str:
    """The shell leaves ``--store=~/labels`` as it is; a folder named ``~`` is never meant."""
    option, is_one, value = arg.partition("=") if arg.startswith("--") else ("", "", arg)
    return f"{option}{is_one}{os.path.expanduser(value)}" if value.startswith("~/") else arg  # noqa: PTH111


class App(typer.Typer):
    """A group of commands, each a ``Command``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            no_args_is_help=True,
            add_completion=False,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
            **settings,
        )

    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **settings: Any) -> Any:
        return super().command(name, cls=cls or Command, **settings)


def carry_out(app: typer.Typer) -> NoReturn:
    """Runs the command that was typed and ends the process as the head of this file says."""
    for stream in (sys.stdout, sys.stderr):  # a name in a log need not be text that this terminal shows
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _leave)
    try:
        with _swallowed_is_repeated():
            app()
    except SystemExit as end:
        code = 128 + _asked[0] if _asked else end.code
        if code == _INTERRUPTED:
            _end(_INTERRUPTED, "interrupted; what was committed to a store stays, run the same command again to go on")
        raise SystemExit(code) from None
    except BaseException as error:
        if os.environ.get(DEBUG, "0") not in ("", "0"):
            traceback.print_exc()
        _end(_INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1, sentence(error))
    raise SystemExit(0)


def _leave(number: int, frame: Any) -> None:
    """Ends the command so that what it does at its end is done; who asks a second time does not wait for that."""
    for asked in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(asked) == _leave:
            signal.signal(asked, _leave_at_once)
    _asked.append(number)
    if number != signal.SIGINT:  # not print: the signal may have come in the middle of one
        os.write(2, f"occlabel: ended by {signal.Signals(number).name}; what was committed to a store stays\n".encode())
    _end_command()


def _end_command(*_: Any) -> NoReturn:
    if _asked[0] == signal.SIGINT:
        raise KeyboardInterrupt
    raise Ended(128 + _asked[0])


@contextlib.contextmanager
def _swallowed_is_repeated() -> Iterator[None]:
    """What a signal raises in the middle of a callback from C, or of a destructor, Python prints and forgets: Numba's
    compiler calls back so. It is raised again until it comes out."""
    before = sys.unraisablehook

    def swallowed(told: Any) -> None:
        if _asked and issubclass(told.exc_type, KeyboardInterrupt | SystemExit):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            before(told)

    alarm = signal.signal(signal.SIGALRM, _end_command)
    sys.unraisablehook = swallowed
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        sys.unraisablehook = before


def _leave_at_once(number: int, frame: Any) -> None:
    os.write(2, b"occlabel: ended at once; what was committed to a store stays\n")
    os._exit(128 + number)


def end_at_once(code: object) -> None:
    """Ends the process after a signal: what is to be done at its end is done, but a library that was stopped in the
    middle of something is not taken apart, which would crash it."""
    if code not in [128 + number for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]:
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(int(str(code)))


def _end(code: int, said: str) -> NoReturn:
    print(f"occlabel: {said}", file=sys.stderr)
    raise SystemExit(code) from None


def sentence(error: BaseException) -> str:
    """What a user is told of ``error``."""
    if isinstance(error, OcclabelError):
        return str(error)
    said = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, MemoryError):
        return f"this machine has too little memory for that ({said or 'no more could be had'})"
    if isinstance(error, ImportError):
        return f"the installation is incomplete: {said}; install occlabel again, with its dependencies"
    if isinstance(error, OSError) and error.strerror:
        where = error.filename if error.filename is not None else "the machine"
        return f"{where}: {error.strerror}; --debug shows where"
    return (
        f"this is a bug of occlabel, not of what you typed: {type(error).__name__}: {said or 'without a word'} "
        f"({_place(error)}); --debug shows the traceback, please report it"
    )


def _place(error: BaseException) -> str:
    """The innermost line of ours that the error went through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(_PACKAGE) in frame.filename]
    if not frames:
        return "outside of occlabel"
    return f"{Path(frames[-1].filename).relative_to(_PACKAGE)}:{frames[-1].lineno}"

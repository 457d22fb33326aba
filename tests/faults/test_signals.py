"""Signals that come when Python forgets what they raise: in the middle of a callback from a compiler."""

import signal
import subprocess
import sys
from functools import partial

import pytest

COMMAND = """
import os, sys, time
import llvmlite.binding as llvm
from occlabel.pipeline.cli.front import App, carry_out

app = App()

def compile_and_ask(number):
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly("define i32 @one() { ret i32 1 }")
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.set_object_cache(notify_func=lambda *_: os.kill(os.getpid(), number))
    engine.finalize_object()

@app.command()
def work(number: int) -> None:
    compile_and_ask(number)
    print("compiled", flush=True)
    for _ in range(600):
        time.sleep(0.1)
    print("went on", flush=True)

@app.command()
def other() -> None: ...

carry_out(app)
"""


@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM")])
def test_a_signal_that_the_compiler_swallows_ends_the_command_all_the_same(number: signal.Signals, said: str) -> None:
    heard = partial(signal.signal, number, signal.SIG_DFL)  # where tests run in the background, Ctrl-C is ignored
    words = [sys.executable, "-c", COMMAND, "work", str(int(number))]
    ended = subprocess.run(words, capture_output=True, text=True, preexec_fn=heard)
    assert ended.returncode == 128 + number
    assert ended.stdout == "compiled\n"  # the compiler was not disturbed
    assert ended.stderr.startswith(f"occlabel: {said}") and ended.stderr.count("\n") == 1

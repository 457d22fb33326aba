"""Mutations of text: lines of numbers, and YAML."""

from __future__ import annotations

from collections.abc import Callable

from fuzzing.mutations import AS_UTF16, WITH_MARK, Mutation
from numpy.random import Generator


def _edit(change: Callable[[list[bytes], int, Generator], list[bytes]]) -> Callable[[bytes, Generator], bytes]:
    """``change`` is given the lines and the number of one of them."""

    def apply(content: bytes, draw: Generator) -> bytes:
        lines = content.split(b"\n")
        last = [b""] if lines[-1] == b"" else []
        body = lines[: len(lines) - len(last)] or [b""]
        return b"\n".join(change(body, int(draw.integers(0, len(body))), draw) + last)

    return apply


def _word(change: Callable[[bytes, Generator], bytes]) -> Callable[[list[bytes], int, Generator], list[bytes]]:
    """Changes one number of a line, or what else stands between blanks."""

    def apply(lines: list[bytes], at: int, draw: Generator) -> list[bytes]:
        words = lines[at].split(b" ")
        numbers = [i for i, word in enumerate(words) if _is_number(word)] or [len(words) - 1]
        which = numbers[int(draw.integers(0, len(numbers)))]
        words[which] = change(words[which], draw)
        return [*lines[:at], b" ".join(words), *lines[at + 1 :]]

    return apply


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _put(word: bytes) -> Callable[[bytes, Generator], bytes]:
    return _edit(_word(lambda _, __: word))


def _digit(word: bytes, draw: Generator) -> bytes:
    digits = [i for i, char in enumerate(word) if chr(char).isdecimal()]
    if not digits:
        return word + b"1"
    at = digits[int(draw.integers(0, len(digits)))]
    return word[:at] + str(draw.integers(0, 10)).encode() + word[at + 1 :]


def _swapped(lines: list[bytes], at: int, draw: Generator) -> list[bytes]:
    other = int(draw.integers(0, len(lines)))
    result = list(lines)
    result[at], result[other] = lines[other], lines[at]
    return result


TEXT = (
    WITH_MARK,
    AS_UTF16,
    Mutation("CRLF", lambda content, _: content.replace(b"\n", b"\r\n")),
    Mutation("CR alone", lambda content, _: content.replace(b"\n", b"\r")),
    Mutation("no end of line at the end", lambda content, _: content.rstrip(b"\n")),
    Mutation("blank first line", lambda content, _: b"\n" + content),
    Mutation("blank line inside", _edit(lambda lines, at, _: [*lines[:at], b"  ", *lines[at:]])),
    Mutation("blank last lines", lambda content, _: content + b"\n\n \n"),
    Mutation("comment", _edit(lambda lines, at, _: [*lines[:at], b"# a comment", *lines[at:]])),
    Mutation("header", lambda content, _: b"a b c d\n" + content),
    Mutation("tabs for blanks", lambda content, _: content.replace(b" ", b"\t")),
    Mutation("commas for blanks", lambda content, _: content.replace(b" ", b",")),
    Mutation("delete a line", _edit(lambda lines, at, _: lines[:at] + lines[at + 1 :])),
    Mutation("duplicate a line", _edit(lambda lines, at, _: [*lines[: at + 1], *lines[at:]])),
    Mutation("swap two lines", _edit(_swapped), value=True),
    Mutation("lose a word", _edit(lambda lines, at, _: [*lines[:at], lines[at].rpartition(b" ")[0], *lines[at + 1 :]])),
    Mutation("a word more", _edit(lambda lines, at, _: [*lines[:at], lines[at] + b" 1", *lines[at + 1 :]])),
    Mutation("other digit", _edit(_word(_digit)), value=True),
    Mutation("put nan", _put(b"nan")),
    Mutation("put -inf", _put(b"-inf")),
    Mutation("put 1e300", _put(b"1e300")),
    Mutation("put a number of 400 digits", _put(b"9" * 400)),
    Mutation("put -1", _put(b"-1"), value=True),
    Mutation("put a word", _put(b"n/a"), value=True),
    Mutation("a line of 1 MB", _edit(lambda lines, at, _: [*lines[:at], b"1 " * 500_000, *lines[at:]])),
)


YAML = (
    Mutation(
        "tab at the start of a line", _edit(lambda lines, at, _: [*lines[:at], b"\t" + lines[at], *lines[at + 1 :]])
    ),
    Mutation("an unknown option", _edit(lambda lines, at, _: [*lines, b"colour: blue"])),
    Mutation("an anchor that names itself", lambda content, _: b"x: &x [*x]\n" + content),
    Mutation("a Python object", lambda content, _: content + b'y: !!python/object/apply:os.system ["true"]\n'),
    Mutation("a billion laughs", lambda _, __: _laughs()),
    Mutation("a list", _edit(lambda lines, _, __: [b"- " + line for line in lines])),
    Mutation("put .inf", _put(b".inf")),
    Mutation("nest 10,000 deep", lambda content, _: content + b"z: " + b"[" * 10_000 + b"]" * 10_000 + b"\n"),
    Mutation("null alone", lambda _, __: b"null\n"),
)


def _laughs() -> bytes:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()

"""Shell completion for bash and zsh, written from an argparse tree: the parser is the only list of names."""

import argparse
from collections.abc import Iterator
from typing import Final

SHELLS: Final = ("bash", "zsh")


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


def _options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if action.option_strings and action.help is not argparse.SUPPRESS:
            yield action


def _levels(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each (sub)command with the words that may follow it."""
    children = _subparsers(parser)
    words = [*children, *(name for action in _options(parser) for name in action.option_strings if name[:2] == "--")]
    yield path, words
    for name, child in children.items():
        yield from _levels(child, (*path, name))


def _choices(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Options with a closed set of values, of the whole tree."""
    found: dict[str, list[str]] = {}
    for action in _options(parser):
        if action.choices is not None:
            found |= {name: [str(choice) for choice in action.choices] for name in action.option_strings}
    for child in _subparsers(parser).values():
        found |= _choices(child)
    return found


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """A script to be sourced by the shell.

    Raises:
        ValueError: the shell is not one of `SHELLS`.
    """
    if shell not in SHELLS:
        raise ValueError(f"completion is for {' or '.join(SHELLS)}, not {shell}")
    program = parser.prog
    function = "_" + program.replace("-", "_")
    lines = [f"# {shell} completion of {program}; source it: source <({program} --print-completion {shell})"]
    if shell == "zsh":
        lines.append("autoload -U +X bashcompinit && bashcompinit")
    lines += [
        f"{function}() {{",
        '    local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" path="" i',
        "    COMPREPLY=()",
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        case "$path ${COMP_WORDS[i]}" in',
    ]
    levels = list(_levels(parser))
    lines += [f'            " {" ".join(path)}") path=" {" ".join(path)}" ;;' for path, _ in levels if path]
    lines += ["        esac", "    done", '    case "$previous" in']
    lines += [
        f'        {name}) COMPREPLY=($(compgen -W "{" ".join(values)}" -- "$word")); return ;;'
        for name, values in sorted(_choices(parser).items())
    ]
    lines += ["    esac", '    case "$path" in']
    for path, words in levels:
        pattern = f" {' '.join(path)}" if path else ""
        lines.append(f'        "{pattern}") COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$word")) ;;')
    lines += [
        "    esac",
        '    [[ -z "$word" || "$word" != -* ]] && COMPREPLY+=($(compgen -f -- "$word"))',
        "}",
        f"complete -o filenames -F {function} {program}",
        "",
    ]
    return "\n".join(lines)

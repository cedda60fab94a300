"""implicit-tui completion: commands, presets, runs and options completed by bash, zsh or fish."""

from __future__ import annotations

import argparse
import importlib

import presets
from solver import runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "shell", choices=("bash", "zsh", "fish", "words"), help="words: what follows the words after it"
    )
    parser.add_argument("typed", nargs="*", help=argparse.SUPPRESS)


def main(arguments: argparse.Namespace) -> int:
    print(_SCRIPTS[arguments.shell] if arguments.shell != "words" else "\n".join(words(arguments.typed)))
    return 0


_RUNS = ("attach", "resume", "stop", "export")
_PRESETS = ("run", "show", "verify")


def words(typed: list[str]) -> list[str]:
    """What can follow the words typed so far, the program's name left out."""
    from tui.commands.table import COMMANDS

    if not typed:
        return [*COMMANDS, *presets.names()]
    command = typed[0]
    if command not in COMMANDS:
        return []
    parser = argparse.ArgumentParser(prog=command, add_help=False)
    importlib.import_module(f"tui.commands.{command}").add_arguments(parser)
    for action in parser._actions:
        if typed[-1] in action.option_strings and action.nargs != 0:
            # Its value comes next, and nothing else; a file where there are no choices.
            return [str(choice) for choice in action.choices or ()]
    found = [option for action in parser._actions for option in action.option_strings]
    for action in parser._actions:
        if not action.option_strings and not typed[1:]:
            found += [str(choice) for choice in action.choices or ()]
    if command in _PRESETS:
        found += list(presets.names())
    if command in _RUNS:
        found += ["latest", *(run.id for run in runs.list_runs()[::-1])]
    return found


_SCRIPTS = {
    "bash": """\
_implicit_tui() {
    local typed=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    local word current="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=()
    while IFS= read -r word; do
        [[ $word == "$current"* ]] && COMPREPLY+=("$word")
    done < <(implicit-tui completion words -- "${typed[@]}" 2>/dev/null)
}
complete -o default -F _implicit_tui implicit-tui""",
    "zsh": """\
#compdef implicit-tui
_implicit_tui() {
    local -a found
    found=(${(f)"$(implicit-tui completion words -- ${words[2,CURRENT-1]} 2>/dev/null)"})
    compadd -a found
    _files
}
compdef _implicit_tui implicit-tui""",
    "fish": """\
function __implicit_tui
    set -l typed (commandline -opc)
    implicit-tui completion words -- $typed[2..-1] 2>/dev/null
end
complete -c implicit-tui -a '(__implicit_tui)'""",
}

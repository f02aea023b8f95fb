"""Which cases there are and which a run takes: the project's own, a user's files and Python modules, and prefixes."""

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from terminal.conformance.case import START, Case, Place
from terminal.conformance.library import Library, load, standard_library
from terminal.conformance.reports.rollup import Families
from terminal.conformance.requirements import Requirement
from terminal.conformance.script import ScriptError, parse_script
from terminal.errors import UsageError


def read_library(paths: Sequence[str]) -> Library:
    """The project's cases, and those of further files and folders.

    Raises:
        UsageError: a file cannot be read or used; names it, and the line.
    """
    try:
        library = standard_library()
        files = [file for path in paths for file in _files(Path(path))]
        scripts = [file for file in files if file.suffix == ".case"]
        for file in scripts:
            _readable(file)
        more = load(scripts, library)
        _no_second_meaning(library, scripts)
        cases = [*library.cases, *more.cases]
        for file in files:
            if file.suffix == ".py":
                cases += python_cases(file)
    except ScriptError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{error.filename}: the case file cannot be read: {error.strerror}") from error
    joined = Library(tuple(cases), more.vocabulary)
    _check(joined)
    return joined


def _readable(file: Path) -> None:
    try:
        file.read_text(encoding="utf8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: a case file is UTF-8 text, and byte {error.start} is not") from error


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix == ".case")
        if not found:
            raise UsageError(f"{path}: there is no case file (*.case) in this folder")
        return found
    if path.suffix not in (".case", ".py"):
        raise UsageError(f"{path}: a case file ends with .case, a module of cases with .py")
    if not path.exists():
        raise UsageError(f"{path}: there is no such case file")
    return [path]


def python_cases(path: Path) -> list[Case]:
    """The list CASES of a Python module.

    Raises:
        UsageError: it cannot be imported, or has no such list.
    """
    name = f"cardsim_cases_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ScriptError:
        raise
    except Exception as error:
        raise UsageError(f"{path}: the module cannot be imported: {type(error).__name__}: {error}") from error
    found = getattr(module, "CASES", None)
    if not isinstance(found, list | tuple) or not all(isinstance(case, Case) for case in found):
        raise UsageError(f"{path}: the module has no list CASES of Case objects")
    return list(found)


def _no_second_meaning(library: Library, scripts: Sequence[Path]) -> None:
    """A user's file gives no state or word of the project another meaning: its own cases would change with it."""
    for file in scripts:
        own = parse_script(file.name, file.read_text(encoding="utf8")).vocabulary
        known: dict[str, Place] = {state.name: state.place for state in library.vocabulary.states.values()}
        words = {word.name: word.place for word in library.vocabulary.words.values()}
        for found in own.states.values():
            _refuse(found.name, found.place, known)
        for word in own.words.values():
            _refuse(word.name, word.place, words)


def _refuse(name: str, place: Place, known: Mapping[str, Place]) -> None:
    if name in known:
        raise UsageError(f"{place}: {name} stands already at {known[name]}; give it another name")


def _check(library: Library) -> None:
    """Ids are unique, states are there and end."""
    seen: dict[str, Case] = {}
    states = library.vocabulary.states
    for case in library.cases:
        if case.id in seen:
            raise UsageError(f"{case.place}: case {case.id} stands already at {seen[case.id].place}")
        seen[case.id] = case
        if case.state != START and case.state not in states:
            raise UsageError(f"{case.place}: {case.state} is no state; states are {', '.join(sorted(states))}")
    for state in states.values():
        passed, base = {state.name}, state.base
        while base is not None and base != START:
            if base in passed:
                raise UsageError(f"{state.place}: the state {state.name} starts from itself")
            passed.add(base)
            base = states[base].base


def selected(cases: Iterable[Case], prefixes: Sequence[str], requirements: Mapping[str, Requirement]) -> list[Case]:
    """The cases whose id, group or requirement begins with a prefix; requirements that say the same count too (D32).

    Raises:
        UsageError: a prefix matches nothing; names all such.
    """
    listed = list(cases)
    if not prefixes:
        return listed
    families = Families(requirements)
    chosen, used = [], set()
    for case in listed:
        names = (case.id, case.group, *families.shown(case.shows))
        hits = [prefix for prefix in prefixes if any(name.startswith(prefix) for name in names)]
        if hits:
            chosen.append(case)
            used.update(hits)
    unused = [prefix for prefix in prefixes if prefix not in used]
    if unused:
        uncovered = [prefix for prefix in unused if any(name.startswith(prefix) for name in requirements)]
        if uncovered:
            raise UsageError(f"no case shows the requirements that begin with {', '.join(uncovered)}")
        raise UsageError(f"no case, group or requirement begins with {', '.join(unused)}; see cardterm conform --list")
    return chosen

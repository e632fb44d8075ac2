"""Looks for the words that STYLE.md's vocabulary rules out in public names, command-line flags and JSON keys."""

import re
import subprocess

import markdown

PUBLIC_ITEM = re.compile(r"^\s*pub (?:const |unsafe |async )*(?:fn|struct|enum|trait|type|const|static|mod) (\w+)")
PUBLIC_FIELD = re.compile(r"^\s*pub (?!use\b)(\w+):")
VARIANT = re.compile(r"^    ([A-Z]\w*)\s*(?:[,({]|$)")
JSON_KEY = re.compile(r"\brename = \"(\w+)\"|^\s*\"(\w+)\":")
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
COMMAND = re.compile(r"^  ([a-z][a-z0-9-]*) ", flags=re.MULTILINE)
GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc"}


def words_of(name):
    """`"targetClass"`, `"target-class"` and `"TARGET_CLASS"` are all `("target", "class")`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return tuple(word.lower() for word in re.split(r"[_\-]+", spaced) if word)


def ruled_out(root):
    """`(words, whole)` of each forbidden entry; `whole` ones are forbidden only as a complete name."""
    entries = []
    for cells in markdown.table((root / "STYLE.md").read_text(encoding="utf-8"), "Idea"):
        for word, alone in re.findall(r"`([^`]+)`( alone)?", cells[-1]):
            entries.append((words_of(word), bool(alone)))
    return entries


def offence(name, entries):
    """The forbidden entry that `name` contains, or `None`."""
    words = words_of(name)
    for forbidden, whole in entries:
        places = range(len(words) - len(forbidden) + 1)
        if words == forbidden or (not whole and any(words[i : i + len(forbidden)] == forbidden for i in places)):
            return "_".join(forbidden)
    return None


def public_names(text):
    """`(line number, name)` of public items, fields, variants and JSON keys of a Rust file."""
    in_enum = False
    for number, line in enumerate(text.splitlines(), 1):
        in_enum = line.startswith("pub enum") or (in_enum and line != "}")
        for pattern in (PUBLIC_ITEM, PUBLIC_FIELD, JSON_KEY, *([VARIANT] if in_enum else [])):
            if found := pattern.search(line):
                yield number, next(group for group in found.groups() if group)


def check(root, binary):
    """One complaint for each public name, flag or file that uses a forbidden word."""
    entries = ruled_out(root)
    for path in sorted(root.glob("crates/*/src/**/*.rs")):
        place = path.relative_to(root)
        if path.stem in GRAB_BAGS:
            yield f"{place}: a file for everything; which idea is missing?"
        text = path.read_text(encoding="utf-8")
        # Names that a foreign file format gives are not ours to choose.
        if "prost::Message" in text:
            continue
        for number, name in public_names(text):
            if word := offence(name, entries):
                yield f"{place}:{number}: `{name}` uses `{word}`, see the vocabulary of STYLE.md"
    for command, flags in flags_of(binary):
        for flag in flags:
            if word := offence(flag, entries):
                yield f"lots {command}: `--{flag}` uses `{word}`, see the vocabulary of STYLE.md"


def flags_of(binary):
    """`(command, flags)` from the help of the command and of each of its subcommands."""
    main_help = help_text(binary)
    yield "", sorted(set(FLAG.findall(main_help)))
    commands = main_help.partition("Commands:")[2].partition("\n\n")[0]
    for command in COMMAND.findall(commands):
        if command != "help":
            yield command, sorted(set(FLAG.findall(help_text(binary, command))))


def help_text(binary, *command):
    """What `lots [command] --help` prints."""
    return subprocess.run([binary, *command, "--help"], capture_output=True, text=True, check=False).stdout

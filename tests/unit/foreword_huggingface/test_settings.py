from __future__ import annotations

from pathlib import Path

import pytest

from foreword_huggingface.settings import ModelEntry, read_entries


def test_ids_revisions_folders_and_names_are_read():
    entries, faults = read_entries(
        " google/flan-t5-base, gpt2@v1.0 ,ibm-granite/granite-3.1-2b-base@refs/pr/3,, /models/llama, team/t5=/m/t5@2,"
    )

    assert entries == (
        ModelEntry(name="google/flan-t5-base"),
        ModelEntry(name="gpt2", revision="v1.0"),
        ModelEntry(name="ibm-granite/granite-3.1-2b-base", revision="refs/pr/3"),
        ModelEntry(name="llama", folder=Path("/models/llama")),
        ModelEntry(name="team/t5", folder=Path("/m/t5@2")),
    )
    assert [entry.id for entry in entries] == [
        "google--flan-t5-base", "gpt2", "ibm-granite--granite-3.1-2b-base", "llama", "team--t5",
    ]  # fmt: skip
    assert faults == {}


def test_a_style_follows_a_name_a_revision_or_a_folder():
    entries, faults = read_entries("a/b#chat, a/c@v1#plain, name=/models/x#chat, /models/y")

    assert [entry.chat for entry in entries] == [True, False, True, None]
    assert (entries[1].revision, entries[2].folder) == ("v1", Path("/models/x"))
    assert faults == {}


def test_a_relative_folder_and_the_home_folder_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    entries, _ = read_entries("./one, ~/two, three=four")

    assert [entry.folder for entry in entries] == [tmp_path / "one", tmp_path / "home" / "two", tmp_path / "four"]


@pytest.mark.parametrize("text", ["", " ", ",, ,"])
def test_nothing_is_offered_unless_it_is_listed(text):
    assert read_entries(text) == ((), {})


@pytest.mark.parametrize(
    ("part", "remedy"),
    [
        ("a/b/c", "google/flan-t5-base"),
        ("google--flan-t5-base", "google/flan-t5-base"),
        ("https://huggingface.co/gpt2", "google/flan-t5-base"),
        ("gpt2@", "Use a branch"),
        ("gpt2@ -x", "Use a branch"),
        ("gpt2#chatty", "#chat, #plain"),
        ("gpt2#", "#chat, #plain"),
        ("mine=", "name=/path/to/folder"),
        ("=/models/t5", "name=/path/to/folder"),
        ("/", "name=/path/to/folder"),
        ("/models/my model", "name=/path/to/folder"),
    ],
)
def test_a_faulty_entry_is_named_with_a_remedy_and_the_others_are_kept(part, remedy):
    entries, faults = read_entries(f"gpt2,{part}")

    assert entries == (ModelEntry(name="gpt2"),)
    (reason,) = faults.values()
    assert part in reason
    assert remedy in reason


def test_the_first_of_several_entries_with_the_same_name_is_kept():
    entries, faults = read_entries("gpt2, gpt2@v1, gpt2=/models/gpt2")

    assert entries == (ModelEntry(name="gpt2"),)
    assert len(faults) == 2
    assert all("twice" in reason for reason in faults.values())

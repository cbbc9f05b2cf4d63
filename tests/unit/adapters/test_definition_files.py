"""The shipped definitions are read from their files."""

from __future__ import annotations

from pathlib import Path

from flamebot.adapters.definition_files.reader import read_definitions


def test_yaml_and_json_are_read_by_file_name(tmp_path: Path) -> None:
    """YAML and JSON are read; other files and folders are ignored."""
    (tmp_path / "b.yaml").write_text("type: b\nsteps: [{id: w, action: wait, delay: 30s}]\n")
    (tmp_path / "a.json").write_text('{"type": "a", "steps": []}')
    (tmp_path / "roles.sql").write_text("select 1")
    (tmp_path / "python").mkdir()
    assert read_definitions(tmp_path) == [
        {"type": "a", "steps": []},
        {"type": "b", "steps": [{"id": "w", "action": "wait", "delay": "30s"}]},
    ]


def test_the_three_seeds_are_there() -> None:
    """`default`, `test` and `aggressive` are shipped, each in the file of its name."""
    folder = Path(__file__).resolve().parents[3] / "definitions"
    assert [document["type"] for document in read_definitions(folder)] == [
        "aggressive",
        "default",
        "test",
    ]
    assert sorted(path.stem for path in folder.iterdir()) == ["aggressive", "default", "test"]

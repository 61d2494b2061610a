"""`gpool apply` and `gpool queue` against a pool of this machine."""

from __future__ import annotations

from pathlib import Path

from gpool_home import GpoolHome

EXAMPLE = Path(__file__).parents[2] / "examples" / "pool.yaml"


def test_a_file_is_applied_whole_and_only_once(pool: GpoolHome, tmp_path: Path) -> None:
    dry = pool("apply", "-f", str(EXAMPLE), "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "+ queue inference: " in dry.stdout
    assert "nothing has been changed" in dry.stdout
    assert [view["settings"]["name"] for view in pool.json("queue", "ls")] == ["pool"]
    assert pool("apply", "-f", str(EXAMPLE)).returncode == 0
    again = pool("apply", "-f", str(EXAMPLE))
    assert again.stdout == "nothing changes: the pool is as the file says\n"
    names = [view["settings"]["name"] for view in pool.json("queue", "ls")]
    assert names == ["pool", "inference", "training", "speech", "vision"]
    assert pool("queue", "set", "speech", "--weight", "3").returncode == 0
    assert "~ queue speech: weight 3 → 1" in pool("apply", "-f", str(EXAMPLE), "--dry-run").stdout
    refused = pool("queue", "rm", "training")
    assert refused.returncode == 125
    assert "has queues below it (speech, vision)" in refused.stderr
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    pruned = pool("apply", "-f", str(empty), "--prune")
    assert "- queue training" in pruned.stdout
    assert [view["settings"]["name"] for view in pool.json("queue", "ls")] == ["pool"]
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("queus: []")
    assert "says something of 'queus'" in pool("apply", "-f", str(wrong)).stderr

import sys

from processes import Processes, cpu_us, tree, wait_for

FAMILY = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"


def test_whatever_was_started_ends_with_its_owner_grandchildren_too(tmp_path):
    with Processes(tmp_path) as processes:
        root = processes.start("family", [sys.executable, "-c", FAMILY])
        wait_for(lambda: len(tree(root)) == 2, "the child has a child", 60)
        family = list(tree(root))
        wait_for(lambda: cpu_us(root) > 50_000, "its CPU time is counted", 60)
    assert not any(tree(pid) for pid in family)

"""Time, CPU and memory of one command with all its children, and a name for the machine."""
import os
import pathlib
import platform
import statistics
import subprocess
import threading
import time


class Cost:
    """What one step cost. seconds: wall; cpu: user + system of all processes; memory: the most all of them had together (PSS)."""

    def __init__(self, seconds, cpu, memory):
        self.seconds, self.cpu, self.memory = seconds, cpu, memory


def tree_memory(root):
    """Proportional memory of a process and everything below it, in bytes."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
            except OSError:
                continue
    total, left = 0, [root]
    while left:
        pid = left.pop()
        left += parents.get(pid, [])
        try:
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) * 1024
        except (OSError, StopIteration):
            continue
    return total


class Watch:
    """Samples the memory of a running child until stop()."""

    def __init__(self, pid):
        self.pid, self.most, self.done = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def _sample(self):
        while not self.done.is_set():
            self.most = max(self.most, tree_memory(self.pid))
            self.done.wait(0.1)

    def stop(self):
        self.done.set()
        self.thread.join()
        return self.most


def measured(command, **options):
    """Runs a command to its end, also when we are interrupted: nothing goes on behind us. A failure shows its output."""
    os.sync()  # what an earlier step left to write is not this step's
    began = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    watch = Watch(child.pid)
    try:
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - began
    except BaseException:
        child.kill()
        child.wait()
        raise
    finally:
        memory = watch.stop()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {child.returncode}\n{output}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, memory)


def stored(directory):
    return sum(path.stat().st_size for path in pathlib.Path(directory).rglob("*") if path.is_file())


def median(values):
    return statistics.median(values) if values else float("nan")


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / 2**20
    return f"{os.cpu_count()} x {cpu}, {memory:.0f} GiB, Linux {platform.release()}"

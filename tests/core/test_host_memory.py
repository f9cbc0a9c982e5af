"""Host memory is what the tightest of machine, control groups and limits leaves."""

import resource

import pytest

from gpubp.core.host_memory import MemoryInfo, host_memory

MIB = 2**20


@pytest.fixture
def machine(tmp_path):
    """A root with /proc of a machine of 1000 MiB, 600 of them available."""

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("proc/meminfo", f"MemTotal: {1000 * 1024} kB\nMemAvailable: {600 * 1024} kB\n")
    write("proc/self/statm", "2000 100 50 10 0 1000 0")
    write.root = tmp_path
    return write


def test_a_machine_without_limits(machine):
    assert host_memory(machine.root) == MemoryInfo(600 * MIB, 1000 * MIB)


def test_the_tightest_group_of_version_2_counts_and_its_cache_is_free(machine):
    machine("proc/self/cgroup", "0::/job/step\n")
    machine("sys/fs/cgroup/job/step/memory.max", "max")
    machine("sys/fs/cgroup/job/step/memory.current", f"{50 * MIB}")
    machine("sys/fs/cgroup/job/memory.max", f"{300 * MIB}")
    machine("sys/fs/cgroup/job/memory.current", f"{200 * MIB}")
    machine("sys/fs/cgroup/job/memory.stat", f"anon 5\ninactive_file {30 * MIB}\n")
    assert host_memory(machine.root) == MemoryInfo(130 * MIB, 300 * MIB)


def test_a_group_of_version_1_whose_path_is_the_hosts(machine):
    machine("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/abc\n")
    machine("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{400 * MIB}")
    machine("sys/fs/cgroup/memory/memory.usage_in_bytes", f"{100 * MIB}")
    assert host_memory(machine.root) == MemoryInfo(300 * MIB, 400 * MIB)


def test_limits_of_the_process_count_less_what_it_has_mapped(machine, monkeypatch):
    page = resource.getpagesize()
    limits = {resource.RLIMIT_AS: 5000 * page, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits[which], limits[which]))
    assert host_memory(machine.root) == MemoryInfo(3000 * page, 5000 * page)


def test_more_used_than_allowed_leaves_nothing(machine):
    machine("proc/self/cgroup", "0::/\n")
    machine("sys/fs/cgroup/memory.max", f"{100 * MIB}")
    machine("sys/fs/cgroup/memory.current", f"{120 * MIB}")
    assert host_memory(machine.root).free == 0


def test_this_machine():
    found = host_memory()
    assert 0 < found.free <= found.total

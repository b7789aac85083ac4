"""What the kernel's log says of processes that it ended, in lines as Linux 6.18 writes them."""

from __future__ import annotations

from pathlib import Path

from firstlight_hub.spawner.kernel_log import KilledProcess, find_killed

GROUP = Path("/sys/fs/cgroup/memory/firstlight-a1/labs/mira")
BELOW = "/docker/0f3e/firstlight-a1/labs"


def victim(name: str, pid: int, group: str = f"{BELOW}/mira") -> str:
    return (
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
        f"oom_memcg={group},task_memcg={group},task={name},pid={pid},uid=100002"
    )


def killed(name: str, pid: int, megabytes: int = 1) -> str:
    return (
        f"Memory cgroup out of memory: Killed process {pid} ({name}) total-vm:3950860kB, "
        f"anon-rss:{(megabytes - 1) * 1024}kB, file-rss:1000kB, shmem-rss:24kB, UID:100002 "
        "pgtables:3692kB oom_score_adj:500"
    )


def test_the_processes_of_the_lab_are_found_with_their_memory() -> None:
    lines = [
        "python invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=500",
        victim("python", 7),
        killed("python", 7, 1745),
        victim("java", 9, f"{BELOW}/mira-2"),
        killed("java", 9),
        victim("topcat", 11),
        killed("topcat", 11, 3),
    ]

    assert find_killed(lines, GROUP) == (
        KilledProcess("python", 7, 1745 * 1024**2),
        KilledProcess("topcat", 11, 3 * 1024**2),
    )


def test_a_process_whose_group_is_not_named_is_nobodys() -> None:
    assert find_killed([killed("python", 7)], GROUP) == ()


def test_a_name_that_a_process_chose_misleads_nobody() -> None:
    name = "x,pid=7,uid=0"  # at most 15 characters
    lines = [victim(name, 8, f"{BELOW}/theo"), killed(name, 8), victim(") total-vm", 7)]
    lines += [killed(") total-vm", 7)]

    assert find_killed(lines, GROUP) == (KilledProcess(") total-vm", 7, 1024**2),)

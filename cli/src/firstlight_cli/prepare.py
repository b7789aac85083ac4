"""What has to be done before components start: the sample data, and their own preparations."""

from __future__ import annotations

import signal
import subprocess
from functools import partial

from firstlight_cli._run import common_variables, end_with_parent
from firstlight_cli.errors import OperatorError
from firstlight_common.runtime import Runtime, sample_folder

__all__ = ["prepare"]


def prepare(runtime: Runtime, lock: int) -> None:
    """Make the sample data, if the site offers it, and run what prepares each component.

    Parameters
    ----------
    runtime
        The run.
    lock
        A descriptor of the state directory's lock. The programs hold it too: if ``firstlight up``
        is killed, the next one waits until the program that works here has ended.

    Raises
    ------
    OperatorError
        If one of the programs fails.

    Notes
    -----
    Each program checks whether its output is up to date; if so, it ends at once and prints nothing.
    Otherwise it replaces the output completely or not at all.
    """
    if any(dataset.sample for dataset in runtime.datasets):
        out = sample_folder(runtime.state_dir)
        maker = (str(runtime.labs_python), "-m", "firstlight_sampledata", "--out", str(out))
        _run("The sample data could not be made", maker, lock)
    for component in runtime.running():
        if component.prepare:
            _run(f"The component {component.name} could not be prepared", component.prepare, lock)


def _run(failure: str, command: tuple[str, ...], lock: int) -> None:
    """Run a program to its end; its progress lines go to the terminal."""
    # A session of its own: Ctrl-C is for this process, which then lets the program clean up.
    # Like a component, it gets nothing else of the operator's environment.
    with subprocess.Popen(
        command,
        start_new_session=True,
        env=common_variables(),
        pass_fds=(lock,),
        # Nor does it outlive this process. No thread runs yet that could hold a lock.
        preexec_fn=partial(end_with_parent, signal.SIGINT),
    ) as running:
        try:
            code = running.wait()
        except BaseException:
            running.send_signal(signal.SIGINT)
            raise
    if code:
        raise OperatorError(
            f"{failure} (exit code {code}); see above.",
            "Fix what it says, or free some disk space, then run the command again.",
        )

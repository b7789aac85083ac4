"""Start an IPython kernel that opens no network port: ``python kernel_launcher.py -f FILE``.

`firstlight_lab.kernels` runs this file instead of ``ipykernel_launcher``, with the interpreter that
the kernel was installed with: a person's own environment has ipykernel, but not this package.

Notes
-----
ipykernel opens two ports on loopback, which every lab of the machine can reach, whatever the
kernel's transport. One is for the output of child processes: it accepts messages of any size from
everybody, and reports those without its key in the kernel's log. Here it is a socket next to the
connection file, in the lab's private directory. The other is the debugger's, and accepts commands
without any key: to this kernel, debugpy is not installed.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the kernel."""
    # Every import has to wait until this file's folder is not where Python looks first.
    del sys.path[0]

    import os
    from pathlib import Path

    sys.modules["debugpy"] = None  # type: ignore[assignment] # importing it fails …
    import ipykernel.debugger  # noqa: F401

    del sys.modules["debugpy"]  # … for ipykernel, not for people's own code

    import zmq
    from ipykernel import iostream, kernelapp
    from zmq.eventloop.zmqstream import ZMQStream

    address = f"ipc://{Path(sys.argv[sys.argv.index('-f') + 1]).with_suffix('')}-pipe"

    class PrivatePipeThread(iostream.IOPubThread):
        """Publishes a kernel's output; child processes reach it by a socket in a private folder."""

        def _setup_pipe_in(self) -> None:
            self._pipe_uuid = os.urandom(16)
            pipe = self.socket.context.socket(zmq.PULL)
            pipe.linger = 0
            pipe.bind(address)
            self._pipe_in = ZMQStream(pipe, self.io_loop)
            self._pipe_in.on_recv(self._handle_pipe_msg)

        def _setup_pipe_out(self) -> tuple[zmq.Context, zmq.Socket]:
            context = zmq.Context()  # a forked process cannot use its parent's
            pipe = context.socket(zmq.PUSH)
            pipe.linger = 3000
            pipe.connect(address)
            return context, pipe

    kernelapp.IOPubThread = PrivatePipeThread
    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()

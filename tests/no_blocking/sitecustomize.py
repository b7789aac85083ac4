"""What Python runs first in the components under test, whose PYTHONPATH names this folder.

Blocking the event loop is an error there. The platform's environment has none of the tools, so
`FIRSTLIGHT_TOOLS` says where the tests' own environment keeps them.
"""

import os
import sys

if tools := os.environ.get("FIRSTLIGHT_TOOLS"):
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv else ""
    if module == "firstlight_hub" or module.startswith("firstlight_services."):
        sys.path.append(tools)
        from loop_guard import guard_loop

        sys.path.remove(tools)
        guard_loop()

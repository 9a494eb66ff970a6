from __future__ import annotations

import subprocess
import sys


def test_the_server_needs_no_torch_to_be_imported():
    program = "import sys, foreword.server.app; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)

    assert done.returncode == 0

"""An import that does not end."""

import sys
import threading

sys.stderr.write("app: has begun\n")
threading.Event().wait()

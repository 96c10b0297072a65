"""Run a command and print its seconds, CPU seconds and peak memory as JSON.

A process of its own, started with `python -I -S`: a child's peak is never below what its parent held at the fork, and
this parent holds next to nothing.
"""

import json
import resource
import subprocess
import sys
import time

began = time.perf_counter()
done = subprocess.run(sys.argv[1:], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
seconds = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
found = {
    "seconds": seconds,
    "cpu_seconds": used.ru_utime + used.ru_stime,
    "peak_mib": used.ru_maxrss / 1024,
    "status": done.returncode,
    "output": done.stdout.decode(errors="replace"),
}
print(json.dumps(found))

"""A training: it computes and compares, step after step, and writes a checkpoint when it is asked to end by SIGTERM.

Its words: how many steps it has done, the file to write. `steady.py` is one that does not listen.
"""

import json
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cuda.driver import Driver

WORDS = 1024


def main() -> None:
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    driver = Driver("libcuda.so.1")
    driver.start()
    memory = driver.allocate(4 * WORDS)
    steps = 0
    while not asked:
        state = steps.to_bytes(4, "little") * WORDS
        driver.upload(memory, state)
        if driver.download(memory, 4 * WORDS) != state:
            sys.exit(1)
        steps += 1
        if steps == 3:
            sys.stdout.write(json.dumps({"steps": steps}) + "\n")
            sys.stdout.flush()
    # The GPU is still there: what it has computed is fetched now.
    Path(sys.argv[1]).write_bytes(driver.download(memory, 4 * WORDS))
    sys.exit(0)


main()

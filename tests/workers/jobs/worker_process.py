"""A worker process that knows the jobs of the tests."""

import workers.main as worker_main
from tests.builders.jobs import KINDS

if __name__ == "__main__":
    worker_main.main(kinds=KINDS)

"""What all tests share."""

from foreword.cli.threads import let_idle_threads_sleep

# Before anything imports torch: scenarios run a server, a worker and the tests on the same processors.
let_idle_threads_sleep()

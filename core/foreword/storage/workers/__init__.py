"""What workers store: the queue of jobs, answers of evaluations, speeds and probes."""

"""Every subscriber, listed by hand."""

from workers.subscribers import jobs, sessions
from workers.subscribers.subscriber import Subscriber

SUBSCRIBERS: tuple[Subscriber, ...] = (jobs.start_job, jobs.stop_job, jobs.start_next_job, sessions.mark_ended)

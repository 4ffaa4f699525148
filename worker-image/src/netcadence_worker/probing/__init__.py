"""The worker's own prober: it tries again and again whether its server answers, and tells when that changed.

Here belongs what a request with the tool `probe` takes: making attempts (`prober`), answering them
(`responder`), what became of them (`sight`), and both sides' parts (`part`). What is changed meanwhile, and
when, is the orchestrator's business.

An attempt is a connection of its own on which the server has to prove that it serves this very request: its
UID is asked for, in a line over TCP or in a GET over HTTP. Attempts begin at an even cadence, whatever became
of those before: a packet that is swallowed would be repeated only a second later.
"""

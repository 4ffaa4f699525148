"""The cluster's names: what CoreDNS and the kubelet are for on a real cluster.

What belongs here: which records there are (`records`), answering for them (`server`), and how pods come to
ask (`resolver`). What must not: anything that changes the machine's own resolution.
"""

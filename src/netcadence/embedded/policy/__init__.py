"""Network policies, enforced: who may talk to whom, as packet filters in the pods' own namespaces.

What belongs here: which pods a policy is about and what it lets through (`selection`), what that is in
nftables' words (`ruleset`), and keeping every pod's filter so (`enforcer`). Policies as objects of the API,
with their defaults and rules, are `api.network_policy`.

What Kubernetes leaves open is decided so: what is not allowed is dropped and not refused (only who sends a
datagram is told at once that it may not, since that is decided in its own namespace). A TCP connection
that is established goes on when a policy begins to forbid it, and only new ones are held up; of what has no
connections, such as UDP, each datagram is judged by the policies of the moment, and answers pass. Other
protocols than TCP, UDP and SCTP, such as ping, pass an isolated pod where a rule names no ports. Traffic
between a pod and its own node always passes. Pods in the network of their host are no peers and are not
subject.
"""

"""What outlives the controller: leases, nodes and their keys, tokens, leadership."""

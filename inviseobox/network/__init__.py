"""Edges to the network: names, connections, HTTP."""

"""Training of the small networks that ship: what all organs share (bank of cases, patches, network, loss, loop, bundle)."""

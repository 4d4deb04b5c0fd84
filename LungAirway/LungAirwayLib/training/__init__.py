"""Training of the airway network: cases, patches, network, loss and loop."""

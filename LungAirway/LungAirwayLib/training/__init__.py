"""Training of the airway network: its cases, augmentation and what the bundle says."""

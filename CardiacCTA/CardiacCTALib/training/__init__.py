"""Training of the coronary network on digital hearts: cases, augmentation and what the bundle says."""

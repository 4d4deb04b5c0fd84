"""Digital patients: a thorax with exact truth, or a CT around a given airway, seen by a virtual scanner."""

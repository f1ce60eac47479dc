"""A simulated OpenStack cloud over HTTP, standard library only: big, slow or broken as a test wants it."""

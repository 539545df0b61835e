"""The types of bodies, answers and frames, with an example of each."""

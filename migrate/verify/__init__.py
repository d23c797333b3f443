"""Are the two copies of the data the same: compared while writes go on, at comparable positions."""

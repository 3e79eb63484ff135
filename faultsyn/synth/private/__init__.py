"""The parts that the differentially private generators share."""

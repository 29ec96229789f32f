"""Values for what is open in a problem: solutions, Pareto fronts, relaxations, the smallest input."""

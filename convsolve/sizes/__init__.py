"""Which input sizes does a network take? Valid sizes in closed form, comparisons, counterexamples."""

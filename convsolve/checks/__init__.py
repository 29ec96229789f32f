"""Do the shapes of a network work out, and is it sensible? Checks, lints, and the lines that say so."""

"""What tests of several kinds share: each helper is here once, and only if tests in more than one folder use it."""
